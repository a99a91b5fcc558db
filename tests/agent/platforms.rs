//! Aliases of interfaces, and what is said of switch systems that the agent does not speak to.

use crate::rig::{Counters, Rig, ip, isolated, record, samples, source};

fn name(sample: &Counters) -> &str {
    &record!(sample, PortName).unwrap().name
}

#[test]
fn an_alias_names_the_port_when_asked_for_and_is_followed() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        ip("link add b0 type veth peer name b1");
        // The kernel tells of an alias only where the interface is up.
        ["a0", "b0"].iter().for_each(|name| ip(&format!("link set {name} up")));
        ip("link set a0 alias to-spine-1");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all\nnlroute { }\nsonic { setIfName = on }");
        let (a0, b0) = (source("a0"), source("b0"));
        assert_eq!(name(&rig.first_sample(a0)), "to-spine-1");
        assert_eq!(name(&rig.first_sample(b0)), "b0");
        ip("link set b0 alias to-spine-2");
        rig.wait("the new alias", |d| samples(d, b0).last().is_some_and(|s| name(s) == "to-spine-2"));
        ip("link set a0 alias to-leaf");
        rig.wait("another alias", |d| samples(d, a0).last().is_some_and(|s| name(s) == "to-leaf"));
        rig.reload(
            "polling = 1\ninterfaceCounters = all\nnlroute { setIfAlias = off }\nsonic { setIfName = on }",
        );
        rig.wait("its own name", |d| samples(d, a0).last().is_some_and(|s| name(s) == "a0"));
    });
}

#[test]
fn an_alias_that_comes_later_makes_the_device_that_agent_names() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        ip("link add b0 type veth peer name b1");
        ip("addr add 192.0.2.1/24 dev a0");
        ip("addr add 10.0.0.1/24 dev b0");
        ip("link set b0 up");
        let rig = Rig::running("polling = 1\nagent = uplink\nnlroute { }");
        rig.wait("the best address", |d| d.last().is_some_and(|d| d.agent.to_string() == "192.0.2.1"));
        ip("link set b0 alias uplink");
        rig.wait("that of the alias", |d| d.last().is_some_and(|d| d.agent.to_string() == "10.0.0.1"));
    });
}

#[test]
fn systems_that_are_not_spoken_to_say_what_does_instead() {
    isolated(|| {
        ip("link add Ethernet0 type veth peer name x0");
        let rig =
            Rig::running("polling = 1\nsonic { switchport = ^Ethernet }\neapi { }\nopx { }\nnlroute { }");
        rig.first_sample(source("Ethernet0"));
        let snapshot = rig.snapshot();
        assert_eq!(snapshot["healthy"], true);
        let components = snapshot["components"].as_array().unwrap();
        let told = |name: &str| components.iter().find(|c| c["name"] == name).unwrap();
        for (name, instead) in [("sonic", "psample {"), ("eapi", "collector {"), ("opx", "pcap {")] {
            assert_eq!(told(name)["state"], "unavailable");
            let reason = told(name)["reason"].as_str().unwrap();
            assert!(
                reason.starts_with("not supported in this version") && reason.contains(instead),
                "{reason}"
            );
        }
        assert_eq!(told("nlroute")["state"], "running");
    });
}
