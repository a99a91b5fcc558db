//! Tunnels against captured packets, hand-made corner cases of the RFCs, every cut of them, and noise.

use super::super::frame;
use super::super::transport::Ports;
use super::*;
use proptest::prelude::*;

/// `ip link add vx0 type vxlan id 4711 remote 10.1.0.2 dstport 4789`, and one UDP datagram "hello" from 10.9.0.1
/// port 40000 to 10.9.0.2 port 53 through it, seen on the veth below (kernel 6.18).
const VXLAN: &str = "b20a1d406028bec1f5a792ce080045000053be8600004011a80f0a0100010a010002abef12b5003f8c72\
    0800000000126700ce79d33fe5b206a473163c4e080045000021537a40004011d33d0a0900010a0900029c400035000d143368656c6c6f";

/// Neighbour solicitation through the same tunnel: IPv6 inside.
const VXLAN_V6: &str = "bec1f5a792ceb20a1d40602808004500007afac6000040116ba80a0100020a010001d7b212b50066147c\
    08000000001267003333ff3fe5b2ce79d33fe5b286dd6000000000203aff00000000000000000000000000000000\
    ff0200000000000000000001ff3fe5b287001dc500000000fe80000000000000cc79d3fffe3fe5b20e01e7435f799f3d";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn v4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header[..], body].concat()
}

fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    packet.resize(40, 0xFE);
    [&packet[..], body].concat()
}

fn udp(destination: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = destination.to_be_bytes();
    let length = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
    [&[0xC0, 0, high, low, length[0], length[1], 0, 0][..], body].concat()
}

fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &kind.to_be_bytes(), body].concat()
}

fn open(packet: &[u8]) -> Option<Tunnel<'_>> {
    parse(&frame::parse(Start::Ip, packet))
}

fn ports(tunnel: &Tunnel<'_>) -> Option<Ports> {
    tunnel.inner.transport.and_then(|transport| transport.ports())
}

const DNS: Option<Ports> = Some(Ports { source: 0xC000, destination: 53 });

#[test]
fn captured_vxlan_gives_network_number_inner_headers_and_their_place() {
    let packet = hex(VXLAN);
    let tunnel = parse(&frame::parse(Start::Ethernet, &packet)).unwrap();
    assert_eq!((tunnel.kind, tunnel.kind.vni()), (Kind::Vxlan { vni: 4711 }, Some(4711)));
    assert_eq!(tunnel.inner_at, 14 + 20 + 8 + 8);
    let ip = tunnel.inner.ip.unwrap();
    assert_eq!((ip.source, ip.destination), ([10, 9, 0, 1].into(), [10, 9, 0, 2].into()));
    assert_eq!(ports(&tunnel), Some(Ports { source: 40000, destination: 53 }));
    assert_eq!(&packet[tunnel.inner.transport_at().unwrap() + 8..], b"hello");
    let ethernet = tunnel.inner.ethernet.unwrap();
    assert_eq!(packet[ethernet.payload_at], 0x45);
    assert_eq!(ethernet.source, [0x06, 0xA4, 0x73, 0x16, 0x3C, 0x4E]);
}

#[test]
fn captured_ipv6_inside_vxlan_is_read() {
    let packet = hex(VXLAN_V6);
    let tunnel = parse(&frame::parse(Start::Ethernet, &packet)).unwrap();
    assert_eq!(
        tunnel.inner.ip.unwrap().destination,
        "ff02::1:ff3f:e5b2".parse::<std::net::IpAddr>().unwrap()
    );
    assert_eq!(tunnel.inner.transport, Some(Transport::Icmp { kind: 135, code: Some(0) }));
}

#[test]
fn vxlan_needs_its_port_as_destination_and_its_valid_flag() {
    let inner = ethernet(IPV4, &v4(17, &udp(53, b"")));
    let with = |port, flags| {
        open(&v4(17, &udp(port, &[&[flags, 0, 0, 0, 0, 0, 9, 0][..], &inner].concat()))).map(|t| t.kind)
    };
    let vni = Some(Kind::Vxlan { vni: 9 });
    assert_eq!((with(4789, 8), with(8472, 8), with(4789, 0x88)), (vni, vni, vni));
    assert_eq!((with(4789, 0), with(4790, 8)), (None, None));
}

#[test]
fn geneve_options_are_passed_over_and_control_messages_are_no_packets() {
    let ip = v6(17, &udp(53, b""));
    let with = |start: u8, flags: u8, kind: u16, inner: &[u8]| {
        let [k0, k1] = kind.to_be_bytes();
        let options = vec![0; usize::from(start & 0x3F) * 4];
        let body = [&[start, flags, k0, k1, 0x12, 0x34, 0x56, 0][..], &options, inner].concat();
        let packet = v6(17, &udp(6081, &body));
        open(&packet).map(|tunnel| (tunnel.kind, tunnel.inner_at, ports(&tunnel)))
    };
    let kind = Kind::Geneve { vni: 0x12_3456 };
    assert_eq!(with(0, 0, IPV6, &ip), Some((kind, 56, DNS)));
    assert_eq!(with(5, 0x40, 0x6558, &ethernet(IPV6, &ip)), Some((kind, 76, DNS)));
    assert_eq!(with(0, 0x80, IPV6, &ip), None);
    assert_eq!(with(0x40, 0, IPV6, &ip), None, "another version");
    assert_eq!(with(0, 0, 0x8847, &ip), None);
}

#[test]
fn gre_fields_are_where_the_flags_say() {
    let ip = v4(17, &udp(53, b""));
    let with = |flags: u8, version: u8, kind: u16, extra: &[u8], inner: &[u8]| {
        let [k0, k1] = kind.to_be_bytes();
        let packet = v4(47, &[&[flags, version, k0, k1][..], extra, inner].concat());
        open(&packet).map(|tunnel| (tunnel.kind, tunnel.inner_at, ports(&tunnel)))
    };
    let kind = |key| Kind::Gre { key };
    assert_eq!(with(0, 0, IPV4, &[], &ip), Some((kind(None), 24, DNS)));
    assert_eq!(with(0x80, 0, IPV4, &[1; 4], &ip), Some((kind(None), 28, DNS)));
    assert_eq!(with(0x20, 0, IPV4, &[0, 0, 0, 7], &ip), Some((kind(Some(7)), 28, DNS)));
    let all = [1, 1, 1, 1, 0, 0, 0, 7, 2, 2, 2, 2];
    assert_eq!(with(0xB0, 0, IPV4, &all, &ip), Some((kind(Some(7)), 36, DNS)));
    // NVGRE: network 0x001267 and flow 0x42.
    let nvgre = with(0x20, 0, 0x6558, &[0, 0x12, 0x67, 0x42], &ethernet(IPV4, &ip));
    assert_eq!(nvgre, Some((kind(Some(4711 << 8 | 0x42)), 28, DNS)));
    assert_eq!(with(0x20, 1, 0x880B, &[0; 4], &ip), None, "PPTP");
    assert_eq!(with(0x40, 0, IPV4, &[0; 4], &ip), None, "source routes");
    assert_eq!(with(0, 0, 0x88BE, &[], &ip), None, "ERSPAN");
}

#[test]
fn ip_in_ip_is_opened_in_all_four_ways() {
    let (four, six) = (v4(17, &udp(53, b"")), v6(17, &udp(53, b"")));
    for packet in [v4(4, &four), v4(41, &six), v6(4, &four), v6(41, &six)] {
        let tunnel = open(&packet).unwrap();
        assert_eq!((tunnel.kind, ports(&tunnel)), (Kind::Ip, DNS));
    }
    assert_eq!(open(&v4(41, &four)).unwrap().inner.ip, None, "not what the number says");
}

#[test]
fn a_fragment_that_is_not_the_first_has_nothing_inside() {
    let mut packet = v4(4, &v4(17, &udp(53, b"")));
    packet[7] = 1;
    assert_eq!(open(&packet), None);
}

#[test]
fn nesting_ends_at_the_depth_limit() {
    let mut packet = v4(17, &udp(53, b""));
    for _ in 0..10 {
        packet = v4(4, &packet);
    }
    let outer = frame::parse(Start::Ip, &packet);
    let places: Vec<_> = nested(&outer).map(|tunnel| tunnel.inner_at).collect();
    assert_eq!(places, [20, 40, 60, 80]);
}

#[test]
fn a_cut_at_any_length_loses_the_tunnel_or_keeps_it_as_it_is() {
    let packet = hex(VXLAN);
    let whole = parse(&frame::parse(Start::Ethernet, &packet)).unwrap();
    for length in 0..packet.len() {
        let headers = frame::parse(Start::Ethernet, &packet[..length]);
        let tunnel = parse(&headers);
        assert_eq!(tunnel.is_some(), length > 50, "{length}");
        if let Some(tunnel) = tunnel {
            assert_eq!((tunnel.kind, tunnel.inner_at), (whole.kind, whole.inner_at));
            assert!(tunnel.inner.ip.is_none() || tunnel.inner.ip == whole.inner.ip, "{length}");
        }
    }
}

proptest! {
    #[test]
    fn damaged_tunnels_stay_within_the_sample(
        damage in prop::collection::vec((0usize..131, any::<u8>()), 0..8), cut in 0usize..132,
    ) {
        let mut packet = hex(VXLAN_V6);
        for (at, byte) in damage {
            if let Some(old) = packet.get_mut(at) {
                *old = byte;
            }
        }
        packet.truncate(cut);
        let outer = frame::parse(Start::Ethernet, &packet);
        let mut last = 0;
        for tunnel in nested(&outer) {
            prop_assert!(tunnel.inner_at > last && tunnel.inner_at < packet.len());
            prop_assert!(tunnel.inner.transport_at().is_none_or(|at| at > last && at <= packet.len()));
            last = tunnel.inner_at;
        }
    }
}
