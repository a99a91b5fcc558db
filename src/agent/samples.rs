//! Counter samples of the host, of interfaces and of guests: which records go into each, in which order. In: records. Out:
//! samples in a datagram stream. Rule: a record that is not known is left out; the sample goes with what there is.
//! The order is the C agent's, which puts the record added last first.

use crate::collect::host::HostSample;
use crate::collect::interfaces::ethtool_counts::EthtoolCounts;
use crate::collect::interfaces::records::{ethernet, generic_interface, port_name};
use crate::collect::interfaces::{Interface, LinkStats};
use crate::sflow::counters::hardware::{BcmTables, Gpu};
use crate::sflow::counters::host::{Adaptors, HostId, HostNetIo, HostParent};
use crate::sflow::counters::port::{LacpPort, Pfc, Sfp};
use crate::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo, VirtNode};
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::ids::DataSource;
use crate::sflow::realtime::RtMetric;
use crate::sflow::record::Record;
use crate::sflow::sample::SampleWriter;
use crate::sflow::xdr::{Full, Writer, Xdr};

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Counter samples written.
    pub samples: u64,
    /// Samples of metrics written.
    pub metrics: u64,
    /// Counter samples that did not fit into any datagram.
    pub suppressed: u64,
}

/// The records of one guest; absent where the guest cannot have them.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // each is the record of that name
pub struct GuestRecords {
    pub id: HostId,
    pub cpu: Option<VirtCpu>,
    pub memory: Option<VirtMemory>,
    pub disk: Option<VirtDiskIo>,
    pub net: Option<VirtNetIo>,
    pub adaptors: Option<Adaptors>,
    pub gpu: Option<Gpu>,
}

/// What is known of one interface.
#[derive(Debug)]
pub struct PortSample<'a> {
    /// It.
    pub interface: &'a Interface,
    /// The name that it goes by, where that is not the kernel's.
    pub given: Option<&'a str>,
    /// The kernel's counters.
    pub stats: &'a LinkStats,
    /// Its driver's.
    pub driver: Option<EthtoolCounts>,
    /// Its part in a bond.
    pub lacp: Option<LacpPort>,
    /// What its transceiver measures.
    pub sfp: Option<&'a Sfp>,
    /// Its priority flow control.
    pub pfc: Option<Pfc>,
}

/// What goes into the host's sample beside its own counters.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    /// Its guests' share.
    pub node: Option<VirtNode>,
    /// All its GPUs.
    pub gpu: Option<Gpu>,
    /// The tables of its switch chip.
    pub asic: Option<BcmTables>,
    /// Its adaptors' counters.
    pub net: Option<&'a HostNetIo>,
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
    pub fn interface(&mut self, port: &PortSample<'_>, sequence: &mut u32) {
        let PortSample { interface, stats, .. } = port;
        let source = DataSource::interface(interface.index);
        let generic = generic_interface(interface, stats, port.driver.as_ref());
        let ethernet = ethernet(interface, stats);
        let name = port_name(interface, port.given);
        self.counters(source, sequence, |sample| {
            optional(sample, port.pfc.as_ref())?;
            optional(sample, port.sfp)?;
            optional(sample, port.lacp.as_ref())?;
            sample.record(&name)?;
            optional(sample, ethernet.as_ref())?;
            sample.record(&generic)
        });
    }
}

impl<S: FnMut(Unsent<'_>)> SampleTo<'_, S> {
    /// The counters of the host.
    pub fn host(&mut self, host: &HostSample, adaptors: &Adaptors, beside: &Beside<'_>, sequence: &mut u32) {
        self.counters(DataSource::HOST, sequence, |sample| {
            optional(sample, beside.node.as_ref())?;
            optional(sample, beside.gpu.as_ref())?;
            optional(sample, beside.asic.as_ref())?;
            sample.record(adaptors)?;
            optional(sample, host.udp.as_ref())?;
            optional(sample, host.tcp.as_ref())?;
            optional(sample, host.icmp.as_ref())?;
            optional(sample, host.ip.as_ref())?;
            optional(sample, host.disk.as_ref())?;
            optional(sample, host.memory.as_ref())?;
            optional(sample, host.cpu.as_ref())?;
            optional(sample, beside.net)?;
            optional(sample, host.id.as_ref())
        });
    }

    /// The counters of one guest.
    pub fn guest(&mut self, source: DataSource, guest: &GuestRecords, sequence: &mut u32) {
        self.counters(source, sequence, |sample| {
            optional(sample, guest.gpu.as_ref())?;
            optional(sample, guest.adaptors.as_ref())?;
            optional(sample, guest.disk.as_ref())?;
            optional(sample, guest.memory.as_ref())?;
            optional(sample, guest.cpu.as_ref())?;
            optional(sample, guest.net.as_ref())?;
            sample.record(&HostParent { parent: DataSource::HOST })?;
            sample.record(&guest.id)
        });
    }

    /// Metrics of a guest, which stand beside its sample.
    pub fn metrics(&mut self, metrics: &RtMetric<'_>) {
        let write = |out: &mut Writer<'_>| metrics.encode(out);
        match self.datagrams.add(self.uptime_ms, RtMetric::TAG, write, self.send) {
            Ok(()) => self.outcome.metrics += 1,
            Err(Full) => self.outcome.suppressed += 1,
        }
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
