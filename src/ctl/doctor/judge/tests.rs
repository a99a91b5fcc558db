//! Hosts that are wrong in one way each.

use super::super::Grade;
use super::super::facts::{Door, Module, Process, Refusal, Rights};
use super::super::firewall::{Datagram, iptables};
use super::*;
use crate::config::parse;
use crate::status::snapshot::{Agent, Collector, Snapshot};
use crate::status::verdict::{Finding, Severity};

/// A host with an agent on which nothing is wrong; it taps, so it needs CAP_NET_RAW.
fn sound() -> Facts {
    let text = "sflow { collector { ip = 192.0.2.7 } pcap { dev = eth0 } docker { } }";
    let settings = parse("f", text).settings.expect("a valid file");
    let agent = Agent { program: "1".into(), pid: 7, uptime_secs: 60, ..Agent::default() };
    let collector = Collector { last_send_secs_ago: Some(3), ..Collector::default() };
    Facts {
        config: Config::Valid("/etc/hsflowd.conf".into(), Box::new(settings), 0),
        snapshot: Some(Snapshot { agent, collectors: vec![collector], ..Snapshot::default() }),
        processes: vec![Process { pid: 7, is_here: true, ..Process::default() }],
        rights: Some(Rights { uid: 999, groups: vec![998], capabilities: Some(1 << 13 | 1 << 12) }),
        sources: vec![("pcap", Ok(()))],
        modules: vec![("psample", Module::Loaded)],
        doors: vec![Door {
            of: "docker",
            path: "/run/docker.sock".into(),
            owner: Some((0, 998, 0o660)),
            wanted: 2,
        }],
        rules: Some(Ok(Vec::new())),
        datagrams: vec![Datagram { to: "192.0.2.7".parse().unwrap(), port: 6343 }],
        synchronised: Some(true),
        is_root: true,
        ..Facts::default()
    }
}

#[test]
fn a_sound_host_is_all_right() {
    let checks = checks(&sound());
    assert!(checks.iter().all(|check| check.grade == Grade::Good && check.remedy.is_empty()), "{checks:#?}");
    let text: Vec<_> = checks.iter().map(|check| check.found.as_str()).collect();
    assert!(text.iter().any(|found| found.contains("the last datagram left 3 s ago")), "{text:?}");
}

/// One change to a sound host; the grade and words of the one check that is not good then.
#[track_caller]
fn assert_found(change: impl FnOnce(&mut Facts), grade: Grade, words: &str) {
    let mut facts = sound();
    change(&mut facts);
    let not_good: Vec<_> = checks(&facts).into_iter().filter(|check| check.grade != Grade::Good).collect();
    let found = not_good.iter().find(|check| check.found.contains(words));
    let found = found.unwrap_or_else(|| panic!("{words}: {not_good:#?}"));
    assert_eq!(found.grade, grade, "{found:?}");
    assert!(!found.remedy.is_empty(), "{found:?}");
}

#[test]
fn each_fault_of_the_agent_is_found_and_has_a_remedy() {
    assert_found(|f| f.config = Config::None, Grade::Unsure, "there is none");
    assert_found(|f| f.config = Config::Unreadable("/f: no".into()), Grade::Wrong, "/f: no");
    assert_found(
        |f| f.config = Config::Refused("/f".into(), vec!["f:1:2: bad".into()]),
        Grade::Wrong,
        "1 errors, the first: f:1:2: bad",
    );
    assert_found(|f| (f.snapshot, f.silent) = (None, "no socket".into()), Grade::Unsure, "no socket");
    assert_found(|f| f.snapshot = None, Grade::Unsure, "does not answer on the socket");
    assert_found(
        |f| {
            f.processes.push(Process {
                pid: 8,
                program: Some("/usr/sbin/hsflowd".into()),
                is_here: true,
                is_c_agent: true,
            })
        },
        Grade::Wrong,
        "the C agent runs as process 8 (/usr/sbin/hsflowd)",
    );
    assert_found(
        |f| f.processes.push(Process { pid: 8, ..Process::default() }),
        Grade::Unsure,
        "which this user may not see",
    );
    assert_found(
        |f| f.left_behind = vec!["/etc/hsflowd/modules".into()],
        Grade::Unsure,
        "/etc/hsflowd/modules",
    );
}

#[test]
fn each_fault_of_the_host_is_found_and_has_a_remedy() {
    let refusal = |words: &str, is_denied| Err(Refusal { words: words.into(), is_denied });
    assert_found(
        |f| f.sources = vec![("psample", refusal("No such file", false))],
        Grade::Wrong,
        "No such file",
    );
    assert_found(
        |f| (f.sources, f.is_root) = (vec![("pcap", refusal("CAP_NET_RAW", true))], false),
        Grade::Unsure,
        "this user may not try it",
    );
    assert_found(|f| f.modules = vec![("psample", Module::Missing)], Grade::Wrong, "no such module");
    assert_found(|f| f.modules = vec![("psample", Module::Available)], Grade::Unsure, "not loaded");
    assert_found(
        |f| f.rights.as_mut().unwrap().capabilities = Some(1 << 12),
        Grade::Wrong,
        "does not have it: pcap: tapping",
    );
    assert_found(|f| f.rights.as_mut().unwrap().capabilities = None, Grade::Unsure, "will be needed");
    assert_found(|f| f.rights.as_mut().unwrap().groups.clear(), Grade::Wrong, "does not let user 999 in");
    assert_found(|f| f.doors[0].owner = None, Grade::Wrong, "there is no /run/docker.sock");
    assert_found(|f| f.rules = Some(Err("only root may".into())), Grade::Unsure, "only root may");
    assert_found(|f| f.synchronised = Some(false), Grade::Unsure, "nobody keeps it right");
    let rules = |text: &str| Some(Ok(iptables::parse(&format!("*filter\n:OUTPUT ACCEPT\n{text}\n"), "ip")));
    assert_found(
        |f| f.rules = rules("-A OUTPUT -p udp --dport 6343 -j DROP"),
        Grade::Wrong,
        "are dropped by -A OUTPUT -p udp --dport 6343 -j DROP",
    );
    assert_found(
        |f| f.rules = rules("-A OUTPUT -m owner --uid-owner 9 -j DROP"),
        Grade::Unsure,
        "may be dropped by",
    );
}

#[test]
fn what_the_agent_says_of_itself_is_said_here_too() {
    let finding = Finding {
        what: "json".into(),
        severity: Severity::Degraded,
        cause: "no pipe".into(),
        remedy: "mkfifo".into(),
        since: None,
    };
    assert_found(|f| f.snapshot.as_mut().unwrap().findings.push(finding), Grade::Wrong, "no pipe");
    let known = Finding { what: "links".into(), cause: "down".into(), ..Finding::default() };
    let mut facts = sound();
    facts.snapshot.as_mut().unwrap().findings.push(known);
    assert!(checks(&facts).iter().all(|check| check.grade == Grade::Good));
}

#[test]
fn root_and_who_overrides_modes_are_let_in() {
    for rights in [
        Rights { uid: 0, groups: Vec::new(), capabilities: Some(1 << 13 | 1 << 12) },
        Rights { uid: 9, groups: Vec::new(), capabilities: Some(1 << 13 | 1 << 12 | 1 << 1) },
    ] {
        let mut facts = sound();
        facts.rights = Some(rights);
        assert!(checks(&facts).iter().all(|check| check.grade == Grade::Good));
    }
}
