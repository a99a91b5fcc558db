//! Policy: lines of iptables, files, bodies of requests, and what the kernel's programs print.

use hsflow::policy::file::write;
use hsflow::policy::lines::{self, Dialect};
use hsflow::policy::model::Family;
use hsflow::policy::model::Policy;
use hsflow::policy::plan::{Desired, Echoes, Members, Observed, plan};
use hsflow::policy::rest::body;
use std::time::SystemTime;

/// What is taken reads back as itself and has one line for each rule; what is refused is so within the text.
pub(crate) fn lines(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Elements of an array are not lines yet: a zero parts them, so that line breaks may come.
    let elements: Vec<&str> = text.split('\0').collect();
    for dialect in [Dialect::Linux, Dialect::Cumulus] {
        match lines::parse(elements.iter().copied(), dialect) {
            Ok(rules) => {
                let emitted = lines::emit(&rules);
                assert!(
                    emitted.lines().all(|line| line.starts_with('[')
                        || line.starts_with("-A ")
                        || line.starts_with("-t "))
                );
                let again = lines::parse(emitted.lines(), dialect).expect("our own text");
                assert_eq!(lines::emit(&again), emitted);
                assert_eq!(again.len(), rules.len());
            }
            Err(faults) => {
                for fault in faults {
                    let line = elements.get(fault.line - 1).expect("a line of the text");
                    assert!(fault.column >= 1 && fault.column <= line.chars().count() + 1);
                }
            }
        }
    }
}

/// Whatever is there, the way to nothing names nothing of others: no line but for our chains, jumps and sets.
pub(crate) fn saved(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut observed = Observed::default();
    for family in Family::ALL {
        observed.read_tables(family, &text);
    }
    observed.read_sets(&text);
    let echoes = Echoes::learn(&observed);
    for step in plan(&Desired::default(), &observed, &echoes) {
        for line in step.input.lines().filter(|line| !line.starts_with('*') && *line != "COMMIT") {
            assert!(line.contains("hsflowd-"), "{line}");
        }
    }
}

/// What is taken can be planned, and every rule of the plan is one line.
pub(crate) fn toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let wishes = hsflow::policy::file::parse(&[("policy.toml", text)], Dialect::Linux);
    for fault in &wishes.faults {
        assert!(fault.line <= text.matches('\n').count() + 1 && fault.column >= 1);
        assert!(!fault.to_string().contains('\n'));
    }
    let members: Members = wishes.groups.into_iter().map(|(name, group)| (name, group.addresses)).collect();
    let desired = Desired::new(&wishes.policies, &members, SystemTime::UNIX_EPOCH);
    let rules = desired.tables.values().flat_map(|chains| chains.values()).flat_map(|chain| &chain.rules);
    for rule in rules {
        assert!(!rule.words.contains(char::is_control), "{}", rule.words);
    }
    plan(&desired, &Observed::default(), &Echoes::default());
}

/// A policy of a body is one line a rule wherever it goes, and is the same when it is written and read again; places of
/// faults are within the body.
pub(crate) fn requests(data: &[u8]) {
    let at = SystemTime::UNIX_EPOCH;
    let name = "p".parse().expect("a name");
    let same = |policy: &Policy| {
        let written = write::json(policy, at).to_string();
        let (again, _) =
            body::policy(&policy.name, written.as_bytes(), Dialect::Cumulus).expect("our own text");
        assert_eq!(again.first(), Some(policy));
    };
    let read = [
        body::policies(data, Dialect::Cumulus).map(|(policies, _)| policies),
        body::policy(&name, data, Dialect::Cumulus).map(|(policies, _)| policies),
        body::filter(&name, &"eth0".parse().expect("a device"), 7, data).map(|policy| vec![policy]),
    ];
    for outcome in read {
        match outcome {
            Ok(policies) => policies.iter().for_each(same),
            Err(fault) => assert!(!fault.code.is_empty() && !fault.message.is_empty()),
        }
    }
    if let Ok((sent, rules)) = body::rule_set(data, Dialect::Cumulus) {
        assert!(rules.len() <= sent.len());
    }
}
