//! What reading the headers of one packet sample costs, so that it can be done for every one.
//!
//! Goal: below 30 ns for TCP in a plain frame. Run by hand: `cargo bench --bench headers`.

use criterion::{Criterion, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use hsflow::wire::frame::{self, Start};
use hsflow::wire::tunnel;
use std::hint::black_box;

fn tcp(tagged: bool) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let mut bytes = Vec::new();
    let written = if tagged {
        let ip = link.single_vlan(etherparse::VlanId::ZERO).ipv6([1; 16], [2; 16], 64);
        ip.tcp(443, 50_000, 1, 1000).write(&mut bytes, &[0; 50])
    } else {
        link.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(443, 50_000, 1, 1000).write(&mut bytes, &[0; 74])
    };
    assert!(written.is_ok());
    bytes
}

fn vxlan() -> Vec<u8> {
    let mut bytes = Vec::new();
    let inner = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &tcp(false)].concat();
    let outer = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    assert!(outer.udp(50_000, 4789).write(&mut bytes, &inner).is_ok());
    bytes
}

fn headers(c: &mut Criterion) {
    for (name, bytes) in [("TCP over IPv4", tcp(false)), ("TCP over IPv6 in a VLAN", tcp(true))] {
        assert!(frame::parse(Start::Ethernet, &bytes).transport.is_some());
        c.bench_function(name, |b| b.iter(|| frame::parse(Start::Ethernet, black_box(&bytes))));
    }
    let bytes = vxlan();
    assert!(tunnel::parse(&frame::parse(Start::Ethernet, &bytes)).is_some());
    c.bench_function("TCP in VXLAN, both headers", |b| {
        b.iter(|| tunnel::parse(&frame::parse(Start::Ethernet, black_box(&bytes))));
    });
}

criterion_group!(benches, headers);
criterion_main!(benches);
