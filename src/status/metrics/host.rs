//! The host: CPU, memory, disks, network, as node_exporter names them where the meaning is the same. What it tells of each CPU,
//! disk or file system is here the sum of all, without their label.

use super::page::{Page, Row, Value};
use super::subjects::{Subject, all, pick};
use crate::sflow::counters::host::{HostCpu, HostDiskIo, HostMemory, HostNetIo};
use crate::sflow::counters::virt::VirtNode;

fn load(load: f32) -> Value {
    if load < 0.0 { Value::Unknown } else { decimal(load) }
}

/// A 32-bit float in the digits that it was written in.
fn decimal(number: f32) -> Value {
    number.to_string().parse().ok().filter(|n: &f64| n.is_finite()).map_or(Value::Unknown, Value::Float)
}

const CPU_TIME: &str = "Time that all CPUs together spent, by mode; guests are not in user and nice.";

const fn cpu(mode: &'static str, value: fn(&HostCpu) -> Value) -> Row<HostCpu> {
    Row::counter("node_cpu_seconds_total", CPU_TIME, value).with("mode", mode)
}

const GUEST_TIME: &str = "Time that all CPUs together spent in guests, by mode.";

static CPU: &[Row<HostCpu>] = &[
    Row::gauge("node_load1", "Load over 1 minute.", |c| load(c.load_one)),
    Row::gauge("node_load5", "Load over 5 minutes.", |c| load(c.load_five)),
    Row::gauge("node_load15", "Load over 15 minutes.", |c| load(c.load_fifteen)),
    Row::gauge("node_procs_running", "Threads that can run.", |c| Value::of32(c.proc_run)),
    Row::gauge("hsflow_host_threads", "All threads.", |c| Value::of32(c.proc_total)),
    Row::gauge("hsflow_host_cpus", "CPUs that are online.", |c| Value::unless_zero(c.cpu_num.into())),
    Row::gauge("hsflow_host_cpu_frequency_hertz", "Clock rate of the first CPU.", |c| {
        Value::unless_zero(u64::from(c.cpu_speed) * 1_000_000)
    }),
    Row::gauge("hsflow_host_uptime_seconds", "Time since the host's start.", |c| Value::of32(c.uptime)),
    cpu("user", |c| Value::millis(c.cpu_user)),
    cpu("nice", |c| Value::millis(c.cpu_nice)),
    cpu("system", |c| Value::millis(c.cpu_system)),
    cpu("idle", |c| Value::millis(c.cpu_idle)),
    cpu("iowait", |c| Value::millis(c.cpu_wio)),
    cpu("irq", |c| Value::millis(c.cpu_intr)),
    cpu("softirq", |c| Value::millis(c.cpu_sintr)),
    cpu("steal", |c| Value::millis(c.cpu_steal)),
    Row::<HostCpu>::counter("node_cpu_guest_seconds_total", GUEST_TIME, |c| Value::millis(c.cpu_guest))
        .with("mode", "user"),
    Row::<HostCpu>::counter("node_cpu_guest_seconds_total", GUEST_TIME, |c| Value::millis(c.cpu_guest_nice))
        .with("mode", "nice"),
    Row::counter("node_intr_total", "Interrupts served.", |c| Value::of32(c.interrupts)),
    Row::counter("node_context_switches_total", "Context switches.", |c| Value::of32(c.contexts)),
];

static MEMORY: &[Row<HostMemory>] = &[
    Row::gauge("node_memory_MemTotal_bytes", "All memory.", |m| Value::unless_zero(m.mem_total)),
    Row::gauge("node_memory_MemFree_bytes", "Memory that nothing uses.", |m| Value::of64(m.mem_free)),
    Row::gauge("node_memory_Shmem_bytes", "Shared memory and tmpfs.", |m| Value::of64(m.mem_shared)),
    Row::gauge("node_memory_Buffers_bytes", "Buffers of block devices.", |m| Value::of64(m.mem_buffers)),
    Row::gauge(
        "hsflow_host_memory_cached_bytes",
        "Page cache, and kernel memory that can be given back.",
        |m| Value::of64(m.mem_cached),
    ),
    Row::gauge("node_memory_SwapTotal_bytes", "All swap space.", |m| Value::of64(m.swap_total)),
    Row::gauge("node_memory_SwapFree_bytes", "Swap space that nothing uses.", |m| Value::of64(m.swap_free)),
    Row::counter("hsflow_host_paged_in_pages_total", "Pages read from disks.", |m| Value::of32(m.page_in)),
    Row::counter("hsflow_host_paged_out_pages_total", "Pages written to disks.", |m| Value::of32(m.page_out)),
    Row::untyped("node_vmstat_pswpin", "Pages swapped in.", |m| Value::of32(m.swap_in)),
    Row::untyped("node_vmstat_pswpout", "Pages swapped out.", |m| Value::of32(m.swap_out)),
];

static DISKS: &[Row<HostDiskIo>] = &[
    Row::gauge("hsflow_host_filesystem_size_bytes", "Size of all local file systems.", |d| {
        Value::unless_zero(d.disk_total)
    }),
    Row::gauge("hsflow_host_filesystem_free_bytes", "Free space of all local file systems.", |d| {
        Value::of64(d.disk_free)
    }),
    Row::gauge(
        "hsflow_host_filesystem_fullest_ratio",
        "How full the fullest local file system is, 0 to 1.",
        |d| match d.part_max_used {
            u32::MAX => Value::Unknown,
            hundredths => Value::Float(f64::from(hundredths) / 10_000.0),
        },
    ),
    Row::counter("node_disk_reads_completed_total", "Reads of all disks.", |d| Value::of32(d.reads)),
    Row::counter("node_disk_read_bytes_total", "Bytes read from all disks.", |d| Value::of64(d.bytes_read)),
    Row::counter("node_disk_read_time_seconds_total", "Time that reads took, summed.", |d| {
        Value::millis(d.read_time)
    }),
    Row::counter("node_disk_writes_completed_total", "Writes to all disks.", |d| Value::of32(d.writes)),
    Row::counter("node_disk_written_bytes_total", "Bytes written to all disks.", |d| {
        Value::of64(d.bytes_written)
    }),
    Row::counter("node_disk_write_time_seconds_total", "Time that writes took, summed.", |d| {
        Value::millis(d.write_time)
    }),
];

static NET: &[Row<HostNetIo>] = &[
    Row::counter("hsflow_host_network_receive_bytes_total", "Bytes into the host, each counted once.", |n| {
        Value::of64(n.bytes_in)
    }),
    Row::counter("hsflow_host_network_receive_packets_total", "Packets into the host.", |n| {
        Value::of32(n.pkts_in)
    }),
    Row::counter("hsflow_host_network_receive_errs_total", "Errors of arriving packets.", |n| {
        Value::of32(n.errs_in)
    }),
    Row::counter("hsflow_host_network_receive_drop_total", "Arriving packets that were dropped.", |n| {
        Value::of32(n.drops_in)
    }),
    Row::counter("hsflow_host_network_transmit_bytes_total", "Bytes out of the host.", |n| {
        Value::of64(n.bytes_out)
    }),
    Row::counter("hsflow_host_network_transmit_packets_total", "Packets out of the host.", |n| {
        Value::of32(n.pkts_out)
    }),
    Row::counter("hsflow_host_network_transmit_errs_total", "Errors of leaving packets.", |n| {
        Value::of32(n.errs_out)
    }),
    Row::counter("hsflow_host_network_transmit_drop_total", "Leaving packets that were dropped.", |n| {
        Value::of32(n.drops_out)
    }),
];

static NODE: &[Row<VirtNode>] =
    &[Row::gauge("hsflow_host_guests", "Guests of the engine that counts.", |n| Value::of32(n.num_domains))];

pub(super) fn write(page: &mut Page, host: &[Subject<'_>]) {
    page.rows(CPU, all(host, pick!(HostCpu)));
    page.rows(MEMORY, all(host, pick!(HostMemory)));
    page.rows(DISKS, all(host, pick!(HostDiskIo)));
    page.rows(NET, all(host, pick!(HostNetIo)));
    page.rows(NODE, all(host, pick!(VirtNode)));
}
