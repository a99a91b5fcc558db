//! A stream of datagrams and what our decoder reads in it.
//!
//! Other programs do not know every record and some lose their way behind one that they do not know, instead of
//! skipping it by its length: tshark 4.0 behind 0:1005 and the host records, sfacctd 1.7 behind real-time samples.
//! [`Stream::standard`] leaves those out, so that what is left is judged.

#![allow(dead_code)] // each test program uses its part

use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::counters::interface::GenericInterface;
use hsflow::sflow::decode::{Datagram, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::sample::{FlowHeader, Port};
use hsflow::sflow::xdr::Writer;
use hsflow::wire::{pcap, udp};

/// Datagrams in the order in which they were sent.
pub(crate) struct Stream(Vec<Vec<u8>>);

impl Stream {
    /// Payloads as they were caught.
    pub(crate) fn caught(datagrams: Vec<Vec<u8>>) -> Self {
        Self(datagrams)
    }

    /// What the C agent sent once, see tests/data/README.md.
    pub(crate) fn recorded() -> Self {
        let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/c-agent.pcap")).unwrap();
        let packets = pcap::packets(&file).unwrap().map(Result::unwrap);
        Self(packets.map(|p| udp::parse(p.link_type, p.bytes).unwrap().payload.to_vec()).collect())
    }

    /// The bytes.
    pub(crate) fn datagrams(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The same with only those records of flow and interface samples that every program knows.
    pub(crate) fn standard(&self) -> Self {
        let mut datagrams = self.decoded();
        for datagram in &mut datagrams {
            datagram.samples.retain_mut(|sample| match sample {
                Sample::Counters(s) => {
                    s.records.retain(|record| matches!(record, CounterRecord::GenericInterface(_)));
                    !s.records.is_empty()
                }
                Sample::Flow(s) => {
                    s.records.retain(|record| matches!(record, FlowRecord::SampledHeader(_)));
                    !s.records.is_empty()
                }
                _ => false,
            });
        }
        datagrams.retain(|datagram| !datagram.samples.is_empty());
        Self(datagrams.iter().map(encoded).collect())
    }

    /// The datagrams, cut into one for each sample: a program that prints one line a datagram prints one a sample.
    pub(crate) fn single_samples(&self) -> Vec<Vec<u8>> {
        let single = |datagram: &Datagram, sample: &Sample| Datagram {
            samples: vec![sample.clone()],
            ..datagram.clone()
        };
        let datagrams = self.decoded();
        datagrams.iter().flat_map(|d| d.samples.iter().map(|s| encoded(&single(d, s)))).collect()
    }

    /// All generic interface counters, in order.
    pub(crate) fn interfaces(&self) -> Vec<GenericInterface> {
        let datagrams = self.decoded();
        let samples = datagrams.iter().flat_map(|datagram| &datagram.samples);
        let records = samples.flat_map(|sample| match sample {
            Sample::Counters(counters) => counters.records.as_slice(),
            _ => &[],
        });
        let generic = |record: &CounterRecord| match record {
            CounterRecord::GenericInterface(counters) => Some(counters.clone()),
            _ => None,
        };
        records.filter_map(generic).collect()
    }

    /// The heads of all flow samples, in order.
    pub(crate) fn flows(&self) -> Vec<FlowHeader> {
        let datagrams = self.decoded();
        let samples = datagrams.iter().flat_map(|datagram| &datagram.samples);
        let flow = |sample: &Sample| match sample {
            Sample::Flow(flow) => Some(flow.header),
            _ => None,
        };
        samples.filter_map(flow).collect()
    }

    /// The first flow sample in a datagram of its own, with other ports: input and output are this one.
    pub(crate) fn first_flow_by(&self, port: u32) -> Vec<u8> {
        let mut datagrams = self.decoded();
        for datagram in &mut datagrams {
            datagram.samples.retain(|sample| matches!(sample, Sample::Flow(_)));
            datagram.samples.truncate(1);
            if let Some(Sample::Flow(flow)) = datagram.samples.first_mut() {
                (flow.header.input, flow.header.output) = (Port::interface(port), Port::interface(port));
                return encoded(datagram);
            }
        }
        panic!("no flow sample");
    }

    /// As our decoder reads them.
    pub(crate) fn decoded(&self) -> Vec<Datagram> {
        self.0.iter().map(|bytes| decode(bytes).unwrap()).collect()
    }
}

fn encoded(datagram: &Datagram) -> Vec<u8> {
    let mut buffer = vec![0; 65536];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).unwrap();
    out.written().to_vec()
}
