//! Counter samples of the host and of interfaces: which records go into each, in which order. In: records. Out:
//! samples in a datagram stream. Rule: a record that is not known is left out; the sample goes with what there is.
//! The order is the C agent's, which puts the record added last first.

use crate::collect::host::HostSample;
use crate::collect::interfaces::ethtool_counts::EthtoolCounts;
use crate::collect::interfaces::records::{ethernet, generic_interface, port_name};
use crate::collect::interfaces::{Interface, LinkStats};
use crate::sflow::counters::host::{Adaptors, HostNetIo};
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::ids::DataSource;
use crate::sflow::record::Record;
use crate::sflow::sample::SampleWriter;
use crate::sflow::xdr::Full;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Counter samples written.
    pub samples: u64,
    /// Counter samples that did not fit into any datagram.
    pub suppressed: u64,
}

/// Writes samples into a datagram stream.
pub struct SampleTo<'a, S: FnMut(Unsent<'_>)> {
    uptime_ms: u32,
    datagrams: &'a mut Datagrams,
    send: &'a mut S,
    /// What was written so far.
    pub outcome: Outcome,
}

impl<'a, S: FnMut(Unsent<'_>)> SampleTo<'a, S> {
    /// Nothing was written yet.
    pub fn new(uptime_ms: u32, datagrams: &'a mut Datagrams, send: &'a mut S) -> Self {
        Self { uptime_ms, datagrams, send, outcome: Outcome::default() }
    }

    /// The counters of one interface.
    pub fn interface(
        &mut self,
        interface: &Interface,
        stats: &LinkStats,
        driver: Option<&EthtoolCounts>,
        sequence: &mut u32,
    ) {
        let source = DataSource::interface(interface.index);
        let generic = generic_interface(interface, stats, driver);
        let ethernet = ethernet(interface, stats);
        let name = port_name(interface);
        self.counters(source, sequence, |sample| {
            sample.record(&name)?;
            optional(sample, ethernet.as_ref())?;
            sample.record(&generic)
        });
    }
}

impl<S: FnMut(Unsent<'_>)> SampleTo<'_, S> {
    /// The counters of the host.
    pub fn host(
        &mut self,
        host: &HostSample,
        adaptors: &Adaptors,
        net: Option<&HostNetIo>,
        sequence: &mut u32,
    ) {
        self.counters(DataSource::HOST, sequence, |sample| {
            sample.record(adaptors)?;
            optional(sample, host.udp.as_ref())?;
            optional(sample, host.tcp.as_ref())?;
            optional(sample, host.icmp.as_ref())?;
            optional(sample, host.ip.as_ref())?;
            optional(sample, host.disk.as_ref())?;
            optional(sample, host.memory.as_ref())?;
            optional(sample, host.cpu.as_ref())?;
            optional(sample, net)?;
            optional(sample, host.id.as_ref())
        });
    }

    fn counters(
        &mut self,
        source: DataSource,
        sequence: &mut u32,
        write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
    ) {
        let next = sequence.wrapping_add(1);
        match self.datagrams.add_counters(self.uptime_ms, source, next, write, self.send) {
            Ok(()) => {
                *sequence = next;
                self.outcome.samples += 1;
            }
            Err(Full) => {
                self.outcome.suppressed += 1;
                log::warn!(target: "samples", "the sample of {source} does not fit into a datagram");
            }
        }
    }
}

fn optional<R: Record>(sample: &mut SampleWriter<'_, '_>, record: Option<&R>) -> Result<(), Full> {
    record.map_or(Ok(()), |record| sample.record(record))
}
