//! Packets as samples, where no kernel of these tests makes them: what it does make is in `tests/nflog.rs`.

use super::*;

const COPY: usize = 128;

/// The start of an IPv4 packet that says it has `length` bytes.
fn ipv4(length: u16, captured: usize) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.resize(captured, 0);
    packet
}

fn received(payload: &[u8]) -> Packet<'_> {
    Packet {
        family: 2,
        hook: Some(LOCAL_IN),
        protocol: Some(IPV4),
        in_index: Some(7),
        hw_type: Some(1),
        hw_header: Some(&[9; 16]),
        payload: Some(payload),
        ..Packet::default()
    }
}

fn wire_len(packet: &Packet<'_>) -> u32 {
    frame(packet, COPY).unwrap().wire_len
}

#[test]
fn the_length_on_the_wire_is_that_of_ip_with_what_stands_before_it() {
    let payload = ipv4(1500, 100);
    let packet = received(&payload);
    assert_eq!(wire_len(&packet), 14 + 1500);
    assert_eq!(wire_len(&Packet { hw_type: None, hw_header: None, ..packet.clone() }), 14 + 1500);
    assert_eq!(wire_len(&Packet { hw_type: Some(0xFFFE), hw_header: None, ..packet.clone() }), 1500);
    assert_eq!(wire_len(&Packet { vlan: Some((0x8100, 5)), ..packet.clone() }), 18 + 1500);
    let header = [9; 18];
    assert_eq!(wire_len(&Packet { l2_header: Some(&header), ..packet }), 18 + 1500);
}

#[test]
fn a_length_that_ip_leaves_open_is_what_was_captured_at_least() {
    assert_eq!(wire_len(&received(&ipv4(0, 120))), 14 + 120);
    assert_eq!(wire_len(&received(&ipv4(28, 46))), 14 + 46);
    assert_eq!(wire_len(&received(&[0x45])), 14 + 1);
    let mut jumbo = vec![0x60; 40];
    (jumbo[4], jumbo[5]) = (0, 0);
    assert_eq!(wire_len(&Packet { family: 10, protocol: Some(IPV6), ..received(&jumbo) }), 14 + 40);
    assert_eq!(wire_len(&Packet { protocol: Some(0x0806), ..received(&[0x45; 28]) }), 14 + 28);
    assert_eq!(wire_len(&Packet { payload: None, ..received(&[]) }), 14);
}

#[test]
fn tags_in_the_payload_are_stepped_over() {
    let payload = [&[0, 5, 0x81, 0, 0, 6, 8, 0][..], &ipv4(1000, 40)].concat();
    let tagged = Packet { family: 7, hook: Some(0), protocol: Some(0x88A8), ..received(&payload) };
    assert_eq!(wire_len(&tagged), 14 + 8 + 1000);
}

#[test]
fn no_more_bytes_than_wanted_are_handed_on() {
    let payload = ipv4(1500, 200);
    assert_eq!(frame(&received(&payload), 20).unwrap().bytes, &payload[..20]);
    assert_eq!(frame(&received(&payload), 4000).unwrap().bytes, payload);
}

#[test]
fn a_receive_header_is_no_longer_than_an_ethernet_header() {
    let payload = ipv4(1500, 100);
    let packet = received(&payload);
    let sample = frame(&packet, COPY).unwrap();
    assert_eq!((sample.link, sample.link_header), (LinkType::Ethernet, &[9; 14][..]));
    let short = Packet { hw_header: Some(&[9; 10]), ..packet };
    assert_eq!(frame(&short, COPY).unwrap().link, LinkType::IpOfEthernet);
}

#[test]
fn the_data_source_is_where_it_came_in_unless_that_is_loopback() {
    let source = |came: u32, goes: u32| {
        let packet = Packet { in_index: Some(came), out_index: Some(goes), ..received(&[]) };
        frame(&packet, COPY).map(|frame| (frame.if_index, frame.direction))
    };
    assert_eq!(source(7, 8), Some((7, Direction::In)));
    assert_eq!(source(7, 0), Some((7, Direction::In)));
    assert_eq!(source(0, 8), Some((8, Direction::Out)));
    assert_eq!(source(1, 8), Some((8, Direction::Out)));
    assert_eq!(source(1, 1), Some((1, Direction::In)));
    assert_eq!(source(1, 0), Some((1, Direction::In)));
    assert_eq!(source(0, 0), None);
}

#[test]
fn a_port_comes_before_its_bridge() {
    let packet = Packet {
        family: 7,
        hook: Some(2),
        out_index: Some(7),
        phys_in_index: Some(3),
        phys_out_index: Some(4),
        ..received(&[])
    };
    let sample = frame(&packet, COPY).unwrap();
    assert_eq!((sample.if_index, sample.input, sample.output), (3, End::Interface(3), End::Interface(4)));
}
