//! What the operator is told of sampling: numbers that are those on the wire, and a warning where a sampler is silent while
//! its interface is not.

use crate::rig::{LIMIT, ip, isolated};
use crate::site::{Link, Site, Way};
use crate::support::wait_until;
use std::process::{Child, Command, Stdio};

#[test]
fn status_and_explanation_say_what_the_samples_say() {
    isolated(|| {
        let mut link = Link::new("told");
        ip("link add other type veth peer name otherx");
        let site = Site::sampling("sampling.10G = 4 pcap { dev = told }");
        wait_until("a sample", LIMIT, || {
            link.send(Way::In, 64, 20);
            site.collector.look(|tally| tally.of(link.index) > 0).then_some(())
        });
        assert_eq!(site.collector.look(|tally| tally.last[&link.index].sampling_rate), 4);
        wait_until("the same numbers in the status", LIMIT, || {
            let told = site.sampling_of("told");
            let last = site.collector.look(|tally| tally.last[&link.index]);
            let words = ["samples", "pool", "drops", "one_in"].map(|name| told[name].as_u64());
            let wire = [last.sequence, last.sample_pool, last.drops, 4].map(|n| Some(u64::from(n)));
            (words == wire).then_some(())
        });
        assert_eq!(site.sampling_of("told")["source"], "pcap");
        let (status, text) = site.ctl(&["status"]);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("pcap samples 1 in 4 (") && text.contains("10G"), "{text}");
        let (status, text) = site.ctl(&["explain", "interface", "told"]);
        assert_eq!(status, 0, "{text}");
        for part in ["told", "10 Gb/s", "pcap", "1 in 4", "10G"] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        let (_, text) = site.ctl(&["explain", "interface", "other"]);
        assert!(text.contains("not sampled"), "{text}");
    });
}

/// A program that sends frames behind the back of every tap, some thousand a second.
struct Unseen(Child);

impl Unseen {
    const PROGRAM: &str = "
import select, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.setsockopt(263, 20, 1)
s.bind((sys.argv[1], 0))
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for _ in range(50): s.send(bytes.fromhex('02000000000202000000000188b5') + bytes(50))
";

    fn new(device: &str) -> Self {
        let mut command = Command::new("python3");
        Self(command.args(["-c", Self::PROGRAM, device]).stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_sampler_that_is_silent_while_its_interface_is_not_is_warned_of() {
    isolated(|| {
        let mut link = Link::new("mute");
        let site = Site::sampling("polling = 1 pcap { dev = mute sampling = 2 }");
        wait_until("a sample", LIMIT, || {
            link.send(Way::In, 64, 4);
            site.collector.look(|tally| tally.of(link.index) > 0).then_some(())
        });
        let unseen = Unseen::new("mute");
        let state = site.wait_component("packet-samples", "mute: its counters moved by");
        assert!(state.starts_with("degraded"), "{state}");
        assert_eq!(site.snapshot()["healthy"], false);
        let (_, text) = site.ctl(&["explain", "interface", "mute"]);
        assert!(text.contains("its counters moved by"), "{text}");
        drop(unseen);
        link.send(Way::In, 64, 100);
        site.wait_component("packet-samples", "running");
    });
}
