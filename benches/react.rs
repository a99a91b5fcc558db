//! What detection costs for each sample, from the datagram to the judgement of its key, and how much memory.
//!
//! Goal: 200,000 samples a second on one core, which is 5,000 ns for each, in less than 32 MB. Every sample is of another key
//! than the last, of ten times as many keys as there are places, which is the worst. Run by hand: `cargo bench --bench react`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use hsflow::policy::react::{Detector, Field, Filter, Measure, Rule, flows};
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};
use std::hash::RandomState;
use std::hint::black_box;
use std::time::Duration;

const PLACES: usize = 1024;

fn packet(number: usize) -> Vec<u8> {
    let [high, middle, low, ..] = number.to_le_bytes();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, high, middle, low], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    assert!(packet.udp(53, 9).write(&mut bytes, &[0; 86]).is_ok());
    bytes
}

/// Datagrams as the agent sends them, with so many samples in all.
fn datagrams(samples: usize) -> Vec<Vec<u8>> {
    let agent = [10, 0, 0, 1].into();
    let (mut queue, mut stream, mut sent) = (Datagrams::new(1400, agent), Stream::new(agent, 0), Vec::new());
    let mut send = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
    for number in 0..samples {
        // In an order that has no neighbours.
        let bytes = packet(number * 7919 % (10 * PLACES));
        let header = FlowHeader {
            sequence: 1,
            source: DataSource::interface(7),
            sampling_rate: 1000,
            sample_pool: 0,
            drops: 0,
            input: Port::interface(7),
            output: Port::INTERNAL,
        };
        let shown =
            SampledHeader { protocol: 1, frame_length: 1404, stripped: 4, header: bytes.as_slice().into() };
        assert!(queue.add_flow(0, &header, |out| out.record(&shown), &mut send).is_ok());
    }
    queue.flush(0, &mut send);
    sent
}

fn rule(fields: &[Field]) -> Rule {
    Rule {
        fields: fields.to_vec(),
        filter: Filter::All(vec![Filter::Protocol(17), Filter::SourcePort(1..=1024)]),
        measure: Measure::Bytes,
        raise_per_sec: 100_000_000_000,
        release_per_sec: 50_000_000_000,
        duration: Duration::ZERO,
        hold: Duration::from_secs(1),
        most: 64,
        window: Duration::from_secs(1),
        slices: 10,
        places: PLACES,
    }
}

fn react(c: &mut Criterion) {
    let all = datagrams(200_000);
    let before = resident_kib();
    let mut group = c.benchmark_group("a second of 200,000 samples");
    group.throughput(Throughput::Elements(200_000)).sample_size(10);
    let both = [Field::Source, Field::SourcePort, Field::Destination];
    for (name, rules) in [("one rule", 1), ("four rules", 4)] {
        let mut detectors: Vec<_> =
            (0..rules).map(|_| Detector::new(rule(&both), RandomState::new())).collect();
        let (mut now, step) =
            (Duration::ZERO, Duration::from_secs(1) / u32::try_from(all.len()).unwrap_or(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                for datagram in &all {
                    now += step;
                    let told = flows(black_box(datagram), &mut |flow| {
                        detectors
                            .iter_mut()
                            .for_each(|one| one.flow(now, flow, &mut |event| _ = black_box(event)));
                    });
                    assert!(told.is_ok());
                }
            });
        });
        println!("{name}: {} KiB more are resident", resident_kib().saturating_sub(before));
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

criterion_group!(benches, react);
criterion_main!(benches);
