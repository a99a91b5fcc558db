//! What may stand between a link header and IP: a VLAN tag whose number went with the link header, a PPPoE session
//! (what a host on DSL or a provider's access router sends), MPLS labels.
//!
//! In: an EtherType and the bytes behind it, cut anywhere. Out: the EtherType of IPv4 or IPv6 and where that header
//! starts. Rule: what MPLS carries is not said anywhere, so that only the IP version's four bits tell; a pseudowire
//! starts with four bits of zero and is none. Spec: RFC 2516, RFC 1661 (PPP's protocol numbers), RFC 3032, RFC 4385.

use super::ethernet::{IPV4, IPV6, is_tpid};

/// Finds the IP header behind `at`; `None` where there is none or it was cut before it could be told.
pub(super) fn pass(mut kind: u16, packet: &[u8], mut at: usize) -> Option<(u16, usize)> {
    loop {
        let rest = packet.get(at..)?;
        (kind, at) = match (kind, rest) {
            (IPV4 | IPV6, _) => return Some((kind, at)),
            (0x8847 | 0x8848, _) => return labels(rest).map(|(kind, length)| (kind, at + length)),
            // Version 1, type 1, code 0: a session's data; then session u16, length u16 and PPP's protocol.
            (0x8864, [0x11, 0, _, _, _, _, high, low, ..]) => (of_ppp(*high, *low)?, at + 8),
            (tag, [_, _, high, low, ..]) if is_tpid(tag.to_be_bytes()) => {
                (u16::from_be_bytes([*high, *low]), at + 4)
            }
            _ => return None,
        };
    }
}

/// `label 20 │ class 3 │ last 1 │ TTL 8`, until one is the last.
fn labels(stack: &[u8]) -> Option<(u16, usize)> {
    let (entries, _) = stack.as_chunks::<4>();
    let length = 4 * (entries.iter().position(|[_, _, third, _]| third & 1 == 1)? + 1);
    match stack.get(length)? >> 4 {
        4 => Some((IPV4, length)),
        6 => Some((IPV6, length)),
        _ => None,
    }
}

/// The EtherType of what PPP carries.
fn of_ppp(high: u8, low: u8) -> Option<u16> {
    match u16::from_be_bytes([high, low]) {
        0x0021 => Some(IPV4),
        0x0057 => Some(IPV6),
        0x0281 => Some(0x8847),
        _ => None,
    }
}
