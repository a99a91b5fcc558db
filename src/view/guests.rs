//! Virtual machines, containers and services that are cgroups, by data source of class 3. In: their counters samples. Out: rows
//! with rates. Rule: what kind it is, is told by what is sent of it: a machine of its own has no system of the host's, a
//! service has no network of its own. Spec: sFlow Host Structures 2100–2104.

use super::alerts::{Alerts, Of};
use super::counter::{Last, Stamp, known32};
use super::heard::Heard;
use super::host::{known, share};
use super::limits::Metric;
use super::text::clean;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use serde::Serialize;

/// What a guest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A virtual machine.
    Vm,
    /// A container or pod.
    #[default]
    Container,
    /// A service.
    Service,
}

impl Kind {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Container => "container",
            Self::Service => "service",
        }
    }
}

/// What is known of a guest. Sizes in bytes, shares in per cent, all else in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct GuestRow {
    /// The number of its data source.
    pub index: u32,
    pub name: String,
    pub kind: Kind,
    pub state: &'static str,
    /// That it may use; `None` where all are its.
    pub cpus: Option<u32>,
    /// Of one processor.
    pub cpu: Option<f64>,
    /// Of the processors that it may use.
    pub cpu_share: Option<f64>,
    pub memory: Option<u64>,
    pub memory_max: Option<u64>,
    pub in_bits: Option<f64>,
    pub out_bits: Option<f64>,
    pub in_packets: Option<f64>,
    pub out_packets: Option<f64>,
    pub errors: Option<f64>,
    pub drops: Option<f64>,
    pub disk_read: Option<f64>,
    pub disk_written: Option<f64>,
    pub disk_reads: Option<f64>,
    pub disk_writes: Option<f64>,
    pub disk_capacity: Option<u64>,
    pub disk_free: Option<u64>,
    /// ifIndex of this host's ends of its interfaces.
    pub interfaces: Vec<u32>,
}

impl GuestRow {
    /// Per cent of the memory that it may use.
    pub fn memory_share(&self) -> Option<f64> {
        share(self.memory, self.memory_max)
    }
}

/// Interfaces that are named of a guest.
const MOST_INTERFACES: usize = 16;

/// A guest, and what its rates are computed from.
#[derive(Clone, Debug)]
pub struct Guest {
    row: GuestRow,
    cpu: Last<VirtCpu>,
    net: Last<VirtNetIo>,
    disk: Last<VirtDiskIo>,
    pub(super) heard: Heard,
}

impl Guest {
    pub(super) fn new(index: u32) -> Self {
        Self {
            row: GuestRow { index, state: state(0), ..GuestRow::default() },
            cpu: Last::default(),
            net: Last::default(),
            disk: Last::default(),
            heard: Heard::default(),
        }
    }

    /// What is known of it.
    pub fn row(&self) -> &GuestRow {
        &self.row
    }

    /// Whether records are those of a guest.
    pub(super) fn is(records: &[CounterRecord]) -> bool {
        records.iter().any(|record| {
            matches!(
                record,
                CounterRecord::VirtCpu(_)
                    | CounterRecord::VirtMemory(_)
                    | CounterRecord::VirtNetIo(_)
                    | CounterRecord::VirtDiskIo(_)
            )
        })
    }

    /// `cpus` are the host's.
    pub(super) fn take(
        &mut self,
        at: Stamp,
        of: Of<'_>,
        (records, cpus): (&[CounterRecord], Option<u32>),
        alerts: &mut Alerts,
    ) {
        self.heard.note(of.time);
        let (mut own_system, mut has_network, mut over) = (false, false, None);
        for record in records {
            match record {
                CounterRecord::HostId(id) => {
                    self.row.name = clean(&id.hostname);
                    own_system = id.machine_type == 0 && id.os_name == 0;
                }
                CounterRecord::Adaptors(all) => {
                    let indices = all.adaptors.iter().map(|adaptor| adaptor.if_index);
                    self.row.interfaces = indices.filter(|index| *index != 0).take(MOST_INTERFACES).collect();
                }
                CounterRecord::VirtCpu(cpu) => over = self.cpu(at, cpu, cpus),
                CounterRecord::VirtMemory(memory) => self.memory(memory),
                CounterRecord::VirtNetIo(net) => {
                    has_network = true;
                    self.net(at, net);
                }
                CounterRecord::VirtDiskIo(disk) => self.disk(at, disk),
                _ => {}
            }
        }
        let kind = match (own_system, has_network) {
            (true, _) => Kind::Vm,
            (false, true) => Kind::Container,
            (false, false) => Kind::Service,
        };
        let before = metrics(std::mem::replace(&mut self.row.kind, kind));
        for ended in before.into_iter().filter(|metric| !metrics(kind).contains(metric)) {
            alerts.gone(of, (self.row.index, &self.row.name), &[ended]);
        }
        self.conclude(Of { over: over.unwrap_or(0.0), ..of }, alerts);
    }

    fn cpu(&mut self, at: Stamp, new: &VirtCpu, host: Option<u32>) -> Option<f64> {
        let row = &mut self.row;
        row.state = state(new.state);
        row.cpus = known32(new.nr_virt_cpu).filter(|cpus| *cpus != 0);
        let (old, pace) = self.cpu.next(at, new)?;
        // Milliseconds in a second, so a tenth is per cent.
        row.cpu = pace.of32(old.cpu_time, new.cpu_time).map(|ms| ms / 10.0);
        let may_use = f64::from(row.cpus.or(host).unwrap_or(1));
        row.cpu_share = row.cpu.map(|cpu| cpu / may_use);
        Some(pace.secs())
    }

    fn memory(&mut self, memory: &VirtMemory) {
        (self.row.memory, self.row.memory_max) = (known(memory.memory), known(memory.max_memory));
    }

    fn net(&mut self, at: Stamp, new: &VirtNetIo) {
        let Some((old, pace)) = self.net.next(at, new) else { return };
        let row = &mut self.row;
        row.in_bits = pace.of64(old.bytes_in, new.bytes_in).map(|bytes| bytes * 8.0);
        row.out_bits = pace.of64(old.bytes_out, new.bytes_out).map(|bytes| bytes * 8.0);
        row.in_packets = pace.of32(old.pkts_in, new.pkts_in);
        row.out_packets = pace.of32(old.pkts_out, new.pkts_out);
        row.errors = pace.sum32([(old.errs_in, new.errs_in), (old.errs_out, new.errs_out)]);
        row.drops = pace.sum32([(old.drops_in, new.drops_in), (old.drops_out, new.drops_out)]);
    }

    fn disk(&mut self, at: Stamp, new: &VirtDiskIo) {
        let row = &mut self.row;
        (row.disk_capacity, row.disk_free) = (known(new.capacity), known(new.available));
        let Some((old, pace)) = self.disk.next(at, new) else { return };
        row.disk_read = pace.of64(old.rd_bytes, new.rd_bytes);
        row.disk_written = pace.of64(old.wr_bytes, new.wr_bytes);
        row.disk_reads = pace.of32(old.rd_req, new.rd_req);
        row.disk_writes = pace.of32(old.wr_req, new.wr_req);
    }

    fn conclude(&self, of: Of<'_>, alerts: &mut Alerts) {
        let row = &self.row;
        let now = Of { over: 0.0, ..of };
        let [cpu, memory, drops] = metrics(row.kind);
        for (of, metric, value) in
            [(of, cpu, row.cpu_share), (now, memory, row.memory_share()), (of, drops, row.drops)]
        {
            alerts.value(of, metric, (row.index, &row.name), value);
        }
    }
}

/// Which limits hold for a kind: CPU, memory, drops.
pub const fn metrics(kind: Kind) -> [Metric; 3] {
    match kind {
        Kind::Service => [Metric::ServiceCpu, Metric::ServiceMemory, Metric::GuestDrops],
        Kind::Vm | Kind::Container => [Metric::GuestCpu, Metric::GuestMemory, Metric::GuestDrops],
    }
}

fn state(number: u32) -> &'static str {
    match number {
        1 => "running",
        2 => "blocked",
        3 => "paused",
        4 => "shutdown",
        5 => "off",
        6 => "crashed",
        7 => "suspended",
        _ => "-",
    }
}
