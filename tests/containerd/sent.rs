//! Pods and containers as the whole agent sends and shows them. The witnesses are the kernel's files of the cgroups that
//! the test itself named.

use crate::agent::{Rig, all_flows, assert_whole, record, samples};
use crate::pods::{Pod, import, wait_for_cri};
use crate::rig::{Containerd, LIMIT, isolated, shell};
use crate::support::wait_until;
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::path::{Path, PathBuf};

const POD: &str = "k8s__web-0_shop_u_a";
const NGINX: &str = "k8s_nginx_web-0_shop_u_a";

/// What the status says of a guest, once it says anything. The container that holds a pod's network has the name of the
/// pod, so that whoever is told last has its id behind it.
fn guest(rig: &Rig, engine: &str, name: &str) -> Value {
    wait_until(name, LIMIT, || {
        let guests = rig.try_snapshot()["guests"].as_array().cloned().unwrap_or_default();
        let is_meant =
            |guest: &Value| guest["engine"] == engine && guest["name"].as_str().unwrap().starts_with(name);
        guests.into_iter().find(is_meant)
    })
}

fn source(guest: &Value) -> DataSource {
    let (_, index) = guest["source"].as_str().unwrap().split_once(':').unwrap();
    DataSource::logical(index.parse().unwrap())
}

/// CPU milliseconds of a cgroup and all below it, as the kernel counts them.
fn cpu_ms(cgroup: &str) -> u64 {
    let cgroup = cgroup.trim_start_matches('/');
    let old = PathBuf::from("/sys/fs/cgroup/cpuacct").join(cgroup).join("cpuacct.usage");
    if let Ok(text) = std::fs::read_to_string(old) {
        return text.trim().parse::<u64>().unwrap() / 1_000_000;
    }
    let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(cgroup).join("cpu.stat")).unwrap();
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
    usage.parse::<u64>().unwrap() / 1000
}

/// An agent for pods and containers, with further configuration.
fn started(body: &str) -> Rig {
    let mut rig = Rig::new();
    rig.configure(&format!("agentIP = 127.0.0.1 polling = 1 containerd {{ }} {body}"));
    // The socket is root's.
    rig.start_with(&["-P"]);
    ["containerd", "k8s"].iter().for_each(|engine| _ = rig.wait_component(engine, "running"));
    rig
}

#[test]
fn a_pod_is_sent_with_the_counters_of_its_cgroup_and_its_containers_with_theirs() {
    isolated(|| {
        let daemon = Containerd::start();
        import(&daemon, "localhost/pause:1");
        wait_for_cri();
        let pod = Pod::run("web-0", "4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e");
        let nginx = pod.add("nginx");
        let rig = started("k8s { }");
        let (shown, inner) = (guest(&rig, "k8s", POD), guest(&rig, "containerd", NGINX));
        assert_eq!((shown["cgroup"].as_str(), inner["id"].as_str()), (Some(&*pod.cgroup), Some(&*nginx)));
        shell(&format!(
            "ctr -n k8s.io task exec --exec-id work {nginx} /bin/sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done'"
        ));

        for (name, source, cgroup) in [
            (POD, source(&shown), pod.cgroup.as_str()),
            (NGINX, source(&inner), inner["cgroup"].as_str().unwrap()),
        ] {
            let before = cpu_ms(cgroup);
            let sample = rig.fresh_sample(source);
            let after = cpu_ms(cgroup);
            let told = record!(sample, VirtCpu).unwrap();
            assert!(before > 0 && before <= u64::from(told.cpu_time) && u64::from(told.cpu_time) <= after);
            assert_eq!((told.state, told.nr_virt_cpu), (1, 2));
            assert_eq!(record!(sample, VirtMemory).unwrap().max_memory, 64 << 20);
            assert!(record!(sample, HostId).unwrap().hostname.starts_with(name));
        }
        let host = rig.next_sample(DataSource::HOST);
        assert_eq!(record!(host, VirtNode).map(|node| node.num_domains), Some(1), "pods are counted");
        let (status, text) = rig.ctl(&["explain", "guest", shown["name"].as_str().unwrap()]);
        assert!(status == 0 && text.contains(shown["source"].as_str().unwrap()), "{text}");

        pod.stop();
        let last = |d: &[_]| {
            samples(d, source(&shown))
                .last()
                .is_some_and(|sample| record!(sample, VirtCpu).unwrap().state == 4)
        };
        rig.wait("the pod's last sample", last);
        wait_until("no guest", LIMIT, || rig.snapshot()["guests"].as_array()?.is_empty().then_some(()));
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_connection_on_the_hosts_network_is_its_pods_by_the_cgroup_of_its_socket() {
    isolated(|| {
        let daemon = Containerd::start();
        import(&daemon, "localhost/pause:1");
        wait_for_cri();
        let pod = Pod::run("web-0", "4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e");
        let nginx = pod.add("nginx");
        let rig = started("k8s { markTraffic = on } tcp { } pcap { dev = lo sampling = 1 }");
        let pod = source(&guest(&rig, "k8s", POD));
        rig.wait_component("pcap", "running");
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        let port = tcp.local_addr().unwrap().port();
        let line = format!("/bin/busybox yes | /bin/busybox nc 127.0.0.1 {port}");
        let client = format!("ctr -n k8s.io task exec --exec-id talk {nginx} /bin/sh -c '{line}'");
        std::thread::scope(|scope| {
            let talk = scope.spawn(|| shell(&format!("{client} || true")));
            let stream = wait_until("a connection", LIMIT, || Some(tcp.accept().ok()?.0));
            stream.set_nonblocking(false).unwrap();
            let reader = scope.spawn({
                let stream = stream.try_clone().unwrap();
                move || std::io::copy(&mut &stream, &mut std::io::sink())
            });
            let named = rig.catcher.wait_for("a packet that names the pod", LIMIT, |datagrams| {
                let all: Vec<_> =
                    datagrams.iter().map(|bytes| hsflow::sflow::decode::decode(bytes).unwrap()).collect();
                all_flows(&all).any(|flow| {
                    let entities = flow.records.iter().find_map(|record| match record {
                        FlowRecord::Entities(entities) => Some(entities),
                        _ => None,
                    });
                    entities.is_some_and(|entities| entities.src == pod || entities.dst == pod)
                })
            });
            drop(named);
            stream.shutdown(std::net::Shutdown::Both).unwrap();
            let _ = (reader.join(), talk.join());
        });
    });
}

#[test]
fn a_pod_with_a_network_of_its_own_has_its_counters_its_port_and_its_packets() {
    isolated(|| {
        let daemon = Containerd::start();
        import(&daemon, "localhost/pause:1");
        wait_for_cri();
        let rig = started("k8s { markTraffic = on } pcap { dynamic = on sampling = 1 }");
        let pod = Pod::run_apart("web-0", "4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e");
        let nginx = pod.add("nginx");
        let shown = guest(&rig, "k8s", POD);
        let ping =
            format!("ctr -n k8s.io task exec --exec-id ping {nginx} /bin/busybox ping -c 3 -s 500 10.88.0.1");
        let port = port_of("cni0");
        let tapped = || {
            let port = rig.snapshot()["interfaces"].as_array()?.iter().find(|i| i["index"] == port)?.clone();
            port["sampling"]["source"].as_str().map(str::to_owned)
        };
        wait_until("the pod's port to be tapped", LIMIT, tapped);

        let inside = || {
            let text = shell("nsenter --net=$(echo /run/netns/cni-*) ip -j -s link show eth0");
            serde_json::from_str::<Value>(&text).unwrap()[0].clone()
        };
        shell(&ping);
        let before = inside();
        let sample = rig.fresh_sample(source(&shown));
        let (net, after) = (record!(sample, VirtNetIo).unwrap(), inside());
        for (told, way) in [(net.bytes_in, "rx"), (net.bytes_out, "tx")] {
            let bytes = |read: &Value| read["stats64"][way]["bytes"].as_u64().unwrap();
            assert!(
                bytes(&before) > 1500 && (bytes(&before)..=bytes(&after)).contains(&told),
                "{way} {told}"
            );
        }
        let adaptors = &record!(sample, Adaptors).unwrap().adaptors;
        let mac: Vec<String> = adaptors[0].macs[0].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (u64::from(adaptors[0].if_index), before["address"].as_str()),
            (port, Some(&*mac.join(":")))
        );

        let port = DataSource::interface(port.try_into().unwrap());
        let names = |d: &[_]| {
            samples(d, port)
                .iter()
                .any(|sample| record!(sample, PortName).is_some_and(|name| name.name == POD))
        };
        rig.wait("the port's counters under the pod's name", names);
        let from_pod =
            |record: &FlowRecord| matches!(record, FlowRecord::Entities(e) if e.src == source(&shown));
        rig.wait("its packets", |d| {
            all_flows(d).any(|flow| flow.header.source == port && flow.records.iter().any(from_pod))
        });

        pod.stop();
        rig.wait_component("pcap", "running");
        wait_until("no guest", LIMIT, || rig.snapshot()["guests"].as_array()?.is_empty().then_some(()));
        assert_whole(&rig.datagrams());
    });
}

/// ifIndex of the one port of a bridge.
fn port_of(bridge: &str) -> u64 {
    let ports = shell(&format!("ip -j link show master {bridge}"));
    let ports: Vec<Value> = serde_json::from_str(&ports).unwrap();
    assert_eq!(ports.len(), 1, "{ports:?}");
    ports[0]["ifindex"].as_u64().unwrap()
}
