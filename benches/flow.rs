//! What making one flow sample costs, from the frame that a source hands on to the records in the datagram.
//!
//! Goal: well below 150 ns for a TCP frame of which 128 bytes are shown. Run by hand: `cargo bench --bench flow`.

use criterion::{Criterion, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use hsflow::sample::flow::{Known, Packet, Sampler, encode, path};
use hsflow::sample::frame::{End, Frame, Vlan};
use hsflow::sample::local::Locals;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use std::hint::black_box;

fn tcp() -> Vec<u8> {
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    assert!(packet.tcp(443, 50_000, 1, 1000).write(&mut bytes, &[0; 74]).is_ok());
    bytes
}

fn flow(c: &mut Criterion) {
    let bytes = tcp();
    assert_eq!(bytes.len(), 128);
    let locals = Locals::new((0..40).map(|last| [10, 0, 1, last].into()), [[6; 6]]);
    let plain = Frame {
        if_index: 7,
        one_in: 1000,
        input: End::Interface(7),
        bytes: &bytes,
        wire_len: 1514,
        time: Some(1_700_000_000_000_000_000),
        ..Frame::default()
    };
    let tagged = Frame { vlan: Some(Vlan { tpid: 0x8100, tci: 5 }), wire_len: 1518, ..plain };
    for (name, frame) in [("a TCP frame", plain), ("with a VLAN tag to put back", tagged)] {
        let mut sampler = Sampler::new(7);
        let mut datagrams = Datagrams::new(1400, [10, 0, 0, 1].into());
        let mut stream = Stream::new([10, 0, 0, 1].into(), 0);
        let mut send = |unsent: Unsent<'_>| _ = black_box(stream.complete(unsent));
        c.bench_function(name, |b| {
            b.iter(|| {
                let packet = Packet::of(black_box(&frame))?;
                let path = path(&packet, &locals);
                sampler.count(&frame);
                let header = sampler.next(frame.one_in, path);
                datagrams
                    .add_flow(1, &header, |out| encode(&packet, path, Known::default(), 128, out), &mut send)
                    .ok()
            });
        });
        assert!(sampler.samples() > 0);
    }
}

criterion_group!(benches, flow);
criterion_main!(benches);
