//! The way out: collectors, names, addresses.

use super::{fault, mended, prepared, scene};
use crate::mounts;
use crate::netns::run;
use crate::rig::{LIMIT, Rig, ip};
use crate::scene::{Scene, wire};
use crate::support::catcher::UdpCatcher;
use crate::support::wait_until;

/// A port of loopback that nobody listens on.
fn free_port() -> u16 {
    let port = UdpCatcher::new().port();
    // The catcher's thread lets the port go a little after it was dropped.
    wait_until("a free port", LIMIT, || std::net::UdpSocket::bind(("127.0.0.1", port)).ok().map(drop));
    port
}

/// The name server's file is the test's own; false where that cannot be.
fn own_resolver(rig: &Rig) -> bool {
    let can = mounts::isolated();
    if can {
        let text = "nameserver 127.0.0.1\nsearch example.org\noptions timeout:1 attempts:1\n";
        mounts::cover("/etc/resolv.conf", &rig.dir.write("resolv.conf", text));
    }
    can
}

faults! {
    no_route_leads_to_the_collector: mended(
        "collector 203.0.113.9 port 6343: ", &["Network is unreachable", "ip route get 203.0.113.9"],
        || scene("collector { ip = 203.0.113.9 }"),
        |_| {
            ip("link add a0 type veth peer name a1");
            ip("link set a0 up");
            ip("link set a1 up");
            ip("addr add 203.0.113.1/24 dev a0");
        },
    );
    the_collector_refuses: mended(
        "collector 127.0.0.1 port ", &["refused: nothing listens on that port", "on 127.0.0.1: ss -lnu"],
        || {
            let port = free_port();
            let rig = Rig::running(&format!("polling = 1\ncollector {{ ip = 127.0.0.1 udpport = {port} }}"));
            Some(Scene::with(rig, port))
        },
        |scene| {
            let port = *scene.keeper.take().unwrap().downcast::<u16>().unwrap();
            scene.keeper = Some(Box::new(UdpCatcher::on(&format!("127.0.0.1:{port}"))));
        },
    );
    the_collectors_name_is_unknown: fault(
        "collector collector.invalid port 6343: ", &["cannot resolve collector.invalid", "getent ahosts collector.invalid"],
        || {
            let rig = prepared("collector { ip = collector.invalid }");
            let mut rig = own_resolver(&rig).then_some(rig)?;
            rig.start();
            Some(rig.into())
        },
    );
    the_collectors_device_is_not_there: fault(
        "collector 192.0.2.9 port 6343 dev a7: ", &["no device named a7", "ip -br link"],
        || scene("collector { ip = 192.0.2.9 dev = a7 }"),
    );
    the_collectors_namespace_is_not_there: fault(
        "collector 127.0.0.1 port 9 namespace absent: ", &["network namespace", "ip netns list"],
        || scene("collector { ip = 127.0.0.1 udpport = 9 namespace = absent }"),
    );
    a_firewall_drops_what_goes_to_the_collector: mended(
        "collector 10.9.0.2 port 6343: ", &["Operation not permitted", "iptables -S OUTPUT"],
        || {
            wire();
            run("iptables -A OUTPUT -p udp --dport 6343 -j DROP");
            scene("collector { ip = 10.9.0.2 }")
        },
        |_| _ = run("iptables -D OUTPUT -p udp --dport 6343 -j DROP"),
    );
    no_name_server_answers: fault("dns-sd: ", &["no answer yet", "collector { ip = ADDRESS }"], || {
        let mut rig = Rig::new();
        rig.configure_all("sflow { dns-sd { } }");
        own_resolver(&rig).then(|| {
            rig.start();
            rig.into()
        })
    });
    there_is_no_agent_address: mended(
        "agent-address: ", &["nothing is sent", "agentIP = ADDRESS"],
        || {
            let mut rig = prepared("");
            ip("addr flush dev lo");
            rig.start();
            Some(rig.into())
        },
        |_| ip("addr add 127.0.0.1/8 dev lo"),
    );
}
