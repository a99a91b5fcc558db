//! `hsflowctl explain` of collectors, settings and rates, with a running agent.

use crate::rig::{Rig, ip, isolated};
use crate::scene::wire;
use hsflow::sflow::ids::DataSource;

#[test]
fn a_collector_is_explained_by_what_happened_to_its_datagrams() {
    isolated(|| {
        let rig = Rig::running("polling = 1\ncollector { ip = 203.0.113.9 }");
        rig.wait_component("collector 203.0.113.9 port 6343", "degraded");
        rig.next_sample(DataSource::HOST);
        let (status, text) = rig.ctl(&["explain", "collector", "203.0.113.9"]);
        assert_eq!(status, 0, "{text}");
        for words in [
            "NOT REACHED",
            "Nothing was sent to it yet",
            "without a route",
            "Network is unreachable",
            "\n  ip route get 203.0.113.9",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let (status, text) = rig.ctl(&["explain", "collector", "127.0.0.1"]);
        let port = rig.catcher.port();
        assert!(
            status == 0
                && text.contains("reachable")
                && text.contains(&format!("tcpdump -n udp port {port}")),
            "{text}"
        );
        let (status, text) = rig.ctl(&["explain", "collector", "192.0.2.1"]);
        assert!(status == 1 && text.contains("collector { ip = 192.0.2.1 }"), "{text}");
    });
}

#[test]
fn a_setting_is_explained_by_its_line_and_by_what_it_means() {
    isolated(|| {
        let rig = Rig::running("polling = 7\npcap { dev = a0 sampling = 5 }");
        let file = rig.text("hsflowd.conf");
        // It answers from now on.
        rig.snapshot();
        let (status, text) = rig.ctl(&["explain", "setting", "polling"]);
        assert!(status == 0 && text.starts_with(&format!("polling is 7: {file}:3.\n")), "{text}");
        assert!(
            text.ends_with(&format!("write this in {file} and reload (hsflowctl reload):\n  polling = 7")),
            "{text}"
        );
        let (_, text) = rig.ctl(&["explain", "setting", "pcap.sampling"]);
        assert!(text.contains("pcap.1.sampling is 5") && text.contains("pcap { sampling = 5 }"), "{text}");
        let (status, text) = rig.ctl(&["explain", "setting", "poling"]);
        assert!(status == 1 && text.contains("did you mean polling?"), "{text}");
    });
}

#[test]
fn a_rate_is_explained_by_what_decided_it_and_is_the_one_in_force() {
    isolated(|| {
        wire();
        ip("link add other type veth peer name otherx");
        let rig = Rig::running("polling = 1\nsampling.10G = 77\npcap { dev = a0 }");
        crate::support::wait_until("a tap", crate::rig::LIMIT, || {
            rig.ctl(&["status"]).1.contains("pcap samples 1 in 77").then_some(())
        });
        let (status, text) = rig.ctl(&["explain", "sample-rate", "a0"]);
        assert_eq!(status, 0, "{text}");
        for words in [
            "one in 77 is sampled, by pcap",
            "sampling.10G, its speed being 10 Gb/s: 77 (",
            "\n  sampling.10G = N",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let (status, text) = rig.ctl(&["explain", "sample-rate", "other"]);
        assert!(
            status == 0
                && text.contains("No packet of other is sampled")
                && text.ends_with("  pcap { dev = other }"),
            "{text}"
        );
        assert_eq!(rig.ctl(&["explain", "sample-rate", "nowhere"]).0, 1);
    });
}
