//! Many taps: none is refused for want of descriptors, all sample, and memory stays small.

use crate::netns::ip_batch;
use crate::rig::{LIMIT, if_index, isolated};
use crate::site::{Link, Site, Way, quiet};
use crate::support::process::own_kib;
use std::collections::BTreeSet;

/// The goal is 12 MiB for an agent with 200 taps; 4 MiB of it are the goal for one at rest. What the programs under test
/// are built with changes the latter.
const MOST_KIB: u64 = (12 - 4) * 1024;

/// How often packets are sent until every tap has sampled.
const TRIES: u32 = 40;

/// So many taps at this rate, on both ends of veth pairs; returns how many KiB of resident memory they take.
fn taps(count: usize, rate: usize) -> u64 {
    quiet();
    let pairs: String = (0..count / 2)
        .map(|n| format!("link add m{n} up type veth peer name m{n}x\nlink set m{n}x up\n"))
        .collect();
    ip_batch(&pairs);
    let taps: String = (0..count / 2)
        .map(|n| {
            format!("pcap {{ dev = m{n} sampling = {rate} }} pcap {{ dev = m{n}x sampling = {rate} }}\n")
        })
        .collect();
    // With none at all it would give up the privilege to open one.
    let site = Site::sampling("pcap { dev = m0 }");
    let before = own_kib(site.process().pid());
    site.change(&taps);
    let mut links: Vec<_> =
        (0..count / 2).map(|n| (Link::of(&format!("m{n}")), if_index(&format!("m{n}x")))).collect();
    let mut sampled = BTreeSet::new();
    for _ in 0..TRIES {
        let missing =
            |(link, far): &&mut (Link, u32)| !(sampled.contains(&link.index) && sampled.contains(far));
        links.iter_mut().filter(missing).for_each(|(link, _)| link.send(Way::In, 64, rate));
        let all = site.collector.try_wait(LIMIT / TRIES, |tally| (tally.last.len() == count).then_some(()));
        sampled = site.collector.look(|tally| tally.last.keys().copied().collect());
        if all.is_some() {
            break;
        }
    }
    assert_eq!(sampled.len(), count, "taps that sampled");
    site.assert_whole();
    let kib = own_kib(site.process().pid()) - before;
    println!("{count} taps at 1:{rate} take {kib} KiB, the agent without them {before} KiB");
    kib
}

#[test]
fn two_hundred_taps_are_small() {
    isolated(|| {
        let kib = taps(200, 400);
        assert!(kib <= MOST_KIB, "{kib} KiB");
    });
}

#[test]
fn two_hundred_taps_of_all_packets_are_bounded() {
    isolated(|| {
        // 64 MiB of rings, one large ring above it, and 32 KiB for each further tap.
        let kib = taps(200, 1);
        assert!(kib <= (64 + 5 + 7) << 10, "{kib} KiB");
    });
}

#[test]
fn a_thousand_taps_work() {
    isolated(|| _ = taps(1000, 400));
}
