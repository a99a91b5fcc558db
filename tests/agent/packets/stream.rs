//! Flow samples in the agent's one stream of datagrams.

use super::{a0, send, tapping, wait_flows, wire};
use crate::rig::{LIMIT, all_flows, all_samples, assert_whole, flows, ip, isolated, samples};
use hsflow::sflow::ids::DataSource;

#[test]
fn counters_and_flows_share_one_sub_agent_without_a_gap_under_load() {
    isolated(|| {
        wire();
        let rig = tapping("interfaceCounters = all");
        for _ in 0..10 {
            send(500);
            rig.next_sample(DataSource::HOST);
        }
        let sent = rig.wait("all samples", |d| flows(d, a0()).len() >= 5000);
        assert_whole(&sent);
        let found = flows(&sent, a0());
        assert_eq!(found.len(), 5000);
        assert_eq!((found[4999].header.sample_pool, found[4999].header.drops), (5000, 0));
        assert!(sent.iter().all(|d| d.sub_agent_id == sent[0].sub_agent_id && d.agent == sent[0].agent));
        assert!(sent.windows(2).all(|pair| pair[0].uptime_ms <= pair[1].uptime_ms));
        assert!(samples(&sent, a0()).len() > 5);
        let snapshot = rig.snapshot();
        assert_eq!(snapshot["telemetry"]["flow_samples"], 5000, "{snapshot}");
        let (_, page) = rig.ctl(&["status"]);
        let words = "pcap samples 1 in 1 (sampling in pcap): 5000 samples, 0 lost, 0 not describable";
        assert!(page.contains(words), "{page}");
    });
}

#[test]
fn another_agent_address_is_another_stream_of_the_same_samples() {
    isolated(|| {
        wire();
        ip("addr add 192.0.2.1/24 dev lo");
        let rig = tapping("agentIP = 192.0.2.1");
        send(20);
        wait_flows(&rig, a0(), 20);
        rig.reload("polling = 1\npcap { dev = a0 sampling = 1 }\nagentIP = 192.0.2.2");
        send(20);
        let flows = wait_flows(&rig, a0(), 40);
        assert_eq!(flows[39].header.sample_pool, 40);
        let sent = rig.datagrams();
        assert_whole(&sent);
        let last = sent.iter().rfind(|d| all_flows(std::slice::from_ref(*d)).count() > 0).unwrap();
        assert_eq!(last.agent.to_string(), "192.0.2.2");
    });
}

#[test]
fn what_waits_when_the_agent_is_told_to_end_is_sent() {
    isolated(|| {
        wire();
        let mut rig = tapping("");
        for round in 1..=5 {
            send(round * 30);
            assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
            let sent = rig.wait("the last samples", |d| flows(d, a0()).len() >= round * 30);
            assert_eq!(flows(&sent, a0()).len(), round * 30, "round {round}");
            assert_whole(&sent);
            assert!(all_samples(&sent).count() > 0);
            rig.catcher.clear();
            rig.start();
            super::wait_source(&rig, "a0", "pcap");
        }
    });
}
