//! Sources that others feed: what they need of the kernel, and nobody who feeds them.

use super::{fault, mended, scene};
use crate::netns::{Elsewhere, run};
use crate::rig::Rig;
use crate::scene::{Scene, send, wire_to};
use hsflow::sflow::ids::DataSource;
use hsflow::source::Source;
use hsflow::source::nflog::{Log, RECEIVE_BYTES, Settings};
use hsflow::source::psample;
use std::num::NonZeroU32;

fn log_owner() -> Log {
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
fn has_nflog() -> bool {
    let obstacle = log_owner().obstacle().cloned();
    obstacle.inspect(|obstacle| println!("SKIP: no NFLOG here: {obstacle}")).is_none()
}

faults! {
    the_kernel_has_no_psample: fault("psample: ", &["psample", "modprobe psample"], || {
        if psample::probe().is_ok() {
            println!("SKIP: this kernel has psample");
            return None;
        }
        scene("psample { group = 1 }")
    });
    no_tc_filter_feeds_psample: fault("packet-samples: ", &["psample: ", "no tc filter", "tc filter show"], || {
        if psample::probe().is_err() {
            println!("SKIP: this kernel has no psample");
            return None;
        }
        let outside = Elsewhere::new();
        wire_to(&outside);
        let scene = Rig::running("polling = 1\nsampling = 1\nsampling.10G = 1\npsample { group = 1 }");
        scene.next_sample(DataSource::HOST);
        send(2000);
        Some(Scene::with(scene, outside))
    });
    no_firewall_rule_feeds_nflog: mended(
        "packet-samples: ", &["nflog: ", "no firewall rule", "-j NFLOG"],
        || {
            if !has_nflog() {
                return None;
            }
            let outside = Elsewhere::new();
            wire_to(&outside);
            let rig = Rig::running("polling = 1\nsampling = 1\nnflog { group = 5 probability = 1 }");
            rig.wait_component("nflog", "running");
            rig.two_cycles();
            send(2000);
            Some(Scene::with(rig, outside))
        },
        |_| {
            run("iptables -A OUTPUT -o a0 -p udp -j NFLOG --nflog-group 5");
            send(5);
        },
    );
    another_program_has_the_nflog_group: mended(
        "nflog: ", &["group 5", "is taken by another process", "ss -f netlink"],
        || {
            if !has_nflog() {
                return None;
            }
            let other = log_owner();
            Some(Scene::with(Rig::running("polling = 1\nsampling = 1\nnflog { group = 5 probability = 1 }"), other))
        },
        |scene| scene.keeper = None,
    );
}
