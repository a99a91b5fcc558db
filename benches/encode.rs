//! What a sample costs: the encoder writing into a stream of datagrams, and the decoder reading a recorded one.
//!
//! Goal: a full host sample below 1 µs. Run by hand: `cargo bench --bench encode`.

use criterion::{Criterion, criterion_group, criterion_main};
use hsflow::sflow::counters::host::*;
use hsflow::sflow::counters::interface::{GenericInterface, PortName};
use hsflow::sflow::datagram::Datagrams;
use hsflow::sflow::decode::decode;
use hsflow::sflow::flow::kernel::Timestamp;
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port, SampleWriter};
use hsflow::wire::{pcap, udp};
use std::borrow::Cow;
use std::hint::black_box;

fn stream() -> Datagrams {
    Datagrams::new(1400, [192, 0, 2, 2].into())
}

fn host_sample(c: &mut Criterion) {
    let adaptor = Adaptor { if_index: 4, macs: vec![[2, 0xfc, 0, 0, 0, 1]] };
    let adaptors = Adaptors { adaptors: vec![adaptor.clone(), adaptor] };
    let id = HostId { hostname: "vm".into(), os_release: "6.18.44-fc-v669".into(), ..Default::default() };
    let (udp, tcp, icmp, ip) =
        (HostUdp::default(), HostTcp::default(), HostIcmp::default(), HostIp::default());
    let (disk, memory, cpu, network) =
        (HostDiskIo::default(), HostMemory::default(), HostCpu::default(), HostNetIo::default());
    let mut stream = stream();
    c.bench_function("host sample, 10 records, 700 bytes", |b| {
        b.iter(|| {
            let write = |s: &mut SampleWriter<'_, '_>| {
                s.record(black_box(&adaptors))?;
                s.record(black_box(&udp))?;
                s.record(black_box(&tcp))?;
                s.record(black_box(&icmp))?;
                s.record(black_box(&ip))?;
                s.record(black_box(&disk))?;
                s.record(black_box(&memory))?;
                s.record(black_box(&cpu))?;
                s.record(black_box(&network))?;
                s.record(black_box(&id))
            };
            let sent = stream.add_counters(1, DataSource::HOST, 1, write, &mut |bytes| {
                black_box(bytes);
            });
            assert!(sent.is_ok());
        });
    });
}

fn interface_sample(c: &mut Criterion) {
    let (name, counters) = (PortName { name: "eth0".into() }, GenericInterface::default());
    let mut stream = stream();
    c.bench_function("interface sample", |b| {
        b.iter(|| {
            let write = |s: &mut SampleWriter<'_, '_>| {
                s.record(black_box(&name))?;
                s.record(black_box(&counters))
            };
            let sent = stream.add_counters(1, DataSource::interface(2), 1, write, &mut |bytes| {
                black_box(bytes);
            });
            assert!(sent.is_ok());
        });
    });
}

fn packet_sample(c: &mut Criterion) {
    let packet = [0x5A; 128];
    let mut stream = stream();
    c.bench_function("packet sample, 128 header bytes", |b| {
        b.iter(|| {
            let header = FlowHeader {
                sequence: 1,
                source: DataSource::interface(2),
                sampling_rate: 1000,
                sample_pool: 1000,
                drops: 0,
                input: Port::interface(2),
                output: Port::INTERNAL,
            };
            let write = |s: &mut SampleWriter<'_, '_>| {
                s.record(&Timestamp { nanoseconds: black_box(1) })?;
                let header = Cow::Borrowed(black_box(&packet[..]));
                s.record(&SampledHeader { protocol: 1, frame_length: 1514, stripped: 4, header })
            };
            let sent = stream.add_flow(1, black_box(&header), write, &mut |bytes| {
                black_box(bytes);
            });
            assert!(sent.is_ok());
        });
    });
}

fn recorded_datagram(c: &mut Criterion) {
    let file = include_bytes!("../tests/data/c-agent.pcap");
    let packet = pcap::packets(file).ok().and_then(|mut packets| packets.nth(1)).and_then(Result::ok);
    let packet = packet.map(|packet| udp::parse(packet.link_type, packet.bytes));
    let Some(Ok(datagram)) = packet else { panic!("the recording has a second datagram") };
    c.bench_function("decode a recorded host datagram", |b| b.iter(|| decode(black_box(datagram.payload))));
}

criterion_group!(benches, host_sample, interface_sample, packet_sample, recorded_datagram);
criterion_main!(benches);
