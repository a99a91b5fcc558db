//! Headers against packets that another library writes and reads, hand-made corner cases of the RFCs, every cut of
//! all of them, and noise.

use super::super::ethernet::Tag;
use super::*;
use crate::wire::ip::Fragment;
use crate::wire::transport::{Ports, Transport};
use etherparse::{IpHeaders, LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice, VlanId};
use proptest::prelude::*;
use std::net::IpAddr;

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 0xB, 2, 0, 0, 0, 0, 0xA];

/// A frame of these 16-bit words behind the addresses, with this behind them.
fn frame(words: &[u16], rest: &[u8]) -> Vec<u8> {
    let words = words.iter().flat_map(|word| word.to_be_bytes());
    MACS.into_iter().chain(words).chain(rest.iter().copied()).collect()
}

/// An IPv4 header with this many words of options, and what follows it.
fn v4(options: u8, flags: u16, protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + 4 * usize::from(options) + body.len()).unwrap().to_be_bytes();
    let [f0, f1] = flags.to_be_bytes();
    let mut packet = vec![0x45 + options, 0x2E, length[0], length[1], 0, 1, f0, f1, 63, protocol, 0, 0];
    packet.extend([192, 0, 2, 1, 198, 51, 100, 2]);
    packet.resize(20 + 4 * usize::from(options), 1);
    packet.extend(body);
    packet
}

/// An IPv6 header and what follows it.
fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x6A, 0xB1, 0x23, 0x45, length[0], length[1], next, 64];
    packet.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(body);
    packet
}

const TCP: [u8; 20] = [0x1F, 0x90, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0xFF, 0xFF, 0, 0, 0, 0];
const TCP_PORTS: Option<Ports> = Some(Ports { source: 8080, destination: 80 });

fn ports(headers: &Headers<'_>) -> Option<Ports> {
    headers.transport.and_then(|transport| transport.ports())
}

#[test]
fn vlan_tags_are_told_outermost_first_whatever_their_numbers() {
    let words = [0x88A8, 0xA064, 0x8100, 0x1007, 0x9100, 1, 0x9200, 2, 0x9300, 3, 0x0800];
    let frame = frame(&words, &v4(0, 0, 6, &TCP));
    let headers = parse(Start::Ethernet, &frame);
    let ethernet = headers.ethernet.unwrap();
    assert_eq!((ethernet.destination, ethernet.source), ([2, 0, 0, 0, 0, 0xB], [2, 0, 0, 0, 0, 0xA]));
    let tags: Vec<_> = ethernet.tags().collect();
    let wanted = [0x88A8_A064, 0x8100_1007, 0x9100_0001, 0x9200_0002, 0x9300_0003].map(Tag);
    assert_eq!(tags, wanted);
    assert_eq!((tags[0].tpid(), tags[0].vlan(), tags[0].priority()), (0x88A8, 0x64, 5));
    assert_eq!((headers.ether_type, ports(&headers)), (Some(0x0800), TCP_PORTS));
}

#[test]
fn llc_is_read_only_where_it_is_ip_or_snap() {
    let ip = v4(0, 0, 6, &TCP);
    let length = u16::try_from(ip.len() + 8).unwrap();
    let with = |llc: &[u8]| {
        let frame = frame(&[length], &[llc, &ip].concat());
        let headers = parse(Start::Ethernet, &frame);
        (headers.ether_type, ports(&headers))
    };
    assert_eq!(with(&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0]), (Some(0x0800), TCP_PORTS));
    assert_eq!(with(&[0xAA, 0xAA, 3, 0, 0, 0xF8, 8, 0]), (Some(0x0800), TCP_PORTS));
    assert_eq!(with(&[6, 6, 3]), (Some(0x0800), TCP_PORTS));
    assert_eq!(with(&[6, 6, 2]), (None, None));
    assert_eq!(with(&[0xAA, 0xAA, 3, 0, 0, 0x0C, 0x20, 0]), (None, None), "Cisco's own protocols");
    assert_eq!(with(&[0x42, 0x42, 3]), (None, None), "spanning tree");
    let undefined = frame(&[0x05DD], &ip);
    assert_eq!(parse(Start::Ethernet, &undefined).ether_type, None);
}

#[test]
fn ipv4_options_are_passed_over() {
    for options in 0..=10 {
        let packet = v4(options, 0x4000, 6, &TCP);
        let headers = parse(Start::Ip, &packet);
        let ip = headers.ip.unwrap();
        assert_eq!((ip.tos, ip.ttl, ip.fragment, ip.protocol), (0x2E, 63, None, Some(6)));
        assert_eq!((ip.source, ip.destination), ([192, 0, 2, 1].into(), [198, 51, 100, 2].into()));
        assert_eq!((ports(&headers), headers.transport.unwrap().tcp_flags()), (TCP_PORTS, Some(0x12)));
    }
}

#[test]
fn ports_are_never_read_from_a_fragment_that_is_not_the_first() {
    let read = |flags| {
        let packet = v4(0, flags, 6, &TCP);
        let headers = parse(Start::EtherType(0x0800), &packet);
        (headers.ip.unwrap().fragment, ports(&headers))
    };
    assert_eq!(read(0x2000), (Some(Fragment { offset: 0, more: true }), TCP_PORTS));
    assert_eq!(read(0x2001), (Some(Fragment { offset: 8, more: true }), None));
    assert_eq!(read(0x00B9), (Some(Fragment { offset: 1480, more: false }), None));
    let read = |word: u16| {
        let [o0, o1] = word.to_be_bytes();
        let packet = v6(44, &[&[6, 0, o0, o1, 0, 0, 0, 9][..], &TCP].concat());
        let headers = parse(Start::Ip, &packet);
        let ip = headers.ip.unwrap();
        (ip.fragment, ip.protocol, ports(&headers))
    };
    assert_eq!(read(0), (None, Some(6), TCP_PORTS), "an atomic fragment is a whole packet");
    assert_eq!(read(1), (Some(Fragment { offset: 0, more: true }), Some(6), TCP_PORTS));
    assert_eq!(read(1480), (Some(Fragment { offset: 1480, more: false }), Some(6), None));
}

#[test]
fn ipv6_extension_headers_have_their_own_lengths() {
    let options = [60, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let more_options = [51, 0, 1, 4, 0, 0, 0, 0];
    // RFC 4302: the length 4 means (4 + 2) * 4 = 24 bytes; in units of 8 it would be 40.
    let mut authentication = [0; 24];
    authentication[..2].copy_from_slice(&[43, 4]);
    let routing = [6, 0, 0, 0, 0, 0, 0, 0];
    let body = [&options[..], &more_options, &authentication, &routing, &TCP].concat();
    let packet = v6(0, &body);
    let headers = parse(Start::EtherType(0x86DD), &packet);
    let ip = headers.ip.unwrap();
    assert_eq!((ip.protocol, ip.transport_at, ip.tos, ip.ttl), (Some(6), Some(40 + 56), 0xAB, 64));
    assert_eq!(ports(&headers), TCP_PORTS);
    // Encryption hides everything behind it.
    let packet = v6(0, &[&[50, 0, 0, 0, 0, 0, 0, 0][..], &TCP].concat());
    let headers = parse(Start::Ip, &packet);
    assert_eq!((headers.ip.unwrap().protocol, headers.transport), (Some(50), None));
}

#[test]
fn padding_of_the_link_is_not_read_as_transport() {
    let mut packet = frame(&[0x0800], &v4(0, 0, 6, &[]));
    packet.resize(60, 7);
    let headers = parse(Start::Ethernet, &packet);
    assert_eq!((headers.ip.unwrap().protocol, headers.transport, headers.bytes.len()), (Some(6), None, 34));
    let mut packet = frame(&[0x86DD], &v6(0, &[6]));
    packet.resize(80, 7);
    let headers = parse(Start::Ethernet, &packet);
    assert_eq!((headers.ip.unwrap().protocol, headers.transport), (None, None));
}

#[test]
fn length_of_zero_means_that_hardware_fills_it_in() {
    let mut packet = v4(0, 0, 6, &TCP);
    packet[2..4].fill(0);
    let headers = parse(Start::Ip, &packet);
    assert_eq!((headers.ip.unwrap().length, ports(&headers)), (None, TCP_PORTS));
    let mut packet = v6(6, &TCP);
    packet[4..6].fill(0);
    let headers = parse(Start::Ip, &packet);
    assert_eq!((headers.ip.unwrap().length, ports(&headers)), (None, TCP_PORTS));
}

#[test]
fn headers_that_contradict_themselves_are_none() {
    let good = v4(0, 0, 6, &TCP);
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        parse(Start::EtherType(0x0800), &packet).ip
    };
    assert!(with(0, 0x45).is_some());
    assert_eq!(with(0, 0x44), None, "a header of 16 bytes");
    assert_eq!(with(0, 0x65), None, "another version than the link says");
    assert_eq!(with(3, 19), None, "a packet shorter than its header");
    assert_eq!(parse(Start::EtherType(0x0806), &good).ip, None);
}

#[test]
fn tcp_flags_icmp_codes_and_other_ports_are_read_where_the_rfcs_put_them() {
    let read = |protocol, body: &[u8]| parse(Start::Ip, &v4(0, 0, protocol, body)).transport;
    let tcp = Transport::Tcp { ports: TCP_PORTS.unwrap(), flags: Some(0x12), length: Some(20) };
    assert_eq!(read(6, &TCP), Some(tcp));
    assert_eq!(read(17, &TCP[..8]), Some(Transport::Udp(TCP_PORTS.unwrap())));
    assert_eq!(read(132, &TCP), Some(Transport::Other(TCP_PORTS.unwrap())));
    assert_eq!(read(1, &[3, 4, 0, 0]), Some(Transport::Icmp { kind: 3, code: Some(4) }));
    assert_eq!(read(50, &TCP), None);
    let cut =
        |length: usize| read(6, &TCP[..length]).map(|tcp| (tcp.ports(), tcp.tcp_flags(), tcp.header_len()));
    assert_eq!(cut(3), None);
    assert_eq!(cut(12), Some((TCP_PORTS, None, None)));
    assert_eq!(cut(13), Some((TCP_PORTS, None, Some(20))));
}

#[test]
fn start_is_that_of_the_sflow_header_protocol() {
    let ip = v6(6, &TCP);
    let starts = [1, 11, 12, 18].map(Start::of_header_protocol);
    assert_eq!(starts[0], Some(Start::Ethernet));
    assert_eq!(starts[1].map(|start| parse(start, &ip).ip), Some(None));
    assert_eq!(starts[2].and_then(|start| ports(&parse(start, &ip))), TCP_PORTS);
    assert_eq!(starts[3], None);
}

/// That everything in `cut` is in `whole` too: cutting only takes knowledge away.
fn assert_less(cut: &Headers<'_>, whole: &Headers<'_>, context: usize) {
    if let Some(link) = cut.ethernet {
        let all = whole.ethernet.unwrap();
        assert_eq!((link.destination, link.source), (all.destination, all.source), "{context}");
        assert!(link.tags().zip(all.tags()).all(|(a, b)| a == b) && link.tags().len() <= all.tags().len());
    }
    assert!(cut.ether_type.is_none() || cut.ether_type == whole.ether_type, "{context}");
    if let Some(ip) = cut.ip {
        let all = whole.ip.unwrap();
        assert_eq!((cut.ip_at, ip.source, ip.destination), (whole.ip_at, all.source, all.destination));
        assert_eq!((ip.length, ip.tos, ip.ttl), (all.length, all.tos, all.ttl), "{context}");
        assert!(ip.fragment.is_none() || ip.fragment == all.fragment, "{context}");
        assert!(ip.protocol.is_none() || ip.protocol == all.protocol, "{context}");
        assert!(ip.transport_at.is_none() || ip.transport_at == all.transport_at, "{context}");
    }
    if let Some(transport) = cut.transport {
        let all = whole.transport.unwrap();
        assert_eq!(transport.ports(), all.ports(), "{context}");
        assert!(transport.tcp_flags().is_none() || transport.tcp_flags() == all.tcp_flags(), "{context}");
        assert!(transport.header_len().is_none() || transport.header_len() == all.header_len(), "{context}");
    }
}

#[test]
fn a_cut_at_any_length_only_takes_knowledge_away() {
    let chain = [&[60, 0, 0, 0, 0, 0, 0, 0][..], &[44, 0, 0, 0, 0, 0, 0, 0], &[6, 0, 0, 1, 0, 0, 0, 0], &TCP]
        .concat();
    let frames = [
        frame(&[0x88A8, 5, 0x8100, 6, 0x0800], &v4(3, 0, 6, &TCP)),
        frame(&[0x86DD], &v6(0, &chain)),
        frame(&[60, 0xAAAA, 0x0300, 0, 0x0800], &v4(0, 0, 17, &TCP)),
    ];
    for frame in &frames {
        let whole = parse(Start::Ethernet, frame);
        assert!(whole.transport.is_some());
        for length in 0..=frame.len() {
            assert_less(&parse(Start::Ethernet, &frame[..length]), &whole, length);
        }
    }
}

#[derive(Clone, Debug)]
struct Packet {
    v6: bool,
    source: [u8; 16],
    destination: [u8; 16],
    tags: Vec<u16>,
    tcp: bool,
    ports: (u16, u16),
    payload: Vec<u8>,
}

fn packets() -> impl Strategy<Value = Packet> {
    let tags = prop::collection::vec(0u16..4096, 0..3);
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    (any::<bool>(), any::<[u8; 16]>(), any::<[u8; 16]>(), tags, any::<bool>(), any::<(u16, u16)>(), payload)
        .prop_map(|(v6, source, destination, tags, tcp, ports, payload)| Packet {
            v6,
            source,
            destination,
            tags,
            tcp,
            ports,
            payload,
        })
}

impl Packet {
    fn addresses(&self) -> (IpAddr, IpAddr) {
        let four = |address: [u8; 16]| IpAddr::from(*address.first_chunk::<4>().unwrap());
        match self.v6 {
            true => (self.source.into(), self.destination.into()),
            false => (four(self.source), four(self.destination)),
        }
    }

    /// The packet as the other library writes it.
    fn write(&self) -> Vec<u8> {
        let ip = match self.addresses() {
            (IpAddr::V4(source), IpAddr::V4(destination)) => IpHeaders::Ipv4(
                etherparse::Ipv4Header {
                    source: source.octets(),
                    destination: destination.octets(),
                    time_to_live: 9,
                    ..Default::default()
                },
                Default::default(),
            ),
            _ => IpHeaders::Ipv6(
                etherparse::Ipv6Header {
                    source: self.source,
                    destination: self.destination,
                    hop_limit: 9,
                    ..Default::default()
                },
                Default::default(),
            ),
        };
        let link = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let id = |tag: &u16| VlanId::try_new(*tag).unwrap();
        let network = match self.tags.as_slice() {
            [] => link.ip(ip),
            [tag] => link.single_vlan(id(tag)).ip(ip),
            [outer, inner, ..] => link.double_vlan(id(outer), id(inner)).ip(ip),
        };
        let mut bytes = Vec::new();
        let (source, destination) = self.ports;
        if self.tcp {
            network.tcp(source, destination, 1, 2).syn().psh().write(&mut bytes, &self.payload).unwrap();
        } else {
            network.udp(source, destination).write(&mut bytes, &self.payload).unwrap();
        }
        bytes
    }
}

type Found = (Option<(IpAddr, IpAddr)>, Option<(u16, u16)>, Option<u8>);

/// Addresses, ports and TCP flags as the other library reads them.
fn outsider(packet: &LaxSlicedPacket<'_>) -> Found {
    let addresses = packet.net.as_ref().and_then(|net| match net {
        LaxNetSlice::Ipv4(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        LaxNetSlice::Ipv6(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        LaxNetSlice::Arp(_) => None,
    });
    let (ports, flags) = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            // The whole flag byte, which it gives by single bits.
            (Some((tcp.source_port(), tcp.destination_port())), tcp.header_slice().get(13).copied())
        }
        Some(TransportSlice::Udp(udp)) => (Some((udp.source_port(), udp.destination_port())), None),
        _ => (None, None),
    };
    (addresses, ports, flags)
}

proptest! {
    #[test]
    fn packets_of_another_library_are_read_as_they_were_meant(packet in packets()) {
        let bytes = packet.write();
        let headers = parse(Start::Ethernet, &bytes);
        let ethernet = headers.ethernet.unwrap();
        prop_assert_eq!((ethernet.source, ethernet.destination), ([1; 6], [2; 6]));
        let vlans: Vec<_> = ethernet.tags().map(|tag| u16::try_from(tag.vlan()).unwrap()).collect();
        prop_assert_eq!(vlans, &packet.tags[..]);
        let ip = headers.ip.unwrap();
        prop_assert_eq!((ip.source, ip.destination), packet.addresses());
        prop_assert_eq!((ip.ttl, ip.fragment), (9, None));
        prop_assert_eq!(ip.length.map(|length| length as usize), Some(bytes.len() - headers.ip_at));
        let (source, destination) = packet.ports;
        prop_assert_eq!(ports(&headers), Some(Ports { source, destination }));
        prop_assert_eq!(headers.transport.unwrap().tcp_flags(), packet.tcp.then_some(0x0A));
        let header = headers.transport.unwrap().header_len().unwrap();
        prop_assert_eq!(&bytes[headers.transport_at().unwrap() + header..], &packet.payload[..]);
    }

    /// Either gives up where the other does not: the other library at a transport header that is not whole and at a
    /// third VLAN tag, we at lengths and versions that contradict themselves.
    #[test]
    fn what_both_find_in_damaged_packets_is_the_same(
        packet in packets(), at in 12usize..80, byte: u8, cut in 0usize..120,
    ) {
        let mut bytes = packet.write();
        bytes.truncate(cut.max(14));
        if let Some(old) = bytes.get_mut(at) {
            *old = byte;
        }
        let headers = parse(Start::Ethernet, &bytes);
        let other = LaxSlicedPacket::from_ethernet(&bytes).unwrap();
        // It reads LLC as nothing, and knows further kinds of links.
        let (addresses, ports, flags) = outsider(&other);
        if let (Some(ip), Some(addresses)) = (headers.ip, addresses) {
            prop_assert_eq!((ip.source, ip.destination), addresses);
        }
        if let (Some(found), Some(ports)) = (headers.transport, ports) {
            prop_assert_eq!(found.ports().map(|ports| (ports.source, ports.destination)), Some(ports));
            prop_assert_eq!(found.tcp_flags(), flags);
        }
    }

    #[test]
    fn noise_is_read_within_its_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0..4) {
        let start = [Start::Ethernet, Start::Ip, Start::EtherType(0x0800), Start::EtherType(0x86DD)][start as usize];
        let headers = parse(start, &bytes);
        prop_assert!(headers.bytes.len() <= bytes.len());
        prop_assert!(headers.transport_at().is_none_or(|at| at <= headers.bytes.len()));
        prop_assert!(headers.transport.is_none() || headers.transport_at().is_some());
        for cut in 0..bytes.len() {
            assert_less(&parse(start, &bytes[..cut]), &headers, cut);
        }
    }
}
