//! What it costs to write the page of metrics of a large host: 1,000 interfaces and 500 containers.
//!
//! Goal: at most 20 ms of CPU for a page, and what is kept for it costs a datagram on its way out less than a microsecond. Run by
//! hand: `cargo bench --bench metrics`.
#![allow(clippy::unwrap_used)] // a bench ends where it fails

#[path = "support/on_cpu.rs"]
mod on_cpu;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hsflow::sflow::counters::host::{
    HostCpu, HostDiskIo, HostIcmp, HostId, HostIp, HostMemory, HostNetIo, HostTcp, HostUdp,
};
use hsflow::sflow::counters::interface::{Ethernet, GenericInterface, PortName};
use hsflow::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use hsflow::sflow::datagram::{Datagrams, Unsent};
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::SampleWriter;
use hsflow::sflow::xdr::Full;
use hsflow::status::guests::Guest;
use hsflow::status::metrics::{Format, Shelf, render};
use hsflow::status::registry::{Component, State};
use hsflow::status::snapshot::{Interface, Snapshot};
use on_cpu::on_cpu;
use std::hint::black_box;

const INTERFACES: u32 = 1000;
const GUESTS: u32 = 500;
/// The first data source of a guest.
const FIRST: u32 = 100_000;

fn snapshot() -> Snapshot {
    let interface = |index| {
        let mut interface =
            Interface { index, name: format!("swp{index}"), kind: "physical".into(), ..Interface::default() };
        (interface.sampling.source, interface.sampling.one_in) = (Some("pcap".into()), Some(1000));
        interface
    };
    let guest = |index: u32| Guest {
        engine: "docker".into(),
        id: format!("{index:064x}"),
        name: format!("container-{index}"),
        uuid: format!("00112233-4455-6677-8899-{index:012x}"),
        source: format!("3:{}", FIRST + index),
        state: "running".into(),
        image: Some("registry.example.org/team/service:1.2.3".into()),
        ..Guest::default()
    };
    let component = |n| Component { name: format!("component-{n}"), state: State::Running, since: 0 };
    Snapshot {
        interfaces: (1..=INTERFACES).map(interface).collect(),
        guests: (0..GUESTS).map(guest).collect(),
        components: (0..30).map(component).collect(),
        ..Snapshot::default()
    }
}

type Out<'w, 'b> = SampleWriter<'w, 'b>;

fn host(out: &mut Out<'_, '_>) -> Result<(), Full> {
    out.record(&HostUdp::default())?;
    out.record(&HostTcp::default())?;
    out.record(&HostIcmp::default())?;
    out.record(&HostIp::default())?;
    out.record(&HostDiskIo::default())?;
    out.record(&HostMemory::default())?;
    out.record(&HostCpu { cpu_user: 1_234_567, ..HostCpu::default() })?;
    out.record(&HostNetIo::default())
}

fn port(out: &mut Out<'_, '_>, index: u32) -> Result<(), Full> {
    out.record(&PortName { name: format!("swp{index}").into() })?;
    out.record(&Ethernet::default())?;
    let (in_octets, in_ucast_pkts) = (u64::from(index) << 30, index * 1_000_003);
    out.record(&GenericInterface {
        in_octets,
        in_ucast_pkts,
        if_speed: 10_000_000_000,
        ..GenericInterface::default()
    })
}

fn container(out: &mut Out<'_, '_>, index: u32) -> Result<(), Full> {
    out.record(&VirtDiskIo { rd_bytes: 1 << 40, ..VirtDiskIo::default() })?;
    out.record(&VirtMemory { memory: 1 << 30, max_memory: 1 << 32 })?;
    out.record(&VirtCpu { state: 1, cpu_time: index * 7919, nr_virt_cpu: 2 })?;
    out.record(&VirtNetIo { bytes_in: 1 << 41, ..VirtNetIo::default() })?;
    out.record(&HostId { hostname: format!("container-{index}"), ..HostId::default() })
}

/// One poll of everything; each datagram goes to `send`.
fn poll(queue: &mut Datagrams, send: &mut impl FnMut(Unsent<'_>)) {
    queue.add_counters(0, DataSource::HOST, 1, host, send).unwrap();
    for index in 1..=INTERFACES {
        queue.add_counters(0, DataSource::interface(index), 1, |out| port(out, index), send).unwrap();
    }
    for index in 0..GUESTS {
        let source = DataSource::logical(FIRST + index);
        queue.add_counters(0, source, 1, |out| container(out, index), send).unwrap();
    }
    queue.flush(0, send);
}

fn bench(c: &mut Criterion) {
    let (snapshot, mut shelf) = (snapshot(), Shelf::default());
    let mut queue = Datagrams::new(1400, [192, 0, 2, 1].into());
    let mut sent: Vec<Vec<u8>> = Vec::new();
    poll(&mut queue, &mut |unsent| sent.push(unsent.samples().to_vec()));
    sent.iter().for_each(|samples| shelf.take(samples, 1_700_000_000_000));
    assert_eq!(shelf.len(), 1501);
    for (name, format) in [("text", Format::Text), ("OpenMetrics", Format::OpenMetrics)] {
        let page = render(&snapshot, &shelf, format);
        let lines = page.iter().filter(|&&byte| byte == b'\n').count();
        assert!(lines > 30_000, "{lines}");
        println!("{name}: {lines} lines, {} KiB", page.len() / 1024);
        c.bench_function(&format!("a page as {name}"), |b| {
            on_cpu(b, || drop(black_box(render(&snapshot, &shelf, format))));
        });
    }
    let mut group = c.benchmark_group("what is kept of a poll");
    group.throughput(Throughput::Elements(sent.len() as u64));
    group.bench_function("its datagrams", |b| {
        on_cpu(b, || sent.iter().for_each(|samples| shelf.take(black_box(samples), 1_700_000_000_001)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
