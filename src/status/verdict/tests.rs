//! Snapshots that no kernel makes on demand, and the table beside the manual.

use super::remedy::{self, Place, ROWS};
use super::*;
use crate::status::registry::{Component, State};
use crate::status::snapshot::{Agent, Collector, Interface, Reader, Sampling, SettingsInForce, Value};

fn component(name: &str, state: State) -> Component {
    Component { name: name.to_owned(), state, since: 7 }
}

fn unavailable(reason: &str) -> State {
    State::Unavailable { reason: reason.to_owned() }
}

/// An agent that has an address, sends, and has these components.
fn snapshot(components: Vec<Component>) -> Snapshot {
    let settings = SettingsInForce {
        file: "/etc/hsflowd.conf (absent: built-in)".into(),
        polling_secs: 10,
        in_force_secs: 1000,
        ..SettingsInForce::default()
    };
    let agent = Agent { address: Some("192.0.2.1".into()), uptime_secs: 1000, ..Agent::default() };
    Snapshot { components, settings, agent, ..Snapshot::default() }
}

fn one(snapshot: &Snapshot) -> Finding {
    let all = findings(snapshot);
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

#[test]
fn what_runs_or_is_off_is_no_finding() {
    let all = ["a", "b"].map(|name| component(name, State::Running)).into_iter();
    let snapshot = snapshot(all.chain([component("c", State::Disabled)]).collect());
    assert_eq!(findings(&snapshot), []);
    assert!(is_healthy(&findings(&snapshot)));
}

#[test]
fn a_degraded_component_is_told_with_cause_date_and_remedy() {
    let snapshot = snapshot(vec![component(
        "collector 192.0.2.9 port 6343",
        State::degraded("refused: nothing listens on that port"),
    )]);
    let finding = one(&snapshot);
    assert_eq!((finding.severity, finding.since), (Severity::Degraded, Some(7)));
    assert_eq!(finding.cause, "refused: nothing listens on that port");
    assert!(finding.remedy.contains("on 192.0.2.9: ss -lnu"), "{}", finding.remedy);
    assert!(finding.remedy.contains("in /etc/hsflowd.conf;"), "{}", finding.remedy);
    assert!(!is_healthy(&findings(&snapshot)));
}

#[test]
fn what_is_not_on_this_host_is_a_fault_only_where_a_line_names_it() {
    for (name, absent, idle) in [
        ("docker", "no socket /var/run/docker.sock: No such file", None),
        ("kvm", "hsflowd-libvirt is not installed", None),
        ("containerd", "no containerd here: no socket /run/x", Some("another reason")),
        ("ovs", "no Open vSwitch here: there is no /x", Some("sampling and polling are both 0")),
        ("ulog", "Linux has no ULOG", Some("Linux has no ULOG")),
    ] {
        let severities = |reason: &str, named: bool| {
            let mut snapshot = snapshot(vec![component(name, unavailable(reason))]);
            snapshot.settings.named = if named { vec![name.to_owned()] } else { Vec::new() };
            one(&snapshot).severity
        };
        assert_eq!(severities(absent, false), Severity::Information, "{name} by preset");
        let expected = if name == "ulog" { Severity::Information } else { Severity::Degraded };
        assert_eq!(severities(absent, true), expected, "{name} by name");
        if let Some(idle) = idle {
            assert_eq!(severities(idle, true), Severity::Information, "{name}: {idle}");
        }
    }
}

#[test]
fn what_another_component_tells_is_told_once() {
    let waiting = ["pcap", "json", "collectors"]
        .map(|name| component(name, unavailable("nothing is sent now: see dns-sd")));
    let dns = component("dns-sd", unavailable("nothing is sent before the first answer"));
    let snapshot = snapshot(waiting.into_iter().chain([dns]).collect());
    assert_eq!(one(&snapshot).what, "dns-sd");
}

fn interface(name: &str, change: impl FnOnce(&mut Interface)) -> Interface {
    let mut interface = Interface {
        name: name.into(),
        kind: "physical".into(),
        admin_up: true,
        oper_up: true,
        ..Interface::default()
    };
    change(&mut interface);
    interface
}

#[test]
fn links_that_are_down_and_interfaces_without_traffic_are_information() {
    let sampled = Sampling { source: Some("pcap".into()), one_in: Some(400), ..Sampling::default() };
    let mut snapshot = snapshot(Vec::new());
    snapshot.interfaces = vec![
        interface("eth0", |_| {}),
        interface("eth1", |i| i.oper_up = false),
        interface("off", |i| (i.admin_up, i.oper_up) = (false, false)),
        interface("veth7", |i| (i.kind, i.oper_up) = ("veth".into(), false)),
        interface("veth8", |i| (i.kind, i.oper_up, i.sampling) = ("veth".into(), false, sampled.clone())),
        interface("quiet", |i| i.sampling = sampled.clone()),
        interface("busy", |i| i.sampling = Sampling { samples: 1, ..sampled.clone() }),
        interface("blind", |i| {
            i.sampling = Sampling { warning: Some("told elsewhere".into()), ..sampled.clone() }
        }),
    ];
    let all = findings(&snapshot);
    let causes: Vec<_> = all.iter().map(|finding| finding.cause.as_str()).collect();
    assert_eq!(causes, ["the link is down: eth1, veth8", "no packet was sampled yet: quiet"]);
    assert!(is_healthy(&all));
}

#[test]
fn a_preferred_device_that_is_not_there_is_a_fault() {
    let value =
        |key: &str, value: &str| Value { key: key.into(), value: Some(value.into()), origin: "f:3".into() };
    let mut snapshot = snapshot(Vec::new());
    snapshot.interfaces = vec![interface("eth0", |i| i.alias = Some("uplink".into()))];
    snapshot.settings.values = vec![value("agent", "eth9")];
    let finding = one(&snapshot);
    assert_eq!(finding.severity, Severity::Degraded);
    assert_eq!(finding.cause, "agent = eth9 (f:3) names an interface that this host does not have");
    for (key, there) in [("agent", "eth0"), ("agent", "uplink")] {
        snapshot.settings.values = vec![value(key, there)];
        assert_eq!(findings(&snapshot), [], "{there}");
    }
    snapshot.settings.values = vec![value("agent", "eth9"), value("agentIP", "192.0.2.1")];
    assert_eq!(findings(&snapshot), [], "an address decides alone");
}

#[test]
fn a_stream_that_stands_still_is_a_fault() {
    let running = |name: &str| component(name, State::Running);
    let mut snapshot = snapshot(vec![running("collectors"), running("collector c port 1")]);
    let mut with = |change: &dyn Fn(&mut Snapshot)| {
        snapshot.collectors =
            vec![Collector { name: "c port 1".into(), last_send_secs_ago: Some(41), ..Collector::default() }];
        let mut changed = snapshot.clone();
        change(&mut changed);
        findings(&changed)
    };
    let stalled = with(&|_| {});
    assert_eq!(stalled[0].cause, "nothing was sent for 41 s, though counters are due every 10 s");
    assert_eq!(stalled[0].severity, Severity::Degraded);
    assert!(!with(&|s| s.collectors[0].last_send_secs_ago = None).is_empty(), "never at all");
    let excused: [&dyn Fn(&mut Snapshot); 7] = [
        &|s| s.collectors[0].last_send_secs_ago = Some(40),
        &|s| s.collectors[0].last_error_secs_ago = Some(5),
        &|s| s.settings.polling_secs = 0,
        &|s| s.settings.in_force_secs = 5,
        &|s| s.agent.address = None,
        &|s| s.components[0].state = unavailable("nothing is sent: see dns-sd"),
        &|s| s.components.truncate(1),
    ];
    assert!(excused.iter().all(|change| with(*change).is_empty()));
}

#[test]
fn losses_are_said_with_their_numbers_and_are_no_fault() {
    let mut snapshot = snapshot(vec![component("collector c port 1", State::Running)]);
    snapshot.collectors = vec![Collector {
        name: "c port 1".into(),
        lost: 5,
        last_error: Some("send: no".into()),
        last_send_secs_ago: Some(1),
        ..Collector::default()
    }];
    snapshot.telemetry.dropped_samples = 3;
    snapshot.readers = vec![Reader { pid: 44, datagrams: 10, dropped: 2 }];
    snapshot.settings.inactive = vec!["f:1:2: xen: not supported".into()];
    let all = findings(&snapshot);
    let text: Vec<_> = all.iter().map(|finding| finding.cause.as_str()).collect();
    for words in [
        "5 datagrams were lost earlier; the last error was: send: no",
        "3 packet samples were lost",
        "process 44 (2 datagrams)",
        "f:1:2: xen",
    ] {
        assert!(text.iter().any(|cause| cause.contains(words)), "{words}: {text:?}");
    }
    assert!(all.len() == 4 && is_healthy(&all));
}

#[test]
fn the_worst_comes_first() {
    let states = [component("xen", unavailable("no")), component("cpu", State::degraded("no /proc/stat"))];
    let severities: Vec<_> =
        findings(&snapshot(states.into())).iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Degraded, Severity::Information]);
}

/// The names that hsflowd(8) lists as components.
fn names_of_the_manual() -> Vec<String> {
    let page = include_str!("../../../man/hsflowd.8");
    let section =
        page.split("\n.Sh ").find(|section| section.starts_with("COMPONENTS\n")).expect("a section");
    let items = section.lines().filter_map(|line| line.strip_prefix(".It Sy "));
    let names = items.flat_map(|item| item.split(" Ar ").next().unwrap_or_default().split([' ', ',']));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_component_of_the_manual_has_one_row() {
    let names = names_of_the_manual();
    assert!(names.len() > 30, "{names:?}");
    for name in &names {
        let rows = ROWS.iter().filter(|row| row.names.contains(&name.as_str())).count();
        assert_eq!(rows, 1, "rows for {name} in src/status/verdict/remedy/table.rs");
    }
}

#[test]
fn every_remedy_names_something_to_type_or_to_write_and_leaves_no_placeholder() {
    for row in ROWS {
        let own = row.cures.iter().map(|(words, _)| *words);
        for reason in own.chain(["a reason that nobody foresaw"]) {
            let component = format!("{} some port 1", row.names[0]);
            let text = remedy::of(&Place { component: &component, file: "/f" }, reason);
            assert!(text.len() > 10 && !text.contains("{file}") && !text.contains("{host}"), "{text}");
        }
    }
}

#[test]
fn a_cause_that_is_the_same_everywhere_has_the_same_remedy_everywhere() {
    let of = |component: &str, reason: &str| remedy::of(&Place { component, file: "/f" }, reason);
    assert!(of("pcap", "a0: CAP_NET_RAW is missing (socket )").contains("systemctl restart hsflowd"));
    assert!(of("settings-file", "/x: No space left on device").contains("df -h"));
    assert!(of("nobody-knows", "what").contains("journalctl"));
}

#[test]
fn an_agent_that_died_is_told_of_for_a_day_and_is_no_fault() {
    let mut snapshot = snapshot(Vec::new());
    assert_eq!(findings(&snapshot), []);
    snapshot.agent.follows_a_crash = true;
    let finding = one(&snapshot);
    assert_eq!((finding.what.as_str(), finding.severity), ("agent", Severity::Information));
    assert!(finding.cause.contains("started 1000 s ago"), "{}", finding.cause);
    snapshot.agent.uptime_secs = 24 * 3600;
    assert_eq!(findings(&snapshot), []);
}

#[test]
fn a_log_with_gaps_is_told_where_it_is_not_written() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.losses.log_lines = 3;
    let finding = one(&snapshot);
    assert_eq!((finding.what.as_str(), finding.severity), ("log", Severity::Information));
    assert!(finding.cause.starts_with("3 lines "), "{}", finding.cause);
}
