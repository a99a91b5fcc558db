//! `once`: what would be sent now, of this host and of recorded ones. Interfaces are always those of the kernel that
//! runs the test, since no file holds them.

use crate::support::TempDir;
use crate::{objects, repository, run, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn configuration(dir: &TempDir) -> String {
    let content = "sflow { agentIP = 192.0.2.1 interfaceCounters = all collector { ip = 192.0.2.9 } }";
    text(&dir.write("hsflowd.conf", content)).to_owned()
}

/// The records of the host's own sample.
fn host_records(lines: &str) -> Vec<Value> {
    let mut samples = Vec::new();
    for datagram in objects(lines) {
        assert_eq!(datagram["agent"], "192.0.2.1");
        samples.extend(datagram["samples"].as_array().unwrap().iter().map(|s| s["counters"].clone()));
    }
    samples.retain(|sample| sample["source"]["class"] == 2);
    assert_eq!(samples.len(), 1, "the host has one sample");
    samples[0]["records"].as_array().unwrap().clone()
}

fn record<'a>(records: &'a [Value], name: &str) -> &'a Value {
    let mut found = records.iter().filter_map(|record| record.get(name));
    found.next().unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn this_hosts_numbers_are_the_kernels() {
    let dir = TempDir::new();
    let ran = run(&["once", "--json", "-f", &configuration(&dir)]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let records = host_records(&ran.stdout);
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(record(&records, "host_id")["hostname"], hostname.trim());
    assert_eq!(record(&records, "host_memory")["mem_total"], mem_total("/proc/meminfo".as_ref()));
    let samples = objects(&ran.stdout).into_iter().flat_map(|datagram| match datagram["samples"].clone() {
        Value::Array(samples) => samples,
        other => panic!("{other}"),
    });
    let interfaces = samples.map(|sample| sample["counters"]["source"].clone()).filter(|s| s["class"] == 0);
    let indexes: BTreeSet<u64> = interfaces.map(|source| source["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, devices());
}

/// By /sys, the ifIndex of each interface but the loopback, which is never a data source.
fn devices() -> BTreeSet<u64> {
    let number = |path: PathBuf| std::fs::read_to_string(path).unwrap().trim().parse::<u64>().unwrap();
    let folders = std::fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().path());
    let devices =
        folders.filter(|folder| folder.join("ifindex").exists() && number(folder.join("type")) != 772);
    devices.map(|folder| number(folder.join("ifindex"))).collect()
}

#[test]
fn a_recorded_hosts_numbers_are_those_of_its_files() {
    let dir = TempDir::new();
    for name in ["server-2socket", "switch-64port", "hypervisor-bond-vlan"] {
        let root = repository("tests/fixtures/root").join(name);
        let ran = run(&["once", "--json", "-f", &configuration(&dir), "--root", text(&root)]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let records = host_records(&ran.stdout);
        let hostname = std::fs::read_to_string(root.join("proc/sys/kernel/hostname")).unwrap();
        assert_eq!(record(&records, "host_id")["hostname"], hostname.trim());
        assert_eq!(record(&records, "host_memory")["mem_total"], mem_total(&root.join("proc/meminfo")));
    }
}

fn mem_total(file: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with("MemTotal:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn text_has_the_same_records_without_a_sender() {
    let dir = TempDir::new();
    let ran = run(&["once", "--config", &configuration(&dir)]);
    assert_eq!(ran.status, Some(0));
    for name in ["adaptors", "host_cpu", "host_memory", "host_disk_io", "host_ip", "host_tcp", "host_id"] {
        assert!(ran.stdout.lines().any(|line| line.trim() == name), "{name}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("received from"));
}

#[test]
fn a_bad_or_missing_configuration_is_a_no_that_names_the_file() {
    let dir = TempDir::new();
    let bad = dir.write("bad.conf", "sflow { polling = 301 }");
    for path in [&bad, &dir.path().join("missing.conf")] {
        let ran = run(&["once", "-f", text(path)]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
        assert!(ran.stderr.contains(text(path)), "{}", ran.stderr);
    }
}
