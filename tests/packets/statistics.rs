//! The samples are a fair draw: in every cell of size, rate, source and direction their number is what chance allows, and so
//! is the sum of all cells; at 1:1 it is exact. The number of packets is the kernel's.

use crate::rig::isolated;
use crate::rules::Ruled;
use crate::site::{Crossed, Link, Marker, Site, Way};
use std::collections::BTreeMap;

const SIZES: [usize; 3] = [64, 512, 1500];
const RATES: [u32; 3] = [10, 100, 1000];
const WAYS: [Way; 2] = [Way::In, Way::Out];
/// Packets of one kind in a row; then the agent may catch up.
const BURST: usize = 5000;
/// Bytes of an Ethernet checksum, which sFlow counts in.
const CHECKSUM: u32 = 4;

/// One cell of the table.
struct Cell {
    size: usize,
    rate: u32,
    way: Way,
    packets: u64,
    samples: u64,
}

impl Cell {
    /// Distance from the expected number, in standard deviations of a binomial draw.
    fn z(&self) -> f64 {
        let (n, p) = (self.packets as f64, 1.0 / f64::from(self.rate));
        (self.samples as f64 - n * p) / (n * p * (1.0 - p)).sqrt()
    }

    /// The cells of what crossed a link since then.
    fn both(size: usize, rate: u32, link: &Link, before: Crossed) -> [Self; 2] {
        let after = link.crossed();
        let packets = |way| after.way(way) - before.way(way);
        WAYS.map(|way| Self { size, rate, way, packets: packets(way), samples: 0 })
    }

    /// Counts the samples of it.
    fn count(&mut self, site: &Site, link: &Link) -> u64 {
        let ends = self.way.ends(link.index);
        let length = u32::try_from(self.size).unwrap() + CHECKSUM;
        self.samples = site.collector.look(|tally| {
            tally.count(|kind| {
                (kind.source, kind.rate, kind.frame_length) == (link.index, self.rate, length)
                    && (kind.input, kind.output) == ends
            })
        });
        self.samples
    }
}

/// Probability that chi-square with `freedom` degrees, an even number, is above `x`.
fn above(x: f64, freedom: usize) -> f64 {
    let mut term = (-x / 2.0).exp();
    let mut sum = 0.0;
    for k in 1..=freedom / 2 {
        sum += term;
        term *= x / 2.0 / k as f64;
    }
    sum
}

/// Runs the table for one kind of tap. `packets` are those of a cell, by rate.
fn table(source: &str, packets: impl Fn(u32) -> usize) -> Vec<Cell> {
    let mut links = RATES.map(|rate| (rate, Link::new(&format!("r{rate}"))));
    let mut marker = Marker::new();
    let taps = RATES.map(|rate| format!("{source} {{ dev = r{rate} sampling = {rate} }}"));
    let site = Site::sampling(&format!("{}\n{}", taps.join("\n"), Marker::TAP));
    marker.ready(&site);
    let mut cells = Vec::new();
    for size in SIZES {
        let before = links.each_ref().map(|(_, link)| link.crossed());
        for burst in 0..packets(1000).div_ceil(BURST) {
            for (_, link) in links.iter_mut().filter(|(rate, _)| burst * BURST < packets(*rate)) {
                WAYS.iter().for_each(|way| link.send(*way, size, BURST));
            }
            marker.pass(&site);
        }
        let counted = links.iter().zip(before);
        cells.extend(counted.flat_map(|((rate, link), before)| Cell::both(size, *rate, link, before)));
    }
    marker.settle(&site);
    site.assert_whole();
    for (rate, link) in &links {
        let mut of_link: Vec<_> = cells.iter_mut().filter(|cell| cell.rate == *rate).collect();
        let counted: u64 = of_link.iter_mut().map(|cell| cell.count(&site, link)).sum();
        site.collector.look(|tally| {
            assert_eq!(tally.drops(link.index), 0, "{}", link.name);
            assert_eq!(tally.of(link.index), counted, "samples of no cell: {:#?}", tally.kinds);
        });
        pool(source, *rate, &site, link);
    }
    judge(source, &cells);
    cells
}

/// Runs the table for a firewall rule, one rate after the other.
fn table_of_rules(packets: impl Fn(u32) -> usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for rate in RATES {
        let mut ruled = Ruled::new(Link::new(&format!("r{rate}")), rate);
        for size in SIZES {
            let before = ruled.link.crossed();
            for _ in 0..packets(rate).div_ceil(BURST) {
                WAYS.iter().for_each(|way| ruled.send(*way, size, BURST));
            }
            cells.extend(Cell::both(size, rate, &ruled.link, before));
            ruled.pass();
        }
        let of_rate = cells.iter_mut().filter(|cell| cell.rate == rate);
        of_rate.for_each(|cell| _ = cell.count(&ruled.site, &ruled.link));
        ruled.site.assert_whole();
        assert_eq!(ruled.site.collector.look(|tally| tally.drops(ruled.link.index)), 0);
    }
    judge("nflog", &cells);
    cells
}

/// Prints the table of a source and what it says.
fn judge(source: &str, cells: &[Cell]) {
    for cell in cells {
        let Cell { size, rate, way, packets, samples } = cell;
        let (way, z) = (format!("{way:?}"), cell.z());
        println!(
            "cell {source:5} {way:3} {size:4} bytes 1:{rate:<4} {packets:7} packets {samples:6} samples z {z:+.2}"
        );
    }
    assert!(cells.iter().all(|cell| cell.packets > 0 && cell.z().abs() <= 4.5), "{source}: see the table");
    judge_together(source, cells);
}

/// All cells together.
fn judge_together(source: &str, cells: &[Cell]) {
    let chi: f64 = cells.iter().map(|cell| cell.z().powi(2)).sum();
    let p = above(chi, cells.len());
    let packets: u64 = cells.iter().map(|cell| cell.packets).sum();
    println!("cells {source:5} {packets} packets, chi-square {chi:.1} in {} cells, p {p:.5}", cells.len());
    assert!(p > 0.00001, "{source}: p {p}");
}

/// The pool of a source's last sample is the number of packets that crossed it: estimated from samples with the error
/// of the draw, or exact where the kernel counts.
fn pool(source: &str, rate: u32, site: &Site, link: &Link) {
    let packets = link.crossed().all() as f64;
    let pool = site.collector.look(|tally| f64::from(tally.last[&link.index].sample_pool));
    let rate = f64::from(rate);
    // The packets behind the last sample are not in it: a geometric number of them.
    let room = if source == "pcap" { 4.5 * (packets * rate).sqrt() } else { 15.0 * rate };
    println!("pool {source:5} 1:{rate:<4} {pool:9} of {packets:9} packets");
    assert!((pool - packets).abs() <= room, "{source} {}: pool {pool} of {packets}", link.name);
}

fn few(rate: u32) -> usize {
    BTreeMap::from([(10, 20_000), (100, 50_000), (1000, 100_000)])[&rate]
}

fn many(rate: u32) -> usize {
    if rate == 1000 { 400_000 } else { 200_000 }
}

#[test]
fn taps_draw_fairly() {
    isolated(|| drop(table("pcap", few)));
}

#[test]
fn programs_draw_fairly() {
    isolated(|| drop(table("epcap", few)));
}

#[test]
fn rules_draw_fairly() {
    isolated(|| drop(table_of_rules(few)));
}

#[test]
#[ignore = "millions of packets; tests/long.sh runs it"]
fn long_samples_of_all_sources_are_a_fair_draw() {
    if !nix::unistd::geteuid().is_root() {
        return println!(
            "SKIP long_samples_of_all_sources_are_a_fair_draw: not root, who has three namespaces"
        );
    }
    let mut cells = Vec::new();
    // Each in a namespace of its own: the links have the same names.
    isolated(|| cells.extend(table("pcap", many)));
    isolated(|| cells.extend(table("epcap", many)));
    isolated(|| cells.extend(table_of_rules(many)));
    assert!(cells.iter().map(|cell| cell.packets).sum::<u64>() >= 10_000_000);
    judge_together("all", &cells);
}

/// All of these cross a 1:1 sampler, some of each size both ways.
fn exact(source: &str, bursts: usize) {
    let mut link = Link::new("ones");
    let site = Site::sampling(&format!("{source} {{ dev = ones sampling = 1 }}"));
    let missed = site.until_exact(&mut link);
    for _ in 0..bursts {
        SIZES.iter().for_each(|size| WAYS.iter().for_each(|way| link.send(*way, *size, BURST / 10)));
        let crossed = link.crossed().all() - missed;
        site.wait_tally(&format!("{crossed} samples or drops"), |tally| {
            (tally.of(link.index) + tally.drops(link.index) == crossed).then_some(())
        });
    }
    site.assert_whole();
    let crossed = link.crossed().all() - missed;
    site.collector.look(|tally| {
        let last = tally.last[&link.index];
        assert_eq!((tally.of(link.index), last.drops), (crossed, 0));
        assert_eq!(u64::from(last.sample_pool), crossed);
        for size in SIZES {
            for way in WAYS {
                let ends = way.ends(link.index);
                let length = u32::try_from(size).unwrap() + CHECKSUM;
                let count =
                    tally.count(|kind| (kind.input, kind.output) == ends && kind.frame_length == length);
                assert_eq!(count, (bursts * BURST / 10) as u64, "{size} {way:?}: {:#?}", tally.kinds);
            }
        }
    });
}

#[test]
fn taps_at_one_to_one_miss_nothing() {
    isolated(|| exact("pcap", 10));
}

#[test]
fn programs_at_one_to_one_miss_nothing() {
    isolated(|| exact("epcap", 10));
}
