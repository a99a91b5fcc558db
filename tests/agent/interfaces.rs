//! Interfaces that come, go and change while the agent runs.

use crate::netns::ip_batch;
use crate::rig::{Counters, Rig, all_samples, assert_whole, if_index, ip, isolated, record, samples, source};
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::ids::DataSource;
use std::collections::HashMap;

fn name(sample: &Counters) -> &str {
    &record!(sample, PortName).unwrap().name
}

#[test]
fn a_new_interface_is_sent_within_an_interval_a_deleted_one_no_more() {
    isolated(|| {
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        rig.next_sample(DataSource::HOST);
        ip("link add a0 type veth peer name a1");
        let (a0, a1) = (source("a0"), source("a1"));
        let first = rig.first_sample(a0);
        assert_eq!((first.header.sequence, name(&first)), (1, "a0"));
        ip("link del a0");
        // One poll may have begun before.
        rig.next_sample(DataSource::HOST);
        let sent = [a0, a1].map(|s| samples(&rig.datagrams(), s).len());
        rig.two_cycles();
        assert_eq!([a0, a1].map(|s| samples(&rig.datagrams(), s).len()), sent);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_renamed_interface_goes_on_and_a_new_one_under_an_old_name_begins_anew() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        let first = rig.first_sample(source("a0"));
        let (index, source_a0) = (if_index("a0"), source("a0"));
        ip("link set a0 name z0");
        rig.wait("the new name", |d| samples(d, source_a0).last().is_some_and(|s| name(s) == "z0"));
        ip("link del z0");
        ip("link add z0 type veth peer name z1");
        let again = if_index("z0");
        assert_ne!(again, index);
        let sample = rig.first_sample(source("z0"));
        assert_eq!((sample.header.sequence, name(&sample)), (1, "z0"));
        assert_eq!(record!(sample, GenericInterface).unwrap().if_index, again);
        assert_eq!(first.header.sequence, 1);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_change_of_master_address_or_state_costs_no_sample() {
    isolated(|| {
        ip("link add br0 type bridge");
        ip("link add a0 type veth peer name a1");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        let a0 = source("a0");
        for change in [
            "link set a0 master br0",
            "link set a0 up",
            "link set a1 up",
            "addr add 192.0.2.1/24 dev br0",
            "link set br0 up",
            "link set a0 nomaster",
            "addr add 198.51.100.1/24 dev a0",
            "link set a0 alias uplink",
            "link set a0 address 02:00:00:00:00:07",
        ] {
            ip(change);
        }
        let up = |d: &[Datagram]| {
            samples(d, a0).last().is_some_and(|s| record!(s, GenericInterface).unwrap().if_status == 3)
        };
        rig.wait("the link to be up", up);
        rig.two_cycles();
        assert_eq!(rig.snapshot()["healthy"], true);
        // The address brought another name for the host, and so other streams of datagrams; samples go on.
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_port_of_another_name_is_no_switch_port_any_more() {
    isolated(|| {
        ip("link add swp1 type veth peer name x1");
        let rig = Rig::running("polling = 1\ncumulus { switchport = ^swp }");
        let (swp1, x1) = (source("swp1"), source("x1"));
        rig.next_sample(swp1);
        ip("link set swp1 name y1");
        ip("link set x1 name swp9");
        let first = rig.first_sample(x1);
        assert_eq!((first.header.sequence, name(&first)), (1, "swp9"));
        let count = samples(&rig.datagrams(), swp1).len();
        rig.two_cycles();
        assert_eq!(samples(&rig.datagrams(), swp1).len(), count);
    });
}

/// Pairs of veth devices, all of them reported at once and none missed later.
fn many(pairs: usize, polling: usize) {
    let lines: String = (0..pairs).map(|n| format!("link add a{n} type veth peer name b{n}\n")).collect();
    ip_batch(&lines);
    let rig = Rig::running(&format!("polling = {polling}\ninterfaceCounters = all"));
    let sources = 2 * pairs + 1;
    let by_source = |d: &[Datagram]| {
        let mut counts = HashMap::new();
        all_samples(d).for_each(|s| *counts.entry(s.header.source).or_insert(0) += 1);
        counts
    };
    rig.catcher.wait_for("every interface at start", crate::rig::LIMIT, |datagrams| {
        // Decoding all at each datagram would be quadratic.
        datagrams.len() * 8 >= sources && by_source(&rig_decoded(datagrams)).len() == sources
    });
    // Three samples of every source take two whole intervals.
    rig.two_cycles();
    let sent = rig.wait("all of them, two intervals long", |d| {
        let counts = by_source(d);
        counts.len() == sources && counts.values().all(|&n: &i32| n >= 3)
    });
    assert_whole(&sent);
    // Of the last poll some may be under way.
    let last = sent.last().unwrap().uptime_ms;
    let whole: Vec<_> = sent.into_iter().filter(|datagram| datagram.uptime_ms != last).collect();
    let counts = by_source(&whole);
    let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
    assert!(most - least <= 1, "each is due once an interval: {least} to {most}");
}

fn rig_decoded(datagrams: &[Vec<u8>]) -> Vec<Datagram> {
    datagrams.iter().map(|bytes| hsflow::sflow::decode::decode(bytes).unwrap()).collect()
}

#[test]
fn three_hundred_pairs_are_all_sent_at_start_and_each_interval() {
    isolated(|| many(300, 2));
}

#[test]
#[ignore = "a thousand pairs; tests/long.sh runs it"]
fn long_a_thousand_pairs_are_all_sent_at_start_and_each_interval() {
    isolated(|| many(1000, 5));
}
