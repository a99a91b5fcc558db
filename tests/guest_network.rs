//! The networks of guests on this machine's kernel: real namespaces with a process in each; the witness is `ip` inside.
//!
//! Each test stands in a network namespace of its own, which takes the place of the host's.

#![allow(clippy::unwrap_used)] // helpers of tests fail the test

#[path = "support/guests.rs"]
mod guests;
#[path = "support/netns.rs"]
mod netns;
#[path = "support/mod.rs"]
mod support;

use caps::{CapSet, Capability};
use guests::{Beside, bridge, container, run_inside, send};
use hsflow::collect::guests::network::{Network, NetworkError, Networks, VnicCounters};
use hsflow::host::Host;
use netns::{Elsewhere, ip_batch, isolated, json, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use support::wait_until;

const LONG: Duration = Duration::from_secs(30);

fn open() -> Networks {
    Networks::open(&Host::default()).unwrap()
}

/// `ip` inside the namespace of a process.
fn inside(pid: u32, arguments: &str) -> Value {
    json(&format!("nsenter -t {pid} -n ip -j {arguments}"))
}

/// What `ip` says of these interfaces inside: number, name, link address and usable addresses.
fn told(pid: u32, names: &[&str]) -> BTreeSet<(u64, String, Option<String>, BTreeSet<String>)> {
    let told = inside(pid, "addr show");
    let wanted =
        told.as_array().unwrap().iter().filter(|link| names.contains(&link["ifname"].as_str().unwrap()));
    let parts = wanted.map(|link| {
        let addresses = link["addr_info"].as_array().unwrap().iter();
        let global = addresses.filter(|address| address["scope"] == "global");
        let ips = global.map(|address| address["local"].as_str().unwrap().to_owned()).collect();
        let text = |key: &str| link[key].as_str().map(str::to_owned);
        (link["ifindex"].as_u64().unwrap(), text("ifname").unwrap(), text("address"), ips)
    });
    parts.collect()
}

fn ours(network: &Network) -> BTreeSet<(u64, String, Option<String>, BTreeSet<String>)> {
    let parts = network.vnics.iter().map(|vnic| {
        let mac = vnic.mac.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
        let ips = vnic.ips.iter().map(ToString::to_string).collect();
        (vnic.if_index.into(), vnic.name.clone(), mac, ips)
    });
    parts.collect()
}

fn index(name: &str) -> Option<u32> {
    json(&format!("ip -j link show dev {name}"))[0]["ifindex"]
        .as_u64()
        .and_then(|index| index.try_into().ok())
}

/// The sums of what `ip -s` says inside of these interfaces.
fn told_counters(pid: u32, names: &[&str]) -> VnicCounters {
    let told = inside(pid, "-s link show");
    let links: Vec<&Value> = told
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| names.contains(&link["ifname"].as_str().unwrap()))
        .map(|link| &link["stats64"])
        .collect();
    let sum = |way: &str, what: &str| links.iter().map(|stats| stats[way][what].as_u64().unwrap()).sum();
    VnicCounters {
        rx_bytes: sum("rx", "bytes"),
        rx_packets: sum("rx", "packets"),
        rx_errors: sum("rx", "errors"),
        rx_drops: sum("rx", "dropped"),
        tx_bytes: sum("tx", "bytes"),
        tx_packets: sum("tx", "packets"),
        tx_errors: sum("tx", "errors"),
        tx_drops: sum("tx", "dropped"),
    }
}

/// Both views, when nothing passed between their readings.
fn assert_same_counters(networks: &mut Networks, network: &mut Network, pid: u32, names: &[&str]) {
    wait_until("the same counters inside and outside", LONG, || {
        let before = told_counters(pid, names);
        networks.refresh(network).unwrap();
        let ours = networks.read_counters(network).unwrap();
        let after = told_counters(pid, names);
        (before == after).then(|| assert_eq!(ours, after))
    });
}

#[test]
fn interfaces_and_addresses_are_those_that_ip_shows_inside() {
    isolated("interfaces_and_addresses_are_those_that_ip_shows_inside", || {
        bridge();
        let guest = container(1);
        let pid = guest.pid();
        run_inside(pid, "ip addr add 10.9.0.77/32 dev eth0");
        run(&format!("ip link add back type veth peer name eth1 netns {pid}"));
        let network = open().learn(pid).unwrap();
        assert!(!network.is_host && network.nsid.is_some());
        assert_eq!(ours(&network), told(pid, &["eth0", "eth1"]));
        assert_eq!(network.vnics.iter().map(|vnic| vnic.ips.len()).collect::<Vec<_>>(), [3, 0]);
        let ends: Vec<_> = network.vnics.iter().map(|vnic| vnic.host_if_index).collect();
        assert_eq!(ends, [index("ve1"), index("back")]);
    });
}

#[test]
fn what_a_guest_stacks_on_its_interfaces_or_gives_to_its_own_guests_does_not_count() {
    isolated("what_a_guest_stacks_on_its_interfaces_or_gives_to_its_own_guests_does_not_count", || {
        bridge();
        let guest = container(1);
        let pid = guest.pid();
        let nested = Elsewhere::new();
        for line in [
            "link add docker0 type bridge",
            "link add link eth0 name over type macvlan",
            "link add one type veth peer name two",
            &format!("link add inner type veth peer name eth0 netns {}", nested.pid()),
            "link set inner master docker0 up",
            "addr add 172.17.0.1/16 dev docker0",
        ] {
            run_inside(pid, &format!("ip {line}"));
        }
        let mut networks = open();
        let mut network = networks.learn(pid).unwrap();
        assert_eq!(ours(&network), told(pid, &["eth0"]));
        assert_same_counters(&mut networks, &mut network, pid, &["eth0"]);
        // The way of the nested one leads into the guest and not here.
        let nested = networks.learn(nested.pid()).unwrap();
        assert_eq!(
            nested.vnics.iter().map(|vnic| (&*vnic.name, vnic.host_if_index)).collect::<Vec<_>>(),
            [("eth0", None)]
        );
    });
}

#[test]
fn interfaces_that_share_a_device_of_the_host_are_read_inside() {
    isolated("interfaces_that_share_a_device_of_the_host_are_read_inside", || {
        ip_batch("link add low type veth peer name lowpeer\nlink set low up\nlink set lowpeer up\n");
        run("ip addr add 10.8.0.9/24 dev lowpeer");
        for (kind, has_mac) in
            [("macvlan mode bridge", true), ("ipvlan mode l2", false), ("vlan id 5", false)]
        {
            let guest = Elsewhere::new();
            let pid = guest.pid();
            let words = format!("link add link low name up0 type {kind}");
            let made = Command::new("ip").args(words.split(' ')).status();
            if !made.unwrap().success() {
                println!(
                    "SKIP interfaces_that_share_a_device_of_the_host_are_read_inside: no {kind} in this kernel"
                );
                continue;
            }
            run(&format!("ip link set up0 netns {pid}"));
            run_inside(pid, "ip link set up0 up");
            run_inside(pid, "ip addr add 10.8.0.1/24 dev up0");
            run_inside(pid, "ip neigh add 10.8.0.9 lladdr 02:00:00:00:00:99 dev up0");
            send(pid, "10.8.0.9", 3, 100);
            let mut networks = open();
            let mut network = networks.learn(pid).unwrap();
            let [vnic] = &*network.vnics else { panic!("{network:?}") };
            assert_eq!((vnic.host_if_index, &*vnic.ips), (None, &["10.8.0.1".parse().unwrap()][..]));
            let (_, _, mac, _) = told(pid, &["up0"]).pop_first().unwrap();
            let ours = ours(&network).pop_first().unwrap().2;
            assert!(ours == mac || (!has_mac && ours.is_none()), "{kind}: {ours:?} {mac:?}");
            assert_same_counters(&mut networks, &mut network, pid, &["up0"]);
            assert!(networks.read_counters(&network).unwrap().tx_packets >= 3, "{kind}");
        }
    });
}

#[test]
fn shared_networks_have_one_number_and_the_hosts_own_is_known_as_such() {
    isolated("shared_networks_have_one_number_and_the_hosts_own_is_known_as_such", || {
        bridge();
        let guest = container(1);
        let beside = Beside::new(&format!("nsenter -t {} -n", guest.pid()));
        let at_home = Beside::new("env");
        let alone = Elsewhere::new();
        let mut networks = open();
        let first = networks.learn(guest.pid()).unwrap();
        // Until nsenter has entered, it is of the host.
        let second = wait_until("the second process is inside", LONG, || {
            Some(networks.learn(beside.pid()).unwrap()).filter(|network| !network.is_host)
        });
        assert_eq!((first.nsid, &first.vnics[0].ips), (second.nsid, &second.vnics[0].ips));
        let host = networks.learn(at_home.pid()).unwrap();
        assert!(host.is_host && host.vnics.is_empty());
        let none = networks.learn(alone.pid()).unwrap();
        assert!(!none.is_host && none.nsid.is_some() && none.nsid != first.nsid && none.vnics.is_empty());
        assert_eq!(networks.read_counters(&none), Ok(VnicCounters::default()));
        assert_eq!(networks.read_counters(&host), Ok(VnicCounters::default()));
    });
}

#[test]
fn without_the_files_of_processes_their_numbers_tell_as_much() {
    isolated("without_the_files_of_processes_their_numbers_tell_as_much", || {
        bridge();
        let guest = container(1);
        let at_home = Beside::new("env");
        let mut networks = Networks::open(&Host::at("/nowhere")).unwrap();
        let network = networks.learn(guest.pid()).unwrap();
        assert_eq!(ours(&network), told(guest.pid(), &["eth0"]));
        assert!(networks.learn(at_home.pid()).unwrap().is_host);
        let pid = at_home.pid();
        drop(at_home);
        assert_eq!(networks.learn(pid), Err(NetworkError::NoProcess(pid)));
    });
}

#[test]
fn counters_are_those_that_ip_shows_inside_after_traffic_both_ways() {
    isolated("counters_are_those_that_ip_shows_inside_after_traffic_both_ways", || {
        bridge();
        let guests = [container(1), container(2), container(3)];
        let mut networks = open();
        let mut learned: Vec<Network> =
            guests.iter().map(|guest| networks.learn(guest.pid()).unwrap()).collect();
        for _ in 0..2 {
            for (from, to, size) in [(0, 2, 56), (1, 3, 1200), (2, 1, 300)] {
                let to = if to == 3 { "10.9.0.254".to_owned() } else { format!("10.9.0.{to}") };
                send(guests[from].pid(), &to, 20, size);
            }
            for (network, guest) in learned.iter_mut().zip(&guests) {
                assert_same_counters(&mut networks, network, guest.pid(), &["eth0"]);
            }
        }
        let all: Vec<&Network> = learned.iter().collect();
        // What waits for the neighbour's address is not sent yet.
        wait_until("all is sent, and more by the one whose packets are large", LONG, || {
            let mut sums = vec![None; 3];
            networks.read_all(&all, |place, counters| sums[place] = Some(counters.unwrap()));
            let is_all = sums.iter().all(|sum| {
                sum.is_some_and(|sum| sum.rx_packets >= 2 && sum.tx_packets >= 40 && sum.tx_bytes > 40 * 56)
            });
            (is_all && sums[1].unwrap().tx_bytes > sums[2].unwrap().tx_bytes).then_some(())
        });
    });
}

#[test]
fn drops_are_those_inside_though_the_ends_of_a_pair_count_them_apart() {
    isolated("drops_are_those_inside_though_the_ends_of_a_pair_count_them_apart", || {
        bridge();
        let guest = container(1);
        let pid = guest.pid();
        let mut networks = open();
        let mut network = networks.learn(pid).unwrap();
        // Nobody inside takes this kind of packet: the guest's end drops it, the host's end has sent it.
        let sender = hsflow::sys::packet::PacketSocket::open().unwrap();
        sender.bind(index("ve1").unwrap(), hsflow::sys::packet::Protocol::Nothing).unwrap();
        let frame =
            [&[2, 0, 0, 0, 1, 1][..], &[2, 0, 0, 0, 0, 9], &0x88B5_u16.to_be_bytes(), &[0; 50]].concat();
        // Again and again: the kernel activates the host's end a moment after the guest's comes up.
        wait_until("seven drops inside", LONG, || {
            use std::os::fd::{AsFd, AsRawFd};
            nix::sys::socket::send(sender.as_fd().as_raw_fd(), &frame, nix::sys::socket::MsgFlags::empty())
                .unwrap();
            (told_counters(pid, &["eth0"]).rx_drops >= 7).then_some(())
        });
        assert_same_counters(&mut networks, &mut network, pid, &["eth0"]);
        assert!(networks.read_counters(&network).unwrap().rx_drops >= 7);
    });
}

#[test]
fn a_second_look_finds_what_was_changed_inside() {
    isolated("a_second_look_finds_what_was_changed_inside", || {
        bridge();
        let guest = container(1);
        let pid = guest.pid();
        let mut networks = open();
        let mut network = networks.learn(pid).unwrap();
        send(pid, "10.9.0.254", 3, 56);
        assert!(!networks.refresh(&mut network).unwrap(), "traffic is no change");
        run_inside(pid, "ip addr del 10.9.0.1/24 dev eth0");
        run_inside(pid, "ip addr add 10.9.0.101/24 dev eth0");
        assert!(networks.refresh(&mut network).unwrap());
        assert_eq!(ours(&network), told(pid, &["eth0"]));
        run(&format!("ip link add back type veth peer name eth1 netns {pid}"));
        assert!(networks.refresh(&mut network).unwrap());
        assert_eq!(ours(&network), told(pid, &["eth0", "eth1"]));
        run("ip link del back");
        assert_eq!(networks.read_counters(&network), Err(NetworkError::Changed("eth1".into())));
        assert!(networks.refresh(&mut network).unwrap());
        assert_same_counters(&mut networks, &mut network, pid, &["eth0"]);
    });
}

#[test]
fn a_guest_that_is_gone_is_never_taken_for_the_one_that_got_its_number() {
    isolated("a_guest_that_is_gone_is_never_taken_for_the_one_that_got_its_number", || {
        bridge();
        let mut networks = open();
        let (first, kept) = (container(1), container(2));
        let pid = first.pid();
        let mut old = networks.learn(pid).unwrap();
        let alive = networks.learn(kept.pid()).unwrap();
        drop(first);
        wait_until("its namespace is gone", LONG, || {
            matches!(networks.read_counters(&old), Err(NetworkError::Gone)).then_some(())
        });
        assert_eq!(networks.learn(pid), Err(NetworkError::NoProcess(pid)));
        // The kernel gives the lowest number that is free.
        let next = container(3);
        let heir = networks.learn(next.pid()).unwrap();
        assert_eq!(heir.nsid, old.nsid, "the case that this test is for");
        assert_eq!(networks.refresh(&mut old), Err(NetworkError::Gone));
        let mut read = Vec::new();
        networks.read_all(&[&alive, &old, &heir], |place, counters| read.push((place, counters.is_ok())));
        assert_eq!(read, [(0, true), (1, false), (2, true)]);
    });
}

#[test]
fn a_namespace_that_may_not_be_asked_is_entered_and_one_that_may_not_be_entered_says_what_is_missing() {
    isolated(
        "a_namespace_that_may_not_be_asked_is_entered_and_one_that_may_not_be_entered_says_what_is_missing",
        || {
            bridge();
            let guest = container(1);
            let pid = guest.pid();
            let asked = open().learn(pid).unwrap();
            let drop_right = |right| caps::drop(None, CapSet::Effective, right).unwrap();
            drop_right(Capability::CAP_NET_ADMIN);
            let mut networks = open();
            let mut entered = networks.learn(pid).unwrap();
            assert_eq!((entered.nsid, ours(&entered)), (asked.nsid, ours(&asked)));
            assert_eq!(entered.vnics[0].host_if_index, asked.vnics[0].host_if_index);
            assert!(!networks.refresh(&mut entered).unwrap());
            wait_until("no traffic between two readings", LONG, || {
                let before = told_counters(pid, &["eth0"]);
                let ours = networks.read_counters(&entered).unwrap();
                (before == told_counters(pid, &["eth0"])).then(|| assert_eq!(ours, before))
            });
            drop_right(Capability::CAP_SYS_ADMIN);
            let denied = networks.learn(pid).unwrap_err();
            assert!(matches!(denied, NetworkError::Denied { .. }), "{denied:?}");
            let text = denied.to_string();
            assert!(text.contains(&pid.to_string()) && text.contains("CAP_NET_ADMIN"), "{text}");
            assert!(networks.read_counters(&entered).is_ok(), "the end at home needs no right");
        },
    );
}

#[test]
fn asking_leaves_no_namespace_alive() {
    isolated("asking_leaves_no_namespace_alive", || {
        bridge();
        let guest = container(1);
        let mut networks = open();
        let network = networks.learn(guest.pid()).unwrap();
        networks.read_counters(&network).unwrap();
        drop(guest);
        wait_until("the end at home goes with the namespace", LONG, || {
            (!json("ip -j link show").as_array().unwrap().iter().any(|link| link["ifname"] == "ve1"))
                .then_some(())
        });
    });
}
