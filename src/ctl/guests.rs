//! Guests in text: a line each in `hsflowctl status`, a paragraph in `hsflowctl explain guest`. In: what the snapshot says of
//! them. Out: text. Pure.

use crate::status::guests::{Guest, GuestInterface};
use crate::status::registry::State;
use crate::status::snapshot::{Snapshot, Value};
use std::fmt::Write;

/// Its line, and one for each interface.
pub(super) fn write_guest(page: &mut String, g: &Guest) -> std::fmt::Result {
    writeln!(
        page,
        "guest      {} {} {} {}, {} counter samples",
        g.engine, g.name, g.source, g.state, g.counter_samples
    )?;
    g.interfaces.iter().try_for_each(|i| writeln!(page, "           {}", interface(i)))?;
    g.problem.as_ref().map_or(Ok(()), |problem| writeln!(page, "           WARNING {problem}"))
}

/// A paragraph for each that is meant: guests of two engines may have one name. `None` where there is none.
pub(super) fn explain(snapshot: &Snapshot, name: &str) -> Option<String> {
    let is_meant = |g: &&Guest| g.name == name || g.source == name || g.uuid == name || g.id == name;
    let paragraphs: Vec<String> = snapshot
        .guests
        .iter()
        .filter(is_meant)
        .map(|guest| super::written(|text| write_explanation(text, snapshot, guest)))
        .collect();
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n"))
}

/// There is no such guest; what would bring one.
pub(super) fn none(snapshot: &Snapshot, name: &str) -> String {
    let mut text = format!("The agent knows no guest {}. ", name.escape_debug());
    if snapshot.agent.address.is_none() {
        let _ =
            writeln!(text, "There is no agent address yet, and before there is one no guest is taken in.");
    }
    let engines = ["kvm", "docker", "containerd", "k8s", "systemd"];
    let asked: Vec<_> = snapshot.components.iter().filter(|c| engines.contains(&c.name.as_str())).collect();
    if asked.is_empty() {
        let _ = writeln!(
            text,
            "The configuration names no engine: write one of these in {} and reload:",
            snapshot.settings.file
        );
        let _ = writeln!(text, "  {}", engines.map(|engine| format!("{engine} {{ }}")).join(" | "));
    }
    for component in asked {
        let count = snapshot.guests.iter().filter(|g| g.engine == component.name).count();
        let state = match &component.state {
            State::Running => "answers".to_owned(),
            State::Disabled => "is off".to_owned(),
            State::Degraded { reason } | State::Unavailable { reason } => {
                format!("cannot tell all: {reason}")
            }
        };
        let _ = write!(text, "\n  {} {state}; {count} guests", component.name);
    }
    text.push('\n');
    text
}

fn write_explanation(text: &mut String, snapshot: &Snapshot, g: &Guest) -> std::fmt::Result {
    writeln!(
        text,
        "{} is a guest of {}, {}; collectors know it as {} with UUID {}.",
        g.name, g.engine, g.state, g.source, g.uuid
    )?;
    if let Some(image) = &g.image {
        writeln!(text, "It was made from {image}.")?;
    }
    match &g.cgroup {
        Some(cgroup) => {
            writeln!(text, "Its CPU, memory and disk counters are those of the cgroup {cgroup}.")?
        }
        None if g.engine == "kvm" => writeln!(text, "Its counters are those that libvirt has.")?,
        None => writeln!(text, "It has no cgroup that the agent could find.")?,
    }
    if g.interfaces.is_empty() && g.problem.is_none() {
        writeln!(text, "It has no network interfaces of its own.")?;
    }
    g.interfaces.iter().try_for_each(|i| writeln!(text, "Interface {}.", interface(i)))?;
    if let Some(p) = g.pressure {
        let ms = |us: Option<u64>| us.map_or("?".to_owned(), |us| format!("{} ms", us / 1000));
        let [cpu, memory, io] = [p.cpu_us, p.memory_us, p.io_us].map(ms);
        writeln!(text, "Its tasks have waited {cpu} for CPU, {memory} for memory and {io} for disks.")?;
    }
    if let Some(problem) = &g.problem {
        writeln!(text, "WARNING: {problem}.")?;
    }
    writeln!(
        text,
        "It has sent {} counter samples, one every {} s.",
        g.counter_samples, snapshot.settings.polling_secs
    )?;
    let key = format!("{}.markTraffic", g.engine);
    let is_on = |v: &Value| v.key == key && v.value.as_deref() == Some("on");
    if snapshot.settings.values.iter().any(is_on) {
        return writeln!(
            text,
            "Samples of its packets name it; {key} in {} says so.",
            snapshot.settings.file
        );
    }
    writeln!(
        text,
        "To have samples of its packets name it, write this in {} and reload:\n  {} {{ markTraffic = on }}",
        snapshot.settings.file, g.engine
    )
}

fn interface(i: &GuestInterface) -> String {
    let mut text = i.name.clone();
    if let Some(mac) = &i.mac {
        let _ = write!(text, " {mac}");
    }
    for address in &i.addresses {
        let _ = write!(text, " {address}");
    }
    match (&i.host_interface, i.host_if_index) {
        (Some(name), Some(index)) => _ = write!(text, ", here {name} (ifIndex {index})"),
        (None, Some(index)) => _ = write!(text, ", here ifIndex {index}"),
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::registry::Component;

    fn snapshot() -> Snapshot {
        let guest = Guest {
            engine: "docker".into(),
            name: "web1".into(),
            source: "3:100123".into(),
            state: "running".into(),
            interfaces: vec![GuestInterface {
                name: "eth0".into(),
                mac: Some("02:42:ac:11:00:02".into()),
                addresses: vec!["172.17.0.2".parse().unwrap()],
                host_interface: Some("veth1".into()),
                host_if_index: Some(9),
            }],
            problem: Some("no memory counters".into()),
            ..Guest::default()
        };
        let component =
            Component { name: "docker".into(), state: State::degraded("socket is gone"), since: 1 };
        Snapshot { guests: vec![guest], components: vec![component], ..Snapshot::default() }
    }

    #[test]
    fn a_guest_is_told_with_its_interfaces_and_problems() {
        let mut page = String::new();
        write_guest(&mut page, &snapshot().guests[0]).unwrap();
        let explained = explain(&snapshot(), "3:100123").unwrap();
        for text in [&page, &explained] {
            for words in [
                "web1",
                "3:100123",
                "running",
                "02:42:ac:11:00:02 172.17.0.2, here veth1 (ifIndex 9)",
                "no memory counters",
            ] {
                assert!(text.contains(words), "{words}\n{text}");
            }
        }
    }

    #[test]
    fn a_guest_that_is_not_there_is_explained_by_its_engine() {
        assert_eq!(explain(&snapshot(), "db"), None);
        assert!(none(&snapshot(), "db").contains("docker cannot tell all: socket is gone; 1 guests"));
        assert!(none(&Snapshot::default(), "db").contains("docker { }"));
    }
}
