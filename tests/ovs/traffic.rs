//! What ovs-vswitchd sends of traffic between two namespaces, against what was set and where the packets went.

use crate::guests::send;
use crate::netns::{Elsewhere, json, run};
use crate::open_vswitch::with_switch;
use crate::rig::{LIMIT, all_flows, if_index, ip};
use crate::support::catcher::UdpCatcher;
use crate::support::wait_until;
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::sample::{FlowHeader, Port};
use std::net::IpAddr;

/// The agent's own streams have this number and the next.
const OWN: u32 = 4711;

/// Those of Open vSwitch.
fn switchs(datagrams: &[Vec<u8>]) -> Vec<Datagram> {
    datagrams
        .iter()
        .map(|bytes| decode(bytes).unwrap())
        .filter(|d| ![OWN, OWN + 1].contains(&d.sub_agent_id))
        .collect()
}

#[test]
fn traffic_through_a_bridge_reaches_the_collector_with_our_settings_and_the_right_ports() {
    with_switch(|switch, rig| {
        switch.start_switch();
        switch.add_bridge("br0");
        ip("link add mgmt type veth peer name far");
        ip("addr add 10.1.1.1/24 dev mgmt");
        ip("link set mgmt up");
        let hosts: Vec<_> = (1..3).map(|n| host(switch, n)).collect();
        let second = UdpCatcher::on("[::1]:0");
        let others = format!(
            "collector {{ ip = ::1 udpport = {} }} subAgentId = {OWN} polling = 1 sampling = 2 headerBytes = 60 {}",
            second.port(),
            switch.object()
        );
        rig.configure(&format!("agent = mgmt {others}"));
        rig.start();
        rig.wait_component("ovs", "running");
        let ports = ["p1", "p2"].map(if_index);
        let [seen_1, seen_2] = [1u8, 2].map(|from| {
            let pid = hosts[usize::from(from) - 1].pid();
            wait_until("samples of this host's packets", LIMIT, || {
                send(pid, &format!("10.9.0.{}", 3 - from), 20, 400);
                Some(samples(&switchs(&rig.catcher.datagrams()), from)).filter(|found| !found.is_empty())
            })
        });
        for (seen, [input, output]) in [(&seen_1, ports), (&seen_2, [ports[1], ports[0]])] {
            for (flow, length, header) in seen {
                assert_eq!(
                    (flow.sampling_rate, flow.input, flow.output),
                    (2, Port::interface(input), Port::interface(output))
                );
                assert!(header.len() <= 60 && (*length < 100 || header.len() == 60), "{header:?}");
            }
        }
        let own: IpAddr = "10.1.1.1".parse().unwrap();
        let all = rig.catcher.datagrams();
        assert!(switchs(&all).iter().all(|datagram| datagram.agent == own));
        let of = |agent: IpAddr| {
            move |all: &[Vec<u8>]| switchs(all).iter().any(|datagram| datagram.agent == agent)
        };
        second.wait_for("the same at the other collector", LIMIT, of(own));
        // An address that no device has is an agent address, too.
        rig.reload(&format!("agentIP = 10.77.0.1 {others}"));
        second.wait_for("another agent address", LIMIT, of("10.77.0.1".parse().unwrap()));
        let explained = rig.ctl(&["explain", "interface", "br0"]).1;
        assert!(
            explained
                .contains("It is a bridge of Open vSwitch: Open vSwitch samples it and sends by itself."),
            "{explained}"
        );
        assert!(rig.agent().stop(LIMIT).success());
        switch.stop_switch();
    });
}

/// What a host sent to one port: sample, length and header of each packet.
fn samples(datagrams: &[Datagram], from: u8) -> Vec<(FlowHeader, u32, Vec<u8>)> {
    let mine =
        all_flows(datagrams).filter(|flow| flow.header.output.format == 0 && flow.header.output.value != 0);
    let headers = mine.flat_map(|flow| flow.records.iter().map(|record| (flow.header, record)));
    let sampled = headers.filter_map(|(flow, record)| match record {
        FlowRecord::SampledHeader(packet) => Some((flow, packet.frame_length, packet.header.to_vec())),
        _ => None,
    });
    sampled.filter(|(.., header)| header.get(6..12) == Some(&[2, 0, 0, 0, 0, from])).collect()
}

/// A host in a namespace of its own on a port `p<n>` of the bridge.
fn host(switch: &crate::open_vswitch::OpenVswitch, n: u8) -> Elsewhere {
    let host = Elsewhere::new();
    let pid = host.pid();
    ip(&format!("link add p{n} type veth peer name eth0 address 02:00:00:00:00:0{n} netns {pid}"));
    ip(&format!("link set p{n} up"));
    run(&format!("nsenter -t {pid} -n ip addr add 10.9.0.{n}/24 dev eth0"));
    run(&format!("nsenter -t {pid} -n ip link set eth0 up"));
    switch.vsctl(&format!("add-port br0 p{n}"));
    assert!(json(&format!("ip -j link show p{n}"))[0]["ifindex"].is_number());
    host
}
