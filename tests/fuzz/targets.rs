//! What is fuzzed: a name and a law that must hold for any bytes. A law that does not hold panics.
//!
//! To add a target: write its function, add it to `TARGETS`, and put a few small inputs into `corpus/NAME/`. The
//! fuzzer (`run.sh NAME SECONDS`) and the replay in `tests/fuzz_corpus.rs` then know it.

use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::xdr::Writer;
use hsflow::wire::{pcap, udp};

type Law = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus folder.
pub(crate) const TARGETS: &[(&str, Law)] = &[("pcap", pcap), ("sflow", sflow)];

/// What was decoded is encoded to bytes that decode to the same and encode to the same again.
fn sflow(data: &[u8]) {
    let Ok(first) = decode(data) else { return };
    // An absent end of a record is written out, so the bytes may grow a little.
    let once = encoded(&first, data.len() * 2);
    let second = decode(&once).expect("our own encoding is readable");
    assert_eq!((second.dirty_padding, second.trailing.len()), (0, 0));
    assert_eq!(once, encoded(&second, once.len()));
    // As text, because a NaN is not equal to itself.
    assert_eq!(format!("{:?}", first.samples), format!("{:?}", second.samples));
    serde_json::to_string(&first).expect("every datagram can be printed");
}

fn encoded(datagram: &Datagram, room: usize) -> Vec<u8> {
    let mut buffer = vec![0xA5; room];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).expect("the room is enough");
    out.written().to_vec()
}

/// Packets lie inside the file, payloads inside their packet, and an error is the last thing.
fn pcap(data: &[u8]) {
    let Ok(mut packets) = pcap::packets(data) else { return };
    while let Some(packet) = packets.next() {
        let Ok(packet) = packet else {
            assert!(packets.next().is_none());
            return;
        };
        assert!(inside(packet.bytes, data));
        for link_type in [packet.link_type, 0, 1, 101, 113, 276] {
            if let Ok(udp) = udp::parse(link_type, packet.bytes) {
                assert!(inside(udp.payload, packet.bytes));
            }
        }
    }
}

fn inside(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
