//! Which interfaces send counters: the C agent's rule, and the key that widens it.

use crate::rig::{Rig, if_index, ip, isolated, senders};
use std::collections::BTreeSet;

/// The interfaces that send under each of these configurations, after each had its turn. The agents run side by side.
fn sending<const N: usize>(bodies: [&str; N]) -> [Vec<u32>; N] {
    let rigs = bodies.map(|body| Rig::running(&format!("polling = 1\n{body}")));
    rigs.each_ref().map(|rig| {
        rig.two_cycles();
        senders(&rig.datagrams())
    })
}

#[test]
fn only_switch_ports_and_tapped_devices_send_unless_more_is_asked_for() {
    isolated(|| {
        ip("link add swp1 type veth peer name swp2");
        ip("link add eth7 type veth peer name eth8");
        let [plain, switch, tapped, physical] = sending([
            "",
            "cumulus { switchport = ^swp }",
            "pcap { dev = eth8 }",
            "interfaceCounters = physical",
        ]);
        assert_eq!(plain, [0; 0]);
        assert_eq!(switch, [if_index("swp2"), if_index("swp1")]);
        assert_eq!(tapped, [if_index("eth8")]);
        assert_eq!(physical, [0; 0], "a veth is not physical");
    });
}

#[test]
fn physical_means_devices_with_hardware_behind_them() {
    // In the namespace that has them, if this machine has any.
    let devices = std::fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().path());
    let expected: BTreeSet<u32> = devices
        .filter(|path| path.join("device").exists())
        .map(|path| std::fs::read_to_string(path.join("ifindex")).unwrap().trim().parse().unwrap())
        .collect();
    if expected.is_empty() {
        println!("SKIP physical_means_devices_with_hardware_behind_them: this machine has none here");
    }
    let [sent] = sending(["interfaceCounters = physical"]);
    assert_eq!(sent, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn polling_zero_sends_nothing_until_another_is_set() {
    isolated(|| {
        let rig = Rig::running("polling = 0\ninterfaceCounters = all");
        let snapshot = rig.snapshot();
        assert_eq!(snapshot["healthy"], true, "{snapshot}");
        rig.reload("polling = 1");
        let sent = rig.wait("a sample", |d| !d.is_empty());
        assert_eq!(sent[0].sequence, 1, "nothing went before it");
    });
}
