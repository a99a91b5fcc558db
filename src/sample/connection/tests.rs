//! Packets written by another implementation, and who owns their sockets.

use super::*;
use crate::wire::frame::{self, Start};
use etherparse::{IpFragOffset, IpNumber, Ipv4Header, PacketBuilder};
use proptest::prelude::*;
use std::net::Ipv6Addr;

const HERE: [u8; 4] = [192, 0, 2, 1];
const THERE: [u8; 4] = [198, 51, 100, 2];
const ALL: Scope = Scope { tunnel: true, udp: true };
const TCP_ONLY: Scope = Scope { tunnel: false, udp: false };

fn is_here(address: IpAddr) -> bool {
    address == IpAddr::from(HERE) || address == IpAddr::from(Ipv6Addr::LOCALHOST)
}

fn tcp(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(source, destination, 64);
    packet.tcp(40_000, 443, 1, 1000).write(&mut bytes, &[0; 8]).unwrap();
    bytes
}

fn udp(destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(HERE, THERE, 64);
    packet.udp(5000, destination).write(&mut bytes, payload).unwrap();
    bytes
}

fn vxlan(inner: &[u8]) -> Vec<u8> {
    udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], inner].concat())
}

fn host(scope: Scope, bytes: &[u8]) -> Option<Connection> {
    of_host(&frame::parse(Start::Ethernet, bytes), scope, &is_here)
}

fn guest(scope: Scope, bytes: &[u8], direction: Direction) -> Option<Connection> {
    of_guest(&frame::parse(Start::Ethernet, bytes), scope, direction)
}

fn connection(protocol: u8, local: &str, remote: &str, sent: bool) -> Option<Connection> {
    Some(Connection { protocol, local: local.parse().unwrap(), remote: remote.parse().unwrap(), sent })
}

#[test]
fn both_directions_are_one_connection_of_the_local_end() {
    let sent = host(TCP_ONLY, &tcp(HERE, THERE));
    assert_eq!(sent, connection(TCP, "192.0.2.1:40000", "198.51.100.2:443", true));
    let received = host(TCP_ONLY, &tcp(THERE, HERE));
    assert_eq!(received, connection(TCP, "192.0.2.1:443", "198.51.100.2:40000", false));
}

#[test]
fn traffic_of_others_has_no_socket_here() {
    assert_eq!(host(ALL, &tcp(THERE, [203, 0, 113, 9])), None);
}

#[test]
fn between_two_sockets_of_this_host_the_sender_counts() {
    assert_eq!(host(ALL, &tcp(HERE, HERE)), connection(TCP, "192.0.2.1:40000", "192.0.2.1:443", true));
}

#[test]
fn udp_only_where_asked_for_and_other_protocols_never() {
    assert_eq!(host(TCP_ONLY, &udp(53, &[])), None);
    let wanted = connection(UDP, "192.0.2.1:5000", "198.51.100.2:53", true);
    assert_eq!(host(Scope { tunnel: false, udp: true }, &udp(53, &[])), wanted);
    let mut ping = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(HERE, THERE, 64);
    packet.icmpv4_echo_request(1, 2).write(&mut ping, &[]).unwrap();
    assert_eq!(host(ALL, &ping), None);
}

#[test]
fn tunnels_are_opened_only_where_asked_for() {
    let packet = vxlan(&vxlan(&tcp(THERE, HERE)));
    let inner = connection(TCP, "192.0.2.1:443", "198.51.100.2:40000", false);
    assert_eq!(host(TCP_ONLY, &packet), None);
    assert_eq!(host(Scope { tunnel: true, udp: false }, &packet), inner);
    assert_eq!(host(ALL, &packet), inner);
    let outer = connection(UDP, "192.0.2.1:5000", "198.51.100.2:4789", true);
    assert_eq!(host(Scope { tunnel: false, udp: true }, &packet), outer);
    // What a tunnel carries for others is not this host's, though the tunnel is.
    assert_eq!(host(ALL, &vxlan(&tcp(THERE, [203, 0, 113, 9]))), None);
}

#[test]
fn only_the_first_fragment_has_a_socket() {
    let fragment = |offset: u16, more| {
        let mut header = Ipv4Header::new(60, 64, IpNumber::TCP, HERE, THERE).unwrap();
        (header.fragment_offset, header.more_fragments) = (IpFragOffset::try_new(offset).unwrap(), more);
        let mut bytes = [&[2; 12][..], &[8, 0]].concat();
        header.write(&mut bytes).unwrap();
        // The bytes of a TCP header stand at the start of each.
        bytes.extend(&tcp(HERE, THERE)[34..]);
        bytes.resize(14 + 20 + 60, 0);
        bytes
    };
    assert!(host(ALL, &fragment(0, true)).is_some());
    assert_eq!(host(ALL, &fragment(8, true)), None);
    assert_eq!(host(ALL, &fragment(8, false)), None);
}

#[test]
fn mapped_addresses_are_those_of_ipv4() {
    let mapped = |address: [u8; 4]| std::net::Ipv4Addr::from(address).to_ipv6_mapped().octets();
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6(mapped(HERE), mapped(THERE), 64);
    packet.tcp(40_000, 443, 1, 1000).write(&mut bytes, &[]).unwrap();
    assert_eq!(host(ALL, &bytes), connection(TCP, "192.0.2.1:40000", "198.51.100.2:443", true));
}

#[test]
fn what_comes_in_from_a_container_was_sent_there() {
    let packet = tcp([10, 0, 0, 5], THERE);
    let sent = connection(TCP, "10.0.0.5:40000", "198.51.100.2:443", true);
    assert_eq!(guest(TCP_ONLY, &packet, Direction::In), sent);
    let received = connection(TCP, "198.51.100.2:443", "10.0.0.5:40000", false);
    assert_eq!(guest(TCP_ONLY, &packet, Direction::Out), received);
}

#[test]
fn record_has_the_total_of_repeated_segments_and_0_for_what_is_unknown() {
    let info = TcpInfo {
        snd_mss: Some(1),
        rcv_mss: Some(2),
        unacked: Some(3),
        lost: Some(4),
        retrans: Some(99),
        total_retrans: Some(5),
        pmtu: Some(6),
        rtt: Some(7),
        rttvar: Some(8),
        snd_cwnd: Some(9),
        reordering: Some(10),
        min_rtt: Some(11),
        ..TcpInfo::default()
    };
    let wanted = socket::TcpInfo {
        direction: 2,
        snd_mss: 1,
        rcv_mss: 2,
        unacked: 3,
        lost: 4,
        retrans: 5,
        path_mtu: 6,
        rtt: 7,
        rtt_var: 8,
        snd_cwnd: 9,
        reordering: 10,
        min_rtt: 11,
    };
    assert_eq!(tcp_record(&info, true), wanted);
    let unmeasured = TcpInfo { min_rtt: Some(u32::MAX), ..TcpInfo::default() };
    assert_eq!(tcp_record(&unmeasured, false), socket::TcpInfo { direction: 1, ..Default::default() });
}

proptest! {
    #[test]
    fn turning_a_packet_round_turns_only_the_direction(a: [u8; 4], b: [u8; 4]) {
        prop_assume!(a != b);
        let is_local = |address: IpAddr| address == IpAddr::from(a);
        let turned = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[26..34].rotate_left(4);
            bytes[34..38].rotate_left(2);
            bytes
        };
        let there = tcp(a, b);
        let back = turned(&there);
        let of = |bytes: &[u8]| of_host(&frame::parse(Start::Ethernet, bytes), ALL, &is_local).unwrap();
        prop_assert_eq!(of(&back), Connection { sent: false, ..of(&there) });
    }

    #[test]
    fn nothing_panics_on_noise(bytes: Vec<u8>, tunnel: bool, udp: bool) {
        let scope = Scope { tunnel, udp };
        let headers = frame::parse(Start::Ip, &bytes);
        let _ = of_host(&headers, scope, &|_| true);
        let _ = of_guest(&headers, scope, Direction::In);
    }
}
