//! The records of an application's samples.
//!
//! In: a [`Transaction`] or [`Counters`]. Out: records in the closure of `Datagrams::add_flow` or `add_counters`, in the order
//! that the C agent sends them. Rules: an error stands for the whole sample, which is then not sent; nothing is allocated.
//! `rtmetric` and `rtflow` are samples of their own: `Datagrams::add` with their tag and `Xdr::encode`.
//!
//! Spec: sFlow Application Structures.

use super::message::{Counters, Transaction};
use crate::sflow::counters::app::AppOperations;
use crate::sflow::counters::host::HostParent;
use crate::sflow::ids::DataSource;
use crate::sflow::record::Record;
use crate::sflow::sample::{Port, SampleWriter};
use crate::sflow::xdr::Full;

/// Input and output of a transaction's sample: which side the application was on.
pub fn ports(transaction: &Transaction<'_>) -> (Port, Port) {
    if transaction.client { (Port::INTERNAL, Port::UNKNOWN) } else { (Port::UNKNOWN, Port::INTERNAL) }
}

/// The records of a transaction's flow sample.
pub fn transaction(transaction: &Transaction<'_>, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
    add(transaction.socket6.as_ref(), out)?;
    add(transaction.socket4.as_ref(), out)?;
    add(transaction.target.as_ref(), out)?;
    add(transaction.initiator.as_ref(), out)?;
    add(transaction.parent.as_ref(), out)?;
    out.record(&transaction.operation)
}

/// The records of a counters sample: what the application counted, with what was counted for it (`tallied`) where it did not
/// tell its operations.
pub fn counters(
    counters: &Counters<'_>,
    tallied: &AppOperations<'_>,
    out: &mut SampleWriter<'_, '_>,
) -> Result<(), Full> {
    out.record(&HostParent { parent: DataSource::HOST })?;
    add(counters.workers.as_ref(), out)?;
    add(counters.resources.as_ref(), out)?;
    out.record(counters.operations.as_ref().unwrap_or(tallied))
}

fn add<R: Record>(record: Option<&R>, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
    record.map_or(Ok(()), |record| out.record(record))
}

#[cfg(test)]
mod tests {
    use super::super::message::Reader;
    use super::*;
    use crate::sflow::counters::CounterRecord;
    use crate::sflow::datagram::{Datagrams, Stream, Unsent};
    use crate::sflow::decode::{Sample, decode};
    use crate::sflow::flow::app::AppTarget;
    use crate::sflow::sample::encode_body;
    use crate::sflow::xdr::Writer;

    #[test]
    fn operations_that_are_not_told_are_those_that_were_counted() {
        let mut reader = Reader::default();
        let message = reader.parse(br#"{"counter_sample":{"app_name":"a","app_workers":{}}}"#).unwrap();
        let tallied = AppOperations { application: "a".into(), success: 7, ..Default::default() };
        let agent = [192, 0, 2, 1].into();
        let (mut datagrams, mut stream, mut sent) =
            (Datagrams::new(1400, agent), Stream::new(agent, 0), vec![]);
        let mut send = |unsent: Unsent<'_>| sent.push(decode(stream.complete(unsent)).unwrap());
        let write = |out: &mut SampleWriter<'_, '_>| counters(&message.counters.unwrap(), &tallied, out);
        datagrams.add_counters(1, DataSource::HOST, 1, write, &mut send).unwrap();
        datagrams.flush(1, &mut send);
        let Sample::Counters(sample) = &sent[0].samples[0] else { panic!("no counters sample") };
        let formats: Vec<_> = sample.records.iter().map(|record| record.tag().format).collect();
        assert_eq!(formats, [2002, 2206, 2202]);
        assert!(matches!(&sample.records[2], CounterRecord::AppOperations(read) if *read == tallied));
    }

    #[test]
    fn a_sample_without_room_is_refused_whole_and_the_next_is_sent() {
        let mut reader = Reader::default();
        let message = reader.parse(br#"{"flow_sample":{"app_name":"a","app_operation":{}}}"#).unwrap();
        let small = message.flow.unwrap();
        let large =
            Transaction { target: Some(AppTarget { actor: "x".repeat(9200).into() }), ..small.clone() };
        let mut bytes = [0xA5; 9216];
        let mut encoded = |of: &Transaction<'_>| {
            let mut out = Writer::new(&mut bytes);
            let written =
                out.element(3, |out| encode_body(out, &DataSource::HOST, |out| transaction(of, out)));
            (written, out.len())
        };
        assert_eq!(encoded(&large), (Err(Full), 0));
        assert_eq!(encoded(&small).0, Ok(()));
    }
}
