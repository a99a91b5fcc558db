//! `hsflowctl explain WHAT`: a short paragraph for a tired person, ending with what would change it. In: a
//! [`Snapshot`]. Out: text. Pure.

pub(super) mod collector;
pub(super) mod rate;
pub(super) mod setting;

use super::status::speed;
use super::written;
use crate::config::printed_speed;
use crate::status::snapshot::{Interface, Sampling, Snapshot};
use std::fmt::Write;

/// Why the agent address is what it is.
pub(super) fn agent_address(snapshot: &Snapshot) -> String {
    let agent = &snapshot.agent;
    let file = &snapshot.settings.file;
    match &agent.address {
        Some(address) => format!(
            "Collectors know this host as {address}: {}.\n\
             It stays while that address lives. To choose another, set one of these in {file} and reload:\n  \
             agentIP = ADDRESS | agent = DEVICE | agent.cidr = PREFIX/BITS\n",
            agent.address_reason
        ),
        None => format!(
            "This host has no usable agent address, so nothing is sent: {}.\n\
             Give an interface an address, or set one in {file} and reload:\n  agentIP = ADDRESS\n",
            agent.address_reason
        ),
    }
}

/// How an interface is sampled and polled; `None` where the host has no such interface.
pub(super) fn interface(snapshot: &Snapshot, name: &str) -> Option<String> {
    let interface = snapshot.interfaces.iter().find(|i| i.name == name)?;
    Some(written(|text| write_interface(text, snapshot, interface)))
}

/// There is no such interface; which there are.
pub(super) fn no_interface(snapshot: &Snapshot, name: &str) -> String {
    let names: Vec<_> = snapshot.interfaces.iter().map(|i| i.name.as_str()).collect();
    format!(
        "This host has no interface {name} in the agent's network namespace. It has: {}\n",
        names.join(" ")
    )
}

fn write_interface(text: &mut String, snapshot: &Snapshot, i: &Interface) -> std::fmt::Result {
    let (s, file) = (&i.sampling, &snapshot.settings.file);
    let link = i.speed_bps.map_or("of unknown speed".to_owned(), speed);
    writeln!(
        text,
        "{} is a {} interface, {link}; collectors know it as ifIndex {}.",
        i.name, i.kind, i.index
    )?;
    if let Some(alias) = &i.alias {
        writeln!(text, "Its alias is {alias}.")?;
    }
    if let Some(bond) = &i.bond {
        writeln!(text, "It is {bond}.")?;
    }
    let bridges = snapshot.open_vswitch.iter().flat_map(|switch| &switch.bridges);
    for bridge in bridges.filter(|bridge| bridge.name == i.name) {
        writeln!(text, "It is a bridge of Open vSwitch: {}.", bridge.how)?;
    }
    if let Some(optics) = &i.optics {
        writeln!(text, "Its transceiver: {optics}.")?;
    }
    match (&s.source, s.one_in) {
        (Some(source), Some(one_in)) => write_sampled(text, s, source, one_in)?,
        _ => writeln!(
            text,
            "Its packets are not sampled: {}.",
            s.warning.as_ref().or(s.reason.as_ref()).map_or("", |r| r)
        )?,
    }
    if let Some(warning) = &s.warning {
        writeln!(text, "WARNING: {warning}.")?;
    }
    let told = if i.counter_samples == 0 { "no counter samples" } else { "its counters" };
    writeln!(text, "It sends {told} ({}; {} so far).", i.counters_reason, i.counter_samples)?;
    let by_chip = i.switch_port && matches!(s.source.as_deref(), Some("tc" | "psample" | "nflog"));
    let wanted = match i.speed_bps {
        Some(speed) if by_chip => format!("sampling.{} = N", printed_speed(speed)),
        None if by_chip => "sampling = N".to_owned(),
        _ => format!("pcap {{ dev = {} sampling = N }}", i.name),
    };
    writeln!(text, "To change the sampling, write this in {file} and reload:\n  {wanted}")
}

/// The packets that could have been sampled, where samples at this rate cannot have been of more than 32 bits count.
fn whole_pool(s: &Sampling) -> Option<u32> {
    let most = s.samples.saturating_add(s.drops.into()).saturating_mul(s.one_in?.into());
    (most < 1 << 31).then_some(s.pool)
}

fn write_sampled(text: &mut String, s: &Sampling, source: &str, one_in: u32) -> std::fmt::Result {
    writeln!(
        text,
        "Its packets are sampled 1 in {one_in} by {source}. The rate is that of {}.",
        s.rate_origin
    )?;
    if let Some(reason) = &s.reason {
        writeln!(text, "{reason}.")?;
    }
    writeln!(
        text,
        "{} samples were made{}; {} were lost for want of room, {} packets no sample can describe.",
        s.samples,
        whole_pool(s).map_or_else(String::new, |pool| format!(" of {pool} packets")),
        s.drops,
        s.unknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(sampling: Sampling) -> Snapshot {
        let interface = Interface {
            index: 7,
            name: "eth0".into(),
            kind: "physical".into(),
            sampling,
            ..Interface::default()
        };
        Snapshot { interfaces: vec![interface], ..Snapshot::default() }
    }

    #[test]
    fn a_sampled_interface_tells_source_rate_origin_and_losses() {
        let text = interface(
            &snapshot(Sampling {
                source: Some("pcap".into()),
                one_in: Some(10_000),
                rate_origin: "its speed in Mb/s, at least 100".into(),
                samples: 12,
                drops: 3,
                ..Sampling::default()
            }),
            "eth0",
        )
        .unwrap();
        for words in ["1 in 10000 by pcap", "its speed in Mb/s", "12 samples", "3 were lost", "ifIndex 7"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn of_a_pool_that_has_wrapped_nothing_is_said() {
        let sampling =
            Sampling { source: Some("pcap".into()), one_in: Some(400), pool: 700, ..Sampling::default() };
        let text = |samples| interface(&snapshot(Sampling { samples, ..sampling.clone() }), "eth0").unwrap();
        assert!(text(2).contains("2 samples were made of 700 packets;"), "{}", text(2));
        assert!(text(10_737_420).contains("10737420 samples were made;"), "{}", text(10_737_420));
    }

    #[test]
    fn of_a_port_that_tc_or_a_chip_samples_the_rate_is_that_of_its_speed() {
        let sampling = Sampling { source: Some("tc".into()), one_in: Some(10_000), ..Sampling::default() };
        let mut snapshot = snapshot(sampling);
        snapshot.interfaces[0].speed_bps = Some(10_000_000_000);
        snapshot.interfaces[0].switch_port = true;
        for source in ["tc", "psample", "nflog"] {
            snapshot.interfaces[0].sampling.source = Some(source.into());
            let text = interface(&snapshot, "eth0").unwrap();
            assert!(text.contains("sampling.10G = N") && !text.contains("pcap"), "{text}");
        }
    }

    #[test]
    fn what_was_asked_for_and_cannot_be_is_said_with_its_reason() {
        let warning = Some("asked for, not possible: CAP_NET_RAW is missing".to_owned());
        let snapshot = snapshot(Sampling { warning, ..Sampling::default() });
        let text = interface(&snapshot, "eth0").unwrap();
        assert!(text.contains("not sampled: asked for, not possible: CAP_NET_RAW is missing"), "{text}");
        assert_eq!(interface(&snapshot, "eth1"), None);
        assert!(no_interface(&snapshot, "eth1").contains("It has: eth0"));
    }
}
