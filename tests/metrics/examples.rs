//! The dashboard and the alerts that are shipped: they ask for what there is, and say what they should.

use crate::dockerd::Dockerd;
use crate::http::page_with;
use crate::netns::Elsewhere;
use crate::rig::{Rig, ip, isolated};
use crate::support::TempDir;
use crate::{AT, pair};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/examples").join(name)
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_word(c));
    let ours = words.filter(|word| ["node_", "hsflow_", "process_"].iter().any(|p| word.starts_with(p)));
    ours.map(str::to_owned).collect()
}

/// A host with everything that the examples show: interfaces that are sampled, a container, an application, a collector.
#[test]
fn every_name_in_the_examples_is_on_a_real_page() {
    isolated(|| {
        pair();
        let outside = Elsewhere::new();
        ip(&format!("link add out0 type veth peer name far0 netns {}", outside.pid()));
        ip("link set out0 up");
        let dockerd = Dockerd::beside(&["--bip=172.31.255.1/24"]);
        for name in ["proc", "sys", "etc", "run"] {
            symlink(format!("/{name}"), dockerd.root().join(name)).unwrap();
        }
        dockerd.docker("run -d --name metered bb sleep 100000");
        let mut rig = Rig::new();
        rig.configure(&format!(
            "agentIP = 192.0.2.1\npolling = 1\ninterfaceCounters = all\nmetrics {{ listen = {AT} }}\ndocker {{ }}\n\
             json {{ udpport = 36343 }}\npcap {{ dev = a0 }}\npcap {{ dev = missing }}"
        ));
        rig.start_with(&["-P", "--root", dockerd.root().to_str().unwrap()]);
        rig.wait_component("json", "running");
        let teller = UdpSocket::bind("127.0.0.1:0").unwrap();
        let message =
            r#"{"counter_sample": {"app_name": "web", "app_operations": {"success": 5, "other": 1}}}"#;
        teller.send_to(message.as_bytes(), "127.0.0.1:36343").unwrap();
        page_with(AT, "hsflow_application_operations_total{");
        let page = page_with(AT, "hsflow_guest_network_receive_bytes_total{guest=\"metered\"");
        let there = names(&page.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"));
        for file in ["prometheus-rules.yml", "grafana.json"] {
            let asked = names(&std::fs::read_to_string(example(file)).unwrap());
            let missing: Vec<_> = asked.difference(&there).collect();
            assert!(asked.len() > 8 && missing.is_empty(), "{file} asks for {missing:?} in vain");
        }
    });
}

#[test]
fn the_alerts_are_valid_and_say_what_they_should_when_they_should() {
    let dir = TempDir::new();
    std::fs::copy(example("prometheus-rules.yml"), dir.path().join("prometheus-rules.yml")).unwrap();
    let test = dir.write("rules.test.yml", include_str!("rules.test.yml"));
    for arguments in [["check", "rules", "prometheus-rules.yml"], ["test", "rules", test.to_str().unwrap()]] {
        let output = Command::new("promtool").args(arguments).current_dir(dir.path()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let text = std::fs::read_to_string(example("grafana.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each has a number of its own");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            targets.iter().all(|target| target["expr"].as_str().unwrap().contains("$instance")),
            "{panel}"
        );
    }
}
