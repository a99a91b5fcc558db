//! The numbers in samples, against what other programs read from the same kernel before and after.

use crate::netns::{Elsewhere, json, run};
use crate::rig::{LIMIT, Rig, ip, isolated, record, samples, source};
use crate::support::wait_until;
use hsflow::sflow::counters::interface::GenericInterface;
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::ids::DataSource;
use std::net::UdpSocket;

/// `ip -s link`: received and sent bytes, packets, errors and drops.
fn kernel(device: &str) -> [u64; 8] {
    let link = json(&format!("ip -j -s link show dev {device}"));
    let stats = |direction: &str, what: &str| link[0]["stats64"][direction][what].as_u64().unwrap();
    let words = ["bytes", "packets", "errors", "dropped"];
    let [a, b, c, d] = words.map(|what| stats("rx", what));
    let [e, f, g, h] = words.map(|what| stats("tx", what));
    [a, b, c, d, e, f, g, h]
}

/// Without a carrier frames are dropped.
fn wait_up(device: &str) {
    wait_until("a carrier", LIMIT, || {
        (json(&format!("ip -j link show dev {device}"))[0]["operstate"] == "UP").then_some(())
    });
}

/// Frames out of the device with this address, to everybody.
fn traffic(from: &str, to: &str, packets: usize) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    (0..packets).for_each(|_| _ = socket.send_to(&[7; 500], (to, 9)).unwrap());
}

fn assert_between(before: [u64; 8], value: [u64; 8], after: [u64; 8]) {
    for n in 0..8 {
        assert!((before[n]..=after[n]).contains(&value[n]), "{n}: {before:?} {value:?} {after:?}");
    }
    assert!(value[4] >= 50 * 500 || value[0] >= 50 * 500, "there was traffic: {value:?}");
}

#[test]
fn interface_counters_are_the_kernels() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        ip("addr add 192.0.2.1/24 dev a0");
        ip("link set a0 up");
        ip("link set a1 up");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        wait_up("a0");
        for device in ["a0", "a1"] {
            traffic("192.0.2.1", "192.0.2.255", 50);
            let before = kernel(device);
            let sample = rig.fresh_sample(source(device));
            let after = kernel(device);
            let g = record!(sample, GenericInterface).unwrap();
            let known = |n: u32| if n == u32::MAX { 0 } else { u64::from(n) };
            let received =
                u64::from(g.in_ucast_pkts) + known(g.in_multicast_pkts) + known(g.in_broadcast_pkts);
            let sent =
                u64::from(g.out_ucast_pkts) + known(g.out_multicast_pkts) + known(g.out_broadcast_pkts);
            let value = [
                g.in_octets,
                received,
                u64::from(g.in_errors),
                u64::from(g.in_discards),
                g.out_octets,
                sent,
                u64::from(g.out_errors),
                u64::from(g.out_discards),
            ];
            assert_between(before, value, after);
        }
    });
}

#[test]
fn host_network_io_is_the_sum_of_what_leaves_the_host() {
    isolated(|| {
        let outside = Elsewhere::new();
        for n in [1, 2] {
            ip(&format!("link add out{n} type veth peer name far{n} netns {}", outside.pid()));
            run(&format!("nsenter -t {} -n ip link set far{n} up", outside.pid()));
            ip(&format!("addr add 192.0.{n}.1/24 dev out{n}"));
            ip(&format!("link set out{n} up"));
        }
        // Both ends of this one are inside: it carries nothing out.
        ip("link add a0 type veth peer name a1");
        ip("addr add 198.51.100.1/24 dev a0");
        ip("link set a0 up");
        ip("link set a1 up");
        let rig = Rig::running("polling = 1");
        ["a0", "out1", "out2"].iter().for_each(|device| wait_up(device));
        rig.first_sample(DataSource::HOST);
        traffic("198.51.100.1", "198.51.100.255", 200);
        traffic("192.0.1.1", "192.0.1.255", 60);
        traffic("192.0.2.1", "192.0.2.255", 70);
        let sum = || {
            let (one, two) = (kernel("out1"), kernel("out2"));
            std::array::from_fn(|n| one[n] + two[n])
        };
        let before = sum();
        let sample = rig.fresh_sample(DataSource::HOST);
        let after = sum();
        let net = record!(sample, HostNetIo).unwrap();
        let value = [
            net.bytes_in,
            u64::from(net.pkts_in),
            u64::from(net.errs_in),
            u64::from(net.drops_in),
            net.bytes_out,
            u64::from(net.pkts_out),
            u64::from(net.errs_out),
            u64::from(net.drops_out),
        ];
        assert_between(before, value, after);
    });
}

#[test]
fn the_host_is_named_as_uname_and_the_settings_name_it() {
    isolated(|| {
        let uuid = |rig: &Rig| {
            let sent = rig.wait("a host sample", |d| !samples(d, DataSource::HOST).is_empty());
            record!(samples(&sent, DataSource::HOST)[0], HostId).unwrap().clone()
        };
        let mut rig = Rig::new();
        rig.configure("");
        rig.start_with(&["-u", "00112233-4455-6677-8899-aabbccddeeff"]);
        let id = uuid(&rig);
        assert_eq!(id.hostname, run("uname -n").trim());
        assert_eq!(id.os_release, run("uname -r").trim());
        assert_eq!(id.os_name, 2);
        assert_eq!((id.uuid[0], id.uuid[15]), (0x00, 0xff));
        rig.reload("uuid = ffeeddcc-bbaa-9988-7766-554433221100\npolling = 1");
        rig.wait("the configured UUID", |d| {
            samples(d, DataSource::HOST).last().is_some_and(|s| record!(s, HostId).unwrap().uuid[0] == 0xff)
        });
    });
}

#[test]
fn speed_state_and_promiscuity_follow_the_link() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        ip("link set a0 up");
        ip("link set a1 up");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        let a0 = source("a0");
        let wait = |what: &str, test: &dyn Fn(&GenericInterface) -> bool| {
            rig.wait(what, |d: &[Datagram]| {
                samples(d, a0).last().is_some_and(|s| test(record!(s, GenericInterface).unwrap()))
            });
        };
        wait("up, as veth is: 10 Gb/s, full duplex", &|g| {
            (g.if_status, g.if_speed, g.if_direction, g.if_type, g.promiscuous)
                == (3, 10_000_000_000, 1, 6, 0)
        });
        ip("link set a1 down");
        wait("no carrier", &|g| g.if_status == 1);
        ip("link set a0 promisc on");
        wait("promiscuous", &|g| g.promiscuous == 1);
        ip("link set a0 down");
        wait("down", &|g| g.if_status == 0);
        ip("link set a0 promisc off");
        ip("link set a0 up");
        ip("link set a1 up");
        wait("up again", &|g| (g.if_status, g.promiscuous) == (3, 0));
    });
}
