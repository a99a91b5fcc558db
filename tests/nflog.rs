//! The NFLOG source against the kernel: rules of `iptables`, `ip6tables` and `nft`, and the agent's own, in a
//! namespace of each test's own. The witnesses are what was sent, byte for byte, and the counters of a rule behind
//! the sampling one.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

#[path = "nflog/host.rs"]
mod host;
#[path = "support/netns.rs"]
mod netns;
#[path = "nflog/own_rule.rs"]
mod own_rule;
mod support;
#[path = "support/visit.rs"]
mod visit;

use host::{Host, NEAR, datagram, drain, flood, fragment, log, settings, z};
use hsflow::host::Clock;
use hsflow::sample::frame::{Direction, End, LinkType, Vlan};
use hsflow::source::nflog::{Log, Settings, probe};
use hsflow::source::{Finding, Obstacle, Source};
use netns::{isolated, run};
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn every_packet_comes_once_at_one_to_one() {
    isolated("every_packet_comes_once_at_one_to_one", || {
        let host = Host::new();
        run("iptables -A INPUT -j NFLOG --nflog-group 5");
        host.count();
        let mut source = log(1, 1);
        let (mut frames, mut lost) = (0, 0);
        flood(&host, 12, &mut source, |frame| (frames, lost) = (frames + 1, lost + frame.lost));
        assert_eq!((frames, lost), (host.counted(), 0));
        assert!(frames >= 40_000, "{frames}");
    });
}

#[test]
fn samples_are_as_many_as_rule_and_choice_say() {
    isolated("samples_are_as_many_as_rule_and_choice_say", || {
        let host = Host::new();
        let statistic =
            |p| format!("iptables -A INPUT -m statistic --mode random --probability {p} -j NFLOG");
        let numgen = |n| format!("nft add rule ip t input numgen random mod {n} == 0 log group 5");
        run("nft add table ip t");
        run("nft add chain ip t input { type filter hook input priority -1 ; }");
        for (line, rule, skip) in [
            (format!("{} --nflog-group 5", statistic("0.1")), 10, 1),
            (format!("{} --nflog-group 5 --nflog-threshold 1", statistic("0.01")), 100, 1),
            (format!("{} --nflog-group 5 --nflog-size 40", statistic("0.1")), 10, 10),
            ("iptables -A INPUT -j NFLOG --nflog-group 5".into(), 1, 100),
            (numgen(10), 10, 1),
            (numgen(100), 100, 1),
        ] {
            run("iptables -F INPUT");
            run("nft flush chain ip t input");
            run(&line);
            host.count();
            let mut source = log(rule, skip);
            let (mut frames, mut lost) = (0, 0);
            flood(&host, 30, &mut source, |frame| {
                assert_eq!(frame.one_in, rule * skip);
                (frames, lost) = (frames + 1, lost + frame.lost);
            });
            let z = z(frames + lost, host.counted(), rule * skip);
            assert!(z.abs() <= 4.5, "{line}, then 1:{skip}: {frames} and {lost} lost, z = {z}");
        }
    });
}

/// What a sample says of itself.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    if_index: u32,
    direction: Direction,
    ends: (End, End),
    link: LinkType,
    /// Link header and packet.
    bytes: Vec<u8>,
    wire_len: u32,
    vlan: Option<Vlan>,
}

fn seen(source: &mut Log) -> Vec<Seen> {
    let mut seen = Vec::new();
    let now = Clock::system().unix_secs();
    drain(source, |frame| {
        assert!(frame.time.is_none_or(|time| now.abs_diff(time / 1_000_000_000) < 5));
        seen.push(Seen {
            if_index: frame.if_index,
            direction: frame.direction,
            ends: (frame.input, frame.output),
            link: frame.link,
            bytes: [frame.link_header, frame.bytes].concat(),
            wire_len: frame.wire_len,
            vlan: frame.vlan,
        });
    });
    seen
}

fn received(if_index: u32, output: End, frame: &[u8]) -> Seen {
    Seen {
        if_index,
        direction: Direction::In,
        ends: (End::Interface(if_index), output),
        link: LinkType::Ethernet,
        bytes: frame.to_vec(),
        wire_len: u32::try_from(frame.len()).unwrap(),
        vlan: None,
    }
}

#[test]
fn ends_of_received_and_forwarded_packets_are_those_of_the_hook() {
    isolated("ends_of_received_and_forwarded_packets_are_those_of_the_hook", || {
        let host = Host::new();
        let mut source = log(1, 1);
        let [near, other] = [&host.near, &host.other].map(|side| side.index);
        let here = datagram(NEAR, 100);
        let through = datagram([10, 2, 0, 2], 100);
        let forwarded = {
            // A router counts down.
            let mut frame = through.clone();
            frame[22] -= 1;
            frame[14..].to_vec()
        };
        for (rule, frame, expected) in [
            ("raw -A PREROUTING", &here, received(near, End::Unknown, &here)),
            ("filter -A INPUT", &here, received(near, End::Host, &here)),
            ("raw -A PREROUTING", &through, received(near, End::Unknown, &through)),
            ("filter -A FORWARD", &through, received(near, End::Interface(other), &through)),
        ] {
            run(&format!("iptables -t {rule} -j NFLOG --nflog-group 5"));
            host.far.send_many(frame, 1);
            let mut seen = seen(&mut source);
            for seen in &mut seen {
                // In FORWARD the packet is counted down already; that it is another one is not meant here.
                seen.bytes[22..26].copy_from_slice(&expected.bytes[22..26]);
            }
            assert_eq!(seen, [expected], "{rule}");
            run(&format!("iptables -t {}", rule.replace("-A", "-F")));
        }
        run("iptables -t mangle -A POSTROUTING -j NFLOG --nflog-group 5");
        host.far.send_many(&through, 1);
        let [seen] = seen(&mut source).try_into().unwrap();
        assert_eq!(seen.ends.1, End::Interface(other));
        // Kernels differ in whether they tell there where it came from.
        assert!([End::Unknown, End::Interface(near)].contains(&seen.ends.0), "{seen:?}");
        assert!(seen.bytes.ends_with(&forwarded[12..]) && seen.wire_len == 142, "{seen:?}");
    });
}

#[test]
fn a_sent_packet_comes_from_this_host_and_has_no_link_header_yet() {
    isolated("a_sent_packet_comes_from_this_host_and_has_no_link_header_yet", || {
        let host = Host::new();
        let mut source = log(1, 1);
        let socket = UdpSocket::bind("10.1.0.1:40000").unwrap();
        let expected = |input| Seen {
            if_index: host.near.index,
            direction: Direction::Out,
            ends: (input, End::Interface(host.near.index)),
            link: LinkType::IpOfEthernet,
            bytes: Vec::new(),
            wire_len: 14 + 20 + 8 + 1000,
            vlan: None,
        };
        for (rule, expected) in
            [("filter -A OUTPUT", expected(End::Host)), ("mangle -A POSTROUTING", expected(End::Unknown))]
        {
            run(&format!("iptables -t {rule} -j NFLOG --nflog-group 5"));
            socket.send_to(&[7; 1000], "10.1.0.2:9").unwrap();
            let [mut seen] = seen(&mut source).try_into().unwrap();
            let bytes = std::mem::take(&mut seen.bytes);
            assert_eq!(seen, expected, "{rule}");
            assert_eq!((bytes.len(), bytes[0], &bytes[16..20]), (128, 0x45, &[10, 1, 0, 2][..]));
            run(&format!("iptables -t {}", rule.replace("-A", "-F")));
        }
    });
}

#[test]
fn ipv6_is_sampled_as_ipv4_is() {
    isolated("ipv6_is_sampled_as_ipv4_is", || {
        let host = Host::new();
        run("ip6tables -A INPUT -p udp -j NFLOG --nflog-group 5");
        run("ip6tables -A OUTPUT -p udp -j NFLOG --nflog-group 5");
        let mut source = log(1, 1);
        let frame = host::datagram_v6(300);
        host.far.send_many(&frame, 1);
        let [seen_in] = seen(&mut source).try_into().unwrap();
        let expected = received(host.near.index, End::Host, &frame);
        assert_eq!(seen_in, Seen { bytes: frame[..14 + 128].to_vec(), ..expected });
        let socket = UdpSocket::bind("[fd00::1]:0").unwrap();
        socket.send_to(&[7; 300], "[fd00::2]:9").unwrap();
        let [seen_out] = seen(&mut source).try_into().unwrap();
        assert_eq!(seen_out.ends, (End::Host, End::Interface(host.near.index)));
        assert_eq!((seen_out.link, seen_out.wire_len), (LinkType::IpOfEthernet, 14 + 40 + 8 + 300));
    });
}

#[test]
fn every_fragment_is_a_packet_of_its_own_length() {
    isolated("every_fragment_is_a_packet_of_its_own_length", || {
        let host = Host::new();
        run("iptables -t raw -A PREROUTING -j NFLOG --nflog-group 5");
        let mut source = log(1, 1);
        let parts = [fragment(0, true, 800), fragment(800, false, 200)];
        parts.iter().for_each(|part| host.far.send_many(part, 1));
        let lengths: Vec<u32> = seen(&mut source).iter().map(|seen| seen.wire_len).collect();
        assert_eq!(lengths, [14 + 20 + 800, 14 + 20 + 200]);
    });
}

#[test]
fn a_packet_that_the_card_will_cut_has_its_whole_length() {
    isolated("a_packet_that_the_card_will_cut_has_its_whole_length", || {
        let _host = Host::new();
        run("iptables -A OUTPUT -j NFLOG --nflog-group 5");
        let mut source = log(1, 1);
        let socket = UdpSocket::bind("10.1.0.1:0").unwrap();
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::UdpGsoSegment, &1000).unwrap();
        socket.send_to(&[0x5A; 20_000], "10.1.0.2:9").unwrap();
        let lengths: Vec<u32> = seen(&mut source).iter().map(|seen| seen.wire_len).collect();
        assert_eq!(lengths, [14 + 20 + 8 + 20_000]);
    });
}

#[test]
fn device_hooks_tell_tags_and_give_the_frame_that_crossed() {
    isolated("device_hooks_tell_tags_and_give_the_frame_that_crossed", || {
        let host = Host::new();
        run("nft add table netdev t");
        run("nft add chain netdev t in { type filter hook ingress device near priority 0 ; }");
        run("nft add rule netdev t in log group 5");
        let mut source = log(1, 1);
        let plain = datagram(NEAR, 100);
        host.far.send_many(&plain, 1);
        assert_eq!(seen(&mut source), [received(host.near.index, End::Unknown, &plain)]);

        let mut tagged = plain.clone();
        tagged.splice(12..12, [0x81, 0, 0xA0, 0x64]);
        host.far.send_many(&tagged, 1);
        let vlan = Some(Vlan { tpid: 0x8100, tci: 0xA064 });
        let expected = received(host.near.index, End::Unknown, &plain);
        assert_eq!(seen(&mut source), [Seen { vlan, wire_len: 18 + 128, ..expected }]);

        run("nft flush chain netdev t in");
        run("nft add chain netdev t out { type filter hook egress device near priority 0 ; }");
        // The kernel sends reports of its own, by IPv6.
        run("nft add rule netdev t out meta protocol ip log group 5");
        UdpSocket::bind("10.1.0.1:0").unwrap().send_to(&[7; 1000], "10.1.0.2:9").unwrap();
        let [seen] = seen(&mut source).try_into().unwrap();
        assert_eq!((seen.if_index, seen.direction), (host.near.index, Direction::Out));
        assert_eq!(seen.ends, (End::Unknown, End::Interface(host.near.index)));
        assert_eq!((seen.link, seen.wire_len), (LinkType::Ethernet, 14 + 20 + 8 + 1000));
        assert_eq!(&seen.bytes[..16], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
    });
}

#[test]
fn a_bridge_tells_its_ports() {
    isolated("a_bridge_tells_its_ports", || {
        let host = Host::new();
        run("ip link add br0 address 02:00:00:00:00:09 type bridge");
        run("ip link set near master br0");
        run("ip link set other master br0");
        run("ip link set br0 up");
        let [near, other] = [&host.near, &host.other].map(|side| side.index);
        let mut source = log(1, 1);
        run("nft add table bridge t");
        let mut across = datagram([10, 9, 0, 9], 100);
        across[..6].copy_from_slice(&[2, 0, 0, 0, 0, 4]);
        let mut here = across.clone();
        here[5] = 9;
        for (hook, frame, expected) in [
            ("prerouting", &across, received(near, End::Unknown, &across)),
            ("forward", &across, received(near, End::Interface(other), &across)),
            ("input", &here, received(near, End::Host, &here)),
        ] {
            run(&format!("nft add chain bridge t c {{ type filter hook {hook} priority 0 ; }}"));
            run("nft add rule bridge t c ip protocol udp log group 5");
            host.far.send_many(frame, 1);
            assert_eq!(seen(&mut source), [expected], "{hook}");
            run("nft flush table bridge t");
            run("nft delete chain bridge t c");
        }
    });
}

#[test]
fn what_had_no_room_is_counted() {
    isolated("what_had_no_room_is_counted", || {
        let host = Host::new();
        run("iptables -A INPUT -j NFLOG --nflog-group 5");
        host.count();
        let mut source = Log::new(Settings { receive_bytes: 100_000, ..settings(1, 1) }).unwrap();
        let (mut frames, mut lost) = (0, 0);
        for _ in 0..3 {
            host.far.send_many(&datagram(NEAR, 18), 20_000);
            // One more, behind the gap, when there is room again.
            drain(&mut source, |frame| (frames, lost) = (frames + 1, lost + frame.lost));
            host.far.send_many(&datagram(NEAR, 18), 1);
            drain(&mut source, |frame| (frames, lost) = (frames + 1, lost + frame.lost));
            assert_eq!(frames + lost, host.counted());
        }
        assert!(frames > 100 && lost > 10_000, "{frames} frames, {lost} lost");
    });
}

#[test]
fn a_group_of_another_process_is_asked_for_until_it_is_free() {
    isolated("a_group_of_another_process_is_asked_for_until_it_is_free", || {
        let host = Host::new();
        run("iptables -A INPUT -j NFLOG --nflog-group 5");
        let first = log(1, 1);
        let mut second = Log::new(settings(1, 1)).unwrap();
        let words = second.obstacle().unwrap().to_string();
        assert!(words.starts_with("the group is taken by another process (bind NFLOG group 5: "), "{words}");
        let (mut frames, mut now) = (0, Clock::system().now());
        let mut waits = Vec::new();
        for _ in 0..6 {
            let next = second.check(now, &mut |finding| panic!("{finding:?}")).unwrap();
            waits.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        drop(first);
        // A child that another test forks holds the group until it has become another program.
        let end = Clock::system().now() + Duration::from_secs(10);
        while let Some(next) = second.check(now, &mut |finding| panic!("{finding:?}")) {
            assert!(Clock::system().now() < end, "{:?}", second.obstacle());
            std::thread::yield_now();
            now = next;
        }
        assert_eq!(second.obstacle(), None);
        host.far.send_many(&datagram(NEAR, 18), 3);
        drain(&mut second, |_| frames += 1);
        assert_eq!(frames, 3);
    });
}

#[test]
fn probe_says_what_is_missing_and_keeps_no_group() {
    isolated("probe_says_what_is_missing_and_keeps_no_group", || {
        assert_eq!(probe(), Ok(()));
        let last = Log::new(Settings { group: u16::MAX, ..settings(1, 1) }).unwrap();
        assert_eq!((last.obstacle(), probe()), (None, Ok(())));
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_NET_ADMIN).unwrap();
        let denied = probe().unwrap_err();
        assert!(matches!(denied, Obstacle::Denied { capability: "CAP_NET_ADMIN", .. }), "{denied}");
    });
}

#[test]
fn a_missing_privilege_is_named() {
    isolated("a_missing_privilege_is_named", || {
        // The kernel counts capabilities by thread, and this thread is the test's own.
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_NET_ADMIN).unwrap();
        let mut source = Log::new(settings(1, 1)).unwrap();
        assert!(matches!(source.obstacle(), Some(Obstacle::Denied { capability: "CAP_NET_ADMIN", .. })));
        caps::raise(None, caps::CapSet::Effective, caps::Capability::CAP_NET_ADMIN).unwrap();
        let now = Clock::system().now();
        source.check(now, &mut |finding: Finding| panic!("{finding:?}"));
        source.check(now + Duration::from_secs(1), &mut |finding: Finding| panic!("{finding:?}"));
        assert_eq!(source.obstacle(), None);
    });
}
