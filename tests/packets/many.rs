//! Many taps: none is refused for want of descriptors, all sample, and memory stays small.

use crate::netns::ip_batch;
use crate::rig::{LIMIT, isolated};
use crate::site::{Link, Site, Way, quiet};
use crate::support::wait_until;

/// Goal of the project's table, for 200 taps.
const MOST_KIB: u64 = 12 * 1024;

/// So many taps, on both ends of veth pairs.
fn taps(count: usize) {
    quiet();
    let pairs: String = (0..count / 2)
        .map(|n| format!("link add m{n} up type veth peer name m{n}x\nlink set m{n}x up\n"))
        .collect();
    ip_batch(&pairs);
    let taps: String = (0..count / 2)
        .map(|n| format!("pcap {{ dev = m{n} sampling = 1 }} pcap {{ dev = m{n}x sampling = 1 }}\n"))
        .collect();
    let site = Site::sampling(&taps);
    let mut links: Vec<_> = (0..count / 2).map(|n| Link::of(&format!("m{n}"))).collect();
    wait_until(&format!("samples of {count} taps"), 3 * LIMIT, || {
        let missing = |link: &&mut Link| site.collector.look(|tally| tally.of(link.index) == 0);
        let missing: Vec<_> = links.iter_mut().filter(missing).collect();
        let all = missing.is_empty();
        missing.into_iter().for_each(|link| link.send(Way::In, 64, 8));
        all.then_some(())
    });
    site.wait_tally("samples of the far ends", |tally| {
        (tally.last.len() == count).then_some(())
    });
    site.assert_whole();
    println!("{count} taps: {} KiB resident", site.resident_kib());
    if count <= 200 {
        assert!(site.resident_kib() <= MOST_KIB, "{} KiB", site.resident_kib());
    }
}

#[test]
fn two_hundred_taps_fit_into_twelve_megabytes() {
    isolated(|| taps(200));
}

#[test]
fn a_thousand_taps_work() {
    isolated(|| taps(1000));
}
