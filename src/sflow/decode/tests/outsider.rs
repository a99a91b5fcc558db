//! What we encode, read by a decoder that others wrote (the crate `sflow-parser`).
//!
//! Both sides are printed as JSON, and the values compared in order: the fields of both stand in wire order.

use super::*;
use crate::sflow::counters::host::{HostDiskIo, HostId};
use crate::sflow::flow::app::{AppOperation, ExtendedUrl};
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::flow::socket::TcpInfo;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use sflow_parser::models::{SFlowDatagram, SampleData};
use std::fmt;

/// All values of a JSON text in the order in which they stand there, as text.
#[derive(Debug, Default, PartialEq)]
struct Leaves(Vec<String>);

impl<'de> Deserialize<'de> for Leaves {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Leaves;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Leaves, E> {
        Ok(Leaves(vec![value.to_string()]))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Leaves, E> {
        Ok(Leaves(vec![value.to_string()]))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Leaves, E> {
        Ok(Leaves(vec![value.to_string()]))
    }

    fn visit_str<E>(self, value: &str) -> Result<Leaves, E> {
        Ok(Leaves(vec![value.to_owned()]))
    }

    /// Whether a sample came in the compact form, which the other decoder says by its type.
    fn visit_bool<E>(self, _: bool) -> Result<Leaves, E> {
        Ok(Leaves::default())
    }

    fn visit_unit<E>(self) -> Result<Leaves, E> {
        Ok(Leaves::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Leaves, A::Error> {
        let mut all = Leaves::default();
        while let Some(entry) = list.next_element::<Leaves>()? {
            all.0.extend(entry.0);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaves, A::Error> {
        let mut all = Leaves::default();
        while let Some((_, value)) = map.next_entry::<String, Leaves>()? {
            all.0.extend(value.0);
        }
        Ok(all)
    }
}

/// The values of `value`, addresses and UUIDs byte by byte.
fn leaves(value: &impl Serialize) -> Vec<String> {
    let leaves = serde_json::from_str::<Leaves>(&json(value)).unwrap().0;
    leaves.iter().flat_map(|leaf| bytes(leaf).unwrap_or_else(|| vec![leaf.clone()])).collect()
}

fn bytes(leaf: &str) -> Option<Vec<String>> {
    let shape: String = leaf.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
    let hex = match &shape[..] {
        "xx:xx:xx:xx:xx:xx" => leaf.replace(':', ""),
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" => leaf.replace('-', ""),
        _ => return None,
    };
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap().to_string();
    Some((0..hex.len()).step_by(2).map(byte).collect())
}

/// One sample of ours as the other decoder reads it.
fn read_by_other(sample: Sample) -> SFlowDatagram {
    let datagram = Datagram { samples: vec![sample], ..any_datagram(&[]) };
    sflow_parser::parse_datagram(&encoded(|out| datagram.encode(out))).unwrap()
}

fn flow(records: Vec<FlowRecord>) -> Sample {
    let header = FlowHeader::any(&mut Entropy([1, 2, 3, 4, 5, 6, 7, 8, 9].repeat(9).iter()));
    Sample::Flow(Framed { compact: false, header, records })
}

fn counters(records: Vec<CounterRecord>) -> Sample {
    let header = CountersHeader { sequence: 1, source: DataSource::HOST };
    Sample::Counters(Framed { compact: false, header, records })
}

fn flow_by_other(record: &FlowRecord) -> Vec<String> {
    match &read_by_other(flow(vec![record.clone()])).samples[0].sample_data {
        SampleData::FlowSampleExpanded(sample) => leaves(&sample.flow_records[0].flow_data),
        other => panic!("{other:?}"),
    }
}

fn counter_by_other(record: &CounterRecord) -> Vec<String> {
    match &read_by_other(counters(vec![record.clone()])).samples[0].sample_data {
        SampleData::CountersSampleExpanded(sample) => leaves(&sample.counters[0].counter_data),
        other => panic!("{other:?}"),
    }
}

/// Flow records that the other decoder takes in another way, with the reason.
const FLOW_DIFFERS: &[(u32, &str)] = &[
    (1, "refuses random header protocols; see below"),
    (2, "reads MAC addresses without their padding"),
    (1003, "also prints the length of each AS path segment"),
    (1005, "prints words; see below"),
    (1009, "reads label and class of service as two words; the specification has one"),
    (1010, "reads an address; the specification has a string"),
    (1013, "reads plain bytes; sflowtool reads a sampled header"),
    (1021, "as 2"),
    (1022, "as 2"),
    (1043, "not known"),
    (2200, "prints words"),
    (2201, "reads the layout of 2206"),
    (2202, "prints words; see below"),
    (2206, "prints words, and the status as a signed number"),
    (2209, "prints words; see below"),
];

/// The same for counter records.
const COUNTERS_DIFFER: &[(u32, &str)] = &[
    (7, "reads MAC addresses without their padding"),
    (11, "not known"),
    (2000, "prints words; see below"),
    (2003, "reads the form of 68 bytes, and floats as words; see below"),
    (2005, "reads the percentage as a signed number; see below"),
    (2205, "not known"),
];

#[test]
fn another_decoder_reads_the_same_values_in_every_record_that_it_knows() {
    let seed: Vec<u8> = (0..20_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let e = &mut Entropy(seed.iter());
    let known = |tag: Tag, except: &[(u32, &str)]| {
        tag.enterprise != 0 || except.iter().all(|(format, _)| *format != tag.format)
    };
    let flows = FlowRecord::any_of_each(e).into_iter().filter(|r| known(r.tag(), FLOW_DIFFERS));
    let counters = CounterRecord::any_of_each(e).into_iter().filter(|r| known(r.tag(), COUNTERS_DIFFER));
    let flows = flows.map(|r| assert_eq!(leaves(&r), flow_by_other(&r), "{}", r.tag())).count();
    let counters = counters.map(|r| assert_eq!(leaves(&r), counter_by_other(&r), "{}", r.tag())).count();
    assert_eq!((flows, counters), (35, 35));
}

/// Replaces the numbers at some places by the words that the other decoder prints.
fn with_words(mut leaves: Vec<String>, words: &[(usize, &str, &str)]) -> Vec<String> {
    for (at, ours, theirs) in words {
        assert_eq!(leaves[*at], *ours);
        leaves[*at] = (*theirs).to_owned();
    }
    leaves
}

#[test]
fn another_decoder_gives_our_numbers_their_names() {
    let e = &mut Entropy([9; 999].iter());
    let url = FlowRecord::ExtendedUrl(ExtendedUrl { direction: 2, ..Xdr::any(e) });
    assert_eq!(with_words(leaves(&url), &[(0, "2", "Destination")]), flow_by_other(&url));
    let tcp = FlowRecord::TcpInfo(TcpInfo { direction: 2, ..Xdr::any(e) });
    assert_eq!(with_words(leaves(&tcp), &[(0, "2", "Sent")]), flow_by_other(&tcp));
    let operation = FlowRecord::AppOperation(AppOperation { status: 10, ..Xdr::any(e) });
    assert_eq!(with_words(leaves(&operation), &[(7, "10", "Unauthorized")]), flow_by_other(&operation));
    let id = CounterRecord::HostId(HostId { machine_type: 3, os_name: 2, ..Xdr::any(e) });
    assert_eq!(with_words(leaves(&id), &[(17, "3", "X86_64"), (18, "2", "Linux")]), counter_by_other(&id));
    let disk = CounterRecord::HostDiskIo(HostDiskIo { part_max_used: 9999, ..Xdr::any(e) });
    assert_eq!(leaves(&disk), counter_by_other(&disk));
}

#[test]
fn another_decoder_reads_a_sampled_header_and_the_host_cpu() {
    let header =
        SampledHeader { protocol: 1, frame_length: 64, stripped: 4, header: b"\x01\x02\xff"[..].into() };
    let theirs = flow_by_other(&FlowRecord::SampledHeader(header));
    assert_eq!(theirs, ["EthernetIso88023", "64", "4", "1", "2", "255"]);
    let CounterRecord::HostCpu(cpu) = &CounterRecord::any_of_each(&mut Entropy([3; 9999].iter()))[16] else {
        panic!("the table's order changed")
    };
    let loads = [cpu.load_one, cpu.load_five, cpu.load_fifteen].map(|load| load.to_bits().to_string());
    let ours: Vec<_> = loads.into_iter().chain(leaves(cpu)[3..17].to_vec()).collect();
    assert_eq!(ours, counter_by_other(&CounterRecord::HostCpu(cpu.clone())));
}

#[test]
fn another_decoder_reads_the_same_headers() {
    let flow = flow(Vec::new());
    let SampleData::FlowSampleExpanded(theirs) = &read_by_other(flow.clone()).samples[0].sample_data else {
        panic!("not a flow sample")
    };
    assert_eq!(leaves(&flow), leaves(theirs));
    let counters = counters(Vec::new());
    let SampleData::CountersSampleExpanded(theirs) = &read_by_other(counters.clone()).samples[0].sample_data
    else {
        panic!("not a counters sample")
    };
    assert_eq!(leaves(&counters), leaves(theirs));
    let header = DiscardHeader { reason: 289, ..DiscardHeader::any(&mut Entropy([7; 99].iter())) };
    let discard = Sample::Discard(Framed { compact: false, header, records: Vec::new() });
    let SampleData::DiscardedPacket(theirs) = &read_by_other(discard.clone()).samples[0].sample_data else {
        panic!("not a discarded packet")
    };
    assert_eq!(with_words(leaves(&discard), &[(6, "289", "UnknownL4")]), leaves(theirs));
    let datagram = Datagram { samples: Vec::new(), ..any_datagram(&[3; 9999]) };
    let theirs = sflow_parser::parse_datagram(&encoded(|out| datagram.encode(out))).unwrap();
    // The version stands before ours, what the decoder noticed behind.
    let ours = leaves(&datagram);
    assert_eq!(ours[..4], leaves(&theirs)[1..5]);
}
