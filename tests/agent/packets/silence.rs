//! A sampler that sees nothing while its interface counts packets.

use super::{sampling, send, tapping, wire};
use crate::rig::{LIMIT, all_flows, isolated};
use crate::support::process::Process;
use crate::support::wait_until;
use std::process::Command;

/// Frames that pass the driver and nobody else: with `PACKET_QDISC_BYPASS` they are "not visible to other PF_PACKET
/// sockets", says packet_mmap.rst of the kernel.
const UNSEEN: &str = "
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('a0', 0))
s.setsockopt(263, 20, 1)
for n in range(2000): s.send(bytes(6) + b'\\2' + bytes(5) + b'\\x88\\xb5' + bytes(100))
";

fn send_unseen() {
    let mut python = Process::start(Command::new("python3").args(["-c", UNSEEN]));
    assert!(python.wait_exit(LIMIT).success(), "{}", python.stderr());
}

#[test]
fn a_sampler_that_misses_what_the_counters_see_is_told_until_it_samples_again() {
    isolated(|| {
        wire();
        let rig = tapping("");
        send(1);
        rig.wait_component("packet-samples", "running");
        // A poll that has seen the sample: what is counted from then on is missed.
        rig.wait("a sample", |d| all_flows(d).count() == 1);
        rig.two_cycles();
        send_unseen();
        // A poll may have come between them.
        wait_until("all to be missed", LIMIT, || {
            rig.ctl(&["status"]).1.contains("moved by 2000").then_some(())
        });
        let state = rig.wait_component("packet-samples", "degraded");
        assert_eq!(
            state,
            "degraded a0: its counters moved by 2000 packets without one sample, where 2000 were to be expected"
        );
        assert_eq!(sampling(&rig, "a0")["samples"], 1);
        let (status, page) = rig.ctl(&["status"]);
        assert_eq!(status, 1);
        assert!(page.contains("WARNING its counters moved by 2000 packets without one sample"), "{page}");
        let (_, text) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(text.contains("WARNING: its counters moved by 2000 packets"), "{text}");
        send(1);
        rig.wait_component("packet-samples", "running");
        wait_until("no warning", LIMIT, || sampling(&rig, "a0")["warning"].is_null().then_some(()));
        // A poll between them has told of a part.
        rig.assert_logged("packet-samples degraded: a0: its counters moved by 2000 packets", 1);
    });
}
