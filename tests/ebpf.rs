//! The eBPF source against the kernel, on veth pairs in a namespace of each test's own, by tcx and by clsact wherever the way
//! matters. The witnesses are what was sent, frame by frame, and what `ip` and `tc` say.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

#[path = "support/link.rs"]
mod link;
#[path = "support/netns.rs"]
mod netns;
#[path = "support/scenarios.rs"]
mod scenarios;
mod support;
#[path = "support/visit.rs"]
mod visit;

use caps::{CapSet, Capability};
use hsflow::host::Clock;
use hsflow::sample::frame::{Direction, End, Frame, LinkType};
use hsflow::source::af_packet::{self, Tap};
use hsflow::source::ebpf::{Attach, Taps, probe};
use hsflow::source::{Finding, Obstacle, Source};
use hsflow::sys::bpf::Program;
use hsflow::sys::packet::{PacketSocket, Protocol};
use link::{FAR, Link, OURS, STEP, drain, frame_of, index, tap};
use netns::{can_make_taps, ip_batch, isolated, json, run};
use nix::sys::socket::{MsgFlags, send};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use visit::visit;

const UDP: u8 = 17;

/// Runs `body` in a namespace for each way of attaching that this kernel has.
fn each_way(name: &str, body: impl Fn(Attach)) {
    isolated(name, || {
        if let Err(Obstacle::Denied { capability, .. }) = probe(None) {
            return println!("SKIP {name}: no {capability}");
        }
        for way in [Attach::Tcx, Attach::Clsact] {
            let tried = Taps::with_attach(way).unwrap().add(tap(index("lo"), 400));
            match tried {
                Err(Obstacle::Absent(error)) => println!("SKIP {name} by {way:?}: {error}"),
                answer => {
                    answer.unwrap();
                    body(way);
                }
            }
        }
    });
}

/// Packets that an interface sent, and received.
fn packets(name: &str) -> [u64; 2] {
    let stats = &json(&format!("ip -s -j link show {name}"))[0]["stats64"];
    ["tx", "rx"].map(|way| stats[way]["packets"].as_u64().unwrap())
}

fn rate(one_in: u32) -> NonZeroU32 {
    NonZeroU32::new(one_in).unwrap()
}

fn source(way: Attach, taps: &[Tap]) -> Taps {
    let mut source = Taps::with_attach(way).unwrap();
    taps.iter().for_each(|tap| source.add(*tap).unwrap());
    source
}

fn ours<'a>(frame: &Frame<'a>) -> Option<Frame<'a>> {
    (frame.protocol == OURS).then_some(*frame)
}

fn findings(source: &mut Taps) -> Vec<Finding> {
    let mut findings = Vec::new();
    assert_eq!(source.check(Clock::system().now(), &mut |finding| findings.push(finding)), None);
    findings
}

fn lost(source: &mut Taps) -> u32 {
    let added = |finding| match finding {
        Finding::Lost { added, .. } => added,
        other => panic!("{other:?}"),
    };
    findings(source).into_iter().map(added).sum()
}

#[test]
fn every_packet_comes_once_at_one_to_one_and_the_pool_is_what_the_interface_counted() {
    each_way("every_packet_comes_once_at_one_to_one_and_the_pool_is_what_the_interface_counted", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.near, 1), tap(link.far, 1)]);
        let mut seen: BTreeMap<(u32, bool), u64> = BTreeMap::new();
        let mut pools = BTreeMap::new();
        let mut count = |frame: &Frame<'_>| {
            *seen.entry((frame.if_index, frame.direction == Direction::Out)).or_default() += 1;
            *pools.entry(frame.if_index).or_default() += u64::from(frame.seen.unwrap());
        };
        for _ in 0..20 {
            link.send_many(2500);
            visit(&mut source, STEP, &mut count).unwrap();
        }
        drain(&mut source, &mut count);
        assert_eq!(lost(&mut source), 0);
        let [sent, received] = passed().map(u64::from);
        assert!(sent == 50_000 && received >= 40_000, "{sent}, {received}");
        assert_eq!(seen, BTreeMap::from([((link.near, true), sent), ((link.far, false), received)]));
        assert_eq!(pools, BTreeMap::from([(link.near, sent), (link.far, received)]));
    });
}

#[test]
fn direction_interface_and_time_are_those_of_the_packet() {
    each_way("direction_interface_and_time_are_those_of_the_packet", |way| {
        scenarios::direction_interface_and_time(|taps| source(way, taps))
    });
}

#[test]
fn loopback_shows_a_packet_once() {
    each_way("loopback_shows_a_packet_once", |way| {
        scenarios::loopback_once(|taps| source(way, taps), Some(1))
    });
}

#[test]
fn the_packet_is_cut_and_its_length_is_not() {
    each_way("the_packet_is_cut_and_its_length_is_not", |way| scenarios::cut(|taps| source(way, taps)));
}

#[test]
fn a_packet_that_the_card_will_cut_has_its_whole_length() {
    each_way("a_packet_that_the_card_will_cut_has_its_whole_length", |way| {
        scenarios::cut_by_the_card(|taps| source(way, taps))
    });
}

#[test]
fn a_tag_that_was_taken_out_of_the_packet_is_told() {
    each_way("a_tag_that_was_taken_out_of_the_packet_is_told", |way| {
        scenarios::tag_taken_out(|taps| source(way, taps))
    });
}

#[test]
fn a_tunnel_without_a_link_layer_shows_ip() {
    each_way("a_tunnel_without_a_link_layer_shows_ip", |way| {
        if !can_make_taps() {
            return println!("SKIP: no /dev/net/tun");
        }
        run("ip tuntap add tunnel mode tun");
        run("ip address add 10.8.0.1/24 dev tunnel");
        run("ip link set tunnel up");
        // A tun device without a program behind it still has egress.
        let mut source = source(way, &[tap(index("tunnel"), 1)]);
        let socket = UdpSocket::bind("10.8.0.1:0").unwrap();
        socket.send_to(b"inside", "10.8.0.2:9").unwrap();
        let mut seen = Vec::new();
        drain(&mut source, |frame| {
            if frame.protocol == 0x0800 {
                seen.push((frame.direction, frame.link, frame.wire_len, frame.bytes[0], frame.bytes.len()));
            }
        });
        assert_eq!(seen, [(Direction::Out, LinkType::Ip, 34, 0x45, 34)]);
        run("ip link del tunnel");
    });
}

#[test]
fn the_kernel_takes_one_in_n_at_random_both_ways() {
    each_way("the_kernel_takes_one_in_n_at_random_both_ways", |way| {
        let link = Link::new();
        for one_in in [10, 100] {
            let mut source = source(way, &[tap(link.near, one_in), tap(link.far, one_in)]);
            let (before, mut seen) = (passed(), BTreeMap::<u32, u32>::new());
            let mut count = |frame: &Frame<'_>| {
                assert_eq!(frame.one_in, one_in);
                *seen.entry(frame.if_index).or_default() += 1;
            };
            for _ in 0..40 {
                link.send_many(6000);
                visit(&mut source, STEP, &mut count).unwrap();
            }
            drain(&mut source, &mut count);
            assert_eq!(lost(&mut source), 0);
            let after = passed();
            for (way, if_index) in [link.near, link.far].iter().enumerate() {
                let sent = after[way] - before[way];
                assert!(sent >= 200_000, "{sent}");
                let (frames, n, p) = (seen[if_index], f64::from(sent), 1.0 / f64::from(one_in));
                let z = (f64::from(frames) - n * p) / (n * p * (1.0 - p)).sqrt();
                assert!(z.abs() <= 4.5, "1:{one_in}: {frames} of {sent}, z = {z}");
            }
        }
    });
}

/// Packets that went into the near end, those that found no room at the far end included, and those that came out there.
fn passed() -> [u32; 2] {
    let dropped = json("ip -s -j link show near")[0]["stats64"]["tx"]["dropped"].as_u64().unwrap();
    [packets("near")[0] + dropped, packets("far")[1]].map(|count| u32::try_from(count).unwrap())
}

#[test]
fn a_rate_changed_while_packets_wait_applies_to_later_ones_only() {
    each_way("a_rate_changed_while_packets_wait_applies_to_later_ones_only", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.far, 1)]);
        // It sees a packet when the program does; the interface counts it when it is sent.
        let mut witness = af_packet::Taps::new().unwrap();
        witness.add(tap(link.far, 1)).unwrap();
        let mut send = |count| {
            link.send_many(count);
            let mut passed = 0;
            drain(&mut witness, |_| passed += 1);
            passed
        };
        let first: u64 = send(3000);
        assert!(source.set_rate(link.far, rate(99)));
        let few = send(15_000) / 99;
        assert!(source.set_rate(link.far, rate(2)));
        let half = send(5000) / 2;
        assert!(source.set_rate(link.far, rate(1)));
        let last = send(700);
        assert_eq!(source.taps().collect::<Vec<_>>(), [tap(link.far, 1)]);
        let mut seen: BTreeMap<u32, u64> = BTreeMap::new();
        drain(&mut source, |frame| *seen.entry(frame.one_in).or_default() += 1);
        assert!(!source.set_rate(99, rate(1)));
        assert_eq!(seen[&1], first + last);
        assert!((half - 200..half + 200).contains(&seen[&2]), "{half}: {seen:?}");
        assert!((few - 70..few + 70).contains(&seen[&99]), "{few}: {seen:?}");
        assert_eq!(lost(&mut source), 0);
    });
}

#[test]
fn a_tap_that_needs_the_other_ring_is_to_be_added_again() {
    each_way("a_tap_that_needs_the_other_ring_is_to_be_added_again", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.far, 10_000)]);
        for (one_in, fits) in [(100, true), (99, false), (1, false), (u32::MAX, true)] {
            assert_eq!(source.set_rate(link.far, rate(one_in)), fits, "{one_in}");
        }
        assert_eq!(source.taps().collect::<Vec<_>>(), [tap(link.far, u32::MAX)]);
        source.add(tap(link.far, 1)).unwrap();
        assert!(source.set_rate(link.far, rate(99)) && !source.set_rate(link.far, rate(100)));
        // More than fit into the usual ring.
        source.add(tap(link.far, 1)).unwrap();
        link.send_many(10_000);
        let mut frames = 0;
        drain(&mut source, |_| frames += 1);
        assert!(frames > 6000 && lost(&mut source) == 0, "{frames}");
    });
}

#[test]
fn what_had_no_room_is_counted_and_told_once() {
    each_way("what_had_no_room_is_counted_and_told_once", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.far, 1)]);
        for _ in 0..2 {
            let ([_, before], mut frames, mut seen) = (packets("far"), 0u64, 0);
            let mut count = |frame: &Frame<'_>| {
                (frames, seen) = (frames + 1, seen + u64::from(frame.seen.unwrap()));
            };
            link.send_many(40_000);
            let full = visit(&mut source, STEP, &mut count).unwrap();
            assert!(full.fullest >= 99, "{full:?}");
            drain(&mut source, &mut count);
            assert_eq!(seen, frames, "lost ones are told apart");
            let dropped = u64::from(lost(&mut source));
            assert_eq!(frames + dropped, packets("far")[1] - before);
            assert!(dropped > 0 && frames > 15_000, "{frames} frames, {dropped} dropped");
            assert_eq!(findings(&mut source), []);
        }
    });
}

#[test]
fn packets_are_counted_once_whatever_becomes_of_the_tap() {
    each_way("packets_are_counted_once_whatever_becomes_of_the_tap", |way| {
        let link = Link::new();
        let mut source = source(way, &[]);
        let (mut frames, mut told) = (0, 0);
        // The first tap sees more than the second, and leaves samples behind for it to hand on.
        for packets in [900, 20] {
            source.add(tap(link.far, 1)).unwrap();
            for _ in 0..4 {
                drain(&mut source, |frame| (frames, told) = (frames + 1, told + frame.seen.unwrap()));
                link.send_many(packets);
            }
        }
        // What comes while the reader counts is told with the next sample.
        for _ in 0..50 {
            link.send_many(1);
            drain(&mut source, |frame| (frames, told) = (frames + 1, told + frame.seen.unwrap()));
            if frames == told {
                break;
            }
        }
        assert!(frames > 3000 && frames == told, "{frames} frames tell {told} packets");
    });
}

#[test]
fn promiscuous_mode_lasts_as_long_as_its_tap() {
    each_way("promiscuous_mode_lasts_as_long_as_its_tap", |way| {
        let link = Link::new();
        let promiscuity = || json("ip -d -j link show far")[0]["promiscuity"].as_u64();
        let mut source = source(way, &[tap(link.far, 400)]);
        assert_eq!(promiscuity(), Some(0));
        source.add(Tap { promiscuous: true, ..tap(link.far, 400) }).unwrap();
        assert_eq!((promiscuity(), source.taps().count()), (Some(1), 1));
        assert!(source.remove(link.far) && !source.remove(link.far));
        // A program that another test begins has the socket too until it is executed.
        let limit = std::time::Duration::from_secs(20);
        support::wait_until("the end of promiscuous mode", limit, || {
            (promiscuity() == Some(0)).then_some(())
        });
    });
}

#[test]
fn a_tap_outlives_down_and_ends_with_its_interface() {
    each_way("a_tap_outlives_down_and_ends_with_its_interface", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.near, 1), tap(link.far, 1)]);
        run("ip link set near down");
        drain(&mut source, |_| {});
        assert_eq!(findings(&mut source), []);
        run("ip link set near up");
        link.send_many(10);
        let mut frames = 0;
        drain(&mut source, |frame| frames += usize::from(ours(frame).is_some()));
        assert_eq!(frames, 20);

        run("ip link del near");
        assert_eq!(findings(&mut source), link.both().map(Finding::Gone));
        assert_eq!((source.taps().count(), findings(&mut source)), (0, vec![]));
        assert!(matches!(source.add(tap(link.near, 1)), Err(Obstacle::NoInterface(_))));
    });
}

#[test]
fn an_interface_that_moves_to_another_namespace_is_gone() {
    each_way("an_interface_that_moves_to_another_namespace_is_gone", |way| {
        let link = Link::new();
        let elsewhere = netns::Elsewhere::new();
        let mut source = source(way, &[tap(link.near, 1), tap(link.far, 1)]);
        run(&format!("ip link set far netns {}", elsewhere.pid()));
        assert_eq!(findings(&mut source), [Finding::Gone(link.far)]);
    });
}

#[test]
fn an_interface_that_comes_back_with_its_old_index_is_tapped_anew() {
    each_way("an_interface_that_comes_back_with_its_old_index_is_tapped_anew", |way| {
        let make = || run("ip link add again index 777 type bridge");
        make();
        let mut source = source(way, &[tap(777, 1)]);
        run("ip link del again");
        make();
        source.add(tap(777, 1)).unwrap();
        assert_eq!((findings(&mut source), source.taps().count()), (vec![], 1));
        run("ip link del again");
        assert_eq!(findings(&mut source), [Finding::Gone(777)]);
    });
}

#[test]
fn removed_interfaces_are_found_behind_more_news_than_fit() {
    each_way("removed_interfaces_are_found_behind_more_news_than_fit", |way| {
        let link = Link::new();
        let mut source = source(way, &[tap(link.near, 1), tap(link.far, 1), tap(index("lo"), 1)]);
        ip_batch(&(0..1500).map(|n| format!("link set near alias {n}\n")).collect::<String>());
        run("ip link del near");
        assert_eq!(findings(&mut source), link.both().map(Finding::Gone));
        assert_eq!(source.taps().count(), 1);
    });
}

#[test]
fn two_hundred_taps_run_side_by_side_and_leave_nothing() {
    each_way("two_hundred_taps_run_side_by_side_and_leave_nothing", |way| {
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        ip_batch(
            &(0..100).map(|n| format!("link add a{n} up type veth peer name b{n}\n")).collect::<String>(),
        );
        ip_batch(&(0..100).map(|n| format!("link set b{n} up\n")).collect::<String>());
        let indexes: Vec<u32> = nix::net::if_::if_nameindex()
            .unwrap()
            .into_iter()
            .filter(|interface| {
                interface.name().to_bytes().starts_with(b"a") || interface.name().to_bytes().starts_with(b"b")
            })
            .map(|interface| interface.index())
            .collect();
        assert_eq!(indexes.len(), 200);
        let mut source = source(way, &indexes.iter().map(|index| tap(*index, 1)).collect::<Vec<_>>());
        for if_index in &indexes {
            let sender = PacketSocket::open().unwrap();
            sender.bind(*if_index, Protocol::Nothing).unwrap();
            send(sender.as_fd().as_raw_fd(), &frame_of(64, FAR), MsgFlags::empty()).unwrap();
        }
        let mut seen: BTreeMap<(u32, bool), u32> = BTreeMap::new();
        drain(&mut source, |frame| {
            if ours(frame).is_some() {
                *seen.entry((frame.if_index, frame.direction == Direction::Out)).or_default() += 1;
            }
        });
        let both = |if_index: &u32| [(*if_index, false), (*if_index, true)];
        assert_eq!(seen, indexes.iter().flat_map(both).map(|key| (key, 1)).collect());
        assert_eq!(findings(&mut source), []);
        drop(source);
        assert!(!has_tc() || !run("tc qdisc show").contains("clsact"));
        ip_batch(&(0..100).map(|n| format!("link del a{n}\n")).collect::<String>());
    });
}

#[test]
fn a_forwarded_packet_says_which_interface_it_came_in_by() {
    each_way("a_forwarded_packet_says_which_interface_it_came_in_by", |way| {
        let link = Link::new();
        run("ip link add out type bridge");
        run("ip link set out up");
        run("ip address add 10.1.0.1/24 dev far");
        run("ip address add 10.2.0.1/24 dev out");
        run("ip neighbour add 10.2.0.2 lladdr 02:00:00:00:00:09 dev out");
        for (name, value) in [("ip_forward", "1"), ("conf/all/rp_filter", "0"), ("conf/far/rp_filter", "0")] {
            std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
        }
        let out = index("out");
        let mut source = source(way, &[tap(link.far, 1), tap(out, 1)]);
        link.send(&udp_packet([10, 1, 0, 2], [10, 2, 0, 2]));
        // What the host itself sends there came in by nothing.
        UdpSocket::bind("10.2.0.1:0").unwrap().send_to(b"x", "10.2.0.2:9").unwrap();
        let mut seen = Vec::new();
        drain(&mut source, |frame| {
            // The bridge sends IGMP.
            if frame.protocol == 0x0800 && frame.bytes[14 + 9] == UDP {
                seen.push((frame.if_index, frame.direction, frame.input, frame.output));
            }
        });
        let far = End::Interface(link.far);
        assert_eq!(
            seen,
            [
                (link.far, Direction::In, far, End::Unknown),
                (out, Direction::Out, far, End::Interface(out)),
                (out, Direction::Out, End::Unknown, End::Interface(out)),
            ]
        );
        run("ip link del out");
    });
}

/// Ethernet, IPv4 and UDP, checksums right where a router looks at them.
fn udp_packet(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], FAR).ipv4(from, to, 64).udp(1, 9);
    let mut packet = Vec::new();
    builder.write(&mut packet, &[0; 10]).unwrap();
    packet
}

/// False, and says so, where the witness is not installed.
fn has_tc() -> bool {
    let found = std::process::Command::new("tc").arg("-V").output().is_ok();
    if !found {
        println!("SKIP what `tc` would say");
    }
    found
}

/// A classic program, for `tc`, that ends the walk over filters with "accepted".
fn accept_all() -> String {
    let path = std::env::temp_dir().join(format!("ebpf-accept-all-{}", std::process::id()));
    std::fs::write(&path, "1,6 0 0 4294967295").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn filters_of_others_stay_and_our_left_ones_go() {
    each_way("filters_of_others_stay_and_our_left_ones_go", |way| {
        if way != Attach::Clsact || !has_tc() {
            return;
        }
        let link = Link::new();
        run("tc qdisc add dev far clsact");
        run(&format!("tc filter add dev far ingress pref 1 protocol all bpf bytecode-file {}", accept_all()));
        run(&format!("tc filter add dev far egress pref 30 protocol ip bpf bytecode-file {}", accept_all()));
        let filters = |hook| run(&format!("tc filter show dev far {hook}"));
        let before = [filters("ingress"), filters("egress")];

        // A killed agent closes nothing.
        std::mem::forget(source(way, &[tap(link.far, 1), tap(index("lo"), 1)]));
        assert!(run("tc filter show dev lo ingress").contains("hsflowd"));
        let left = filters("ingress");
        assert!(left.contains("hsflowd") && left.contains("pref 2 bpf"), "{left}");
        let mut source = source(way, &[tap(link.far, 1), tap(link.near, 1)]);
        assert_eq!(run("tc filter show dev lo ingress"), "", "left where there is no tap now");
        assert_eq!(filters("ingress").matches("hsflowd direct-action").count(), 1);
        assert_eq!(filters("egress").matches("hsflowd direct-action").count(), 1);
        link.send_many(10);
        let mut frames = BTreeMap::<u32, u32>::new();
        drain(&mut source, |frame| *frames.entry(frame.if_index).or_default() += 1);
        // The filter before ours ends the walk, and so hides what it accepts.
        assert_eq!(frames, BTreeMap::from([(link.near, 10)]));
        assert!(run("tc qdisc show dev near").contains("clsact"));
        drop(source);
        assert_eq!([filters("ingress"), filters("egress")], before);
        assert!(run("tc qdisc show dev far").contains("clsact"), "made by somebody else");
        assert!(!run("tc qdisc show dev near").contains("clsact"), "made by us");
    });
}

#[test]
fn a_clsact_qdisc_that_somebody_began_to_use_stays() {
    each_way("a_clsact_qdisc_that_somebody_began_to_use_stays", |way| {
        if way != Attach::Clsact || !has_tc() {
            return;
        }
        let link = Link::new();
        let mut source = source(way, &[tap(link.far, 1)]);
        run(&format!("tc filter add dev far egress protocol all bpf bytecode-file {}", accept_all()));
        assert!(source.remove(link.far));
        assert!(run("tc filter show dev far egress").contains("bpf"));

        // A filter that somebody removes is no tap any more; the caller adds it again.
        source.add(tap(link.far, 1)).unwrap();
        run("tc filter del dev far ingress");
        assert_eq!(findings(&mut source), [Finding::Gone(link.far)]);
        run("tc qdisc del dev far clsact");
        run("tc qdisc add dev far ingress");
        let refused = source.add(tap(link.far, 1)).unwrap_err();
        assert!(refused.to_string().contains("an ingress qdisc is in the place of clsact"), "{refused}");
    });
}

#[test]
fn the_verifier_takes_every_rate_and_length() {
    each_way("the_verifier_takes_every_rate_and_length", |way| {
        let link = Link::new();
        let mut source = Taps::with_attach(way).unwrap();
        let snaps = [0, 1, 2, 3, 7, 8, 63, 64, 127, 128, 255, 256, 1000, 4095, 4096, 5000, u16::MAX];
        for snap in snaps {
            for one_in in [1, 2, 99, 100, 1 << 31, u32::MAX] {
                let tap = Tap { if_index: link.far, one_in: rate(one_in), snap, promiscuous: false };
                assert_eq!(source.add(tap), Ok(()), "{tap:?}");
            }
        }
    });
}

#[test]
fn a_program_that_the_kernel_refuses_has_its_reason_in_the_error() {
    each_way("a_program_that_the_kernel_refuses_has_its_reason_in_the_error", |_| {
        // It returns what it never set.
        let error = Program::load(&[[0x95, 0, 0, 0, 0, 0, 0, 0]]).unwrap_err();
        assert!(error.to_string().contains("R0 !read_ok"), "{error}");
    });
}

#[test]
fn the_way_that_the_kernel_has_is_found() {
    each_way("the_way_that_the_kernel_has_is_found", |_| {
        let link = Link::new();
        let mut source = Taps::new().unwrap();
        source.add(tap(link.far, 1)).unwrap();
        link.send_many(3);
        let mut frames = 0;
        drain(&mut source, |_| frames += 1);
        assert_eq!(frames, 3);
    });
}

#[test]
fn two_capabilities_are_enough_and_none_is_needed_to_go_on() {
    each_way("two_capabilities_are_enough_and_none_is_needed_to_go_on", |way| {
        let link = Link::new();
        let all = caps::read(None, CapSet::Effective).unwrap();
        let few = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN].into();
        caps::set(None, CapSet::Effective, &few).unwrap();
        let mut source = source(way, &[tap(link.far, 2)]);
        for (capability, name) in
            [(Capability::CAP_BPF, "CAP_BPF"), (Capability::CAP_NET_ADMIN, "CAP_NET_ADMIN")]
        {
            caps::drop(None, CapSet::Effective, capability).unwrap();
            for denied in [probe(Some(link.far)).unwrap_err(), source.add(tap(link.near, 1)).unwrap_err()] {
                assert!(
                    matches!(denied, Obstacle::Denied { capability, .. } if capability == name),
                    "{denied}"
                );
            }
            caps::set(None, CapSet::Effective, &few).unwrap();
        }
        caps::clear(None, CapSet::Effective).unwrap();
        assert!(source.set_rate(link.far, rate(1)));
        caps::set(None, CapSet::Effective, &all).unwrap();
        link.send_many(5);
        caps::clear(None, CapSet::Effective).unwrap();
        let mut frames = 0;
        drain(&mut source, |_| frames += 1);
        assert_eq!((frames, findings(&mut source)), (5, vec![]));
        caps::set(None, CapSet::Effective, &all).unwrap();
    });
}

#[test]
fn probe_says_what_is_missing() {
    each_way("probe_says_what_is_missing", |_| {
        let link = Link::new();
        assert_eq!(probe(None), Ok(()));
        assert_eq!(probe(Some(link.near)), Ok(()));
        for index in [0, 4711, u32::MAX] {
            assert!(matches!(probe(Some(index)), Err(Obstacle::NoInterface(_))), "{index}");
        }
    });
}
