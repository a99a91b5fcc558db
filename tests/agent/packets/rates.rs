//! The rate of each interface, where it came from, and its change while packets flow.

use super::{a0, sampling, send, tapping, wait_flows, wire};
use crate::rig::{LIMIT, Rig, assert_whole, flows, ip, isolated};
use crate::support::wait_until;
use serde_json::Value;

/// Waits until the status tells this rate and origin of a device, and this component's state.
#[track_caller]
fn expect(rig: &Rig, device: &str, one_in: u32, origin: &str) {
    let mut last = Value::Null;
    wait_until(&format!("{device} 1 in {one_in} ({origin})"), LIMIT, || {
        last = sampling(rig, device);
        (last["one_in"] == one_in && last["rate_origin"] == origin && last["source"] == "pcap").then_some(())
    });
    let (_, text) = rig.ctl(&["explain", "interface", device]);
    let words = format!("Its packets are sampled 1 in {one_in} by pcap. The rate is that of {origin}.");
    assert!(text.contains(&words), "{words}\n{text}");
}

#[test]
fn every_way_to_set_a_rate_is_told_by_its_origin() {
    isolated(|| {
        wire(); // a veth says 10 Gb/s
        ip("link add d0 type bridge"); // and a bridge without ports nothing
        let rig = Rig::running("sampling = 7\npcap { dev = a0 }\npcap { dev = d0 }");
        let unknown = "sampling, its speed being unknown or the ratio 0";
        let by_speed = "its speed in Mb/s, at least 100";
        expect(&rig, "a0", 10_000, by_speed);
        expect(&rig, "d0", 7, unknown);
        for (body, one_in, origin) in [
            ("sampling.10G = 77\npcap { dev = a0 }", 77, "sampling.10G"),
            ("sampling.1G = 77\npcap { dev = a0 }", 10_000, by_speed),
            ("sampling.bps_ratio = 5000000\npcap { dev = a0 }", 2000, "sampling.bps_ratio"),
            ("sampling = 33\nsampling.bps_ratio = 0\npcap { dev = a0 }", 33, unknown),
            ("sampling.10G = 77\npcap { dev = a0 sampling = 5 }", 5, "sampling in pcap"),
            // The last block that fits counts, and pcap before epcap.
            (
                "pcap { dev = a0 sampling = 5 }\npcap { dev = a0 dev.pattern = ^a sampling = 6 }",
                6,
                "sampling in pcap",
            ),
            ("pcap { dev = a0 sampling = 5 }\nepcap { dev = a0 sampling = 6 }", 5, "sampling in pcap"),
            (
                "pcap { dev = a0 speed = 10G sampling = 8 }\npcap { dev = a0 speed = 1G-5G sampling = 6 }",
                8,
                "sampling in pcap",
            ),
        ] {
            rig.reload(body);
            expect(&rig, "a0", one_in, origin);
        }
    });
}

#[test]
fn a_block_that_another_one_covers_is_no_fault_and_neither_is_sampling_zero() {
    isolated(|| {
        wire();
        let rig = Rig::running("pcap { dev = a0 sampling = 5 }\nepcap { dev = a0 sampling = 6 }");
        expect(&rig, "a0", 5, "sampling in pcap");
        assert_eq!(rig.component("pcap"), "running");
        assert_eq!(
            rig.component("epcap"),
            "unavailable a0: the last object that fits counts, and pcap before epcap"
        );
        rig.reload("pcap { dev = a0 sampling = 5 }\npcap { dev = a0 sampling = 6 }");
        expect(&rig, "a0", 6, "sampling in pcap");
        assert_eq!((rig.component("pcap"), rig.component("epcap")), ("running".into(), String::new()));
        rig.reload("pcap { dev = a0 sampling = 0 }");
        rig.wait_component("pcap", "unavailable a0: its sampling rate is 0");
        let (_, text) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(text.contains("Its packets are not sampled: its sampling rate is 0."), "{text}");
        assert_eq!(rig.snapshot()["healthy"], true);
        send(10);
        rig.reload("pcap { dev = a0 sampling = 1 }");
        expect(&rig, "a0", 1, "sampling in pcap");
        send(10);
        wait_flows(&rig, a0(), 10);
    });
}

#[test]
fn a_new_rate_holds_at_once_and_sequence_numbers_and_pool_go_on() {
    isolated(|| {
        wire();
        let rig = tapping("");
        send(30);
        wait_flows(&rig, a0(), 30);
        rig.reload("polling = 1\npcap { dev = a0 sampling = 4 }");
        expect(&rig, "a0", 4, "sampling in pcap");
        rig.assert_logged("reloaded, revision 2: pcap.1.sampling 1 to 4", 1);
        send(400);
        let sent = rig.wait("samples at the new rate", |d| flows(d, a0()).len() > 60);
        let found = flows(&sent, a0());
        let (first, second) = found.split_at(30);
        assert!(first.iter().all(|f| f.header.sampling_rate == 1));
        assert!(second.iter().all(|f| f.header.sampling_rate == 4));
        for (n, flow) in (1..).zip(second) {
            assert_eq!((flow.header.sequence, flow.header.sample_pool), (30 + n, 30 + 4 * n));
        }
        assert_whole(&sent);
        rig.reload("polling = 1\npcap { dev = a0 sampling = 1 }");
        expect(&rig, "a0", 1, "sampling in pcap");
        let before = flows(&rig.datagrams(), a0()).len();
        send(10);
        rig.wait("the old rate again", |d| flows(d, a0()).len() >= before + 10);
        assert_whole(&rig.datagrams());
    });
}
