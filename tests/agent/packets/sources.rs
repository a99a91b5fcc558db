//! Sources that are no taps: their states, and what they do when the kernel gives and takes.

use super::{send, wire};
use crate::rig::{Rig, all_flows, assert_whole, isolated};
use hsflow::source::Source;
use hsflow::source::nflog::{Log, RECEIVE_BYTES, Settings};
use std::num::NonZeroU32;

/// Takes group 5, as somebody else.
fn other_owner() -> Log {
    let settings = Settings {
        group: 5,
        rule_one_in: NonZeroU32::MIN,
        skip: NonZeroU32::MIN,
        copy: 128,
        own_rule: false,
        receive_bytes: RECEIVE_BYTES,
    };
    Log::new(settings).unwrap()
}

/// Whether this kernel has NFLOG; says so where it has not.
fn nflog_is_there() -> bool {
    let obstacle = other_owner().obstacle().cloned();
    obstacle.inspect(|obstacle| println!("SKIP: no NFLOG here: {obstacle}")).is_none()
}

#[test]
fn what_can_do_nothing_says_why_and_is_no_fault() {
    isolated(|| {
        let rig = Rig::running("ulog { group = 1 probability = 1 }\nnflog { probability = 0.5 }");
        rig.wait_component("ulog", "unavailable Linux has no ULOG since 3.17: use nflog");
        rig.wait_component("nflog", "unavailable it names no group");
        assert_eq!(rig.snapshot()["healthy"], true);
        let (status, page) = rig.ctl(&["status"]);
        assert_eq!(status, 0, "{page}");
        assert!(page.contains("component  ulog unavailable"), "{page}");
        rig.reload("sampling = 0\nnflog { group = 5 probability = 0.5 }");
        rig.wait_component("nflog", "unavailable sampling is 0");
        rig.reload("polling = 1");
        assert_eq!((rig.component("ulog"), rig.component("nflog")), (String::new(), String::new()));
    });
}

#[test]
fn a_group_that_another_process_has_is_waited_for() {
    isolated(|| {
        wire();
        if !nflog_is_there() {
            return;
        }
        let other = other_owner();
        let rig = Rig::running("sampling = 1\nnflog { group = 5 probability = 1 }");
        let state = rig.wait_component("nflog", "degraded");
        assert!(state.contains("group 5") && state.contains("is taken by another process"), "{state}");
        drop(other);
        rig.wait_component("nflog", "running");
        crate::netns::run("iptables -A OUTPUT -o a0 -p udp -j NFLOG --nflog-group 5");
        send(50);
        let sent = rig.wait("50 flow samples", |d| all_flows(d).count() >= 50);
        assert!(all_flows(&sent).all(|flow| flow.header.sampling_rate == 1));
        assert_whole(&sent);
        let (_, page) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(page.contains("sampled 1 in 1 by nflog."), "{page}");
    });
}

#[test]
fn sources_come_and_go_by_reload_and_their_states_with_them() {
    isolated(|| {
        wire();
        if !nflog_is_there() {
            return;
        }
        // Of what it begins with it keeps the privilege.
        let rig = Rig::running("sampling = 0\nnflog { group = 5 probability = 1 }");
        rig.wait_component("nflog", "unavailable sampling is 0");
        for _ in 0..3 {
            rig.reload("sampling = 1\nnflog { group = 5 probability = 1 }");
            rig.wait_component("nflog", "running");
            assert!(other_owner().obstacle().is_some(), "it is the agent's");
            rig.reload("sampling = 0\nnflog { group = 5 probability = 1 }");
            rig.wait_component("nflog", "unavailable sampling is 0");
            // Twice at once: the packet thread may find that nothing has changed.
            rig.configure("sampling = 1\nnflog { group = 5 probability = 1 }");
            rig.hang_up("configuration: reloaded, revision");
            rig.wait_component("nflog", "running");
            rig.reload("polling = 1");
            assert_eq!(rig.component("nflog"), "");
        }
    });
}
