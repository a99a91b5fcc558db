//! The agent address: the wish, the election, and what happens when addresses come and go.

use crate::mounts;
use crate::rig::{Rig, assert_whole, ip, isolated, samples};
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::ids::DataSource;

/// Two devices: `a0` with two addresses, `b0` with a better one.
fn two_devices() {
    ip("link add a0 type veth peer name a1");
    ip("link add b0 type veth peer name b1");
    ip("addr add 10.0.0.1/24 dev a0");
    ip("addr add 10.9.0.1/24 dev a0");
    ip("addr add 192.0.2.1/24 dev b0");
    ip("link set a0 up");
    ip("link set b0 up");
}

fn agent_of(d: &[Datagram]) -> Option<String> {
    Some(d.last()?.agent.to_string())
}

#[track_caller]
fn wait_agent(rig: &Rig, address: &str) -> Vec<Datagram> {
    rig.wait(&format!("agent {address}"), |d| agent_of(d).as_deref() == Some(address))
}

#[test]
fn the_configuration_decides_over_the_class_of_the_address() {
    isolated(|| {
        two_devices();
        for (body, expected) in [
            ("", "192.0.2.1"),
            ("agent = a0", "10.0.0.1"),
            ("agent.cidr = 10.9.0.0/16", "10.9.0.1"),
            ("agent.cidr = !192.0.2.0/24", "10.0.0.1"),
            ("agent.cidr = !192.0.2.0/24\nagent.cidr = !10.0.0.0/24", "10.9.0.1"),
            ("agentIP = 203.0.113.5\nagent.cidr = !203.0.113.0/24", "203.0.113.5"),
        ] {
            let rig = Rig::running(body);
            let sent = rig.wait("a datagram", |d| !d.is_empty());
            assert_eq!(agent_of(&sent).unwrap(), expected, "{body}");
        }
    });
}

#[test]
fn an_address_that_goes_is_replaced_and_one_that_comes_changes_nothing() {
    isolated(|| {
        two_devices();
        let rig = Rig::running("polling = 1");
        wait_agent(&rig, "192.0.2.1");
        rig.next_sample(DataSource::HOST);
        ip("addr del 192.0.2.1/24 dev b0");
        let sent = wait_agent(&rig, "10.0.0.1");
        let first = sent.iter().find(|d| d.agent.to_string() == "10.0.0.1").unwrap();
        assert_eq!(first.sequence, 1, "a new agent is a new stream");
        assert!(samples(&sent, DataSource::HOST).last().unwrap().header.sequence > 2, "of the same samples");
        ip("addr add 192.0.2.7/24 dev b0");
        rig.two_cycles();
        let sent = rig.datagrams();
        assert_eq!(
            agent_of(&sent).unwrap(),
            "10.0.0.1",
            "a better address does not change a host's identity"
        );
        assert_whole(&sent);
        // Asked for anew, it does.
        rig.reload("polling = 1\nagent = b0");
        let sent = wait_agent(&rig, "192.0.2.7");
        assert_whole(&sent);
    });
}

#[test]
fn without_any_address_the_reason_is_told_and_the_first_one_starts_the_sending() {
    isolated(|| {
        let mut rig = Rig::new();
        ip("addr flush dev lo");
        rig.configure("polling = 1");
        rig.start();
        let state = rig.wait_component("agent-address", "degraded");
        assert_eq!(state, "degraded nothing is sent: no agent address: this host has no address");
        let (_, text) = rig.ctl(&["explain", "agent-address"]);
        assert!(text.contains("no usable agent address, so nothing is sent"), "{text}");
        ip("addr add 127.0.0.1/8 dev lo");
        let sent = wait_agent(&rig, "127.0.0.1");
        assert_eq!((sent[0].sequence, samples(&sent, DataSource::HOST)[0].header.sequence), (1, 1));
        rig.wait_component("agent-address", "running");
        rig.assert_logged("agent-address degraded", 1);
        rig.assert_logged("agent-address recovered", 1);
    });
}

#[test]
fn a_bridge_of_guests_alone_is_never_the_host_unless_it_is_named() {
    isolated(|| {
        ip("link add docker0 type bridge");
        ip("link add guest type veth peer name inside");
        ip("link set guest master docker0");
        ip("addr add 172.17.0.1/16 dev docker0");
        ip("link set docker0 up");
        ip("link add a0 type veth peer name a1");
        ip("addr add 169.254.7.7/16 dev a0");
        let rig = Rig::running("polling = 1");
        wait_agent(&rig, "169.254.7.7");
        rig.reload("polling = 1\nagent = docker0");
        wait_agent(&rig, "172.17.0.1");
    });
}

#[test]
fn explain_names_the_address_its_device_and_what_would_change_it() {
    isolated(|| {
        two_devices();
        let rig = Rig::running("agent = a0");
        rig.wait("a datagram", |d| !d.is_empty());
        let (status, text) = rig.ctl(&["explain", "agent-address"]);
        assert_eq!(status, 0);
        for words in ["10.0.0.1 on a0", "preferred by agent=a0", "agent.cidr", &rig.text("hsflowd.conf")] {
            assert!(text.contains(words), "{words}: {text}");
        }
    });
}

#[test]
fn a_name_that_cannot_be_resolved_is_told_and_looked_up_again_with_the_next_reload() {
    isolated(|| {
        if !mounts::isolated() {
            return;
        }
        let rig = Rig::new();
        mounts::cover("/etc/resolv.conf", &rig.dir.write("resolv.conf", "nameserver 127.0.0.1\n"));
        mounts::cover("/etc/hosts", &rig.dir.write("hosts", ""));
        let mut rig = rig;
        rig.configure("polling = 1\nagentIP = me.example.org");
        rig.start();
        wait_agent(&rig, "127.0.0.1");
        let state = rig.wait_component("agent-address", "degraded");
        assert!(
            state.contains("agentIP me.example.org: ") && state.ends_with("127.0.0.1 until then"),
            "{state}"
        );
        rig.dir.write("hosts", "203.0.113.5 me.example.org\n");
        let (status, page) = rig.ctl(&["reload"]);
        assert_eq!(
            (status, page.contains("agentIP me.example.org resolved to 203.0.113.5")),
            (0, true),
            "{page}"
        );
        wait_agent(&rig, "203.0.113.5");
        assert_eq!(rig.component("agent-address"), "running");
        assert_eq!(rig.ctl(&["reload"]).1, "reloaded, nothing changed, revision 2");
    });
}
