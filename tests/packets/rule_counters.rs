//! What samples by `nflog {}` stand for, against the packet filter's own counters: those of the rule that draws, and of
//! the one behind it, which all packets meet. The rule takes each tenth (or each second) packet, so nothing here is chance.

use crate::netns::run;
use crate::rig::{LIMIT, ip, isolated};
use crate::site::{FAR_IP, Link, NEAR_IP, Site, Way};
use crate::support::wait_until;
use nix::sys::signal::Signal;

/// Lengths of frames before the counters start, and after.
const FIRST: usize = 98;
const COUNTED: usize = 300;

/// Packets that met the rule with this word in it.
fn counted(word: &str) -> u64 {
    let table = run("iptables -nvxL INPUT");
    let line = table.lines().find(|line| line.contains(word)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Samples of counted frames, the drops that the last one tells, and what its pool grew by since the last that was not
/// counted.
fn told(site: &Site, link: &Link) -> (u64, u64, u64) {
    site.collector.look(|tally| {
        let of = |length: usize| tally.count(|kind| kind.frame_length as usize == length + 4);
        let (first, samples) = (of(FIRST), of(COUNTED));
        let before = tally.flows[usize::try_from(first).unwrap() - 1].header;
        let last = tally.last[&link.index];
        (samples, (last.drops - before.drops).into(), (last.sample_pool - before.sample_pool).into())
    })
}

fn compare(every: u64, packets: usize, stopped: bool) {
    let mut link = Link::new("rc");
    ip(&format!("route replace {FAR_IP}/32 dev rc src {NEAR_IP}"));
    run(&format!(
        "iptables -A INPUT -i rc -m statistic --mode nth --every {every} --packet 0 -j NFLOG --nflog-group 5"
    ));
    run("iptables -A INPUT -i rc -j DROP");
    let probability = 1.0 / f64::from(u32::try_from(every).unwrap());
    let site =
        Site::sampling(&format!("sampling = {every} nflog {{ group = 5 probability = {probability} }}"));
    wait_until("a sample", LIMIT, || {
        link.send(Way::In, FIRST, 1);
        site.collector.look(|tally| tally.total > 0).then_some(())
    });
    run("iptables -Z INPUT");
    if stopped {
        site.process().signal(Signal::SIGSTOP);
    }
    link.send(Way::In, COUNTED, packets);
    if stopped {
        site.process().signal(Signal::SIGCONT);
    }
    let mut looks = 0;
    let (samples, drops, pool) = wait_until("a sample or a drop of each draw", LIMIT, || {
        // Drops are told by the next sample; not before every look, or the newest would always be under way.
        if looks % 25 == 0 {
            link.send(Way::In, COUNTED, 1);
        }
        looks += 1;
        let told = told(&site, &link);
        (told.0 + told.1 == counted("NFLOG")).then_some(told)
    });
    let packets = counted("DROP");
    println!("1:{every}: {samples} samples, {drops} drops, pool {pool} of {packets} packets");
    assert!(pool.abs_diff(packets) < every, "pool {pool} of {packets} packets");
    assert_eq!(drops > 1000, stopped, "{drops} drops");
    site.assert_whole();
}

#[test]
fn the_pool_is_what_the_rules_counted() {
    isolated(|| compare(10, 50_000, false));
}

#[test]
fn the_pool_is_what_the_rules_counted_when_the_kernel_had_no_room() {
    isolated(|| compare(2, 300_000, true));
}
