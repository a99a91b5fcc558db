//! Sampling follows what changes while the agent runs: interfaces, their speed, the configuration. Sequence numbers go on.

use crate::file_side::FileSide;
use crate::rig::{LIMIT, if_index, ip, isolated};
use crate::site::{Link, Site, Way, frame, quiet};
use crate::support::wait_until;

/// Sends until a sample with this rate comes.
#[track_caller]
fn until_rate(site: &Site, source: u32, rate: u32, mut send: impl FnMut()) {
    wait_until(&format!("a sample 1:{rate}"), LIMIT, || {
        send();
        let now = site.collector.look(|tally| tally.last.get(&source).map(|header| header.sampling_rate));
        (now == Some(rate)).then_some(())
    });
}

#[test]
fn an_interface_that_appears_later_is_sampled() {
    isolated(|| {
        quiet();
        let site = Site::sampling("pcap { dev = late sampling = 1 }");
        let mut link = Link::new("late");
        let unseen = site.until_exact(&mut link);
        link.send(Way::Out, 300, 500);
        let crossed = link.crossed().all() - unseen;
        site.wait_tally("all", |tally| (tally.of(link.index) == crossed).then_some(()));
        site.assert_whole();
    });
}

#[test]
fn an_interface_that_goes_down_and_up_is_sampled_again() {
    isolated(|| {
        let mut link = Link::new("ud");
        let site = Site::sampling("pcap { dev = ud sampling = 1 }");
        site.until_sampled(&mut link);
        for _ in 0..3 {
            ip("link set ud down");
            ip("link set ud up");
            site.until_sampled(&mut link);
        }
        site.assert_whole();
    });
}

#[test]
fn a_reload_changes_the_rate_and_no_number_is_lost() {
    isolated(|| {
        let mut link = Link::new("re");
        let site = Site::sampling("pcap { dev = re sampling = 1 }");
        let body = |rate: u32| format!("pcap {{ dev = re sampling = {rate} }}");
        until_rate(&site, link.index, 1, || link.send(Way::In, 64, 10));
        for rate in [10, 7, 1, 3] {
            let before = site.collector.look(|tally| tally.last[&link.index]);
            site.change(&body(rate));
            until_rate(&site, link.index, rate, || link.send(Way::In, 64, 20));
            let after = site.collector.look(|tally| tally.last[&link.index]);
            assert!(after.sequence > before.sequence && after.sample_pool >= before.sample_pool);
        }
        // Each sequence number came once, the drops and the pool only grew.
        site.assert_whole();
    });
}

#[test]
fn a_reload_ends_and_begins_sampling() {
    isolated(|| {
        let (mut one, mut two) = (Link::new("one"), Link::new("two"));
        let tap = |name: &str| format!("pcap {{ dev = {name} sampling = 1 }}");
        let site = Site::sampling(&tap("one"));
        site.until_sampled(&mut one);
        site.change(&tap("two"));
        site.until_sampled(&mut two);
        let before = site.collector.look(|tally| tally.of(one.index));
        one.send(Way::In, 64, 1000);
        site.until_exact(&mut two);
        assert_eq!(site.collector.look(|tally| tally.of(one.index)), before);
        site.change(&format!("{} {}", tap("one"), tap("two")));
        site.until_sampled(&mut one);
        site.assert_whole();
    });
}

#[test]
fn the_rate_follows_the_speed_of_the_interface() {
    isolated(|| {
        quiet();
        ip("tuntap add speedy mode tap");
        ip("link set speedy up");
        let file = FileSide::new("speedy");
        let speed =
            |mbps| crate::netns::run(&format!("ethtool -s speedy speed {mbps} duplex full autoneg off"));
        speed(10_000);
        let site = Site::sampling("polling = 1 sampling.10G = 5 sampling.1G = 2 pcap { dev = speedy }");
        let index = if_index("speedy");
        let frame = frame(Way::In, 100);
        until_rate(&site, index, 5, || (0..20).for_each(|_| file.send(&frame)));
        speed(1000);
        until_rate(&site, index, 2, || (0..20).for_each(|_| file.send(&frame)));
        speed(10_000);
        until_rate(&site, index, 5, || (0..20).for_each(|_| file.send(&frame)));
        site.assert_whole();
    });
}
