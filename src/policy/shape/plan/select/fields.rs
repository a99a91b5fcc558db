//! A match as fields of the packet, for `flower`, the classifier that looks behind all headers by itself.
//!
//! In: a match. Out: the fields of each filter, named and written as `tc` shows them. Rule: options of IPv4, extension
//! headers of IPv6 and a VLAN's tag are no hindrance; fragments have no ports. Spec: tc-flower(8).

use super::super::part::Fields;
use crate::policy::model::{End, Family, Match, Ports, Protocol};

/// How many filters there would be, without those for tagged frames.
pub(super) fn count(matching: &Match, family: Family) -> usize {
    let t = matching.traffic();
    let ports = t.source_ports.len().max(1) * t.destination_ports.len().max(1);
    matching.pairs(family).count().saturating_mul(ports)
}

pub(super) fn fields(matching: &Match, family: Family) -> Result<Vec<Fields>, &'static str> {
    let t = matching.traffic();
    let mut general = Fields::new();
    let has_ports = !(t.source_ports.is_empty() && t.destination_ports.is_empty());
    if let Some(protocol) = t.protocol {
        if has_ports && !matches!(protocol.0, 6 | 17 | 132) {
            return Err("tc's flower knows ports of tcp, udp and sctp");
        }
        general.insert("ip_proto".to_owned(), word(protocol));
    }
    if let Some(dscp) = t.dscp {
        general.insert("ip_tos".to_owned(), format!("{:x}/fc", dscp.get() << 2));
    }
    let mut found = Vec::new();
    for (source, destination) in matching.pairs(family) {
        let mut start = general.clone();
        for (end, key) in [(source, "src_ip"), (destination, "dst_ip")] {
            if let Some(End::Prefix(prefix)) = end {
                start.insert(key.to_owned(), prefix.short());
            }
        }
        for source in choices(&t.source_ports) {
            for destination in choices(&t.destination_ports) {
                let mut fields = start.clone();
                fields.extend(source.map(|ports| ("src_port".to_owned(), range(ports))));
                fields.extend(destination.map(|ports| ("dst_port".to_owned(), range(ports))));
                found.push(fields);
            }
        }
    }
    Ok(found)
}

/// `tc` shows some by name, and the others in hexadecimal.
fn word(protocol: Protocol) -> String {
    match protocol.0 {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        132 => "sctp".to_owned(),
        number => format!("{number:02x}"),
    }
}

fn choices(ports: &[Ports]) -> impl Iterator<Item = Option<Ports>> {
    ports.iter().copied().map(Some).chain(ports.is_empty().then_some(None))
}

fn range(ports: Ports) -> String {
    let (first, last) = ports.ends();
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
