//! Interfaces that are not there, and taps that see nothing.

use super::{fault, mended, prepared, scene};
use crate::rig::{LIMIT, ip};
use crate::scene::{is_root, send, wire};
use crate::support::process::Process;
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

faults! {
    a_device_that_is_not_there_is_tapped: mended(
        "pcap: ", &["no interface eth7", "ip -br link"],
        || scene("pcap { dev = eth7 }"),
        |_| {
            ip("link add eth7 type veth peer name eth8");
            ip("link set eth8 up");
            ip("link set eth7 up");
        },
    );
    the_tapped_interface_vanishes: fault("pcap: ", &["no interface a0"], || {
        wire();
        let scene = scene("pcap { dev = a0 sampling = 1 }")?;
        scene.wait_status("a tap", 0, |page| page.contains("pcap samples 1 in 1"));
        ip("link del a0");
        Some(scene)
    });
    the_preferred_device_is_not_there: mended(
        "agent: ", &["agent = eth7", "names an interface that this host does not have"],
        || scene("agent = eth7"),
        |_| ip("link add eth7 type veth peer name eth8"),
    );
    a_sampler_is_blind_while_counters_move: mended(
        "packet-samples: ", &["a0: its counters moved by", "doctor --calibrate"],
        || {
            wire();
            let scene = scene("pcap { dev = a0 sampling = 1 }")?;
            scene.wait_status("a tap", 0, |page| page.contains("pcap samples 1 in 1"));
            scene.rig.two_cycles();
            let mut python = Process::start(Command::new("python3").args(["-c", UNSEEN]));
            assert!(python.wait_exit(LIMIT).success(), "{}", python.stderr());
            Some(scene)
        },
        |_| send(5),
    );
    a_capability_is_missing: fault("pcap: ", &["a0: CAP_NET_RAW is missing", "systemctl restart hsflowd"], || {
        if !is_root() {
            return None;
        }
        wire();
        let mut rig = prepared("pcap { dev = a0 sampling = 1 }");
        rig.start_as_nobody(&[]);
        Some(rig.into())
    });
}
