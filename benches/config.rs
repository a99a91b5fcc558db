//! Reading configuration files: the shipped file with every setting on, and one with a thousand collectors.
#![allow(missing_docs)] // criterion's macros make undocumented items

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hsflow::config;
use std::fmt::Write as _;
use std::hint::black_box;

/// Takes the `#` from every setting.
fn everything_on() -> String {
    let text = config::default_file();
    let lines = text.lines().map(|line| match line.trim_start().strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn thousand_collectors() -> String {
    let mut text = String::from("sflow {\n");
    for number in 0..1000 {
        let _ =
            writeln!(text, "  collector {{ ip = 10.0.{}.{} udpport = 6343 }}", number / 250, number % 250);
    }
    text + "}\n"
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("config");
    for (name, text) in [("everything_on", everything_on()), ("thousand_collectors", thousand_collectors())] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| config::parse("file", black_box(&text))));
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
