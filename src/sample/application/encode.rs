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
