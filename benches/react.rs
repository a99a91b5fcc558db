//! What detection costs for each sample, from the datagram to the judgement of its key, and how much memory.
//!
//! Goal: 200,000 samples a second on one core, which is 5,000 ns for each, in less than 32 MB. Every sample is of another key
//! than the last, of ten times as many keys as there are places, which is the worst. Run by hand: `cargo bench --bench react`.

#[path = "../tests/support/samples.rs"]
mod samples;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hsflow::policy::model::{Ports, Protocol};
use hsflow::policy::react::{Detector, Field, Measure, Only, Rule, flows};
use samples::datagrams;
use std::hash::RandomState;
use std::hint::black_box;
use std::time::Duration;

const PLACES: usize = 1024;

fn rule(fields: &[Field]) -> Rule {
    Rule {
        fields: fields.to_vec(),
        only: Only {
            protocol: Some(Protocol::UDP),
            source_ports: Ports::new(1, 1024).into_iter().collect(),
            ..Only::default()
        },
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
    let all = datagrams(200_000, 10 * PLACES);
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
