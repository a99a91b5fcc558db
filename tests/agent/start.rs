//! The first seconds: what is sent at once, with what in it, and how it goes on.

use crate::netns::Elsewhere;
use crate::rig::{Rig, all_samples, assert_whole, if_index, ip, isolated, samples, senders, source};
use hsflow::sflow::ids::DataSource;

#[test]
fn every_source_is_sent_at_once_and_the_host_with_all_its_records() {
    isolated(|| {
        let outside = Elsewhere::new();
        ip(&format!("link add out0 type veth peer name out1 netns {}", outside.pid()));
        ip("link add a0 type veth peer name a1");
        // With this interval nothing but the first samples can come while the test waits.
        let rig = Rig::running("polling = 300\ninterfaceCounters = all");
        let devices = ["out0", "a0", "a1"].map(if_index);
        let sent = rig.wait("a sample of each source", |d| all_samples(d).count() >= 4);
        let mut expected = devices.to_vec();
        expected.sort_unstable();
        assert_eq!(senders(&sent), expected, "all but loopback");
        assert_whole(&sent);
        let host = samples(&sent, DataSource::HOST)[0];
        let mut tags: Vec<_> = host.records.iter().map(|r| r.tag().to_string()).collect();
        tags.sort_unstable();
        let all = [2000, 2001, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010].map(|tag| format!("0:{tag}"));
        assert_eq!(tags, all);
        for device in devices {
            let sample = samples(&sent, DataSource::interface(device))[0];
            let tags: Vec<_> = sample.records.iter().map(|r| r.tag().to_string()).collect();
            assert_eq!(tags, ["0:1005", "0:1"]);
        }
    });
}

#[test]
fn every_source_comes_again_each_interval_under_numbers_without_a_gap() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        let rig = Rig::running("polling = 4\ninterfaceCounters = all");
        let sources = [DataSource::HOST, source("a0"), source("a1")];
        let sent = rig.wait("three of each", |d| sources.iter().all(|&s| samples(d, s).len() >= 3));
        assert_whole(&sent);
        for source in sources {
            let at: Vec<_> = sent
                .iter()
                .filter(|d| !samples(std::slice::from_ref(d), source).is_empty())
                .map(|d| d.uptime_ms)
                .collect();
            let first = at[1] - at[0];
            assert!(first <= 4000 + 2000, "{source}: {at:?}: the second sample within the interval");
            let second = at[2] - at[1];
            assert!((2000..=6000).contains(&second), "{source}: {at:?}: then one an interval");
        }
    });
}

#[test]
fn the_sub_agent_is_the_c_agents_number() {
    isolated(|| {
        for (body, expected) in [("", 100_001), ("json { }", 100_000), ("subAgentId = 7\njson { }", 7)] {
            let rig = Rig::running(body);
            let sent = rig.wait("a datagram", |d| !d.is_empty());
            assert_eq!((sent[0].sub_agent_id, sent[0].sequence), (expected, 1), "{body}");
        }
    });
}
