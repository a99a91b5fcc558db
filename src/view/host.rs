//! The host as a whole. In: the records of its counters samples. Out: a [`HostRow`]. Spec: sFlow Host Structures 2000–2010, for
//! switches the processor record of sFlow v5.

use super::alerts::{Alerts, Of};
use super::counter::{Last, Stamp, known32};
use super::limits::Metric;
use super::text::clean;
use super::trail::Trail;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::hardware::Processor;
use crate::sflow::counters::host::{HostCpu, HostDiskIo, HostId, HostMemory, HostNetIo, HostTcp, HostUdp};
use serde::Serialize;

/// What is known of a host. Sizes in bytes, shares in per cent, all else in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct HostRow {
    pub name: String,
    pub release: String,
    pub uptime_secs: Option<u32>,
    pub cpus: Option<u32>,
    pub cpu: Option<f64>,
    pub cpu_user: Option<f64>,
    pub cpu_system: Option<f64>,
    pub cpu_wait: Option<f64>,
    pub cpu_steal: Option<f64>,
    /// Of 1, 5 and 15 minutes.
    pub load: Option<[f32; 3]>,
    pub processes: Option<u32>,
    pub memory_total: Option<u64>,
    pub memory_used: Option<u64>,
    pub swap_total: Option<u64>,
    pub swap_used: Option<u64>,
    pub in_bits: Option<f64>,
    pub out_bits: Option<f64>,
    pub in_packets: Option<f64>,
    pub out_packets: Option<f64>,
    pub errors: Option<f64>,
    pub drops: Option<f64>,
    pub disk_read: Option<f64>,
    pub disk_written: Option<f64>,
    pub disk_total: Option<u64>,
    pub disk_free: Option<u64>,
    /// How full the fullest file system is.
    pub disk_fullest: Option<f64>,
    pub connections: Option<u32>,
    pub retransmissions: Option<f64>,
    pub udp_drops: Option<f64>,
}

impl HostRow {
    /// Per cent of memory in use.
    pub fn memory(&self) -> Option<f64> {
        share(self.memory_used, self.memory_total)
    }

    /// Per cent of swap in use.
    pub fn swap(&self) -> Option<f64> {
        share(self.swap_used, self.swap_total)
    }

    /// The load of one minute, by processor.
    pub fn load_by_cpu(&self) -> Option<f64> {
        let [one, ..] = self.load?;
        Some(f64::from(one) / f64::from(self.cpus.filter(|cpus| *cpus > 0)?))
    }
}

/// Per cent; `None` of nothing.
pub(super) fn share(part: Option<u64>, whole: Option<u64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole > 0)?;
    Some(part? as f64 / whole as f64 * 100.0)
}

/// A gauge, of which 0 means that it is not known.
pub(super) fn known(gauge: u64) -> Option<u64> {
    Some(gauge).filter(|gauge| *gauge != 0 && *gauge != u64::MAX)
}

/// The host, and what its rates are computed from.
#[derive(Clone, Debug)]
pub struct Host {
    row: HostRow,
    cpu: Last<HostCpu>,
    net: Last<HostNetIo>,
    disk: Last<HostDiskIo>,
    tcp: Last<HostTcp>,
    udp: Last<HostUdp>,
    /// Seconds that its rates are over.
    over: f64,
    trail: Trail<6>,
}

impl Host {
    pub(super) fn new(trail: usize) -> Self {
        Self {
            row: HostRow::default(),
            cpu: Last::default(),
            net: Last::default(),
            disk: Last::default(),
            tcp: Last::default(),
            udp: Last::default(),
            over: 0.0,
            trail: Trail::new(trail),
        }
    }

    /// What is known of it.
    pub fn row(&self) -> &HostRow {
        &self.row
    }

    /// CPU, memory, bits in and out, bytes read and written.
    pub fn trail(&self) -> &Trail<6> {
        &self.trail
    }

    pub(super) fn take(&mut self, at: Stamp, records: &[CounterRecord]) {
        for record in records {
            match record {
                CounterRecord::HostId(id) => self.identity(id),
                CounterRecord::HostCpu(cpu) => self.cpu(at, cpu),
                CounterRecord::HostMemory(memory) => self.memory(memory),
                CounterRecord::HostNetIo(net) => self.net(at, net),
                CounterRecord::HostDiskIo(disk) => self.disk(at, disk),
                CounterRecord::HostTcp(tcp) => self.tcp(at, tcp),
                CounterRecord::HostUdp(udp) => self.udp(at, udp),
                CounterRecord::Processor(processor) => self.processor(processor),
                _ => {}
            }
        }
    }

    /// What is high, and a point for charts.
    pub(super) fn conclude(&mut self, of: Of<'_>, alerts: &mut Alerts) {
        let row = &self.row;
        let rate = Of { over: self.over, ..of };
        for (of, metric, value) in [
            (rate, Metric::HostCpu, row.cpu),
            (of, Metric::HostLoad, row.load_by_cpu()),
            (of, Metric::HostMemory, row.memory()),
            (of, Metric::HostSwap, row.swap()),
            (of, Metric::HostDisk, row.disk_fullest),
            (rate, Metric::HostDrops, row.drops),
        ] {
            alerts.value(of, metric, (0, ""), value);
        }
        let values = [row.cpu, row.memory(), row.in_bits, row.out_bits, row.disk_read, row.disk_written];
        self.trail.push(of.time, values);
    }

    fn identity(&mut self, id: &HostId) {
        (self.row.name, self.row.release) = (clean(&id.hostname), clean(&id.os_release));
    }

    fn cpu(&mut self, at: Stamp, cpu: &HostCpu) {
        let row = &mut self.row;
        let load = [cpu.load_one, cpu.load_five, cpu.load_fifteen];
        // Negative is "not known" in the specification.
        row.load = load.iter().all(|load| load.is_finite() && *load >= 0.0).then_some(load);
        row.cpus = known32(cpu.cpu_num).filter(|cpus| *cpus != 0);
        row.uptime_secs = known32(cpu.uptime);
        row.processes = known32(cpu.proc_total);
        let Some((old, pace)) = self.cpu.next(at, cpu) else { return };
        self.over = pace.secs();
        let rate = |field: fn(&HostCpu) -> u32| pace.of32(field(&old), field(cpu));
        let parts = [
            rate(|cpu| cpu.cpu_user),
            rate(|cpu| cpu.cpu_nice),
            rate(|cpu| cpu.cpu_system),
            rate(|cpu| cpu.cpu_intr),
            rate(|cpu| cpu.cpu_sintr),
            rate(|cpu| cpu.cpu_steal),
        ];
        let busy: f64 = parts.iter().flatten().sum();
        let (idle, wait) = (rate(|cpu| cpu.cpu_idle), rate(|cpu| cpu.cpu_wio));
        let all = busy + wait.unwrap_or(0.0) + idle.unwrap_or(0.0);
        let part = |value: Option<f64>| value.filter(|_| all > 0.0).map(|value| value / all * 100.0);
        let sum = |one: Option<f64>, other: Option<f64>| Some(one? + other.unwrap_or(0.0));
        let [user, nice, system, intr, sintr, steal] = parts;
        row.cpu = part(idle.map(|_| busy));
        row.cpu_user = part(sum(user, nice));
        row.cpu_system = part(sum(sum(system, intr), sintr));
        row.cpu_wait = part(wait);
        row.cpu_steal = part(steal);
    }

    fn memory(&mut self, memory: &HostMemory) {
        let row = &mut self.row;
        row.memory_total = known(memory.mem_total);
        let idle = [memory.mem_free, memory.mem_buffers, memory.mem_cached];
        let idle = idle.into_iter().fold(0, u64::saturating_add);
        row.memory_used = row.memory_total.map(|total| total.saturating_sub(idle));
        row.swap_total = known(memory.swap_total);
        row.swap_used = row.swap_total.map(|total| total.saturating_sub(memory.swap_free));
    }

    fn net(&mut self, at: Stamp, net: &HostNetIo) {
        let Some((old, pace)) = self.net.next(at, net) else { return };
        let row = &mut self.row;
        row.in_bits = pace.of64(old.bytes_in, net.bytes_in).map(|bytes| bytes * 8.0);
        row.out_bits = pace.of64(old.bytes_out, net.bytes_out).map(|bytes| bytes * 8.0);
        row.in_packets = pace.of32(old.pkts_in, net.pkts_in);
        row.out_packets = pace.of32(old.pkts_out, net.pkts_out);
        row.errors = pace.sum32([(old.errs_in, net.errs_in), (old.errs_out, net.errs_out)]);
        row.drops = pace.sum32([(old.drops_in, net.drops_in), (old.drops_out, net.drops_out)]);
    }

    fn disk(&mut self, at: Stamp, disk: &HostDiskIo) {
        let row = &mut self.row;
        (row.disk_total, row.disk_free) = (known(disk.disk_total), known(disk.disk_free));
        row.disk_fullest = Some(disk.part_max_used)
            .filter(|used| (1..=10_000).contains(used))
            .map(|used| f64::from(used) / 100.0);
        let Some((old, pace)) = self.disk.next(at, disk) else { return };
        row.disk_read = pace.of64(old.bytes_read, disk.bytes_read);
        row.disk_written = pace.of64(old.bytes_written, disk.bytes_written);
    }

    fn tcp(&mut self, at: Stamp, tcp: &HostTcp) {
        self.row.connections = known32(tcp.tcp_curr_estab);
        if let Some((old, pace)) = self.tcp.next(at, tcp) {
            self.row.retransmissions = pace.of32(old.tcp_retrans_segs, tcp.tcp_retrans_segs);
        }
    }

    fn udp(&mut self, at: Stamp, udp: &HostUdp) {
        if let Some((old, pace)) = self.udp.next(at, udp) {
            self.row.udp_drops = pace.sum32([
                (old.udp_rcvbuf_errors, udp.udp_rcvbuf_errors),
                (old.udp_sndbuf_errors, udp.udp_sndbuf_errors),
            ]);
        }
    }

    /// Of a switch, which has no other.
    fn processor(&mut self, processor: &Processor) {
        let row = &mut self.row;
        if self.cpu.stamp().is_none() {
            let cpu = [processor.five_sec_cpu, processor.one_min_cpu].into_iter().find(|cpu| *cpu <= 10_000);
            row.cpu = cpu.map(|cpu| f64::from(cpu) / 100.0);
            row.memory_total = known(processor.total_memory);
            row.memory_used = row.memory_total.map(|total| total.saturating_sub(processor.free_memory));
        }
    }
}
