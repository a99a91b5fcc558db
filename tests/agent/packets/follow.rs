//! Interfaces that come, go and change their names, and bridges: who is tapped, and who sends counters because of it.

use super::{a0, connect, quiet, sampling, send, tapping, wait_flows, wait_source, wire};
use crate::netns;
use crate::rig::{LIMIT, Rig, assert_whole, if_index, ip, isolated, senders, source};
use crate::support::wait_until;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The sockets that the agent has, each once: a tap is one.
fn sockets(rig: &Rig) -> BTreeSet<PathBuf> {
    rig.descriptors().into_iter().filter(|d| d.to_string_lossy().starts_with("socket:")).collect()
}

#[test]
fn a_tap_waits_for_its_interface_follows_its_name_and_begins_anew_with_a_new_one() {
    isolated(|| {
        quiet();
        let rig = Rig::running("polling = 1\nagentIP = 192.0.2.1\npcap { dev = a0 sampling = 1 }");
        rig.wait_component("pcap", "degraded no interface a0 that could be tapped");
        wire();
        wait_source(&rig, "a0", "pcap");
        rig.wait_component("pcap", "running");
        send(20);
        wait_flows(&rig, a0(), 20);

        let before = a0();
        ip("link set a0 down");
        ip("link set a0 name z0");
        rig.wait_component("pcap", "no interface a0 that could be tapped");
        let (status, text) = rig.ctl(&["explain", "interface", "z0"]);
        assert_eq!(status, 0);
        assert!(text.contains("not sampled: no pcap or epcap of the configuration fits it"), "{text}");
        ip("link set z0 up");
        ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:09:02 dev z0 nud permanent");
        send(20);
        ip("link set z0 down");
        ip("link set z0 name a0");
        wait_source(&rig, "a0", "pcap");
        ip("link set a0 up");
        ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:09:02 dev a0 nud permanent");
        send(5);
        let flows = wait_flows(&rig, before, 25);
        assert_eq!((flows[24].header.sequence, flows[24].header.sample_pool), (25, 25));

        ip("link del a0");
        rig.wait_component("pcap", "no interface a0 that could be tapped");
        ip("link add a0 type veth peer name a1");
        connect();
        wait_source(&rig, "a0", "pcap");
        assert_ne!(a0(), before);
        send(3);
        let flows = wait_flows(&rig, a0(), 3);
        assert_eq!((flows[0].header.sequence, flows[0].header.sample_pool), (1, 1));
        assert_whole(&rig.datagrams());
        assert_eq!(rig.snapshot()["healthy"], true);
    });
}

#[test]
fn a_hundred_interfaces_that_come_and_go_leave_no_tap_behind() {
    isolated(|| {
        quiet();
        let rig = Rig::running("polling = 1\npcap { dev.pattern = ^c sampling = 10 }");
        rig.wait_component("pcap", "degraded no interface fits dev.pattern = ^c");
        let sockets = || sockets(&rig).len();
        let before = sockets();
        for n in 0..100 {
            ip(&format!("link add c{n} type bridge"));
        }
        wait_source(&rig, "c99", "pcap");
        assert!(sockets() >= 100);
        for n in 0..100 {
            ip(&format!("link del c{n}"));
        }
        wait_until("all taps closed", LIMIT, || (sockets() <= before).then_some(()));
    });
}

#[test]
fn without_dev_what_is_made_of_others_is_left_out_and_explained() {
    isolated(|| {
        wire();
        ip("link add br0 type bridge");
        ip("link set a0 master br0");
        let rig = Rig::running("polling = 1\npcap { sampling = 5 }");
        wait_source(&rig, "br0", "pcap");
        assert_eq!(sampling(&rig, "a0")["source"], serde_json::Value::Null);
        let (_, text) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(
            text.contains(
                "not sampled: its packets pass another interface too; a pcap with its name in dev would sample it."
            ),
            "{text}"
        );
        // A later block with the name does.
        rig.reload("polling = 1\npcap { sampling = 5 }\npcap { dev = a0 sampling = 6 }");
        wait_source(&rig, "a0", "pcap");
        assert_eq!(sampling(&rig, "a0")["one_in"], 6);
        assert_eq!(rig.component("pcap"), "running");
    });
}

#[test]
fn ports_of_a_tapped_bridge_send_counters_unless_vport_is_off() {
    isolated(|| {
        wire();
        ip("link add br0 type bridge");
        ip("link set a0 master br0");
        let rig = Rig::running("polling = 1\npcap { dev = br0 }");
        rig.first_sample(source("a0"));
        ip("link set a1 master br0");
        rig.first_sample(source("a1"));
        ip("link set a1 nomaster");
        rig.two_cycles();
        rig.catcher.clear();
        rig.two_cycles();
        let mut expected = vec![if_index("a0"), if_index("br0")];
        expected.sort_unstable();
        assert_eq!(senders(&rig.datagrams()), expected);

        rig.reload("polling = 1\npcap { dev = br0 vport = off }");
        rig.catcher.clear();
        rig.two_cycles();
        assert_eq!(senders(&rig.datagrams()), [if_index("br0")]);

        rig.reload("polling = 1\npcap { dev = br0 }");
        rig.first_sample(source("a0"));
        ip("link set br0 name br1");
        rig.wait_component("pcap", "no interface br0");
        rig.two_cycles();
        rig.catcher.clear();
        rig.two_cycles();
        assert_eq!(senders(&rig.datagrams()), [0; 0], "no tapped bridge, no ports behind it");
        ip("link set br1 name br0");
        rig.first_sample(source("a0"));
    });
}

#[test]
fn a_reload_without_changes_disturbs_no_tap() {
    isolated(|| {
        wire();
        let rig = tapping("");
        send(10);
        wait_flows(&rig, a0(), 10);
        let before = sockets(&rig);
        rig.configure("polling = 1   # the same\npcap { dev = a0 sampling = 1 }");
        rig.hang_up("configuration: reloaded, nothing changed");
        rig.reload("polling = 1\nheaderBytes = 100\npcap { dev = a0 sampling = 1 }");
        send(10);
        wait_flows(&rig, a0(), 20);
        assert_eq!(sockets(&rig), before);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn promisc_holds_as_long_as_the_tap() {
    isolated(|| {
        wire();
        let promiscuity = || netns::json("ip -d -j link show dev a0")[0]["promiscuity"].as_u64().unwrap();
        let wait = |count| {
            wait_until(&format!("promiscuity {count}"), LIMIT, || (promiscuity() == count).then_some(()));
        };
        let mut rig = Rig::running("pcap { dev = a0 sampling = 5 promisc = on }");
        wait(1);
        rig.reload("pcap { dev = a0 sampling = 5 }");
        wait(0);
        rig.reload("pcap { dev = a0 sampling = 6 promisc = on }");
        wait(1);
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
        assert_eq!(promiscuity(), 0);
    });
}

#[test]
fn a_tap_outlives_its_interface_going_down() {
    isolated(|| {
        wire();
        let rig = tapping("");
        for round in 1..=3 {
            send(10);
            let flows = wait_flows(&rig, a0(), round * 10);
            assert_eq!(flows.last().unwrap().header.sample_pool as usize, round * 10);
            ip("link set a0 down");
            ip("link set a0 up");
            ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:09:02 dev a0 nud permanent");
        }
        assert_eq!(rig.component("pcap"), "running");
        assert_whole(&rig.datagrams());
    });
}
