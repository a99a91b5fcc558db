//! The shell in scripted conversations, made of captured messages.

#![allow(clippy::disallowed_methods)] // any instant will do to count from

use super::super::change::Parts;
use super::super::error::InterfaceError;
use super::super::example::{Drivers, Reply, Script, datagrams};
use super::super::model::Kind;
use super::*;

type Scripted = Interfaces<Script, Drivers>;

/// Interfaces as captured in `links.hex` and `addresses.hex`, with an ethtool monitor.
fn read_captured(now: Instant) -> Scripted {
    let family = datagrams("ethtool-events", "<")[0][4..6].try_into().unwrap();
    let monitor = Monitor { socket: Script::default(), family: u16::from_ne_bytes(family) };
    let mut interfaces =
        Interfaces::with(Script::default(), Some(monitor), Script::default(), Drivers::default()).unwrap();
    expect_dump(&mut interfaces);
    interfaces.refresh(now).unwrap();
    assert!(interfaces.query.socket().is_done());
    interfaces.driver.asked.clear();
    interfaces
}

fn expect_dump(interfaces: &mut Scripted) {
    interfaces.query.socket().expect("links");
    interfaces.query.socket().expect("addresses");
}

fn names(interfaces: &Scripted) -> Vec<&str> {
    interfaces.table().iter().map(|interface| interface.name.as_str()).collect()
}

const CAPTURED: [&str; 8] = ["lo", "v1", "v0", "br0", "tap0", "tun0", "ifb7", "mv0"];

#[test]
fn captured_dump_fills_the_table() {
    let interfaces = read_captured(Instant::now());
    assert_eq!(names(&interfaces), CAPTURED);
    let v0 = interfaces.table().by_name("v0").unwrap();
    assert_eq!((&v0.kind, v0.oper_up, v0.alias.as_deref()), (&Kind::Veth, true, Some("uplink to rack 7")));
    let ours: Vec<String> = interfaces.table().addresses_of(v0.index).map(|a| a.ip.to_string()).collect();
    assert_eq!(ours[..2], ["192.0.2.1", "192.0.2.9"], "one's own address, not the other end's");
}

#[test]
fn captured_notifications_are_followed() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let [v0, v1, mv0] = ["v0", "v1", "mv0"].map(|name| interfaces.table().by_name(name).unwrap().index);
    interfaces.events.waiting.extend(datagrams("events", "<").into_iter().map(Reply::Datagram));
    let changes = interfaces.read_events(now).unwrap();
    for index in [v0, v1, mv0] {
        assert!(matches!(changes.get(index), Some(Change::Removed(_))), "{index}: {changes:?}");
    }
    assert_eq!(names(&interfaces), ["lo", "br0", "tap0", "tun0", "ifb7"]);
    assert!(interfaces.table().by_name("w0").is_none() && interfaces.table().by_name("v0").is_none());
    let tap = interfaces.table().by_name("tap0").unwrap().index;
    assert!(interfaces.table().addresses_of(tap).all(|address| address.ip.is_ipv6()));
    assert_eq!(interfaces.health(), Health { resyncs: 1, ..Health::default() });
}

#[test]
fn ethtool_notification_asks_that_driver_alone() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let tap = interfaces.table().by_name("tap0").unwrap().index;
    interfaces.driver.speeds.insert("tap0".into(), LinkSettings { speed_mbps: 1000, duplex: 1 });
    let event = datagrams("ethtool-events", "<").remove(0);
    interfaces.monitor.as_mut().unwrap().socket.waiting.push_back(Reply::Datagram(event));
    let changes = interfaces.read_events(now).unwrap();
    assert_eq!(interfaces.driver.asked, ["tap0"]);
    let parts = Parts { speed: true, duplex: true, ..Parts::default() };
    assert_eq!(changes.get(tap), Some(&Change::Updated(parts)));
    assert_eq!(interfaces.table().get(tap).unwrap().speed_bps, Some(1_000_000_000));
}

#[test]
fn speeds_that_mean_unknown_are_unknown() {
    for speed_mbps in [0, 65535, u32::MAX] {
        assert_eq!(speed_bps(LinkSettings { speed_mbps, duplex: 1 }), None);
    }
    assert_eq!(speed_bps(LinkSettings { speed_mbps: 400_000, duplex: 1 }), Some(400_000_000_000));
    assert_eq!(duplex(LinkSettings { speed_mbps: 10, duplex: 255 }), None);
}

/// The captured dump without some interfaces: what they were is cut out, the end stays.
fn dump_without(name: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    for datagram in datagrams("links", "<") {
        let (mut kept, mut at) = (Vec::new(), 0);
        while at < datagram.len() {
            let length = u32::from_ne_bytes(datagram[at..at + 4].try_into().unwrap()) as usize;
            let message = &datagram[at..at + length];
            let needle = [name.as_bytes(), &[0]].concat();
            if !message.windows(needle.len()).any(|bytes| bytes == needle) {
                kept.extend_from_slice(message);
                kept.resize(kept.len().next_multiple_of(4), 0);
            }
            at += length.next_multiple_of(4);
        }
        replies.push(Reply::Datagram(kept));
    }
    replies
}

#[test]
fn overrun_is_made_good_by_a_dump_and_ghosts_go() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let tun = interfaces.table().by_name("tun0").unwrap().index;
    let later = now + RESYNC_GAP;
    interfaces.events.waiting.push_back(Reply::Overrun);
    interfaces.query.socket().expect_answers("links", dump_without("tun0"));
    interfaces.query.socket().expect("addresses");
    let changes = interfaces.read_events(later).unwrap();
    assert!(changes.resynced && matches!(changes.get(tun), Some(Change::Removed(_))));
    assert_eq!(changes.iter().count(), 1, "{changes:?}");
    assert_eq!((interfaces.health().overruns, interfaces.health().resyncs), (1, 2));
}

#[test]
fn overruns_close_together_cost_one_dump() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    for _ in 0..3 {
        interfaces.events.waiting.push_back(Reply::Overrun);
        assert!(!interfaces.read_events(now).unwrap().resynced);
    }
    assert_eq!(interfaces.wake_at(), Some(now + RESYNC_GAP));
    expect_dump(&mut interfaces);
    assert!(interfaces.read_events(now + RESYNC_GAP).unwrap().resynced);
    assert_eq!(interfaces.wake_at(), None);
}

#[test]
fn disturbed_dump_removes_nobody_and_is_repeated() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let mut disturbed = dump_without("tun0");
    if let Some(Reply::Datagram(datagram)) = disturbed.first_mut() {
        datagram[6] |= 0x10; // NLM_F_DUMP_INTR
    }
    interfaces.query.socket().expect_answers("links", disturbed);
    interfaces.query.socket().expect("addresses");
    expect_dump(&mut interfaces);
    let changes = interfaces.refresh(now).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(interfaces.health().interrupted, 1);
}

#[test]
fn damaged_notification_is_counted_and_leads_to_a_dump() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let mut event = datagrams("events", "<").remove(0);
    event[32] = 1; // the first attribute's length, less than its header
    event[33] = 0;
    interfaces.events.waiting.push_back(Reply::Datagram(event));
    interfaces.events.waiting.push_back(Reply::Datagram(vec![0; 8192]));
    interfaces.read_events(now).unwrap();
    let health = interfaces.health();
    assert_eq!((health.malformed, health.truncated), (1, 1));
    assert!(interfaces.wake_at().is_some());
}

#[test]
fn failed_dump_is_tried_again_and_its_changes_are_not_lost() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    interfaces.events.waiting.extend(datagrams("events", "<").into_iter().map(Reply::Datagram));
    interfaces.events.waiting.push_back(Reply::Overrun);
    interfaces.query.socket().expect_answers("links", Vec::new());
    let later = now + RESYNC_GAP;
    let failed = interfaces.read_events(later);
    assert_eq!(failed, Err(InterfaceError::Silent { request: "RTM_GETLINK", secs: 1 }));
    assert_eq!(interfaces.wake_at(), Some(later + RESYNC_GAP));
    expect_dump(&mut interfaces);
    let changes = interfaces.read_events(later + RESYNC_GAP).unwrap();
    assert!(!changes.is_empty() && changes.resynced);
}

#[test]
fn counters_of_one_that_is_gone_are_left_out() {
    let mut interfaces = read_captured(Instant::now());
    let mut counters = Vec::new();
    interfaces.query.socket().expect("stats-gone");
    interfaces.read_counters(&[99999], &mut counters).unwrap();
    assert_eq!(counters, []);
    let v0 = interfaces.table().by_name("v0").unwrap().index;
    interfaces.query.socket().expect("stats");
    interfaces.read_counters(&[v0], &mut counters).unwrap();
    assert_eq!(counters.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [v0]);
}

#[test]
fn old_kernel_is_asked_by_link_from_then_on() {
    let mut interfaces = read_captured(Instant::now());
    let v0 = interfaces.table().by_name("v0").unwrap().index;
    let mut refusal = datagrams("stats-gone", "<").remove(0);
    refusal[16..20].copy_from_slice(&(-libc::EOPNOTSUPP).to_ne_bytes());
    interfaces.query.socket().expect_answers("stats", vec![Reply::Datagram(refusal)]);
    interfaces.query.socket().expect("link-with-stats");
    let mut counters = Vec::new();
    interfaces.read_counters(&[v0], &mut counters).unwrap();
    interfaces.query.socket().expect("link-with-stats");
    interfaces.read_counters(&[v0], &mut counters).unwrap();
    assert!(counters.len() == 2 && counters[0] == counters[1] && counters[0].1.tx_packets > 0);
}

#[test]
fn kernel_that_does_not_answer_is_an_error_and_no_stall() {
    let mut interfaces = read_captured(Instant::now());
    for lost in [Vec::new(), vec![Reply::Overrun]] {
        interfaces.query.socket().expect_answers("stats-gone", lost);
        let silent = interfaces.read_counters(&[99999], &mut Vec::new());
        assert_eq!(silent, Err(InterfaceError::Silent { request: "RTM_GETSTATS", secs: 1 }));
    }
}

#[test]
fn late_answer_to_an_older_question_is_passed_over() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let late_end = datagrams("links", "<").pop().unwrap();
    interfaces.query.socket().waiting.push_back(Reply::Datagram(late_end));
    expect_dump(&mut interfaces);
    assert!(interfaces.refresh(now).unwrap().is_empty());
}

#[test]
fn driver_of_an_index_used_again_is_asked_for_its_names_again() {
    let now = Instant::now();
    let mut interfaces = read_captured(now);
    let v0 = interfaces.table().by_name("v0").unwrap().index;
    interfaces.driver.stats = vec![("tx_queue_0_xdp_xmit", 5)];
    assert_eq!(interfaces.read_ethtool_counts(v0, now), None);
    interfaces.events.waiting.extend(datagrams("events", "<").into_iter().map(Reply::Datagram));
    interfaces.read_events(now).unwrap();
    assert_eq!(interfaces.read_ethtool_counts(v0, now), None, "it is gone");
    expect_dump(&mut interfaces);
    interfaces.refresh(now).unwrap();
    interfaces.driver.stats = vec![("rx_multicast", 9)];
    assert_eq!(interfaces.read_ethtool_counts(v0, now).unwrap().in_multicast, Some(9));
}

#[test]
fn answer_too_long_for_its_place_costs_only_itself() {
    let mut interfaces = read_captured(Instant::now());
    interfaces.query.socket().expect_answers("stats-gone", vec![Reply::Datagram(padded(600))]);
    let mut counters = Vec::new();
    interfaces.read_counters(&[99999], &mut counters).unwrap();
    assert_eq!(counters, []);
}

/// A refusal of this many bytes, as one with a long explanation would be.
fn padded(length: u32) -> Vec<u8> {
    let mut refusal = datagrams("stats-gone", "<").remove(0);
    refusal.resize(length as usize, 0);
    refusal[..4].copy_from_slice(&length.to_ne_bytes());
    refusal
}
