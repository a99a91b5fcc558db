use super::*;
use crate::sflow::datagram::{Datagrams, Stream, Unsent};
use crate::sflow::decode::{self, decode};
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::socket::Entities;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::Port;
use proptest::prelude::*;
use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

/// A datagram with a sample of each of these packets, one in 1,000.
pub(crate) fn datagram(packets: &[(u32, &[u8])]) -> Vec<u8> {
    let agent = IpAddr::from([10, 0, 0, 1]);
    let (mut queue, mut stream, mut sent) = (Datagrams::new(9000, agent), Stream::new(agent, 0), Vec::new());
    let mut send = |unsent: Unsent<'_>| sent = stream.complete(unsent).to_vec();
    for (frame_length, bytes) in packets {
        let header = FlowHeader {
            sequence: 1,
            source: DataSource::interface(7),
            sampling_rate: 1000,
            sample_pool: 0,
            drops: 0,
            input: Port::interface(7),
            output: Port::INTERNAL,
        };
        let (protocol, header_bytes) = (1, Cow::Borrowed(*bytes));
        let shown =
            SampledHeader { protocol, frame_length: *frame_length, stripped: 4, header: header_bytes };
        let entities = Entities { src: DataSource::logical(5), dst: DataSource { class: 0, index: 0 } };
        let write = |out: &mut sample::SampleWriter<'_, '_>| {
            out.record(&entities)?;
            out.record(&shown)
        };
        queue.add_flow(0, &header, write, &mut send).unwrap();
    }
    queue.flush(0, &mut send);
    sent
}

/// The same by the other decoder.
fn told_by_decode(bytes: &[u8]) -> Vec<(FlowHeader, u32)> {
    let samples = decode(bytes).map(|datagram| datagram.samples).unwrap_or_default();
    let flow = |sample| if let decode::Sample::Flow(flow) = sample { Some(flow) } else { None };
    let told = samples.into_iter().filter_map(flow).filter_map(|flow| {
        let shown = flow.records.iter().rev().find_map(|record| match record {
            FlowRecord::SampledHeader(header) => Some(header),
            _ => None,
        });
        let shown = shown.filter(|header| Start::of_header_protocol(header.protocol).is_some())?;
        Some((flow.header, shown.frame_length))
    });
    told.collect()
}

fn told(bytes: &[u8]) -> Vec<(FlowHeader, u32)> {
    let mut told = Vec::new();
    let _ = flows(bytes, &mut |flow| told.push((flow.sample, flow.bytes)));
    told
}

#[test]
fn samples_are_read_as_the_full_decoder_reads_them() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/sflow");
    let mut compared = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let expected = told_by_decode(&bytes);
        compared += expected.len();
        assert_eq!(told(&bytes), expected);
    }
    let own = datagram(&[(1404, &[2; 60]), (64, &[])]);
    assert_eq!(told(&own), told_by_decode(&own));
    assert!(compared > 0 && told(&own).len() == 2);
}

proptest! {
    #[test]
    fn any_damage_costs_samples_and_nothing_else(cut in 0_usize..300, at in 0_usize..300, byte: u8) {
        let mut bytes = datagram(&[(1404, &[2; 60]), (64, &[3; 64])]);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        prop_assert!(told(&bytes).len() <= 2);
    }
}
