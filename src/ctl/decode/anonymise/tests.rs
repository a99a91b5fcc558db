//! No address is left anywhere, what can be read can still be read, and the same address is always the same other one.

use super::*;
use crate::sflow::counters::CounterRecord;
use crate::sflow::decode::{Framed, decode};
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::realtime::{FlowField, FlowValue, RtFlow};
use crate::sflow::sample::{CountersHeader, FlowHeader};
use crate::sflow::xdr::{Entropy, Writer, Xdr};
use crate::wire::frame::{self, Start};
use crate::wire::tunnel;
use proptest::prelude::*;
use serde_json::Value;

const KEY: &Key = b"a key of thirty-two characters..";

fn by() -> Anonymiser {
    Anonymiser::new(KEY)
}

fn datagram(samples: Vec<Sample>) -> Datagram {
    Datagram {
        agent: [192, 0, 2, 1].into(),
        sub_agent_id: 7,
        sequence: 9,
        uptime_ms: 1500,
        samples,
        dirty_padding: 0,
        trailing: Vec::new(),
    }
}

/// Every text in a value that is an address, with the name of its field.
fn addresses(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| addresses(value, name, found)),
        Value::Array(items) => items.iter().for_each(|value| addresses(value, name, found)),
        Value::String(text) => {
            let is_mac = text.len() == 17 && text.split(':').all(|byte| u8::from_str_radix(byte, 16).is_ok());
            if is_mac || text.parse::<IpAddr>().is_ok() {
                found.push((name.to_owned(), text.clone()));
            }
        }
        _ => {}
    }
}

#[test]
fn no_field_of_any_record_keeps_its_address() {
    // Bytes that repeat make no address of zeros, and no text that is one by chance.
    let bytes: Vec<u8> = (0..60_000_u32).map(|i| u8::try_from(i % 97 + 33).unwrap()).collect();
    let e = &mut Entropy(bytes.iter());
    let flow = Framed { compact: false, header: FlowHeader::any(e), records: FlowRecord::any_of_each(e) };
    let counters =
        Framed { compact: false, header: CountersHeader::any(e), records: CounterRecord::any_of_each(e) };
    let attributes = RtFlow {
        datasource: "x".into(),
        sampling_rate: 1,
        sample_pool: 0,
        fields: [
            FlowValue::Mac([2, 0, 0, 0, 0, 1]),
            FlowValue::Ip([192, 0, 2, 1].into()),
            FlowValue::Ip6("2001:db8::1".parse().unwrap()),
            FlowValue::String("192.0.2.1".into()),
        ]
        .map(|value| FlowField { name: "y".into(), value })
        .into(),
    };
    let before = datagram(vec![Sample::Flow(flow), Sample::Counters(counters), Sample::RtFlow(attributes)]);
    let mut after = before.clone();
    by().datagram(&mut after);
    let [mut was, mut is] = [Vec::new(), Vec::new()];
    addresses(&serde_json::to_value(&before).unwrap(), "", &mut was);
    addresses(&serde_json::to_value(&after).unwrap(), "", &mut is);
    assert!(was.len() > 30, "{was:?}");
    assert_eq!(was.len(), is.len());
    for (was, is) in was.iter().zip(&is) {
        assert!(was.0 == is.0 && was.1 != is.1, "{was:?} is {is:?}");
    }
}

#[test]
fn texts_that_are_addresses_are_replaced_and_others_stay() {
    let replaced = |text: &str| {
        let mut text = Cow::Borrowed(text);
        by().text(&mut text);
        text.into_owned()
    };
    let (four, six) = (by().ip([192, 0, 2, 1].into()), by().ip("2001:db8::1".parse().unwrap()));
    assert_eq!(replaced("192.0.2.1"), four.to_string());
    assert_eq!(replaced("192.0.2.1:80"), format!("{four}:80"));
    assert_eq!(replaced("192.0.2.1, 2001:db8::1"), format!("{four}, {six}"));
    for other in ["", "www.example.org", "user 192.0.2.1", "-"] {
        assert_eq!(replaced(other), other);
    }
    assert_eq!(by().ip("::ffff:192.0.2.1".parse().unwrap()).to_canonical(), four);
    assert!(by().ip("0.0.0.0".parse().unwrap()).is_unspecified());
}

/// IPv4 with a right checksum around a body.
fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let mut packet =
        vec![0x45, 0, length[0], length[1], 0, 9, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
    packet.extend(body);
    packet
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(body);
    packet
}

fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &kind.to_be_bytes(), body].concat()
}

const UDP: [u8; 16] =
    [0x13, 0x88, 0x01, 0xBB, 0, 16, 0xAA, 0xAA, b's', b'e', b'c', b'r', b'e', b't', b'!', b'!'];

fn scrubbed(frame: &[u8]) -> Vec<u8> {
    let header = SampledHeader { protocol: 1, header: frame.to_vec().into(), ..SampledHeader::default() };
    let records = vec![FlowRecord::SampledHeader(header)];
    let header = FlowHeader::any(&mut Entropy([].iter()));
    let mut datagram = datagram(vec![Sample::Flow(Framed { compact: false, header, records })]);
    by().datagram(&mut datagram);
    let Some(Sample::Flow(flow)) = datagram.samples.first() else { panic!("a flow") };
    let Some(FlowRecord::SampledHeader(header)) = flow.records.first() else { panic!("a header") };
    header.header.to_vec()
}

#[track_caller]
fn holds_none(packet: &[u8]) {
    for bytes in
        [&[192, 0, 2, 1][..], &[198, 51, 100, 2], &[2, 0, 0, 0, 0, 1], &[2, 0, 0, 0, 0, 2], b"secret"]
    {
        assert!(!packet.windows(bytes.len()).any(|part| part == bytes), "{bytes:?} in {packet:x?}");
    }
    assert!(!packet.windows(8).any(|part| part == [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0]), "{packet:x?}");
}

#[test]
fn a_sampled_packet_keeps_its_headers_and_nothing_else() {
    let before = ethernet(0x0800, &ipv4(17, &UDP));
    let after = scrubbed(&before);
    holds_none(&after);
    let headers = frame::parse(Start::Ethernet, &after);
    let ip = headers.ip.unwrap();
    assert_eq!(
        (ip.source, ip.destination),
        (by().ip([192, 0, 2, 1].into()), by().ip([198, 51, 100, 2].into()))
    );
    assert_eq!(headers.transport, frame::parse(Start::Ethernet, &before).transport);
    assert_eq!(after[34 + 6..], [0; 10], "checksum and payload");
    let words = after[14..34].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    assert_eq!((sum & 0xFFFF) + (sum >> 16), 0xFFFF, "the IP header's checksum is right");
}

#[test]
fn packets_inside_packets_are_treated_alike() {
    let inner = ethernet(0x86DD, &ipv6(17, &UDP));
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat();
    let udp = [&[0xC0, 0, 0x12, 0xB5, 0, 0, 0, 0][..], &vxlan].concat();
    let gre = [&[0x20, 0, 0x65, 0x58, 0, 0, 42, 0][..], &inner].concat();
    let error = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &ipv4(17, &UDP)].concat();
    let error_v6 = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &ipv6(17, &UDP)].concat();
    let frames = [
        ethernet(0x0800, &ipv4(17, &udp)),
        ethernet(0x0800, &ipv4(47, &gre)),
        ethernet(0x0800, &ipv4(41, &ipv6(17, &UDP))),
        ethernet(0x0800, &ipv4(1, &error)),
        ethernet(0x86DD, &ipv6(58, &error_v6)),
        ethernet(0x8100, &[&[0, 7, 8, 0][..], &ipv4(6, &[7; 40])].concat()),
    ];
    for before in frames {
        let after = scrubbed(&before);
        assert_eq!(after.len(), before.len());
        holds_none(&after);
        let (was, is) = (frame::parse(Start::Ethernet, &before), frame::parse(Start::Ethernet, &after));
        assert_eq!((was.ip_at, was.transport_at()), (is.ip_at, is.transport_at()), "{before:x?}");
        let places = |headers| tunnel::nested(headers).map(|t| (t.inner_at, t.kind)).collect::<Vec<_>>();
        assert_eq!(places(&was), places(&is));
        let ports = |headers| tunnel::nested(headers).last().and_then(|t| t.inner.transport?.ports());
        assert_eq!(ports(&was), ports(&is));
    }
}

#[test]
fn addresses_in_messages_are_replaced_and_options_and_the_unknown_are_blanked() {
    let arp =
        [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1][..], &[0; 6], &[198, 51, 100, 2]].concat();
    let after = scrubbed(&ethernet(0x0806, &arp));
    holds_none(&after);
    assert_eq!(after[28..32], by().v4([192, 0, 2, 1].into()).octets());
    assert_eq!(after[32..38], [0; 6], "an address that is asked for is none");
    let redirect = [&[5, 1, 0, 0, 198, 51, 100, 2][..], &ipv4(17, &UDP)].concat();
    let neighbour =
        [&[135, 0, 0, 0, 0, 0, 0, 0][..], &[0x20, 1, 0xd, 0xb8], &[0; 12], &[1, 1, 2, 0, 0, 0, 0, 1]]
            .concat();
    let routing = [&[17, 2, 0, 1, 0, 0, 0, 0][..], &[0x20, 1, 0xd, 0xb8], &[0; 12], &UDP].concat();
    let mut record_route = ipv4(17, &[]);
    record_route[0] = 0x47;
    record_route[3] = 44;
    record_route.extend([7, 7, 8, 192, 0, 2, 1, 0]);
    record_route.extend(UDP);
    for frame in [
        ethernet(0x0800, &ipv4(1, &redirect)),
        ethernet(0x86DD, &ipv6(58, &neighbour)),
        ethernet(0x86DD, &ipv6(43, &routing)),
        ethernet(0x0800, &record_route),
        ethernet(0x88CC, &[2, 0, 0, 0, 0, 1, 192, 0, 2, 1]),
        ethernet(0x0800, &ipv4(253, &[192, 0, 2, 1])),
    ] {
        let after = scrubbed(&frame);
        holds_none(&after);
        let ports = |frame: &[u8]| frame::parse(Start::Ethernet, frame).transport.map(|t| t.ports());
        assert_eq!(ports(&after), ports(&frame), "{frame:x?}");
    }
}

#[test]
fn what_is_not_understood_is_blanked_and_keeps_its_length() {
    let raw = || Raw { tag: crate::sflow::ids::Tag::new(9, 99), bytes: vec![192, 0, 2, 1], reason: None };
    let header = FlowHeader::any(&mut Entropy([].iter()));
    let infiniband = SampledHeader { protocol: 18, header: vec![1, 2, 3].into(), ..SampledHeader::default() };
    let records = vec![FlowRecord::Raw(raw()), FlowRecord::SampledHeader(infiniband)];
    let mut datagram =
        datagram(vec![Sample::Raw(raw()), Sample::Flow(Framed { compact: false, header, records })]);
    datagram.trailing = vec![1];
    by().datagram(&mut datagram);
    let text = serde_json::to_string(&datagram).unwrap();
    assert_eq!(text.matches(r#""bytes":"00000000""#).count(), 2, "{text}");
    assert!(text.contains(r#""header":"000000""#) && text.contains(r#""trailing":"00""#), "{text}");
}

proptest! {
    #[test]
    fn any_sampled_bytes_keep_their_length_and_their_shape(
        kind in prop::sample::select(vec![0x0800u16, 0x86DD, 0x0806, 0x8100, 0x8847, 0x8864]),
        start in prop::sample::select(vec![0x45u8, 0x46, 0x4F, 0x60, 0]),
        mut body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Some(first) = body.first_mut() {
            *first = start;
        }
        let before = ethernet(kind, &body);
        let after = scrubbed(&before);
        prop_assert_eq!(after.len(), before.len());
        let (was, is) = (frame::parse(Start::Ethernet, &before), frame::parse(Start::Ethernet, &after));
        prop_assert_eq!(was.ip.map(|ip| by().ip(ip.source)), is.ip.map(|ip| ip.source));
        prop_assert_eq!(was.ip.map(|ip| by().ip(ip.destination)), is.ip.map(|ip| ip.destination));
        prop_assert_eq!(was.ip.map(|_| was.ip_at), is.ip.map(|_| is.ip_at));
    }

    #[test]
    fn an_anonymised_datagram_can_be_sent(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        let e = &mut Entropy(bytes.iter());
        let header = FlowHeader { output: crate::sflow::sample::Port::INTERNAL, ..FlowHeader::any(e) };
        let flow = Framed { compact: false, header, records: FlowRecord::any_of_each(e) };
        let mut datagram = datagram(vec![Sample::Flow(flow)]);
        by().datagram(&mut datagram);
        let mut buffer = vec![0; 1 << 16];
        let mut out = Writer::new(&mut buffer);
        datagram.encode(&mut out).unwrap();
        prop_assert_eq!(decode(out.written()), Ok(datagram));
    }
}
