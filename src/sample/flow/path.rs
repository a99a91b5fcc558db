//! By which port a packet came and by which it goes: the two ends of a flow sample.
//!
//! In: a packet and the host's own addresses. Out: sFlow's input and output. One rule for all sources: an end that the
//! kernel told is told; of one that it did not, only the addresses may say that it is the host itself, and everything
//! else is unknown. No other interface of the host is ever concluded from an address: behind bridges, pairs of virtual
//! interfaces and VLANs many interfaces share one, and a forwarded packet bears addresses of neither end. The ports of
//! guests are another matter, and told by [`Ends::complete`](crate::sample::guest::marks::Ends::complete).
//!
//! The addresses are those of IP, behind VLAN tags, PPPoE and MPLS; of a packet in a tunnel, the tunnel's. Link
//! addresses decide only where the EtherType says that it is not IP.

use super::Packet;
use crate::sample::frame::End;
use crate::sample::local::Locals;
use crate::sflow::sample::Port;
use std::net::IpAddr;

/// Input and output of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Where it came from; `Port::INTERNAL` for packets that this host sends.
    pub input: Port,
    /// Where it goes; `Port::INTERNAL` for packets that this host receives.
    pub output: Port,
}

/// Decides both ends.
pub fn path(packet: &Packet<'_>, locals: &Locals) -> Path {
    let headers = &packet.headers;
    let link = headers.ethernet.filter(|_| headers.is_other_than_ip());
    let is_host = |ip: Option<IpAddr>, mac: Option<[u8; 6]>| {
        ip.is_some_and(|ip| locals.contains_ip(ip)) || mac.is_some_and(|mac| locals.contains_mac(mac))
    };
    let from_host = || is_host(headers.ip.map(|ip| ip.source), link.map(|link| link.source));
    let to_host = || is_host(headers.ip.map(|ip| ip.destination), link.map(|link| link.destination));
    Path { input: port(packet.frame.input, from_host), output: port(packet.frame.output, to_host) }
}

fn port(end: End, is_host: impl FnOnce() -> bool) -> Port {
    match end {
        End::Interface(index) => Port::interface(index),
        End::Host => Port::INTERNAL,
        End::Unknown if is_host() => Port::INTERNAL,
        End::Unknown => Port::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::frame::{Frame, LinkType};
    use etherparse::PacketBuilder;

    const US: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const THEM: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const OUR_IP: [u8; 4] = [192, 0, 2, 1];
    const THEIR_IP: [u8; 4] = [198, 51, 100, 2];

    fn locals() -> Locals {
        Locals::new([OUR_IP.into()], [US])
    }

    /// Every frame here is also asked about without its last bytes.
    fn ends(frame: &Frame<'_>) -> (Port, Port) {
        let whole = path(&Packet::of(frame).unwrap(), &locals());
        for cut in 0..frame.bytes.len() {
            let cut = Frame { bytes: &frame.bytes[..cut], ..*frame };
            let path = Packet::of(&cut).map_or(Path::default(), |packet| path(&packet, &locals()));
            assert!([whole.input, Port::UNKNOWN].contains(&path.input));
            assert!([whole.output, Port::UNKNOWN].contains(&path.output));
        }
        (whole.input, whole.output)
    }

    fn udp(macs: [[u8; 6]; 2], ips: [[u8; 4]; 2], port: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let packet = PacketBuilder::ethernet2(macs[0], macs[1]).ipv4(ips[0], ips[1], 64).udp(5555, port);
        packet.write(&mut bytes, payload).unwrap();
        bytes
    }

    fn ethernet(bytes: &[u8]) -> Frame<'_> {
        Frame { bytes, wire_len: 100, ..Frame::default() }
    }

    #[test]
    fn what_the_kernel_told_is_not_asked_of_the_addresses() {
        let bytes = udp([US, US], [OUR_IP, OUR_IP], 53, b"query");
        let frame = Frame { input: End::Interface(7), output: End::Interface(8), ..ethernet(&bytes) };
        assert_eq!(ends(&frame), (Port::interface(7), Port::interface(8)));
        let foreign = udp([THEM, THEM], [THEIR_IP, THEIR_IP], 53, b"query");
        let frame = Frame { input: End::Host, output: End::Host, ..ethernet(&foreign) };
        assert_eq!(ends(&frame), (Port::INTERNAL, Port::INTERNAL));
    }

    #[test]
    fn the_hosts_own_ip_makes_an_end_internal_whatever_the_link_addresses() {
        for macs in [[US, THEM], [THEM, US], [THEM, THEM]] {
            let sent = udp(macs, [OUR_IP, THEIR_IP], 53, b"query");
            assert_eq!(ends(&ethernet(&sent)), (Port::INTERNAL, Port::UNKNOWN));
            let received = udp(macs, [THEIR_IP, OUR_IP], 53, b"query");
            assert_eq!(ends(&ethernet(&received)), (Port::UNKNOWN, Port::INTERNAL));
        }
    }

    #[test]
    fn a_forwarded_packet_with_our_link_address_is_not_ours() {
        let bytes = udp([US, THEM], [THEIR_IP, [203, 0, 113, 9]], 53, b"query");
        assert_eq!(ends(&ethernet(&bytes)), (Port::UNKNOWN, Port::UNKNOWN));
        let cut = &bytes[..33];
        assert_eq!(
            ends(&ethernet(cut)),
            (Port::UNKNOWN, Port::UNKNOWN),
            "IP, though its header is not whole"
        );
    }

    #[test]
    fn multicast_and_broadcast_go_to_nobody_that_is_known() {
        for ip in [[224, 0, 0, 251], [255; 4]] {
            let bytes = udp([US, [0xFF; 6]], [OUR_IP, ip], 5353, b"query");
            assert_eq!(ends(&ethernet(&bytes)), (Port::INTERNAL, Port::UNKNOWN));
        }
    }

    #[test]
    fn link_addresses_decide_where_there_is_no_ip() {
        let arp = |from: [u8; 6], to: [u8; 6]| [&to[..], &from, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]].concat();
        let asked = arp(US, [0xFF; 6]);
        assert_eq!(ends(&ethernet(&asked)), (Port::INTERNAL, Port::UNKNOWN));
        let answered = arp(THEM, US);
        assert_eq!(ends(&ethernet(&answered)), (Port::UNKNOWN, Port::INTERNAL));
        let (link_header, bytes) = answered.split_at(14);
        assert_eq!(ends(&Frame { link_header, ..ethernet(bytes) }), (Port::UNKNOWN, Port::INTERNAL));
        let foreign = arp(THEM, [2, 0, 0, 0, 0, 3]);
        assert_eq!(ends(&ethernet(&foreign)), (Port::UNKNOWN, Port::UNKNOWN));
    }

    #[test]
    fn the_outer_addresses_of_a_tunnel_count() {
        let inner = udp([US, THEM], [OUR_IP, OUR_IP], 53, b"query");
        let vxlan = [&[8, 0, 0, 0, 0, 0, 9, 0][..], &inner].concat();
        let transit = udp([US, THEM], [THEIR_IP, [203, 0, 113, 9]], 4789, &vxlan);
        assert_eq!(ends(&ethernet(&transit)), (Port::UNKNOWN, Port::UNKNOWN));
        let ours = udp([US, THEM], [THEIR_IP, OUR_IP], 4789, &vxlan);
        assert_eq!(ends(&ethernet(&ours)), (Port::UNKNOWN, Port::INTERNAL));
    }

    #[test]
    fn ip_is_found_behind_pppoe_mpls_and_stacked_tags() {
        let plain = udp([US, THEM], [OUR_IP, THEIR_IP], 53, b"query");
        let shims: [&[u8]; 4] = [
            &[0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21],
            &[0x88, 0x47, 0, 1, 1, 64],
            &[0x88, 0xA8, 0, 5, 0x81, 0, 0, 6, 8, 0],
            &[0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21],
        ];
        for shim in shims {
            let bytes = [&plain[..12], shim, &plain[14..]].concat();
            assert_eq!(ends(&ethernet(&bytes)), (Port::INTERNAL, Port::UNKNOWN), "{shim:02x?}");
        }
        let ip = Frame { link: LinkType::Ip, ..ethernet(&plain[14..]) };
        assert_eq!(ends(&ip), (Port::INTERNAL, Port::UNKNOWN));
    }
}
