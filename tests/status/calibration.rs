//! `hsflowctl doctor --calibrate`: the samplers on known traffic, and nothing left behind.

use crate::netns::run;
use crate::rig::{LIMIT, Rig, isolated};
use crate::scene::is_root;
use crate::support::process::Process;
use hsflow::source::{af_packet, ebpf};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// The network namespaces of all processes, with the named ones.
fn namespaces() -> BTreeSet<std::path::PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut all: BTreeSet<_> =
        processes.filter_map(|p| fs::read_link(p.path().join("ns/net")).ok()).collect();
    all.extend(fs::read_dir("/run/netns").into_iter().flatten().flatten().map(|entry| entry.path()));
    all
}

#[test]
fn each_sampler_that_is_here_samples_as_it_says_and_nothing_stays() {
    isolated(|| {
        if !is_root() {
            return;
        }
        let rig = Rig::new();
        rig.configure("polling = 1");
        let (file, socket) = (rig.text("hsflowd.conf"), rig.text("none.sock"));
        let links = run("ip -o link");
        let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
        let mut ctl =
            Process::hsflowctl(&["doctor", "--calibrate", "--json", "-f", &file, "--socket", &socket]);
        let status = ctl.wait_exit(LIMIT);
        let page: Value =
            serde_json::from_str(&ctl.stdout()).unwrap_or_else(|e| panic!("{e}: {}", ctl.stderr()));
        let checks: Vec<_> = page["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["what"].as_str().unwrap().starts_with("calibration "))
            .collect();
        assert_eq!(checks.len(), 6, "{page:#}");
        assert_eq!(status.code(), Some(0), "{page:#}");
        for (name, is_here) in
            [("pcap", af_packet::probe(None).is_ok()), ("epcap", ebpf::probe(None).is_ok())]
        {
            for (rate, words) in
                [("1 in 1", "2000 samples of 2000 packets"), ("1 in 10", " samples of 40000 packets")]
            {
                let check =
                    checks.iter().find(|c| c["what"] == format!("calibration {name} {rate}")).unwrap();
                let said = check["found"].as_str().unwrap();
                assert_eq!(check["grade"] == "good", is_here, "{check}");
                assert!(!is_here || said.contains(words), "{check}");
            }
        }
        assert!(!namespaces().is_empty() && run("ip -o link") == links, "its devices are not ours");
        assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), own);
    });
}
