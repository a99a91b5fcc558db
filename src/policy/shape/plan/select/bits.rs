//! A match as bits at places of the packet, for `u32`, the classifier that every kernel has.
//!
//! In: a match. Out: the keys of each filter. Rule: ports are found behind an IPv4 header of any length, by one filter
//! for each length; later fragments, which have no ports, match nothing that asks for ports. Of IPv6 only headers
//! without extensions are looked behind, and frames with a VLAN's tag are not found. Spec: tc-u32(8).

use super::super::part::Key;
use crate::policy::model::{End, Family, Match, Ports, Prefix};

/// Every packet.
pub(super) const ANY: Key = Key { value: 0, mask: 0, at: 0 };

/// Ports by value and mask.
type Block = Option<(u16, u16)>;

/// How many filters there would be.
pub(super) fn count(matching: &Match, family: Family) -> usize {
    let t = matching.traffic();
    let (sources, destinations) =
        (Ports::blocks(&t.source_ports).len(), Ports::blocks(&t.destination_ports).len());
    let has_ports = !(t.source_ports.is_empty() && t.destination_ports.is_empty());
    let each = if has_ports {
        headers(family).len().saturating_mul(sources).saturating_mul(destinations)
    } else {
        1
    };
    matching.pairs(family).count().saturating_mul(each)
}

pub(super) fn keys(matching: &Match, family: Family) -> Vec<Vec<Key>> {
    let t = matching.traffic();
    let mut general = Vec::new();
    if let Some(protocol) = t.protocol {
        narrow(&mut general, (8, u32::from(protocol.0), 0xff), if family == Family::V4 { 9 } else { 6 });
    }
    if let Some(dscp) = t.dscp.map(|dscp| u32::from(dscp.get())) {
        match family {
            Family::V4 => narrow(&mut general, (8, dscp << 2, 0xfc), 1),
            Family::V6 => narrow(&mut general, (16, dscp << 6, 0x0fc0), 0),
        }
    }
    let (sources, destinations) = (Ports::blocks(&t.source_ports), Ports::blocks(&t.destination_ports));
    let has_ports = !(t.source_ports.is_empty() && t.destination_ports.is_empty());
    let (from, to) = if family == Family::V4 { (12, 16) } else { (8, 24) };
    let mut found = Vec::new();
    for (source, destination) in matching.pairs(family) {
        let mut start = general.clone();
        for (end, at) in [(source, from), (destination, to)] {
            if let Some(End::Prefix(prefix)) = end {
                address(&mut start, prefix, at);
            }
        }
        if !has_ports {
            found.push(if start.is_empty() { vec![ANY] } else { start });
            continue;
        }
        for at in headers(family) {
            for source in &sources {
                for destination in &destinations {
                    found.push(behind(&start, (family, at), *source, *destination));
                }
            }
        }
    }
    found
}

/// Adds `bits` bits of a packet at byte `at`; those of one word of 32 bits are one key, as `tc` makes them one.
fn narrow(keys: &mut Vec<Key>, (bits, value, mask): (u32, u32, u32), at: u8) {
    let shift = 32 - bits - u32::from(at % 4) * 8;
    let (value, mask, at) = (value << shift, mask << shift, at - at % 4);
    match keys.iter_mut().find(|key| key.at == at) {
        Some(key) => (key.value, key.mask) = (key.value | value, key.mask | mask),
        None => keys.push(Key { value, mask, at }),
    }
}

/// Ports, `at` bytes into a packet.
fn behind(start: &[Key], (family, at): (Family, u8), source: Block, destination: Block) -> Vec<Key> {
    let mut keys = start.to_vec();
    if family == Family::V4 {
        narrow(&mut keys, (8, 0x40 | u32::from(at / 4), 0xff), 0);
        narrow(&mut keys, (16, 0, 0x1fff), 6);
    }
    for (block, at) in [(source, at), (destination, at + 2)] {
        if let Some((value, mask)) = block {
            narrow(&mut keys, (16, value.into(), mask.into()), at);
        }
    }
    keys
}

/// Where what follows the header may begin.
fn headers(family: Family) -> Vec<u8> {
    match family {
        Family::V4 => (5..=15).map(|words| words * 4).collect(),
        Family::V6 => vec![40],
    }
}

fn address(keys: &mut Vec<Key>, prefix: &Prefix, at: u8) {
    let bytes = match prefix.address() {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut left = u32::from(prefix.length());
    for (word, at) in bytes.chunks_exact(4).zip((at..).step_by(4)) {
        let mask = u32::MAX.checked_shl(32 - left.min(32)).unwrap_or(0);
        left = left.saturating_sub(32);
        let value = word.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        if mask != 0 {
            narrow(keys, (32, value & mask, mask), at);
        }
    }
}
