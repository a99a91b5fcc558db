//! Collectors that refuse, are far, or have no name: said of the one concerned, and no matter to the others.

use crate::netns;
use crate::rig::{LIMIT, Rig, assert_whole, ip, isolated};
use crate::support::catcher::UdpCatcher;
use hsflow::sflow::ids::DataSource;
use nix::sched::{CloneFlags, setns};
use std::fs::File;

/// A rig whose second collector is this one.
fn beside(collector: &str) -> Rig {
    let rig = Rig::running(&format!("polling = 1\ncollector {{ {collector} }}"));
    rig.next_sample(DataSource::HOST);
    rig
}

/// The first collector lacks nothing.
fn assert_undisturbed(rig: &Rig) {
    rig.next_sample(DataSource::HOST);
    assert_whole(&rig.datagrams());
    assert_eq!(rig.component(&format!("collector 127.0.0.1 port {}", rig.catcher.port())), "running");
}

#[test]
fn one_that_refuses_is_named_and_served_again_when_it_listens() {
    isolated(|| {
        let port = UdpCatcher::new().port();
        // The catcher's thread lets the port go a little after it was dropped.
        let free = || std::net::UdpSocket::bind(("127.0.0.1", port)).ok().map(drop);
        crate::support::wait_until("a free port", LIMIT, free);
        let rig = beside(&format!("ip = 127.0.0.1 udpport = {port}"));
        let name = format!("collector 127.0.0.1 port {port}");
        rig.wait_component(&name, "degraded refused: nothing listens on that port");
        assert_undisturbed(&rig);
        assert_eq!(rig.ctl(&["status"]).0, 1);
        let late = UdpCatcher::on(&format!("127.0.0.1:{port}"));
        late.wait_count(1, LIMIT);
        rig.wait_component(&name, "running");
        assert_eq!(rig.ctl(&["status"]).0, 0);
        rig.assert_logged(&format!("{name} degraded"), 1);
        rig.assert_logged(&format!("{name} recovered"), 1);
    });
}

#[test]
fn one_without_a_route_is_counted_and_retried() {
    isolated(|| {
        let rig = beside("ip = 203.0.113.9");
        let name = "collector 203.0.113.9 port 6343";
        rig.wait_component(name, "degraded connect: Network is unreachable");
        assert_undisturbed(&rig);
        let lost = rig.snapshot()["collectors"][1]["lost"].as_u64().unwrap();
        assert!(lost > 0);
        ip("link add a0 type veth peer name a1");
        ip("link set a0 up");
        ip("link set a1 up");
        ip("addr add 203.0.113.1/24 dev a0");
        rig.wait_component(name, "running");
    });
}

#[test]
fn ipv6_and_a_device_are_possible_and_a_missing_device_is_waited_for() {
    isolated(|| {
        let six = UdpCatcher::on("[::1]:0");
        let rig = beside(&format!(
            "ip = ::1 udpport = {} }}\ncollector {{ ip = 127.0.0.1 udpport = 9 dev = a0",
            six.port()
        ));
        assert_eq!(six.wait_count(2, LIMIT)[0], rig.catcher.datagrams()[0]);
        let name = "collector 127.0.0.1 port 9 dev a0";
        rig.wait_component(name, "degraded no device named a0");
        assert_undisturbed(&rig);
        rig.reload(&format!(
            "polling = 1\ncollector {{ ip = ::1 udpport = {} dev = lo }}\ncollector {{ ip = 192.0.2.9 dev = a0 }}",
            six.port()
        ));
        six.clear();
        six.wait_count(2, LIMIT);
        let name = "collector 192.0.2.9 port 6343 dev a0";
        rig.wait_component(name, "degraded no device named a0");
        ip("link add a0 type veth peer name a1");
        ip("link set a0 up");
        ip("link set a1 up");
        ip("addr add 192.0.2.1/24 dev a0");
        rig.wait_component(name, "running");
    });
}

/// A network namespace with a name.
struct Named(String);

impl Named {
    fn new() -> Self {
        let name = format!("hsflow-test-{}", std::process::id());
        netns::run(&format!("ip netns add {name}"));
        netns::run(&format!("ip -n {name} link set lo up"));
        Self(name)
    }

    /// A collector inside.
    fn catcher(&self) -> UdpCatcher {
        let namespace = File::open(format!("/run/netns/{}", self.0)).unwrap();
        let inside = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            UdpCatcher::new()
        });
        inside.join().unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        netns::run(&format!("ip netns del {}", self.0));
    }
}

#[test]
fn one_in_another_namespace_is_reached_by_the_one_capability_that_is_kept() {
    isolated(|| {
        if netns::is_inside() {
            return println!("SKIP one_in_another_namespace: needs root to give a namespace a name");
        }
        let namespace = Named::new();
        let catcher = namespace.catcher();
        let (port, name) = (catcher.port(), &namespace.0);
        let rig = beside(&format!(
            "ip = 127.0.0.1 udpport = {port} namespace = {name} }}\ncollector {{ ip = 127.0.0.1 namespace = absent"
        ));
        catcher.wait_count(2, LIMIT);
        assert_eq!(rig.component(&format!("collector 127.0.0.1 port {port} namespace {name}")), "running");
        let state = rig.wait_component("collector 127.0.0.1 port 6343 namespace absent", "degraded");
        assert!(
            state.starts_with("degraded network namespace /") && state.contains("No such file"),
            "{state}"
        );
        assert_undisturbed(&rig);
        const CAP_SYS_ADMIN: u64 = 1 << 21;
        assert_eq!(u64::from_str_radix(&rig.proc_status("CapEff"), 16).unwrap(), CAP_SYS_ADMIN);
    });
}

#[test]
fn a_name_that_nobody_knows_is_told_and_keeps_nobody_waiting() {
    isolated(|| {
        let rig = beside("ip = collector.invalid");
        let name = "collector collector.invalid port 6343";
        let state = rig.wait_component(name, "degraded cannot resolve collector.invalid: ");
        assert!(!state.ends_with(": "), "{state}");
        assert_undisturbed(&rig);
    });
}
