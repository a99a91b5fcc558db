//! The samples are a fair draw: in every cell of size, rate, source and direction their number is what chance allows, and so
//! is the sum of all cells; at 1:1 it is exact. The number of packets is the kernel's.

use crate::rig::isolated;
use crate::site::{HOST, Link, Marker, Site, Way};
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
fn table(source: &str, packets: impl Fn(u32) -> usize) {
    let mut links: Vec<(u32, Link)> = RATES.map(|rate| (rate, Link::new(&format!("r{rate}")))).into();
    let mut marker = Marker::new();
    let taps: Vec<_> = RATES.map(|rate| format!("{source} {{ dev = r{rate} sampling = {rate} }}")).into();
    let site = Site::sampling(&format!("{}\n{}", taps.join("\n"), Marker::TAP));
    marker.ready(&site);
    let mut cells = Vec::new();
    for size in SIZES {
        let before: Vec<_> = links.iter().map(|(_, link)| link.crossed()).collect();
        for burst in 0..packets(1000).div_ceil(BURST) {
            for (rate, link) in links.iter_mut().filter(|(rate, _)| burst * BURST < packets(*rate)) {
                let _ = rate;
                WAYS.iter().for_each(|way| link.send(*way, size, BURST));
            }
            marker.pass(&site);
        }
        for ((rate, link), before) in links.iter().zip(before) {
            let after = link.crossed();
            for way in WAYS {
                let packets = after.way(way) - before.way(way);
                cells.push((link.index, Cell { size, rate: *rate, way, packets, samples: 0 }));
            }
        }
    }
    marker.settle(&site);
    site.assert_whole();
    site.collector.look(|tally| {
        for (source, cell) in &mut cells {
            let (input, output) = if cell.way == Way::In { (*source, HOST) } else { (HOST, *source) };
            let length = u32::try_from(cell.size).unwrap() + CHECKSUM;
            cell.samples = tally.count(|kind| {
                (kind.source, kind.rate, kind.input, kind.output, kind.frame_length)
                    == (*source, cell.rate, input, output, length)
            });
        }
        for (_, link) in &links {
            assert_eq!(tally.drops(link.index), 0, "{}", link.name);
            let counted: u64 = cells.iter().filter(|(s, _)| *s == link.index).map(|(_, c)| c.samples).sum();
            assert_eq!(tally.of(link.index), counted, "samples of no cell: {:#?}", tally.kinds);
        }
    });
    let cells: Vec<_> = cells.into_iter().map(|(_, cell)| cell).collect();
    judge(source, &cells);
    pools(source, &site, &links);
}

/// Prints the table and what it says.
fn judge(source: &str, cells: &[Cell]) {
    for Cell { size, rate, way, packets, samples } in cells {
        let z = Cell { size: *size, rate: *rate, way: *way, packets: *packets, samples: *samples }.z();
        println!(
            "cell {source:5} {way:?} {size:4} bytes 1:{rate:<4} {packets:8} packets {samples:6} samples z {z:+.2}"
        );
    }
    let chi: f64 = cells.iter().map(|cell| cell.z().powi(2)).sum();
    let p = above(chi, cells.len());
    let packets: u64 = cells.iter().map(|cell| cell.packets).sum();
    println!("cells {source:5} {packets} packets, chi-square {chi:.1} in {} cells, p {p:.5}", cells.len());
    assert!(cells.iter().all(|cell| cell.packets > 0 && cell.z().abs() <= 4.5), "{source}: see the table");
    assert!(p > 0.00001, "{source}: p {p}");
}

/// The pool of a source's last sample is the number of packets that crossed it: estimated from samples with the error
/// of the draw, or exact where the kernel counts.
fn pools(source: &str, site: &Site, links: &[(u32, Link)]) {
    for (rate, link) in links {
        let packets = link.crossed().all() as f64;
        let pool = site.collector.look(|tally| f64::from(tally.last[&link.index].sample_pool));
        let rate = f64::from(*rate);
        // The packets behind the last sample are not in it: a geometric number of them.
        let room = if source == "pcap" { 4.5 * (packets * rate).sqrt() } else { 15.0 * rate };
        println!("pool {source:5} 1:{rate:<4} {pool:9} of {packets:9} packets");
        assert!((pool - packets).abs() <= room, "{source} {}: pool {pool} of {packets}", link.name);
    }
}

fn few(rate: u32) -> usize {
    BTreeMap::from([(10, 20_000), (100, 50_000), (1000, 100_000)])[&rate]
}

fn many(rate: u32) -> usize {
    if rate == 1000 { 400_000 } else { 200_000 }
}

#[test]
fn taps_draw_fairly() {
    isolated(|| table("pcap", few));
}

#[test]
#[ignore = "millions of packets; tests/long.sh runs it"]
fn long_taps_draw_fairly() {
    isolated(|| table("pcap", many));
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
                let ends = if way == Way::In { (link.index, HOST) } else { (HOST, link.index) };
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
