//! A pair of interfaces that has carried known traffic, and what the kernel itself says of it.

use crate::netns::{Elsewhere, json, run};
use hsflow::sflow::counters::interface::GenericInterface;
use serde_json::Value;
use std::net::UdpSocket;

const PACKETS: u64 = 50;
const PAYLOAD: usize = 1000;
/// Ethernet, IPv4 and UDP headers.
const HEADERS: u64 = 14 + 20 + 8;

/// Sends UDP packets through `v0`, whose other end is away. No protocol speaks on it of its own accord.
pub(crate) fn send() -> Elsewhere {
    let elsewhere = Elsewhere::new();
    run("ip link add v0 type veth peer name v1");
    run("ip link set v0 addrgenmode none");
    run("ip link set v1 addrgenmode none");
    run(&format!("ip link set v1 netns {}", elsewhere.pid()));
    run(&format!("nsenter -t {} -n ip link set v1 up", elsewhere.pid()));
    run("ip link set v0 arp off up");
    run("ip address add 192.0.2.1/24 dev v0");
    let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
    (0..PACKETS).for_each(|_| _ = socket.send_to(&[0; PAYLOAD], "192.0.2.2:9").unwrap());
    elsewhere
}

/// The agent's last word on each interface is what `ip -s` says; and on `v0`, what was sent.
pub(crate) fn check(interfaces: &[GenericInterface]) {
    let kernel = json("ip -s -j link show");
    let kernel: Vec<_> = kernel.as_array().unwrap().iter().filter(|link| link["ifname"] != "lo").collect();
    for link in &kernel {
        let last = interfaces.iter().rev().find(|counters| link["ifindex"] == counters.if_index);
        let last = last.unwrap_or_else(|| panic!("no counters of {link}"));
        let number = |direction: &str, name: &str| match &link["stats64"][direction][name] {
            Value::Number(number) => number.as_u64().unwrap(),
            other => panic!("{direction} {name}: {other}"),
        };
        assert_eq!((last.in_octets, last.out_octets), (number("rx", "bytes"), number("tx", "bytes")));
        assert_eq!(u64::from(last.out_ucast_pkts), number("tx", "packets"));
        assert_eq!(u64::from(last.in_errors), number("rx", "errors"));
        assert_eq!(u64::from(last.out_discards), number("tx", "dropped"));
        if link["ifname"] == "v0" {
            assert_eq!(u64::from(last.out_ucast_pkts), PACKETS);
            assert_eq!(last.out_octets, PACKETS * (PAYLOAD as u64 + HEADERS));
        }
    }
    assert!(kernel.iter().any(|link| link["ifname"] == "v0"));
}
