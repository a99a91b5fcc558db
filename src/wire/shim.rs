//! What may stand between a link header and IP: a VLAN tag whose number went with the link header, a PPPoE session
//! (what a host on DSL or a provider's access router sends), MPLS labels.
//!
//! In: an EtherType and the bytes behind it, cut anywhere. Out: the EtherType of IPv4 or IPv6 and where that header
//! starts. Rule: what MPLS carries is not said anywhere, so that only the IP version's four bits tell; a pseudowire
//! starts with four bits of zero and is none. Spec: RFC 2516, RFC 1661 (PPP's protocol numbers), RFC 3032, RFC 4385.

use super::ethernet::{IPV4, IPV6, is_tpid};

/// EtherType of labels that the receiver chose; as good as all are.
const MPLS: u16 = 0x8847;
/// EtherType of labels that the sender chose.
const MPLS_UPSTREAM: u16 = 0x8848;
/// EtherType of PPPoE sessions; that of their discovery is another.
const PPPOE: u16 = 0x8864;

/// Finds the IP header behind `at`; `None` where there is none or it was cut before it could be told.
pub(super) fn pass(mut kind: u16, packet: &[u8], mut at: usize) -> Option<(u16, usize)> {
    loop {
        let rest = packet.get(at..)?;
        (kind, at) = match (kind, rest) {
            (IPV4 | IPV6, _) => return Some((kind, at)),
            (MPLS | MPLS_UPSTREAM, _) => return labels(rest).map(|(kind, length)| (kind, at + length)),
            // Version 1, type 1, code 0: a session's data; then session u16, length u16 and PPP's protocol.
            (PPPOE, [0x11, 0, _, _, _, _, high, low, ..]) => (of_ppp(*high, *low)?, at + 8),
            (tag, [_, _, high, low, ..]) if is_tpid(tag.to_be_bytes()) => {
                (u16::from_be_bytes([*high, *low]), at + 4)
            }
            _ => return None,
        };
    }
}

/// Whether IP may be found behind this EtherType.
pub(super) fn may_hold_ip(kind: u16) -> bool {
    matches!(kind, IPV4 | IPV6 | MPLS | MPLS_UPSTREAM | PPPOE) || is_tpid(kind.to_be_bytes())
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
        0x0281 => Some(MPLS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::{self, Start};
    use crate::wire::transport::Ports;

    /// From 192.0.2.1 port 5555 to 198.51.100.2 port 443, UDP.
    const DATAGRAM: [u8; 28] = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0x15, 0xB3, 1, 0xBB, 0, 8,
        0, 0,
    ];

    fn ports(kind: u16, shim: &[u8]) -> Option<Ports> {
        let frame = [&[2; 12][..], &kind.to_be_bytes(), shim, &DATAGRAM, &[0; 6]].concat();
        let headers = frame::parse(Start::Ethernet, &frame);
        let apart = frame::parse(Start::EtherType(kind), &frame[14..]);
        assert_eq!(apart.transport, headers.transport);
        assert_eq!(headers.ether_type, Some(kind));
        assert!(
            headers.ip.is_none_or(|_| headers.bytes == &frame[..frame.len() - 6]),
            "the padding is no packet"
        );
        headers.transport.and_then(|transport| transport.ports())
    }

    const FOUND: Option<Ports> = Some(Ports { source: 5555, destination: 443 });

    #[test]
    fn ip_is_found_in_a_pppoe_session_and_nothing_in_its_control_packets() {
        assert_eq!(ports(PPPOE, &[0x11, 0, 0x0A, 0xBC, 0, 30, 0, 0x21]), FOUND);
        assert_eq!(
            ports(PPPOE, &[0x11, 0, 0x0A, 0xBC, 0, 30, 0, 0x57]),
            None,
            "IPv6 by its number, IPv4 by its bits"
        );
        assert_eq!(ports(PPPOE, &[0x11, 0, 0x0A, 0xBC, 0, 30, 0xC0, 0x21]), None, "link control");
        assert_eq!(ports(PPPOE, &[0x11, 0xA7, 0x0A, 0xBC, 0, 30, 0, 0x21]), None, "a session's end");
        assert_eq!(ports(0x8863, &[0x11, 0, 0, 0, 0, 30, 0, 0x21]), None, "discovery");
    }

    #[test]
    fn ip_is_found_behind_the_last_label() {
        assert_eq!(ports(MPLS, &[0, 0x01, 0x01, 64]), FOUND);
        assert_eq!(ports(MPLS_UPSTREAM, &[0, 0x01, 0xE0, 64, 0, 0x20, 0, 64, 0, 0, 0x01, 1]), FOUND);
        assert_eq!(ports(MPLS, &[0, 0x01, 0x01, 64, 0, 0, 0, 0]), None, "a pseudowire's control word");
        assert_eq!(ports(PPPOE, &[0x11, 0, 0, 1, 0, 34, 0x02, 0x81, 0, 0x01, 0x01, 64]), FOUND);
    }

    #[test]
    fn a_tag_whose_number_is_in_a_link_header_apart_is_passed() {
        let rest = [&[0x20, 0x07, 0x88, 0xA8, 0, 9, 0x08, 0][..], &DATAGRAM].concat();
        let headers = frame::parse(Start::EtherType(0x8100), &rest);
        assert_eq!((headers.ip_at, headers.transport.and_then(|transport| transport.ports())), (8, FOUND));
    }

    #[test]
    fn a_shim_cut_anywhere_leads_nowhere() {
        let shims: [(u16, &[u8]); 3] = [
            (PPPOE, &[0x11, 0, 0x0A, 0xBC, 0, 30, 0, 0x21]),
            (MPLS, &[0, 0x01, 0xE0, 64, 0, 0x20, 0x01, 64]),
            (0x8100, &[0, 7, 8, 0]),
        ];
        for (kind, shim) in shims {
            for cut in 0..shim.len() {
                assert_eq!(pass(kind, &shim[..cut], 0), None, "{kind:#x} cut at {cut}");
            }
            assert_eq!(pass(kind, &[shim, &DATAGRAM].concat(), 0), Some((IPV4, shim.len())));
        }
    }
}
