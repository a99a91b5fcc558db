//! What making one flow sample costs, from the frame that a source hands on to the records in the datagram.
//!
//! Goal: well below 150 ns for a TCP frame of which 128 bytes are shown. Run by hand: `cargo bench --bench flow`.

use criterion::{Criterion, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use hsflow::sample::flow::{Known, Packet, Sampler, encode, path};
use hsflow::sample::frame::{End, Frame, Vlan};
use hsflow::sample::guest::Engine;
use hsflow::sample::guest::marks::{Marked, MarkedLink, Marks};
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

/// Of 1,000 guests: both ends are guests, one is, none is, and both inside VXLAN. Goal: about 100 ns.
fn marks(c: &mut Criterion) {
    let guests: Vec<Marked> = (0..1000_u32)
        .map(|number| {
            let [_, _, high, low] = number.to_be_bytes();
            let link = MarkedLink {
                mac: Some([2, 0x42, 10, 9, high, low]),
                ips: vec![[10, 9, high, low].into()],
                port: Some(1000 + number),
                vni: None,
            };
            Marked {
                index: 100_000 + number,
                engine: Engine::Docker,
                links: vec![link],
                cgroups: vec![number.into()],
            }
        })
        .collect();
    let marks = Marks::new(&guests);
    let locals = Locals::new((0..40).map(|last| [10, 0, 1, last].into()), [[6; 6]]);
    let udp = |ips: [[u8; 4]; 2], port: u16, payload: &[u8]| {
        let mac = |[_, _, high, low]: [u8; 4]| [2, 0x42, 10, 9, high, low];
        let packet =
            PacketBuilder::ethernet2(mac(ips[0]), mac(ips[1])).ipv4(ips[0], ips[1], 64).udp(5555, port);
        let mut bytes = Vec::new();
        assert!(packet.write(&mut bytes, payload).is_ok());
        bytes
    };
    let both = udp([[10, 9, 1, 17], [10, 9, 3, 200]], 53, &[0; 40]);
    let one = udp([[10, 9, 1, 17], [198, 51, 100, 7]], 53, &[0; 40]);
    let none = udp([[203, 0, 113, 1], [198, 51, 100, 7]], 53, &[0; 40]);
    let tunnel = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &both].concat();
    let inside = udp([[203, 0, 113, 1], [198, 51, 100, 7]], 4789, &tunnel);
    let cases =
        [("both are guests", both), ("one is", one), ("none is", none), ("both inside VXLAN", inside)];
    for (name, bytes) in &cases {
        let frame = Frame { if_index: 7, input: End::Interface(7), bytes, ..Frame::default() };
        let Some(packet) = Packet::of(&frame) else { continue };
        c.bench_function(&format!("the guests of a packet: {name}"), |b| {
            b.iter(|| marks.ends(black_box(&packet), &locals, None).record());
        });
    }
}

criterion_group!(benches, flow, marks);
criterion_main!(benches);
