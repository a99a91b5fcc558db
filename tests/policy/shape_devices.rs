//! The devices that shaping makes for itself, and what it does where they cannot be made or nothing can be read.
#![allow(clippy::disallowed_methods)] // packets come when they come

use crate::netns::{Elsewhere, isolated, json, run};
use crate::shape::{Programs, apply, flooded, limit, pair, pause, shown};
use crate::wishes::{block, wanted};
use hsflow::policy::apply::{Runner, Watch};
use hsflow::policy::shape::Traffic;
use hsflow::policy::shape::observed::devices as devices_of;
use hsflow::policy::shape::plan::{At, Chain, Classifier, lanes, steps, whole};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Devices whose names begin so.
fn devices(start: &str) -> Vec<String> {
    let names = json("ip -j link show");
    let names = names.as_array().unwrap().iter().map(|link| link["ifname"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with(start)).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        pause(Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_changed() {
    isolated("shape_devices::what_cannot_be_read_is_named_and_nothing_is_changed", || {
        pair();
        run("tc qdisc add dev v0 root handle 1: htb default 1");
        let before = shown();
        for (program, condition, answer) in [
            ("tc", "*qdisc*", "echo '[{'"),
            ("tc", "*qdisc*", ":"),
            ("tc", "*qdisc*", "echo '{}'"),
            ("ip", "*link*", "echo no list"),
            ("tc", "*filter*show*", "echo broken >&2; exit 1"),
        ] {
            let script = format!("case \"$*\" in {condition}) {answer};; *) exec \"$real\" \"$@\";; esac");
            let programs = Programs::new(program, &script);
            let mut traffic = Traffic::new(programs.runner());
            let text = limit("a", "to = \"v0\"", 10) + &limit("b", "from = \"v1\"", 10);
            let outcome = apply(&mut traffic, &text);
            assert!(
                outcome.trouble.as_ref().is_some_and(|why| why.starts_with(program)),
                "{answer}: {outcome:?}"
            );
            let foreign = run("tc qdisc show dev v0");
            assert!(foreign.contains("htb 1:"), "{answer}: {foreign}");
            block(Traffic::new(Runner::new()).clear());
            assert_eq!(shown(), before, "{answer}");
        }
    });
}

#[test]
fn an_intermediate_device_that_is_down_is_noticed_and_brought_up() {
    isolated("shape_devices::an_intermediate_device_that_is_down_is_noticed_and_brought_up", || {
        pair();
        let mut traffic = Traffic::new(Runner::new());
        let text = limit("a", "from = \"v1\"", 10);
        assert!(apply(&mut traffic, &text).faults.is_empty());
        let middle = devices("hsfp-").remove(0);
        for damage in [format!("ip link set {middle} down"), format!("tc qdisc del dev {middle} root")] {
            block(async {
                let (mut watch, why) = Watch::of_traffic();
                assert!(why.is_none(), "{why:?}");
                run(&damage);
                tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap();
            });
            assert!(apply(&mut traffic, &text).steps > 0, "{damage}");
            assert_eq!(apply(&mut traffic, &text).steps, 0, "{damage}");
            let passed = |traffic: &mut Traffic| block(traffic.count())[&"a".parse().unwrap()].packets;
            let so_far = passed(&mut traffic);
            flooded(&[9], || until(&damage, || passed(&mut traffic) > so_far));
        }
    });
}

#[test]
fn without_the_module_for_it_one_policy_alone_is_not_in_force() {
    isolated("shape_devices::without_the_module_for_it_one_policy_alone_is_not_in_force", || {
        pair();
        let programs = Programs::new(
            "ip",
            "[ \"$1\" = -batch ] || exec \"$real\" \"$@\"\nsed 's/type ifb/type none-such/' | exec \"$real\" \"$@\"",
        );
        let mut traffic = Traffic::new(programs.runner());
        let text = limit("in", "from = \"v1\"", 10)
            + &limit("out", "to = \"v1\"", 10)
            + &limit("too", "to = \"v0\"", 10);
        let outcome = apply(&mut traffic, &text);
        let told: Vec<_> = outcome.faults.iter().collect();
        assert!(
            matches!(told[..], [(name, why)] if name.as_str() == "in" && why.contains("ip")),
            "{outcome:?}"
        );
        assert_eq!(outcome.trouble, None);
        assert_eq!(run("tc qdisc show").matches("tbf 5f01:").count(), 2);
        // With the module it is in force.
        assert_eq!(apply(&mut Traffic::new(Runner::new()), &text).faults.len(), 0);
    });
}

#[test]
fn what_is_redirected_into_a_namespace_is_taken_there_as_its_own() {
    isolated("shape_devices::what_is_redirected_into_a_namespace_is_taken_there_as_its_own", || {
        pair();
        let before = (shown(), devices(""));
        let elsewhere = Elsewhere::new();
        let inside = |line: &str| run(&format!("nsenter --net=/proc/{}/ns/net {line}", elsewhere.pid()));
        let text = format!(
            "[policy.a]\nfrom = \"v1\"\nprotocol = \"udp\"\ndestination_port = 9\naction = {{ redirect = {{ netns = \"{}\" }} }}\n",
            elsewhere.pid()
        );
        let mut traffic = Traffic::new(Runner::new());
        let outcome = apply(&mut traffic, &text);
        assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
        assert_eq!(apply(&mut Traffic::new(Runner::new()), &text).steps, 0, "twice is nothing");
        let end = devices("hsfn-").remove(0);
        // The sender believes in the address of v1.
        let address = json("ip -j link show v1")[0]["address"].as_str().unwrap().to_owned();
        run(&format!("ip neigh replace 10.9.0.2 lladdr {address} dev v0"));
        inside(&format!("ip addr add 10.9.0.2/24 dev {end}"));
        let heard = || {
            let shown = inside("nstat -asz UdpNoPorts");
            shown
                .lines()
                .find_map(|line| {
                    line.strip_prefix("UdpNoPorts")?.split_whitespace().next()?.parse::<u64>().ok()
                })
                .unwrap()
        };
        let so_far = heard();
        let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
        for port in [9, 10].repeat(20) {
            socket.send_to(b"x", ("10.9.0.2", port)).unwrap();
        }
        until("the namespace's own stack takes them", || heard() == so_far + 20);
        assert_eq!(block(traffic.count())[&"a".parse().unwrap()].packets, 20);
        // What somebody breaks there is mended.
        inside(&format!("ip link set {end} down"));
        until("the end is brought up", || apply(&mut traffic, &text).steps > 0);
        assert_eq!(inside(&format!("ip link show up dev {end}")).lines().count(), 2);
        // Into the same namespace is a circle.
        let circle = text.replace(&elsewhere.pid().to_string(), &std::process::id().to_string());
        if crate::netns::is_inside() {
            assert_eq!(apply(&mut traffic, &circle).faults.len(), 1);
        }
        block(traffic.clear());
        assert_eq!((shown(), devices("")), before);
        // Of a namespace that is not there, one policy waits.
        let nowhere =
            text.replace(&elsewhere.pid().to_string(), "hsflow-none") + &limit("b", "to = \"v0\"", 1);
        let outcome = apply(&mut traffic, &nowhere);
        assert_eq!((outcome.faults.len(), outcome.trouble), (1, None), "{:?}", outcome.faults);
    });
}

#[test]
fn the_kernels_own_queues_come_back_and_those_of_others_are_refused() {
    isolated("shape_devices::the_kernels_own_queues_come_back_and_those_of_others_are_refused", || {
        pair();
        let mut made = vec!["v0", "v1"];
        run("ip link add name m0 type ifb numtxqueues 4");
        made.push("m0");
        for device in &made {
            run(&format!("ip link set {device} up"));
        }
        run("tc qdisc replace dev v1 root bfifo limit 7777b");
        let before = run("tc qdisc show");
        let text: String =
            made.iter().map(|device| limit(device, &format!("to = \"{device}\""), 10)).collect();
        let mut traffic = Traffic::new(Runner::new());
        let outcome = apply(&mut traffic, &text);
        let told: Vec<_> = outcome.faults.keys().map(ToString::to_string).collect();
        assert_eq!(told, ["v1"], "{outcome:?}");
        assert!(run("tc qdisc show").contains("limit 7777b"));
        assert_eq!(run("tc qdisc show").matches("tbf 5f01:").count(), 2);
        block(traffic.clear());
        assert_eq!(run("tc qdisc show"), before);
    });
}

/// As iproute2 6.1 shows it on Linux 6.1, with another's number for the device.
const FLOWER: &str = "filter protocol ip pref 24321 flower chain 0 
filter protocol ip pref 24321 flower chain 0 handle 0x1 
  eth_type ipv4
  ip_proto udp
  ip_tos 28/0xfc
  dst_ip 10.0.0.0/8
  src_ip 10.0.0.1
  src_port 7
  dst_port 80-90
  not_in_hw
\taction order 1: mirred (Egress Redirect to device v0) stolen
\tindex 1 ref 1 bind 1 installed 4 sec used 4 sec
\tAction statistics:
\tSent 98 bytes 2 pkt (dropped 0, overlimits 0 requeues 0) 
\tbacklog 0b 0p requeues 0

filter protocol 802.1Q pref 24323 flower chain 0 
filter protocol 802.1Q pref 24323 flower chain 0 handle 0x1 
  vlan_ethtype ip
  eth_type ipv4
  ip_proto udp
  ip_tos 28/0xfc
  dst_ip 10.0.0.0/8
  src_ip 10.0.0.1
  src_port 7
  dst_port 80-90
  not_in_hw
\taction order 1: mirred (Egress Redirect to device v0) stolen
\tindex 3 ref 1 bind 1 installed 3 sec used 3 sec
\tAction statistics:
\tSent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
\tbacklog 0b 0p requeues 0

filter protocol all pref 24324 u32 chain 0 
filter protocol all pref 24324 u32 chain 0 fh 801: ht divisor 1 
filter protocol all pref 24324 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 terminal flowid not_in_hw 
  match 00000000/00000000 at 0
\taction order 1:  police 0x1 rate 10Mbit burst 72Kb mtu 72Kb action drop/continue overhead 0b linklayer ethernet 
\tref 1 bind 1  installed 4 sec used 3 sec firstused 3 sec
\tAction statistics:
\tSent 250 bytes 3 pkt (dropped 0, overlimits 0 requeues 0) 
\tbacklog 0b 0p requeues 0
";

#[test]
fn what_flower_and_police_show_is_what_was_asked_of_them() {
    let text = "[policy.a]\nfrom = \"v1\"\npriority = 1\nprotocol = \"udp\"\ndscp = 10\nsource = \"10.0.0.1\"\ndestination = \"10.0.0.0/8\"\n\
                source_port = 7\ndestination_port = \"80:90\"\naction = { redirect = { device = \"v0\" } }\n\
                [policy.b]\nfrom = \"v1\"\npriority = 2\naction = { shape = { rate = \"10 Mbit/s\", latency_ms = 0 } }\n";
    let wanted = wanted(text);
    let (lanes, faults) = lanes(wanted.policies.iter(), Classifier::Flower);
    assert_eq!(faults.len(), 0);
    let links = "[{\"ifname\":\"v0\",\"ifindex\":2},{\"ifname\":\"v1\",\"ifindex\":3,\"mtu\":1500}]";
    let clsact = "[{\"kind\":\"clsact\",\"handle\":\"ffff:\",\"dev\":\"v1\"}]";
    let mut there = devices_of(links, clsact).unwrap();
    there.get_mut("v1").unwrap().read_filters(Chain::Ingress, FLOWER);
    let (parts, faults) = whole(&lanes, &there);
    assert_eq!(faults.len(), 0);
    assert_eq!(parts["v1"].len(), 4, "the clsact, the redirection with and without a tag, the limit");
    assert_eq!(steps("v1", &there["v1"].parts, &parts["v1"], false), []);
    let seen = |at| there["v1"].parts[&At::Filters(Chain::Ingress, at)].hits.packets;
    assert_eq!((seen(24321), seen(24324)), (2, 3));
}
