//! Privileges: what a source keeps, and what is told where one is missing.

use super::{sampling, send, wait_flows, wait_source, wire};
use crate::netns;
use crate::rig::{LIMIT, Rig, assert_whole, isolated, source};
use crate::support::wait_until;

/// Runs `body` where this process is the real root.
fn as_root(body: impl FnOnce()) {
    isolated(|| if netns::is_inside() { println!("SKIP: needs root") } else { body() });
}

/// An agent of an ordinary user with these capabilities.
fn nobody(capabilities: &[&str], body: &str) -> Rig {
    let mut rig = Rig::new();
    rig.configure(body);
    rig.start_as_nobody(capabilities);
    rig
}

fn sets(rig: &Rig) -> [String; 4] {
    ["CapEff", "CapPrm", "CapInh", "CapAmb"].map(|set| rig.proc_status(set))
}

#[test]
fn without_the_privilege_the_interface_says_so_and_the_status_is_no() {
    as_root(|| {
        wire();
        let rig = nobody(&[], "polling = 1\npcap { dev = a0 sampling = 1 }");
        let state = rig.wait_component("pcap", "degraded");
        assert!(state.starts_with("degraded a0: CAP_NET_RAW is missing (socket "), "{state}");
        let state = rig.wait_component("privileges", "degraded");
        assert!(state.contains("was not given CAP_NET_RAW (pcap: tapping interfaces): a restart"), "{state}");
        let found = sampling(&rig, "a0");
        assert_eq!(found["source"], serde_json::Value::Null);
        let warning = found["warning"].as_str().unwrap();
        assert!(warning.starts_with("asked for, not possible: CAP_NET_RAW is missing"), "{warning}");
        let (status, page) = rig.ctl(&["status"]);
        assert_eq!(status, 1, "{page}");
        assert!(page.contains("WARNING asked for, not possible: CAP_NET_RAW"), "{page}");
        let (_, text) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(text.contains("Its packets are not sampled: asked for, not possible: CAP_NET_RAW"), "{text}");
        // Counters do not need it.
        rig.first_sample(source("a0"));
        send(300);
        (0..3).for_each(|_| rig.two_cycles());
        assert_eq!(rig.component("packet-samples"), "running", "what is known not to run is not silent");
    });
}

#[test]
fn what_the_configuration_does_not_need_is_given_up() {
    as_root(|| {
        wire();
        let all = ["net_raw", "net_admin", "bpf"];
        let rig = nobody(&all, "polling = 1\npcap { dev = a0 sampling = 1 }");
        wait_source(&rig, "a0", "pcap");
        assert_eq!(sets(&rig), ["0000000000002000"; 4]);
        send(5);
        wait_flows(&rig, source("a0"), 5);
        let rig = nobody(&all, "polling = 1");
        rig.first_sample(hsflow::sflow::ids::DataSource::HOST);
        assert_eq!(sets(&rig), ["0000000000000000"; 4]);
    });
}

#[test]
fn a_reload_that_needs_what_was_given_up_says_so_and_applies_the_rest() {
    as_root(|| {
        wire();
        let rig = nobody(&["net_raw", "net_admin", "bpf"], "polling = 1\npcap { dev = a0 sampling = 1 }");
        wait_source(&rig, "a0", "pcap");
        rig.reload("polling = 1\npcap { dev = a0 sampling = 2 }\npsample { }");
        let state = rig.wait_component("privileges", "degraded");
        assert_eq!(
            state,
            "degraded this process was not given CAP_NET_ADMIN (psample: its group): a restart gives what the settings \
             need, if the unit permits it (hsflowctl privileges)"
        );
        wait_until("the new rate", LIMIT, || (sampling(&rig, "a0")["one_in"] == 2).then_some(()));
        rig.reload("polling = 1\npcap { dev = a0 sampling = 2 }");
        rig.wait_component("privileges", "running");
        assert_eq!(rig.component("psample"), "");
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn epcap_without_its_privileges_samples_as_pcap_and_says_so() {
    as_root(|| {
        wire();
        let rig = nobody(&["net_raw"], "polling = 1\nepcap { dev = a0 sampling = 1 }");
        let state = rig.wait_component("epcap", "degraded");
        assert!(
            state.starts_with("degraded a0: epcap is not possible here: CAP_BPF is missing (bpf "),
            "{state}"
        );
        assert!(state.ends_with("; pcap samples instead"), "{state}");
        wait_source(&rig, "a0", "pcap");
        send(10);
        wait_flows(&rig, source("a0"), 10);
        let (_, text) = rig.ctl(&["explain", "interface", "a0"]);
        assert!(text.contains("sampled 1 in 1 by pcap. The rate is that of sampling in epcap."), "{text}");
        assert!(text.contains("epcap is not possible here: CAP_BPF is missing"), "{text}");
    });
}

#[test]
fn epcap_with_its_privileges_samples_by_itself_and_counts_what_it_chooses_from() {
    as_root(|| {
        wire();
        let rig = nobody(&["net_raw", "net_admin", "bpf"], "polling = 1\nepcap { dev = a0 sampling = 1 }");
        rig.wait_component("epcap", "");
        wait_until("a source", LIMIT, || sampling(&rig, "a0")["source"].is_string().then_some(()));
        if sampling(&rig, "a0")["source"] == "pcap" {
            println!("SKIP: no eBPF here: {}", rig.component("epcap"));
            return;
        }
        assert_eq!(sets(&rig), ["0000008000003000"; 4]);
        send(100);
        wait_flows(&rig, source("a0"), 100);
        // Another rate, live, and another source, each without a gap.
        rig.reload("polling = 1\nepcap { dev = a0 sampling = 1000000 }");
        wait_until("the new rate", LIMIT, || (sampling(&rig, "a0")["one_in"] == 1_000_000).then_some(()));
        send(100);
        rig.reload("polling = 1\npcap { dev = a0 sampling = 1 }");
        wait_source(&rig, "a0", "pcap");
        send(10);
        let flows = wait_flows(&rig, source("a0"), 110);
        assert_eq!(flows[109].header.sequence, 110);
        assert_whole(&rig.datagrams());
        assert_eq!(rig.snapshot()["healthy"], true);
    });
}
