use super::*;
use proptest::prelude::*;

const DATAGRAM: &[u8] = b"\x30\x39\x18\xc7\x00\x0a\x00\x00hi";

fn v4(fragment: u16, protocol: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    let header = [0x45, 0, l0, l1, 0, 0, f0, f1, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&header[..], body].concat()
}

fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, l0, l1, next, 64][..], &address(1), &address(2), body].concat()
}

fn ends(udp: &Udp<'_>) -> (String, String) {
    (udp.source.to_string(), udp.destination.to_string())
}

#[test]
fn every_link_type_leads_to_the_same_datagram() {
    let ip = v4(0x4000, 17, DATAGRAM);
    let ethernet = |tags: &[u8]| [&[2; 12], tags, &[8, 0], &ip[..], b"link padding"].concat();
    let packets = [
        (1, ethernet(&[])),
        (1, ethernet(&[0x81, 0, 0, 7])),
        (1, ethernet(&[0x88, 0xA8, 0, 7, 0x81, 0, 0, 8])),
        (113, [&[0, 0, 3, 4, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0][..], &ip].concat()),
        (276, [&[8, 0, 0, 0][..], &[0; 16], &ip].concat()),
        (0, [&[2, 0, 0, 0][..], &ip].concat()),
        (108, [&[0, 0, 0, 2][..], &ip].concat()),
        (101, ip.clone()),
        (228, ip.clone()),
    ];
    for (link_type, packet) in packets {
        let udp = parse(link_type, &packet).unwrap();
        assert_eq!(udp.payload, b"hi", "link type {link_type}");
        assert_eq!(ends(&udp), ("192.0.2.1:12345".into(), "192.0.2.2:6343".into()));
    }
    assert_eq!(parse(105, &ip), Err(NoUdp::LinkType(105)));
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let options = [&[17, 1][..], &[0; 14], DATAGRAM].concat();
    let whole_fragment = [&[17, 0, 0, 0, 0, 0, 0, 9][..], DATAGRAM].concat();
    for packet in [v6(17, DATAGRAM), v6(0, &options), v6(60, &options), v6(44, &whole_fragment)] {
        let udp = parse(229, &packet).unwrap();
        assert_eq!(udp.payload, b"hi");
        assert_eq!(ends(&udp), ("[2001:db8::1]:12345".into(), "[2001:db8::2]:6343".into()));
    }
}

#[test]
fn what_is_no_whole_udp_datagram_is_refused_with_the_reason() {
    let fragment6 = |word: u16| {
        let [a, b] = word.to_be_bytes();
        v6(44, &[&[17, 0, a, b, 0, 0, 0, 9][..], DATAGRAM].concat())
    };
    let long = [&DATAGRAM[..4], &[0, 99], &DATAGRAM[6..]].concat();
    let short = [&DATAGRAM[..4], &[0, 7], &DATAGRAM[6..]].concat();
    let refused = [
        (v4(0x2000, 17, DATAGRAM), NoUdp::Fragment(0)),
        (v4(0x0003, 17, DATAGRAM), NoUdp::Fragment(24)),
        (fragment6(1), NoUdp::Fragment(0)),
        (fragment6(16), NoUdp::Fragment(16)),
        (v4(0, 6, DATAGRAM), NoUdp::NotUdp(6)),
        (v6(58, DATAGRAM), NoUdp::NotUdp(58)),
        (v4(0, 17, &long), NoUdp::Truncated("UDP datagram")),
        (v4(0, 17, &short), NoUdp::Truncated("UDP datagram")),
    ];
    for (packet, reason) in refused {
        assert_eq!(parse(101, &packet), Err(reason));
    }
    let arp = [&[2; 12][..], &[8, 6], &[0; 28]].concat();
    assert_eq!(parse(1, &arp), Err(NoUdp::NotIp(0x0806)));
}

#[test]
fn a_packet_cut_at_any_byte_is_refused() {
    let ethernet = [&[2; 12][..], &[0x81, 0, 0, 7, 8, 0], &v4(0, 17, DATAGRAM)].concat();
    let ipv6 = v6(60, &[&[17, 0][..], &[0; 6], DATAGRAM].concat());
    for (link_type, packet) in [(1, ethernet), (101, ipv6)] {
        for end in 0..packet.len() {
            let cut = parse(link_type, &packet[..end]);
            assert!(matches!(cut, Err(NoUdp::Truncated(_))), "cut at {end}: {cut:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_payload_inside_them_or_a_reason(
        link_type in prop::sample::select(vec![0, 1, 101, 113, 276]),
        v6: bool,
        mut packet in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        packet[0] = if v6 { 0x60 } else { 0x45 };
        if let Ok(udp) = parse(link_type, &packet) {
            prop_assert!(packet.as_ptr_range().contains(&udp.payload.as_ptr()) || udp.payload.is_empty());
        }
    }
}
