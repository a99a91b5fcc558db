//! Policies as files of Cumulus Linux's `policy.d`, one each.
//!
//! In: policies and the members of groups. Out: by file name the text, or what cl-acltool has no words for. Rule: the
//! first line marks a file as ours; the same policy is the same text, so an unchanged text needs no commit. Files count
//! in the order of their names, which sFlow's controllers choose, so a priority says nothing here. Spec: cl-acltool(5).

use crate::policy::model::{Action, Body, Chain, End, Family, Policy, PolicyName, Rate, Rule, Table, Tool};
use crate::policy::plan::{Members, addresses, matches};
use std::fmt::Write as _;

/// Why a policy has no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    /// A group has become too large, or a list.
    #[error("{0} addresses, up to {MOST_ADDRESSES} fit the hardware's rules")]
    Addresses(usize),
    /// cl-acltool has no words for it.
    #[error("{0}")]
    Words(&'static str),
}

const HEAD: &str = "# hsflowd-policy: ";
/// Addresses that one side of a policy may be, since each pair is a rule of its own in the hardware.
const MOST_ADDRESSES: usize = 256;
/// Bytes of one word of a rule; `iptables-restore` takes up to 1023.
const LONGEST_WORD: usize = 1000;

/// The file of a policy.
pub fn name(policy: &PolicyName) -> String {
    format!("50rest-{policy}.rules")
}

/// Whose file a text is; `None` is somebody else's.
pub fn owner(text: &str) -> Option<PolicyName> {
    text.lines().next()?.strip_prefix(HEAD)?.parse().ok()
}

/// The text of a policy's file.
///
/// # Errors
/// What cannot be said there.
pub fn text(policy: &Policy, members: &Members) -> Result<String, Unsaid> {
    let sections = match &policy.body {
        Body::Lines(lines) => [Tool::Iptables, Tool::Ip6tables, Tool::Ebtables].map(|tool| {
            let its = lines.iter().filter(|line| line.tool() == tool);
            (tool.name(), its.map(|line| format!("{line}\n")).collect::<String>())
        }),
        Body::Rule(rule) => [
            (Tool::Iptables.name(), rules(rule, Family::V4, members)?),
            (Tool::Ip6tables.name(), rules(rule, Family::V6, members)?),
            (Tool::Ebtables.name(), String::new()),
        ],
    };
    let mut text = format!("{HEAD}{}\n", policy.name);
    for (name, lines) in sections.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = write!(text, "[{name}]\n{lines}");
    }
    Ok(text)
}

fn rules(rule: &Rule, family: Family, members: &Members) -> Result<String, Unsaid> {
    let traffic = rule.matching().traffic();
    if traffic.above.is_some() {
        return Err(Unsaid::Words("Cumulus Linux polices: say limit instead of 'above'"));
    }
    if traffic.tunnel.is_some() {
        return Err(Unsaid::Words("cl-acltool has no words for a VNI or a GRE key"));
    }
    let (sources, destinations) =
        (side(&traffic.sources, family, members)?, side(&traffic.destinations, family, members)?);
    let pairs = || sources.iter().flat_map(|source| destinations.iter().map(move |to| (source, to)));
    if traffic.protocol.is_some_and(|protocol| !protocol.is_of(family)) {
        return Ok(String::new());
    }
    let (table, target) = target(rule)?;
    let words = matches(rule.matching(), family, None, None);
    let mut text = String::new();
    let chains = traffic.directions.iter().map(|direction| Chain::from(*direction));
    for (chain, (source, destination)) in chains.flat_map(|chain| pairs().map(move |pair| (chain, pair))) {
        if table != Table::Filter {
            let _ = write!(text, "-t {} ", table.name());
        }
        let _ = write!(text, "-A {}", chain.builtin());
        // The hardware's tables hold what comes in by its ports.
        if traffic.from.is_none() && traffic.to.is_none() {
            let option = if chain == Chain::Output { "--out-interface" } else { "--in-interface" };
            let _ = write!(text, " {option} swp+");
        }
        for (option, addresses) in [("-s", source), ("-d", destination)] {
            if !addresses.is_empty() {
                let _ = write!(text, " {option} {addresses}");
            }
        }
        let _ = writeln!(text, " {words}-j {target}");
    }
    Ok(text)
}

/// Addresses with commas, in words that are not too long, an empty one for any; none where there is none of the family.
fn side(ends: &[End], family: Family, members: &Members) -> Result<Vec<String>, Unsaid> {
    if ends.is_empty() {
        return Ok(vec![String::new()]);
    }
    let all = addresses(ends, family, members);
    if all.len() > MOST_ADDRESSES {
        return Err(Unsaid::Addresses(all.len()));
    }
    let mut words: Vec<String> = Vec::new();
    for text in all.iter().map(ToString::to_string) {
        match words.last_mut().filter(|word| word.len() + 1 + text.len() <= LONGEST_WORD) {
            Some(word) => *word += &format!(",{text}"),
            None => words.push(text),
        }
    }
    Ok(words)
}

fn target(rule: &Rule) -> Result<(Table, String), Unsaid> {
    let unsaid = |why| Err(Unsaid::Words(why));
    let filter = |target: &str| Ok((Table::Filter, target.to_owned()));
    match rule.action() {
        Action::Accept => filter("ACCEPT"),
        Action::Drop => filter("DROP"),
        Action::Reject => filter("REJECT"),
        Action::Limit(rate) => {
            let (mode, rate) = match rate {
                Rate::Bits(bits) => ("KB", (bits / 8000).max(1)),
                Rate::Packets(packets) => ("pkt", *packets),
            };
            // A tenth of a second at once.
            let burst = (rate / 10).max(1);
            filter(&format!("POLICE --set-mode {mode} --set-rate {rate} --set-burst {burst}"))
        }
        Action::Mark(mark) => match (mark.dscp, mark.class) {
            (Some(dscp), None) => Ok((Table::Mangle, format!("SETQOS --set-dscp {}", dscp.get()))),
            (None, Some(class)) if class.minor() < 8 => {
                filter(&format!("SETCLASS --class {}", class.minor()))
            }
            (None, _) => unsaid("Cumulus Linux has the classes 0:0 to 0:7"),
            _ => unsaid("one rule of Cumulus Linux writes a DSCP or a class: make two policies"),
        },
        Action::Shape(_) | Action::Redirect(_) => unsaid("that is for tc, not for cl-acltool"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{file, lines::Dialect};

    fn first(words: &str) -> Result<String, Unsaid> {
        let text =
            format!("[group.web]\naddresses = [\"10.0.0.1\", \"10.0.0.2\", \"::1\"]\n[policy.p]\n{words}");
        let wishes = file::parse(&[("policy.toml", &text)], Dialect::Cumulus);
        assert_eq!(wishes.faults, []);
        let members = wishes.groups.iter().map(|(name, group)| (name.clone(), group.addresses.clone()));
        super::text(&wishes.policies[0], &members.collect())
    }

    #[test]
    fn rules_come_in_by_the_switchs_ports_with_groups_spelled_out() {
        let text = first(
            "action = \"drop\"\ndirection = \"forward\"\nsource = \"@web\"\nprotocol = \"udp\"\nsource_port = \"53\"\n",
        );
        assert_eq!(
            text.unwrap(),
            "# hsflowd-policy: p\n\
             [iptables]\n-A FORWARD --in-interface swp+ -s 10.0.0.1/32,10.0.0.2/32 -p udp -m udp --sport 53 -j DROP\n\
             [ip6tables]\n-A FORWARD --in-interface swp+ -s ::1/128 -p udp -m udp --sport 53 -j DROP\n"
        );
    }

    #[test]
    fn marks_and_limits_have_cumulus_own_targets() {
        let words = "direction = \"forward\"\nfrom = \"swp1\"\ndestination = \"10.0.0.0/8\"\n";
        for (action, line) in [
            (
                "{ mark = { dscp = \"af11\" } }",
                "-t mangle -A FORWARD -d 10.0.0.0/8 -i swp1 -j SETQOS --set-dscp 10",
            ),
            ("{ mark = { class = \"0:3\" } }", "-A FORWARD -d 10.0.0.0/8 -i swp1 -j SETCLASS --class 3"),
            ("{ limit = \"1000 pps\" }", "POLICE --set-mode pkt --set-rate 1000 --set-burst 100"),
        ] {
            let text = first(&format!("{words}action = {action}\n")).unwrap();
            assert!(text.contains(line), "{text}");
        }
        let lines = "lines = [\"[iptables]\", \"-t mangle -A FORWARD --in-interface swp+ -j SETQOS --set-dscp 10\"]\n";
        let text = first(lines).unwrap();
        assert!(text.contains("\n[iptables]\n-t mangle -A FORWARD"), "{text}");
        assert!(text.ends_with("swp+ -j SETQOS --set-dscp 10\n"), "{text}");
        assert_eq!(owner(&first(lines).unwrap()).unwrap().as_str(), "p");
        assert_eq!(owner("[iptables]\n"), None);
    }
}
