//! Samples of packets that another library wrote, decoded again: in every form in which a source hands them on, cut
//! anywhere. And of noise.

use super::*;
use crate::sample::frame::{Direction, Vlan};
use crate::sflow::datagram::{Datagrams, Stream, Unsent};
use crate::sflow::decode::{Framed, Sample, decode};
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::forwarding::ExtendedSwitch;
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::flow::socket::{Entities, TcpInfo};
use crate::sflow::ids::DataSource;
use crate::sflow::sample::{FlowHeader, Port};
use crate::wire::netlink::psample::TunnelKey;
use etherparse::{PacketBuilder, VlanId};
use proptest::prelude::*;

const A: [u8; 6] = [2, 0, 0, 0, 0, 0xA];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0xB];
const INWARDS: Path = Path { input: Port::interface(7), output: Port::INTERNAL };
const OUTWARDS: Path = Path { input: Port::INTERNAL, output: Port::interface(7) };

/// The sample as a collector reads it.
fn sample(
    frame: &Frame<'_>,
    path: Path,
    tcp: Option<&TcpInfo>,
    limit: usize,
) -> Option<Framed<FlowHeader, FlowRecord>> {
    sample_of(frame, path, Known { tcp, entities: None }, limit)
}

fn sample_of(
    frame: &Frame<'_>,
    path: Path,
    known: Known<'_>,
    limit: usize,
) -> Option<Framed<FlowHeader, FlowRecord>> {
    let packet = Packet::of(frame)?;
    let mut sampler = Sampler::new(7);
    sampler.count(frame);
    let header = sampler.next(frame.one_in, path);
    let mut datagrams = Datagrams::new(1400, [192, 0, 2, 1].into());
    let mut stream = Stream::new([192, 0, 2, 1].into(), 0);
    let mut sent = Vec::new();
    let mut send = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
    datagrams.add_flow(1, &header, |out| encode(&packet, path, known, limit, out), &mut send).unwrap();
    datagrams.flush(1, &mut send);
    let datagram = decode(&sent[0]).unwrap();
    assert_eq!((datagram.dirty_padding, datagram.trailing.len(), sent.len()), (0, 0, 1));
    match datagram.samples.as_slice() {
        [Sample::Flow(sample)] if !sample.compact => Some(sample.clone()),
        other => panic!("{other:?}"),
    }
}

/// Its sampled header, which is the first record.
fn header(frame: &Frame<'_>, limit: usize) -> Option<SampledHeader<'static>> {
    match sample(frame, Path::default(), None, limit)?.records.swap_remove(0) {
        FlowRecord::SampledHeader(header) => Some(header),
        other => panic!("{other:?}"),
    }
}

fn formats(sample: &Framed<FlowHeader, FlowRecord>) -> Vec<u32> {
    sample.records.iter().map(|record| record.tag().format).collect()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// A TCP packet in a frame with these VLANs.
fn tcp(vlans: &[u16]) -> Vec<u8> {
    let link = PacketBuilder::ethernet2(A, B);
    let vlan = |number| VlanId::try_new(number).unwrap();
    let mut bytes = Vec::new();
    let (source, destination) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    match vlans {
        [] => link.ipv4(source, destination, 64).tcp(80, 5555, 1, 2).write(&mut bytes, &[7; 300]),
        [one] => {
            let link = link.single_vlan(vlan(*one));
            link.ipv4(source, destination, 64).tcp(80, 5555, 1, 2).write(&mut bytes, &[7; 300])
        }
        [outer, inner, ..] => {
            let link = link.double_vlan(vlan(*outer), vlan(*inner));
            link.ipv6([1; 16], [2; 16], 64).tcp(80, 5555, 1, 2).write(&mut bytes, &[7; 300])
        }
    }
    .unwrap();
    bytes
}

/// That frame in VXLAN.
fn vxlan(inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let outer = PacketBuilder::ethernet2(A, B).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(50_000, 4789);
    outer.write(&mut bytes, &[&[8, 0, 0, 0, 0, 0x12, 0x34, 0], inner].concat()).unwrap();
    bytes
}

/// The frame with its outermost tag taken out, as network cards do.
fn untagged(frame: &[u8]) -> (Vec<u8>, Option<Vlan>) {
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    ([&frame[..12], &frame[16..]].concat(), Some(Vlan { tpid: word(12), tci: word(14) }))
}

fn ethernet(bytes: &[u8], wire_len: u32) -> Frame<'_> {
    Frame { bytes, wire_len, ..Frame::default() }
}

#[test]
fn who_sent_and_who_receives_stands_behind_the_header() {
    let bytes = tcp(&[]);
    let frame = ethernet(&bytes, length(&bytes));
    let [src, dst] = [DataSource { class: 3, index: 100_123 }, DataSource { class: 0, index: 0 }];
    let known = Known { entities: Some(Entities { src, dst }), tcp: Some(&TcpInfo::default()) };
    let sample = sample_of(&frame, Path::default(), known, 128).unwrap();
    assert_eq!(formats(&sample), [1, 2210, 2209]);
    assert_eq!(sample.records[1], FlowRecord::Entities(Entities { src, dst }));
}

const LIMITS: [usize; 12] = [0, 1, 11, 12, 13, 14, 15, 17, 64, 128, 255, 256];

#[test]
fn an_ethernet_frame_is_shown_as_it_was_on_the_wire() {
    for wire in [tcp(&[]), tcp(&[5]), tcp(&[5, 6]), vxlan(&tcp(&[]))] {
        for limit in LIMITS {
            let shown = header(&ethernet(&wire, length(&wire)), limit).unwrap();
            assert_eq!(shown.header, &wire[..limit]);
            assert_eq!((shown.protocol, shown.frame_length, shown.stripped), (1, length(&wire) + 4, 4));
        }
    }
    let wire = tcp(&[]);
    assert_eq!(header(&ethernet(&wire, 9000), usize::MAX).unwrap().header, &wire[..256]);
}

#[test]
fn a_tag_that_was_taken_out_stands_in_its_place_again_wherever_the_frame_is_cut() {
    for wire in [tcp(&[5]), tcp(&[5, 6])] {
        let (bytes, vlan) = untagged(&wire);
        for (cut, limit) in (0..bytes.len()).flat_map(|cut| LIMITS.map(|limit| (cut, limit))) {
            let bytes = &bytes[..cut];
            let whole = Frame { bytes, vlan, wire_len: length(&wire), ..Frame::default() };
            let shown = header(&whole, limit).unwrap();
            let captured = if cut < 12 { cut } else { cut + 4 };
            assert_eq!(shown.header, &wire[..limit.min(captured)], "cut at {cut}, {limit}");
            assert_eq!((shown.protocol, shown.frame_length, shown.stripped), (1, length(&wire) + 4, 4));
            if let Some((link_header, bytes)) = bytes.split_at_checked(14) {
                assert_eq!(header(&Frame { link_header, bytes, ..whole }, limit).unwrap(), shown);
            }
        }
    }
}

#[test]
fn frames_from_nobody_to_nobody_are_told_as_ip() {
    for (vlans, protocol) in [(&[][..], 11), (&[5, 6], 12)] {
        let tagged = tcp(vlans);
        let at = 14 + 4 * vlans.len();
        let (kind, ip) = (&tagged[at - 2..at], &tagged[at..]);
        let frame = [&[0; 12], kind, ip].concat();
        let whole = ethernet(&frame, length(&frame));
        for form in [whole, Frame { link_header: &frame[..14], bytes: ip, ..whole }] {
            let shown = header(&form, 128).unwrap();
            assert_eq!(
                (shown.protocol, shown.frame_length, shown.stripped),
                (protocol, length(&frame) + 4, 18)
            );
            assert_eq!(shown.header, &ip[..128]);
        }
        let nothing = header(&ethernet(&frame[..14], 1000), 128).unwrap();
        assert_eq!((nothing.protocol, nothing.header.len()), (protocol, 0));
    }
    let arp = [&[0; 12][..], &[8, 6, 0, 1, 8, 0]].concat();
    assert_eq!(header(&ethernet(&arp, 42), 128).unwrap().header, arp, "not IP");
    let tagged = [&[0; 12], &tcp(&[5])[12..]].concat();
    let (bytes, vlan) = untagged(&tagged);
    let shown = header(&Frame { vlan, ..ethernet(&bytes, 400) }, 128).unwrap();
    assert_eq!((shown.protocol, &shown.header[..]), (1, &tagged[..128]), "not from a loopback device");
}

#[test]
fn ip_is_told_by_its_first_four_bits_with_what_the_link_had_around_it() {
    let (v4, v6) = (&tcp(&[])[14..], &tcp(&[5, 6])[22..]);
    for (ip, protocol) in [(v4, 11), (v6, 12)] {
        for (link, wire_len, told) in
            [(LinkType::Ip, 340, (protocol, 340, 0)), (LinkType::IpOfEthernet, 354, (protocol, 358, 18))]
        {
            let shown = header(&Frame { link, ..ethernet(ip, wire_len) }, 64).unwrap();
            assert_eq!((shown.protocol, shown.frame_length, shown.stripped), told);
            assert_eq!(shown.header, &ip[..64]);
        }
    }
    for link in [LinkType::Ip, LinkType::IpOfEthernet] {
        assert!(header(&Frame { link, ..ethernet(&[0x55; 60], 60) }, 64).is_none(), "neither 4 nor 6");
        assert!(header(&Frame { link, ..ethernet(&[], 60) }, 64).is_none(), "nothing at all");
        assert_eq!(header(&Frame { link, protocol: 0x86DD, ..ethernet(&[], 60) }, 64).unwrap().protocol, 12);
    }
}

#[test]
fn other_links_than_infiniband_have_no_sample() {
    let shown = header(&Frame { link: LinkType::Other(32), ..ethernet(&[9; 80], 2000) }, 64).unwrap();
    assert_eq!((shown.protocol, shown.frame_length, shown.stripped, shown.header.len()), (18, 2006, 6, 64));
    assert!(header(&Frame { link: LinkType::Other(512), ..ethernet(&[0x45; 80], 2000) }, 64).is_none());
}

#[test]
fn a_frame_is_never_shorter_on_the_wire_than_what_is_shown_of_it() {
    let wire = tcp(&[]);
    for (wire_len, told) in [(0, 132), (127, 132), (128, 132), (129, 133), (u32::MAX, u32::MAX)] {
        assert_eq!(header(&ethernet(&wire, wire_len), 128).unwrap().frame_length, told);
    }
    let ip = Frame { link: LinkType::IpOfEthernet, ..ethernet(&wire[14..], 0) };
    assert_eq!(header(&ip, 128).unwrap().frame_length, 128 + 18);
}

#[test]
fn the_header_is_first_then_comes_the_c_agents_order_and_large_numbers_are_cut_to_the_largest() {
    let wire = tcp(&[]);
    let tunnel = TunnelKey {
        id: Some(77),
        source: Some([10, 0, 0, 1].into()),
        destination: Some([10, 0, 0, 2].into()),
        tos: Some(0xB8),
        ttl: None,
        source_port: Some(50_000),
        destination_port: Some(4789),
    };
    let frame = Frame {
        queue: Some(3),
        queue_depth: Some(u64::MAX),
        latency: Some(1 << 32),
        time: Some(1_700_000_000_123_456_789),
        vlan: Some(Vlan { tpid: 0x8100, tci: 0xA005 }),
        tunnel: Some(tunnel),
        one_in: 400,
        ..ethernet(&wire, 1000)
    };
    let sample = sample(&frame, INWARDS, Some(&TcpInfo { rtt: 42, ..TcpInfo::default() }), 128).unwrap();
    assert_eq!(formats(&sample), [1, 2209, 1036, 1040, 1039, 1043, 1001, 1024, 1030]);
    assert_eq!((sample.header.sequence, sample.header.sampling_rate), (1, 400));
    assert_eq!((sample.header.input, sample.header.output), (INWARDS.input, INWARDS.output));
    let json = serde_json::to_string(&sample.records).unwrap();
    for part in [
        r#""rtt":42"#,
        r#""queue":3"#,
        r#""depth":4294967295"#,
        r#""delay":4294967295"#,
        r#""nanoseconds":1700000000123456789"#,
        r#""src_vlan":5,"src_priority":5,"dst_vlan":4294967295,"dst_priority":4294967295"#,
        r#""protocol":17,"src_ip":"10.0.0.1","dst_ip":"10.0.0.2","src_port":50000,"dst_port":4789"#,
        r#""vni":77"#,
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
}

#[test]
fn an_untold_number_has_no_record() {
    let wire = tcp(&[]);
    assert_eq!(formats(&sample(&ethernet(&wire, 1000), INWARDS, None, 128).unwrap()), [1]);
    let half = TunnelKey { source: Some([10, 0, 0, 1].into()), id: Some(9), ..TunnelKey::default() };
    let frame = Frame { tunnel: Some(half), ..ethernet(&wire, 1000) };
    assert_eq!(formats(&sample(&frame, INWARDS, None, 128).unwrap()), [1]);
}

#[test]
fn the_outermost_tag_is_told_on_the_side_where_it_was_seen() {
    let told = |frame: &Frame<'_>| {
        let sample = sample(frame, Path::default(), None, 128).unwrap();
        match sample.records.get(1) {
            Some(FlowRecord::ExtendedSwitch(vlans)) => vlans.clone(),
            other => panic!("{other:?}"),
        }
    };
    let unknown = u32::MAX;
    let wire = tcp(&[5, 6]);
    let (stripped, vlan) = untagged(&wire);
    for frame in [ethernet(&wire, 400), Frame { vlan, ..ethernet(&stripped, 400) }] {
        let came = ExtendedSwitch { src_vlan: 5, src_priority: 0, dst_vlan: unknown, dst_priority: unknown };
        let went = ExtendedSwitch { src_vlan: unknown, src_priority: unknown, dst_vlan: 5, dst_priority: 0 };
        assert_eq!(told(&frame), came);
        assert_eq!(told(&Frame { direction: Direction::Out, ..frame }), went);
    }
}

#[test]
fn a_tunnel_that_ends_here_shows_where_the_inner_frame_starts_in_whatever_form_it_came() {
    let inner = tcp(&[]);
    let wire = vxlan(&inner);
    let nobody = [&[0; 12], &wire[12..]].concat();
    let vlan = Some(Vlan { tpid: 0x8100, tci: 9 });
    let plain = ethernet(&wire, 1000);
    let apart = Frame { link_header: &wire[..14], bytes: &wire[14..], ..plain };
    let forms = [
        (50, plain),
        (54, Frame { vlan, ..plain }),
        (50, apart),
        (54, Frame { vlan, ..apart }),
        (36, Frame { bytes: &nobody, ..plain }),
        (36, Frame { link: LinkType::Ip, bytes: &wire[14..], ..plain }),
    ];
    for (place, frame) in forms {
        for (direction, path, wanted) in
            [(Direction::In, INWARDS, [1027, 1030]), (Direction::Out, OUTWARDS, [1028, 1029])]
        {
            let frame = Frame { direction, ..frame };
            let sample = sample(&frame, path, None, 128).unwrap();
            let tunnel: Vec<_> =
                formats(&sample).into_iter().filter(|format| (1027..=1030).contains(format)).collect();
            assert_eq!(tunnel, wanted);
            let json = serde_json::to_string(&sample.records).unwrap();
            assert!(
                json.contains(&format!(r#""inner_header_offset":{place}"#)) && json.contains(r#""vni":4660"#)
            );
            let Some(FlowRecord::SampledHeader(shown)) = sample.records.first() else { panic!() };
            assert!(inner.starts_with(&shown.header[place..]) && shown.header.len() == 128);
        }
    }
}

#[test]
fn a_place_outside_the_shown_header_is_not_told() {
    let wire = vxlan(&tcp(&[]));
    let at = |limit| formats(&sample(&ethernet(&wire, 1000), INWARDS, None, limit).unwrap());
    assert_eq!(at(50), [1, 1030]);
    assert_eq!(at(51), [1, 1027, 1030]);
}

#[test]
fn a_tunnel_in_transit_is_not_told() {
    let wire = vxlan(&tcp(&[]));
    for (direction, path) in [
        (Direction::In, OUTWARDS),
        (Direction::Out, INWARDS),
        (Direction::In, Path { input: Port::interface(7), output: Port::interface(8) }),
        (Direction::Out, Path::default()),
    ] {
        let frame = Frame { direction, ..ethernet(&wire, 1000) };
        assert_eq!(formats(&sample(&frame, path, None, 128).unwrap()), [1]);
    }
}

fn arb_link() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        Just(LinkType::Ethernet),
        Just(LinkType::Ip),
        Just(LinkType::IpOfEthernet),
        any::<u16>().prop_map(LinkType::Other),
        Just(LinkType::Other(32)),
    ]
}

/// Noise, or the start of something like a packet.
fn arb_bytes() -> impl Strategy<Value = Vec<u8>> {
    let packets = [tcp(&[]), tcp(&[5]), tcp(&[5, 6]), vxlan(&tcp(&[5])), vec![0; 300]];
    let damaged = (prop::sample::select(packets.to_vec()), 0_usize..350, any::<(usize, u8)>());
    let damaged = damaged.prop_map(|(mut packet, cut, (at, byte))| {
        packet.truncate(cut);
        if let Some(place) = at.checked_rem(packet.len()) {
            packet[place] = byte;
        }
        packet
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged]
}

proptest! {
    #[test]
    fn whatever_comes_the_header_is_a_part_of_it_and_fits_its_lengths(
        link in arb_link(),
        bytes in arb_bytes(),
        split in prop_oneof![Just(0), Just(14), 0_usize..40],
        limit in 0_usize..300,
        vlan in prop::option::of(any::<(u16, u16)>()),
        wire_len in prop_oneof![0_u32..400, any::<u32>()],
        (protocol, out) in any::<(u16, bool)>(),
    ) {
        let (link_header, rest) = bytes.split_at(split.min(bytes.len()));
        let vlan = vlan.map(|(tpid, tci)| Vlan { tpid, tci });
        let direction = if out { Direction::Out } else { Direction::In };
        let frame = Frame { link, link_header, bytes: rest, vlan, wire_len, protocol, direction, ..Frame::default() };
        let path = if out { OUTWARDS } else { INWARDS };
        let Some(sample) = sample(&frame, path, None, limit) else {
            prop_assert!(link != LinkType::Ethernet && link != LinkType::Other(32));
            return Ok(());
        };
        let Some(FlowRecord::SampledHeader(shown)) = sample.records.first() else { panic!() };
        prop_assert!(shown.header.len() <= limit.min(256));
        prop_assert!(shown.frame_length as usize >= shown.header.len() + shown.stripped as usize);
        let mut visible = shown.header.to_vec();
        if shown.protocol == 1 && vlan.is_some() && visible.len() >= 16 {
            visible.drain(12..16);
        }
        let inside = bytes.starts_with(&visible) || rest.starts_with(&visible) || bytes.get(14..).is_some_and(|ip| ip.starts_with(&visible));
        prop_assert!(inside || visible.len() < 16 || split < 12, "{:?}", shown.header);
        for record in &sample.records {
            if let FlowRecord::DecapsulateEgress(_) | FlowRecord::DecapsulateIngress(_) = record {
                let place = serde_json::to_value(record).unwrap().to_string();
                let place: usize = place.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
                prop_assert!(place < shown.header.len());
            }
        }
    }
}
