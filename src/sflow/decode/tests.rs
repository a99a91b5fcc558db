//! Laws that hold for every record and sample: what is encoded is decoded, and nothing panics.

mod outsider;

use super::*;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::Port;
use crate::sflow::xdr::Entropy;
use proptest::prelude::*;

fn encoded(write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let [a, b] = [0xA5, 0xFF].map(|dirt| {
        let mut buffer = vec![dirt; 1 << 16];
        let mut out = Writer::new(&mut buffer);
        write(&mut out).unwrap();
        out.written().to_vec()
    });
    assert_eq!(a, b, "the encoding must not show what the buffer held before");
    a
}

/// Every record in both tables, and a sample of each kind that holds them.
fn any_datagram(bytes: &[u8]) -> Datagram {
    let e = &mut Entropy(bytes.iter());
    // Numbers that the compact form can hold.
    let source = DataSource { class: e.byte().into(), index: u32::from(e.byte()) << 16 };
    let port = Port { format: u32::from(e.byte() % 4), value: u32::from(e.byte()) << 20 };
    let flow = FlowHeader {
        sequence: Xdr::any(e),
        source,
        sampling_rate: Xdr::any(e),
        sample_pool: Xdr::any(e),
        drops: Xdr::any(e),
        input: port,
        output: Port::INTERNAL,
    };
    let counters = CountersHeader { sequence: Xdr::any(e), source };
    let compact = e.byte().is_multiple_of(2);
    let samples = vec![
        Sample::Flow(Framed { compact, header: flow, records: FlowRecord::any_of_each(e) }),
        Sample::Counters(Framed { compact, header: counters, records: CounterRecord::any_of_each(e) }),
        Sample::Discard(Framed {
            compact: false,
            header: DiscardHeader::any(e),
            records: FlowRecord::any_of_each(e),
        }),
        Sample::RtMetric(RtMetric::any(e)),
        Sample::RtFlow(RtFlow::any(e)),
        Sample::Raw(Raw { tag: Tag::new(9, 99), bytes: vec![e.byte(); 7], reason: None }),
    ];
    Datagram {
        agent: Xdr::any(e),
        sub_agent_id: Xdr::any(e),
        sequence: Xdr::any(e),
        uptime_ms: Xdr::any(e),
        samples,
        dirty_padding: 0,
        trailing: Vec::new(),
    }
}

proptest! {
    #[test]
    fn every_record_and_sample_comes_back_as_it_was_sent(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        let datagram = any_datagram(&bytes);
        let wire = encoded(|out| datagram.encode(out));
        prop_assert_eq!(decode(&wire), Ok(datagram));
    }

    #[test]
    fn a_flipped_bit_is_read_to_a_fixed_point(bytes in prop::collection::vec(any::<u8>(), 0..6000), at: usize, bit in 0..8) {
        let mut wire = encoded(|out| any_datagram(&bytes).encode(out));
        let at = at % wire.len();
        wire[at] ^= 1u8 << bit;
        if let Ok(first) = decode(&wire) {
            let again = encoded(|out| first.encode(out));
            let second = decode(&again).unwrap();
            prop_assert_eq!((second.dirty_padding, second.trailing.len()), (0, 0));
            // Debug text, because a flipped bit can make a NaN, which is not equal to itself.
            prop_assert_eq!(format!("{:?}", first.samples), format!("{:?}", second.samples));
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_datagram(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        bytes.splice(0..bytes.len().min(8), [0, 0, 0, 5, 0, 0, 0, 1]);
        let _ = decode(&bytes);
    }
}

#[test]
fn a_datagram_cut_at_any_byte_is_an_error() {
    let wire = encoded(|out| any_datagram(&[3; 6000]).encode(out));
    for end in 0..wire.len() {
        assert!(decode(&wire[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_record_cut_at_any_byte_is_kept_with_a_reason() {
    let e = &mut Entropy([7; 9999].iter());
    let records = (FlowRecord::any_of_each(e), CounterRecord::any_of_each(e));
    let flows = records.0.iter().map(|r| (r.tag(), encoded(|out| r.encode(out)), false));
    let counters = records.1.iter().map(|r| (r.tag(), encoded(|out| r.encode(out)), true));
    for (tag, wire, is_counter) in flows.chain(counters) {
        for end in 0..wire.len() - 8 {
            let cut = encoded(|out| out.element_of(tag.word(), &wire[8..8 + end]));
            let mut input = Reader::new(&cut);
            let raw = if is_counter {
                match CounterRecord::decode(&mut input).unwrap() {
                    CounterRecord::Raw(raw) => Some(raw),
                    _ => None,
                }
            } else {
                match FlowRecord::decode(&mut input).unwrap() {
                    FlowRecord::Raw(raw) => Some(raw),
                    _ => None,
                }
            };
            // A layout whose end may be absent, and padding left out of the length, are no faults.
            let Some(raw) = raw else {
                let optional = [CPU, JMX].contains(&tag) && end.is_multiple_of(4);
                assert!(optional || wire.len() - 8 - end < 4, "{tag} cut at {end}");
                continue;
            };
            assert_eq!(raw.bytes, &wire[8..8 + end]);
            assert!(raw.reason.is_some(), "{tag} cut at {end}");
        }
    }
}

const CPU: Tag = Tag::new(0, 2003);
const JMX: Tag = Tag::new(0, 2106);

#[test]
fn a_false_count_costs_neither_memory_nor_the_samples_after_it() {
    let wire = encoded(|out| {
        Header { agent: [192, 0, 2, 1].into(), sub_agent_id: 0, sequence: 1, uptime_ms: 0, samples: 2 }
            .encode(out)?;
        out.element(sample::COUNTERS.word(), |out| {
            CountersHeader { sequence: 1, source: DataSource::HOST }.encode(out)?;
            out.u32(u32::MAX)
        })?;
        out.element(sample::COUNTERS.word(), |out| {
            CountersHeader { sequence: 2, source: DataSource::HOST }.encode(out)?;
            out.u32(1)?;
            out.element(2001, |out| out.u32(u32::MAX))
        })
    });
    let datagram = decode(&wire).unwrap();
    let reason = DecodeError::Truncated { offset: 16, wanted: 4, left: 0 };
    assert!(matches!(&datagram.samples[0], Sample::Raw(raw) if raw.reason == Some(reason)));
    let Sample::Counters(counters) = &datagram.samples[1] else { panic!("{datagram:?}") };
    let reason = DecodeError::Count { offset: 0, count: u32::MAX, left: 0 };
    assert!(matches!(&counters.records[0], CounterRecord::Raw(raw) if raw.reason == Some(reason)));
}

#[test]
fn bytes_after_a_records_last_field_are_reported_and_the_next_record_is_read() {
    let wire = encoded(|out| {
        out.element(1005, |out| {
            out.opaque(b"eth0")?;
            out.u32(7)
        })?;
        out.element(2002, |out| out.u64(0x2_0000_0001))
    });
    let mut input = Reader::new(&wire);
    let CounterRecord::Raw(raw) = CounterRecord::decode(&mut input).unwrap() else { panic!("not raw") };
    assert_eq!(raw.reason, Some(DecodeError::Trailing { offset: 8, left: 4 }));
    assert!(matches!(CounterRecord::decode(&mut input), Ok(CounterRecord::HostParent(_))));
}

#[test]
fn dirty_padding_is_counted_and_trailing_bytes_are_kept() {
    let mut wire = encoded(|out| {
        Header { agent: [192, 0, 2, 1].into(), sub_agent_id: 0, sequence: 1, uptime_ms: 0, samples: 1 }
            .encode(out)?;
        out.element(sample::COUNTERS.word(), |out| {
            CountersHeader { sequence: 1, source: DataSource::HOST }.encode(out)?;
            out.u32(1)?;
            out.element(1005, |out| out.opaque(b"lo"))
        })
    });
    let last = wire.len() - 1;
    wire[last] = 0xEE;
    wire.extend(b"more");
    let datagram = decode(&wire).unwrap();
    assert_eq!((datagram.dirty_padding, &datagram.trailing[..]), (1, &b"more"[..]));
}

#[test]
fn the_short_form_of_host_cpu_leaves_the_absent_counters_unknown() {
    let wire = encoded(|out| out.element_of(2003, &[0; 68]));
    let CounterRecord::HostCpu(cpu) = CounterRecord::decode(&mut Reader::new(&wire)).unwrap() else {
        panic!("68 bytes are a known form")
    };
    assert_eq!((cpu.contexts, cpu.cpu_steal, cpu.cpu_guest_nice), (0, u32::MAX, u32::MAX));
}

#[test]
fn records_that_no_other_decoder_here_reads_have_their_published_layout() {
    use crate::sflow::counters::{
        app::Vdi,
        port::{LacpPort, Pfc},
    };
    use crate::sflow::flow::kernel::Timestamp;
    assert_eq!([Vdi::MIN, LacpPort::MIN, Pfc::MIN, Timestamp::MIN], [92, 56, 20, 8]);
    let lacp = LacpPort {
        actor_system_id: *b"actor!",
        partner_system_id: *b"other!",
        attached_agg_id: 0x6162_6364,
        port_state: *b"AaPp",
        lacpdus_rx: 0x3132_3334,
        ..LacpPort::default()
    };
    assert_eq!(
        encoded(|out| lacp.encode(out)),
        [&b"actor!\0\0other!\0\0abcdAaPp1234"[..], &[0; 28]].concat()
    );
}

#[test]
fn compact_samples_hold_source_and_ports_in_one_word_each() {
    let source = DataSource { class: 3, index: 0x00_1122 };
    let (input, output) = (Port { format: 2, value: 5 }, Port::INTERNAL);
    let header =
        FlowHeader { sequence: 1, source, sampling_rate: 2, sample_pool: 3, drops: 4, input, output };
    let words = |sample: &Sample| {
        let wire = encoded(|out| sample.encode(out));
        wire.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect::<Vec<_>>()
    };
    let compact = Framed { compact: true, header, records: Vec::new() };
    assert_eq!(
        words(&Sample::Flow(compact.clone())),
        [1, 32, 1, 0x0300_1122, 2, 3, 4, 0x8000_0005, 0x3FFF_FFFF, 0]
    );
    // An index of more than 24 bits has no compact form.
    let header = FlowHeader { source: DataSource { class: 3, index: 1 << 24 }, ..header };
    let wide = words(&Sample::Flow(Framed { header, ..compact }));
    assert_eq!(wide, [3, 44, 1, 3, 1 << 24, 2, 3, 4, 2, 5, 0, 0x3FFF_FFFF, 0]);
}

#[test]
fn json_prints_addresses_and_bytes_as_people_write_them() {
    let e = &mut Entropy([0x1f; 99].iter());
    let id = crate::sflow::counters::host::HostId { uuid: *b"0123456789abcdef", ..Default::default() };
    assert!(json(&CounterRecord::HostId(id)).contains("\"30313233-3435-3637-3839-616263646566\""));
    let lacp = crate::sflow::counters::port::LacpPort::any(e);
    assert!(json(&CounterRecord::LacpPort(lacp)).contains("\"actor_system_id\":\"1f:1f:1f:1f:1f:1f\""));
    let header = crate::sflow::flow::packet::SampledHeader {
        protocol: 1,
        frame_length: 64,
        stripped: 4,
        header: vec![0, 0xAB, 0x10].into(),
    };
    let text = json(&FlowRecord::SampledHeader(header));
    assert_eq!(text, r#"{"sampled_header":{"protocol":1,"frame_length":64,"stripped":4,"header":"00ab10"}}"#);
    let raw = Raw { tag: Tag::new(4300, 1), bytes: vec![1, 2], reason: None };
    assert_eq!(json(&FlowRecord::Raw(raw)), r#"{"raw":{"tag":"4300:1","bytes":"0102"}}"#);
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
