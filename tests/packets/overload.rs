//! More than can be sampled: what is lost is told, packet by packet. At 1:1 samples and drops together are the
//! packets, whoever was too slow.

use crate::rig::{LIMIT, isolated};
use crate::rules::Ruled;
use crate::site::{Link, Site, Way};
use nix::sys::signal::Signal;

/// A link that is sampled 1:1, and how many packets had crossed it before.
struct Flooded {
    site: Site,
    link: Link,
    unseen: u64,
}

impl Flooded {
    fn new(source: &str) -> Self {
        let mut link = Link::new("fl");
        let site = Site::sampling(&format!("{source} {{ dev = fl sampling = 1 }}"));
        let unseen = site.until_exact(&mut link);
        Self { site, link, unseen }
    }

    /// Waits until all that crossed is accounted for, and returns samples and drops. Drops are told by the next sample,
    /// so packets trickle.
    #[track_caller]
    fn account(&mut self) -> (u64, u64) {
        let index = self.link.index;
        let mut last = (0, 0);
        let mut crossed = 0;
        let mut probes = 0;
        let deadline = wait_until_or(LIMIT, || {
            crossed = self.link.crossed().all() - self.unseen;
            last = self.site.collector.look(|tally| (tally.of(index), tally.drops(index)));
            // Not before every look, or the newest would always be under way.
            probes += 1;
            if probes % 25 == 1 {
                self.link.send(Way::In, 64, 1);
            }
            (last.0 + last.1 == crossed).then_some(last)
        });
        deadline.unwrap_or_else(|| panic!("{} samples and {} drops of {crossed} packets", last.0, last.1))
    }
}

fn wait_until_or<T>(limit: std::time::Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    const STEP: std::time::Duration = std::time::Duration::from_millis(20);
    let mut waited = std::time::Duration::ZERO;
    while waited < limit {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        std::thread::park_timeout(STEP);
        waited += STEP;
    }
    None
}

/// The agent stands still while the kernel's buffer runs over.
fn stopped(source: &str) {
    let mut flooded = Flooded::new(source);
    for round in 1..=2 {
        flooded.site.process().signal(Signal::SIGSTOP);
        flooded.link.send(Way::In, 64, 60_000);
        flooded.link.send(Way::Out, 1500, 10_000);
        flooded.site.process().signal(Signal::SIGCONT);
        let (samples, drops) = flooded.account();
        println!("{source}: {samples} samples, {drops} drops");
        assert!(drops > round * 10_000 && samples > round * 1000, "{samples} samples, {drops} drops");
        assert_eq!(flooded.site.sampling_of("fl")["drops"], drops);
    }
    flooded.site.assert_whole();
}

#[test]
fn taps_account_for_what_the_kernel_had_no_room_for() {
    isolated(|| stopped("pcap"));
}

#[test]
fn programs_account_for_what_the_kernel_had_no_room_for() {
    isolated(|| stopped("epcap"));
}

/// A flood as fast as one processor sends it; the agent does what it can.
fn flood(source: &str, packets: usize) {
    let mut flooded = Flooded::new(source);
    flooded.link.send(Way::In, 64, packets);
    let (samples, drops) = flooded.account();
    println!("{source}: {packets} packets, {samples} samples, {drops} drops");
    assert!(samples > 1000, "{samples}");
    flooded.site.assert_whole();
}

#[test]
fn a_flood_at_one_to_one_is_sampled_or_told_lost() {
    isolated(|| flood("pcap", 300_000));
}

#[test]
#[ignore = "ten million packets; tests/long.sh runs it"]
fn long_samples_of_a_flood_are_sent_or_told_lost() {
    isolated(|| flood("pcap", 10_000_000));
}

#[test]
fn a_flood_at_one_to_one_by_programs_is_sampled_or_told_lost() {
    isolated(|| flood("epcap", 300_000));
}

/// A rule that hands over every packet, and an agent that stands still.
#[test]
fn rules_account_for_what_the_kernel_had_no_room_for() {
    isolated(|| {
        let mut ruled = Ruled::new(Link::new("fl"), 1);
        let before = ruled.site.collector.look(|tally| tally.of(ruled.link.index));
        let crossed = ruled.link.crossed().inward;
        ruled.site.process().signal(Signal::SIGSTOP);
        ruled.send(Way::In, 300, 60_000);
        ruled.site.process().signal(Signal::SIGCONT);
        let (mut last, mut probes) = ((0, 0, 0), 0);
        let all = wait_until_or(LIMIT, || {
            // Not before every look, or the newest would always be under way. They may be lost themselves.
            probes += 1;
            if probes % 25 == 1 {
                ruled.send(Way::In, 300, 1);
            }
            let (samples, drops) = ruled
                .site
                .collector
                .look(|tally| (tally.of(ruled.link.index), tally.drops(ruled.link.index)));
            last = (samples - before, drops, ruled.link.crossed().inward - crossed);
            (last.0 + last.1 == last.2).then_some(())
        });
        println!("nflog: {} samples, {} drops", last.0, last.1);
        assert!(all.is_some() && last.1 > 10_000, "samples, drops, packets: {last:?}");
        ruled.site.assert_whole();
    });
}
