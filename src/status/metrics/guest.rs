//! Guests: virtual machines, containers, pods and services, per `guest` and `uuid`.

use super::page::{Kind, Page, Row, Value, labels};
use super::subjects::{Subject, all, pick};
use crate::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use crate::status::guests::Guest;

static CPU: &[Row<VirtCpu>] = &[
    Row::counter("hsflow_guest_cpu_seconds_total", "CPU time of the guest.", |c| Value::millis(c.cpu_time)),
    Row::gauge("hsflow_guest_cpus", "CPUs of the guest.", |c| Value::unless_zero(c.nr_virt_cpu.into())),
    Row::gauge("hsflow_guest_running", "1 while the guest runs.", |c| match c.state {
        0 => Value::Unknown,
        state => Value::flag(state == 1),
    }),
];

static MEMORY: &[Row<VirtMemory>] = &[
    Row::gauge("hsflow_guest_memory_bytes", "Memory that the guest uses.", |m| Value::of64(m.memory)),
    Row::gauge("hsflow_guest_memory_max_bytes", "Memory that the guest may use.", |m| {
        Value::unless_zero(m.max_memory)
    }),
];

static DISKS: &[Row<VirtDiskIo>] = &[
    Row::gauge("hsflow_guest_disk_capacity_bytes", "Size of the guest's disks.", |d| {
        Value::unless_zero(d.capacity)
    }),
    Row::gauge("hsflow_guest_disk_allocation_bytes", "Space that its disks take.", |d| {
        Value::unless_zero(d.allocation)
    }),
    Row::counter("hsflow_guest_disk_reads_total", "Reads of its disks.", |d| Value::of32(d.rd_req)),
    Row::counter("hsflow_guest_disk_read_bytes_total", "Bytes read from its disks.", |d| {
        Value::of64(d.rd_bytes)
    }),
    Row::counter("hsflow_guest_disk_writes_total", "Writes to its disks.", |d| Value::of32(d.wr_req)),
    Row::counter("hsflow_guest_disk_written_bytes_total", "Bytes written to its disks.", |d| {
        Value::of64(d.wr_bytes)
    }),
    Row::counter("hsflow_guest_disk_errors_total", "Errors of its disks.", |d| Value::of32(d.errs)),
];

static NET: &[Row<VirtNetIo>] = &[
    Row::counter("hsflow_guest_network_receive_bytes_total", "Bytes that the guest received.", |n| {
        Value::of64(n.bytes_in)
    }),
    Row::counter("hsflow_guest_network_receive_packets_total", "Packets that it received.", |n| {
        Value::of32(n.pkts_in)
    }),
    Row::counter("hsflow_guest_network_receive_errs_total", "Errors of packets to it.", |n| {
        Value::of32(n.errs_in)
    }),
    Row::counter("hsflow_guest_network_receive_drop_total", "Packets to it that were dropped.", |n| {
        Value::of32(n.drops_in)
    }),
    Row::counter("hsflow_guest_network_transmit_bytes_total", "Bytes that the guest sent.", |n| {
        Value::of64(n.bytes_out)
    }),
    Row::counter("hsflow_guest_network_transmit_packets_total", "Packets that it sent.", |n| {
        Value::of32(n.pkts_out)
    }),
    Row::counter("hsflow_guest_network_transmit_errs_total", "Errors of packets from it.", |n| {
        Value::of32(n.errs_out)
    }),
    Row::counter("hsflow_guest_network_transmit_drop_total", "Packets from it that were dropped.", |n| {
        Value::of32(n.drops_out)
    }),
];

/// How long tasks waited; as node_exporter's `node_pressure_*`, of one guest.
static PRESSURE: &[Row<Guest>] = &[
    Row::counter(
        "hsflow_guest_pressure_cpu_waiting_seconds_total",
        "Time in which tasks waited for a CPU.",
        |g| micros(g.pressure.and_then(|p| p.cpu_us)),
    ),
    Row::counter(
        "hsflow_guest_pressure_memory_waiting_seconds_total",
        "Time in which tasks waited for memory.",
        |g| micros(g.pressure.and_then(|p| p.memory_us)),
    ),
    Row::counter(
        "hsflow_guest_pressure_io_waiting_seconds_total",
        "Time in which tasks waited for disks.",
        |g| micros(g.pressure.and_then(|p| p.io_us)),
    ),
];

fn micros(us: Option<u64>) -> Value {
    us.map_or(Value::Unknown, |us| Value::Thousandths(us / 1000))
}

pub(super) fn write(page: &mut Page, guests: &[Subject<'_, Guest>]) {
    for subject in guests {
        let Some(told) = subject.told else { continue };
        let image = told.image.as_deref().unwrap_or_default();
        let more =
            [("engine", told.engine.as_str()), ("id", &told.id), ("image", image), ("state", &told.state)];
        let labels = format!("{},{}", subject.labels, labels(&more));
        let family = ("hsflow_guest_info", Kind::Info, "Who a guest is.");
        page.sample(family, &labels, Value::Whole(1), Some(subject.at_ms));
    }
    page.rows(CPU, all(guests, pick!(VirtCpu)));
    page.rows(MEMORY, all(guests, pick!(VirtMemory)));
    page.rows(DISKS, all(guests, pick!(VirtDiskIo)));
    page.rows(NET, all(guests, pick!(VirtNetIo)));
    let told = guests.iter().filter_map(|s| Some((s.labels.as_str(), Some(s.at_ms), s.told?)));
    page.rows(PRESSURE, told);
}
