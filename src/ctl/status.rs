//! `hsflowctl status`: the snapshot as a page of text, the verdict first. In: a [`Snapshot`]. Out: text. Pure but for
//! `watch`, so that a test can read the page.

pub(super) mod collector;
pub(super) mod findings;
pub(super) mod watch;

use crate::status::applications::Applications;
use crate::status::open_vswitch::OpenVswitch;
use crate::status::registry::State;
use crate::status::snapshot::{Discovery, Interface, Losses, Sampling, SettingsInForce, Snapshot};
use crate::status::telemetry::Telemetry;
use std::fmt::Write;

/// The whole page. `now_unix` dates the transitions.
pub(super) fn render(snapshot: &Snapshot, now_unix: u64) -> String {
    super::written(|page| write_page(page, snapshot, now_unix))
}

fn write_page(page: &mut String, s: &Snapshot, now_unix: u64) -> std::fmt::Result {
    let a = &s.agent;
    let health = if s.healthy { "healthy" } else { "DEGRADED" };
    writeln!(page, "hsflowd {} {health}, pid {}, up {}", a.program, a.pid, duration(a.uptime_secs))?;
    findings::write_findings(page, &s.findings, now_unix)?;
    match &a.address {
        Some(address) => {
            writeln!(page, "agent      {address}, sub-agent {} ({})", a.sub_agent_id, a.address_reason)?
        }
        None => writeln!(page, "agent      NO ADDRESS, nothing is sent: {}", a.address_reason)?,
    }
    writeln!(page, "host       {}, uuid {} ({})", a.hostname, a.uuid, a.uuid_reason)?;
    write_settings(page, &s.settings)?;
    s.discovery.iter().try_for_each(|d| write_discovery(page, d))?;
    s.collectors.iter().try_for_each(|c| collector::write_collector(page, c))?;
    for r in &s.readers {
        writeln!(page, "reader     process {}: {} datagrams, {} dropped", r.pid, r.datagrams, r.dropped)?;
    }
    for component in &s.components {
        let (word, reason) = match &component.state {
            State::Running => ("running", ""),
            State::Disabled => ("disabled", ""),
            State::Degraded { reason } => ("DEGRADED", reason.as_str()),
            State::Unavailable { reason } => ("unavailable", reason.as_str()),
        };
        let since = duration(now_unix.saturating_sub(component.since));
        let line = format!("component  {} {word} for {since} {reason}", component.name);
        writeln!(page, "{}", line.trim_end())?;
    }
    s.interfaces.iter().try_for_each(|i| write_interface(page, i))?;
    s.guests.iter().try_for_each(|g| super::guests::write_guest(page, g))?;
    write_applications(page, &s.applications)?;
    s.open_vswitch.iter().try_for_each(|switch| write_open_vswitch(page, switch))?;
    write_counts(page, &s.telemetry, &s.losses)?;
    s.metrics.iter().try_for_each(|asked| super::cost::write_asked(page, asked))?;
    super::cost::write_cost(page, &s.cost)
}

/// What was sent, and every count of what was not.
fn write_counts(page: &mut String, t: &Telemetry, l: &Losses) -> std::fmt::Result {
    let sent = counted(&[
        (t.datagrams, "datagrams"),
        (t.counter_samples, "counter samples"),
        (t.flow_samples, "flow samples"),
        (t.event_samples, "drop events"),
        (t.rtmetric_samples, "rtmetric samples"),
        (t.rtflow_samples, "rtflow samples"),
    ]);
    let lost = counted(&[
        (t.dropped_samples, "packet samples"),
        (t.flow_samples_unknown, "packets not describable"),
        (t.flow_samples_suppressed, "flow samples held back"),
        (t.counter_samples_suppressed, "counter samples too large"),
        (l.packets_malformed, "unreadable packet messages"),
        (t.event_samples_suppressed, "drop events over the limit"),
        (l.drop_events, "drop events untold"),
        (l.datagrams_unsent, "datagrams without agent address or collector"),
        (l.guests_refused, "guests without room"),
    ]);
    let others = counted(&[
        (l.interface_overruns, "notification overruns"),
        (l.interface_malformed, "unreadable notifications"),
        (l.control_clients, "control clients"),
        (l.stream_readers, "stream readers"),
        (l.event_clients, "readers of guest events"),
        (l.log_lines, "lines of the log"),
    ]);
    writeln!(page, "sent       {sent}")?;
    writeln!(page, "lost       {lost}; {others}; {} full readings", l.interface_resyncs)
}

/// `3 datagrams, 2 counter samples`.
fn counted<'c>(all: impl IntoIterator<Item = &'c (u64, &'c str)>) -> String {
    let said: Vec<_> = all.into_iter().map(|(count, what)| format!("{count} {what}")).collect();
    said.join(", ")
}

fn write_settings(page: &mut String, c: &SettingsInForce) -> std::fmt::Result {
    writeln!(
        page,
        "settings   {} revision {}: polling {} s, datagramBytes {}, headerBytes {}, interfaceCounters {}",
        c.file, c.revision, c.polling_secs, c.datagram_bytes, c.header_bytes, c.interface_counters
    )?;
    for feature in &c.inactive {
        writeln!(page, "           {feature}")?;
    }
    Ok(())
}

fn write_discovery(page: &mut String, d: &Discovery) -> std::fmt::Result {
    write!(page, "dns-sd     {}: {}", d.names.join(", "), d.answer)?;
    if let Some(secs) = d.answered_secs_ago {
        write!(page, " {} ago", duration(secs))?;
    }
    if let Some(secs) = d.ttl_secs {
        write!(page, ", TTL {secs} s")?;
    }
    match d.next_query_secs {
        Some(secs) => writeln!(page, ", asked again in {secs} s")?,
        None => writeln!(page, ", being asked")?,
    }
    d.records.iter().try_for_each(|record| writeln!(page, "           {record}"))?;
    let is_told = |error: &&String| d.remarks.iter().any(|remark| remark.starts_with(*error));
    let mut wrong = d.last_error.iter().filter(|error| !is_told(error)).chain(&d.remarks);
    wrong.try_for_each(|wrong| writeln!(page, "           WARNING {wrong}"))
}

fn write_interface(page: &mut String, i: &Interface) -> std::fmt::Result {
    let admin = if i.admin_up { "up" } else { "down" };
    let oper = if i.oper_up { "up" } else { "down" };
    let speed = i.speed_bps.map_or("speed unknown".to_owned(), speed);
    writeln!(
        page,
        "interface  {} {} {} admin {admin} link {oper} {speed}, {} counter samples ({})",
        i.index, i.name, i.kind, i.counter_samples, i.counters_reason
    )?;
    write_sampling(page, &i.sampling)
}

/// Nothing where no input is named.
fn write_applications(page: &mut String, a: &Applications) -> std::fmt::Result {
    for input in &a.inputs {
        write!(page, "json       {}: {} messages", input.name, input.messages)?;
        if input.dropped > 0 {
            write!(page, ", {} lost for want of room", input.dropped)?;
        }
        match &input.obstacle {
            Some(obstacle) => writeln!(page, ", NOT OPEN: {obstacle}")?,
            None => writeln!(page)?,
        }
    }
    for one in &a.known {
        let rate =
            if one.sampling == 0 { "not sampled".to_owned() } else { format!("1 in {}", one.sampling) };
        writeln!(
            page,
            "application {} {} {rate}: {} transactions, {} flow samples, {} counter samples, silent for {}",
            one.name,
            one.source,
            one.transactions,
            one.flow_samples,
            one.counter_samples,
            duration(one.silent_secs)
        )?;
    }
    if a.limited > 0 {
        writeln!(page, "           {} messages over the limit of their sender", a.limited)?;
    }
    for fault in &a.faults {
        writeln!(page, "           {} messages {}, last: {}", fault.count, fault.cause, fault.last)?;
    }
    Ok(())
}

fn write_open_vswitch(page: &mut String, switch: &OpenVswitch) -> std::fmt::Result {
    let (count, ours) = (switch.bridges.len(), switch.bridges.iter().filter(|bridge| bridge.ours).count());
    match &switch.sends {
        Some(sends) => {
            writeln!(page, "ovs        {ours} of {count} bridges send sFlow by themselves: {sends}")?
        }
        None => writeln!(
            page,
            "ovs        none of {count} bridges is to send: {}",
            switch.idle.as_deref().unwrap_or("not wanted")
        )?,
    }
    let mut others = switch.bridges.iter().filter(|bridge| !bridge.ours);
    others.try_for_each(|bridge| writeln!(page, "           {}: {}", bridge.name, bridge.how))
}

/// Nothing where nothing was asked for.
fn write_sampling(page: &mut String, s: &Sampling) -> std::fmt::Result {
    if let (Some(source), Some(one_in)) = (&s.source, s.one_in) {
        writeln!(
            page,
            "           {source} samples 1 in {one_in} ({}): {} samples, {} lost, {} not describable",
            s.rate_origin, s.samples, s.drops, s.unknown
        )?;
        if let Some(reason) = &s.reason {
            writeln!(page, "           {reason}")?;
        }
    }
    s.warning.as_ref().map_or(Ok(()), |warning| writeln!(page, "           WARNING {warning}"))
}

/// Bits per second in the largest unit that loses nothing.
pub(super) fn speed(bps: u64) -> String {
    for (unit, name) in [(1_000_000_000, "Gb/s"), (1_000_000, "Mb/s"), (1000, "kb/s")] {
        if bps >= unit && bps.is_multiple_of(unit / 10) {
            return match (bps / unit, bps % unit / (unit / 10)) {
                (whole, 0) => format!("{whole} {name}"),
                (whole, tenth) => format!("{whole}.{tenth} {name}"),
            };
        }
    }
    format!("{bps} b/s")
}

/// Seconds as the largest two units.
pub(super) fn duration(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        3600..86400 => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} d {} h", secs / 86400, secs % 86400 / 3600),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::status::applications::{Application, Fault, Input};
    use crate::status::asked::Asked;
    use crate::status::guests::Guest;
    use crate::status::open_vswitch::Bridge;
    use crate::status::registry::Component;
    use crate::status::snapshot::{Collector, Reader};
    use crate::status::verdict::{Finding, Severity};

    pub(in crate::ctl) fn snapshot() -> Snapshot {
        let texts = || vec!["text".to_owned()];
        Snapshot {
            discovery: Some(Discovery { records: texts(), remarks: texts(), ..Discovery::default() }),
            version: 1,
            healthy: false,
            findings: vec![Finding {
                what: "disk".into(),
                severity: Severity::Degraded,
                cause: "no sda".into(),
                since: Some(40),
                remedy: "ls /sys/block".into(),
            }],
            agent: Default::default(),
            settings: Default::default(),
            collectors: vec![Collector {
                name: "192.0.2.1 6343".into(),
                errors: 3,
                last_error: Some("Network is unreachable".into()),
                ..Collector::default()
            }],
            readers: vec![Reader { pid: 44, datagrams: 10, dropped: 2 }],
            components: vec![Component { name: "disk".into(), state: State::degraded("no sda"), since: 40 }],
            interfaces: vec![Interface {
                index: 7,
                name: "swp1".into(),
                speed_bps: Some(2_500_000_000),
                ..Interface::default()
            }],
            guests: vec![Guest { problem: Some("no memory".into()), ..Guest::default() }],
            open_vswitch: Some(OpenVswitch {
                sends: Some("1 in 400".into()),
                idle: None,
                bridges: vec![
                    Bridge { name: "br0".into(), ours: true, how: "ours".into() },
                    Bridge { name: "br1".into(), ours: false, how: "another's".into() },
                ],
            }),
            applications: Applications {
                inputs: vec![Input {
                    name: "fifo /f".into(),
                    obstacle: Some("no".into()),
                    ..Input::default()
                }],
                known: vec![Application {
                    name: "web".into(),
                    source: "3:80".into(),
                    ..Application::default()
                }],
                limited: 5,
                faults: vec![Fault { cause: "not-json".into(), count: 2, last: "at byte 3".into() }],
                ..Applications::default()
            },
            telemetry: Default::default(),
            losses: Default::default(),
            metrics: Some(Asked::default()),
            cost: Default::default(),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_on_the_page_with_its_reason() {
        let page = render(&snapshot(), 100);
        for words in [
            "DEGRADED, pid 0, up 0 s\nDEGRADED   disk: no sda (for 1 min 0 s)\n           do: ls /sys/block\nagent",
            "NO ADDRESS, nothing is sent",
            "3 errors, last: Network is unreachable",
            "reader     process 44: 10 datagrams, 2 dropped",
            "component  disk DEGRADED for 1 min 0 s no sda",
            "swp1",
            "2.5 Gb/s",
            "json       fifo /f: 0 messages, NOT OPEN: no",
            "application web 3:80 not sampled",
            "5 messages over the limit",
            "ovs        1 of 2 bridges send sFlow by themselves: 1 in 400\n           br1: another's",
            "2 messages not-json, last: at byte 3",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
    }

    #[test]
    fn every_count_is_on_the_page() {
        let mut value = serde_json::to_value(Snapshot::default()).unwrap();
        let mut counts: Vec<u64> = Vec::new();
        for part in ["telemetry", "losses"] {
            for (_, count) in value[part].as_object_mut().unwrap() {
                counts.push(1_000_001 + counts.len() as u64);
                *count = counts.last().copied().into();
            }
        }
        let page = render(&serde_json::from_value(value).unwrap(), 100);
        assert!(counts.len() > 20);
        counts.iter().for_each(|count| assert!(page.contains(&format!(" {count} ")), "{count}\n{page}"));
    }

    #[test]
    fn speeds_and_durations_are_short_and_true() {
        assert_eq!([10_000_000_000, 100_000_000, 9600].map(speed), ["10 Gb/s", "100 Mb/s", "9.6 kb/s"]);
        assert_eq!([59, 61, 7260, 90_000].map(duration), ["59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]);
    }
}
