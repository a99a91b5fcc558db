//! The law of the JSON messages, and a message as the datagram that tells it.

use hsflow::sample::application::encode;
use hsflow::sample::application::message::{MAX_MESSAGE, Message, Reader};
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::counters::app::AppOperations;
use hsflow::sflow::counters::host::HostParent;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::decode::{Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::realtime::{RtFlow, RtMetric};
use hsflow::sflow::record::Record;
use hsflow::sflow::sample::{FlowHeader, SampleWriter};
use hsflow::sflow::xdr::Xdr;

/// An application without a port.
const SOURCE: DataSource = DataSource { class: 3, index: 150_000 };

/// A message is told in one datagram, from which the same values are read; or it has a fault of one short line. That half of
/// another message was read before makes no difference.
pub(crate) fn law(data: &[u8]) {
    let mut reader = Reader::default();
    let _ = reader.parse(data.get(..data.len() / 2).unwrap_or_default());
    let message = match reader.parse(data) {
        Ok(message) => message,
        Err(fault) => {
            let line = fault.to_string();
            assert!(!line.is_empty() && line.len() < 600 && !line.contains(char::is_control), "{line:?}");
            assert!(!fault.cause().is_empty());
            return;
        }
    };
    assert!(data.len() <= MAX_MESSAGE);
    assert_eq!(Reader::default().parse(data).ok().as_ref(), Some(&message));
    let datagram = decode(&datagram(&message)).expect("our own encoding is readable");
    assert_eq!((datagram.dirty_padding, datagram.trailing.len()), (0, 0));
    let mut samples = datagram.samples.iter();
    if message.flow.is_some() {
        assert_same_flow(&message, samples.next());
    }
    if message.counters.is_some() {
        assert_same_counters(&message, samples.next());
    }
    if let Some(metrics) = &message.metrics {
        assert!(matches!(samples.next(), Some(Sample::RtMetric(read)) if read == metrics));
        assert!(!metrics.metrics.is_empty());
    }
    if let Some(event) = &message.event {
        assert!(matches!(samples.next(), Some(Sample::RtFlow(read)) if read == event));
        assert!(event.sampling_rate > 0 && !event.fields.is_empty());
    }
    assert!(samples.next().is_none());
}

fn assert_same_flow(message: &Message<'_>, sample: Option<&Sample>) {
    let (Some(told), Some(Sample::Flow(sample))) = (&message.flow, sample) else { panic!("no flow sample") };
    let mut records = sample.records.iter();
    if let Some(told) = &told.socket6 {
        assert!(matches!(records.next(), Some(FlowRecord::SocketIpv6(read)) if read == told));
    }
    if let Some(told) = &told.socket4 {
        assert!(matches!(records.next(), Some(FlowRecord::SocketIpv4(read)) if read == told));
    }
    if let Some(told) = &told.target {
        assert!(matches!(records.next(), Some(FlowRecord::AppTarget(read)) if read == told));
        assert!(told.actor.len() <= 64);
    }
    if let Some(told) = &told.initiator {
        assert!(matches!(records.next(), Some(FlowRecord::AppInitiator(read)) if read == told));
        assert!(told.actor.len() <= 64);
    }
    if let Some(told) = &told.parent {
        assert!(matches!(records.next(), Some(FlowRecord::AppParentContext(read)) if read == told));
        assert!(told.application.len() <= 32 && told.operation.len() <= 32 && told.attributes.len() <= 255);
    }
    assert!(matches!(records.next(), Some(FlowRecord::AppOperation(read)) if *read == told.operation));
    assert!(records.next().is_none());
    let operation = &told.operation;
    assert!(told.app_name.starts_with(&*operation.application) && operation.application.len() <= 32);
    assert!(operation.operation.len() <= 32 && operation.status_descr.len() <= 32);
    assert!(operation.attributes.len() <= 255 && operation.status <= 10);
    assert!(told.one_in > 0 && told.service_port != Some(0));
}

fn assert_same_counters(message: &Message<'_>, sample: Option<&Sample>) {
    let (Some(told), Some(Sample::Counters(sample))) = (&message.counters, sample) else {
        panic!("no counters sample")
    };
    let mut records = sample.records.iter();
    let host = HostParent { parent: DataSource::HOST };
    assert!(matches!(records.next(), Some(CounterRecord::HostParent(read)) if *read == host));
    if let Some(told) = &told.workers {
        assert!(matches!(records.next(), Some(CounterRecord::AppWorkers(read)) if read == told));
    }
    if let Some(told) = &told.resources {
        assert!(matches!(records.next(), Some(CounterRecord::AppResources(read)) if read == told));
    }
    let Some(CounterRecord::AppOperations(read)) = records.next() else { panic!("no operations") };
    assert!(told.app_name.starts_with(&*read.application) && read.application.len() <= 32);
    assert!(told.operations.as_ref().is_none_or(|told| told == read));
    assert!(records.next().is_none());
    assert_ne!(told.service_port, Some(0));
}

/// All that a message says, each part in a sample of its own, the application being sampled at 1 in 400.
pub(crate) fn datagram(message: &Message<'_>) -> Vec<u8> {
    let agent = [192, 0, 2, 1].into();
    let (mut datagrams, mut stream, mut sent) = (Datagrams::new(9000, agent), Stream::new(agent, 0), vec![]);
    let mut send = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
    if let Some(flow) = &message.flow {
        let (input, output) = encode::ports(flow);
        let header = FlowHeader {
            sequence: 1,
            source: SOURCE,
            sampling_rate: 400,
            sample_pool: 400,
            drops: 0,
            input,
            output,
        };
        let added = datagrams.add_flow(1, &header, |out| encode::transaction(flow, out), &mut send);
        added.expect("it fits");
    }
    if let Some(counters) = &message.counters {
        let tallied = AppOperations::default();
        let write = |out: &mut SampleWriter<'_, '_>| encode::counters(counters, &tallied, out);
        datagrams.add_counters(1, SOURCE, 1, write, &mut send).expect("it fits");
    }
    if let Some(metrics) = &message.metrics {
        datagrams.add(1, RtMetric::TAG, |out| metrics.encode(out), &mut send).expect("it fits");
    }
    if let Some(event) = &message.event {
        datagrams.add(1, RtFlow::TAG, |out| event.encode(out), &mut send).expect("it fits");
    }
    datagrams.flush(1, &mut send);
    assert_eq!(sent.len(), 1, "no message is longer than a datagram");
    sent.remove(0)
}
