//! The taps of the packet thread: which source has each, and what to do where one cannot be had. In: wishes by
//! ifIndex. Out: open taps, and a report of each. Rules: a tap that fails or is taken away is tried again, ever more
//! rarely; where eBPF cannot be had the AF_PACKET source takes the tap, until another one is wished for, and the report
//! says so; few taps are opened and closed in one go, because the kernel takes some ten milliseconds for it, in which
//! nothing is read.

use super::desk::SharedDesk;
use super::report::TapReport;
use crate::source::af_packet::{self, Tap};
use crate::source::{Obstacle, Source, ebpf};
use crate::sys::SysError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Taps that are opened and closed in one go.
const PORTION: usize = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A tap that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Interface, rate, bytes.
    pub tap: Tap,
    /// By eBPF, where the kernel has it.
    pub ebpf: bool,
}

struct Kept {
    report: TapReport,
    /// Its source has no tap any more: the interface has gone, or somebody has removed the program.
    lost: bool,
}

/// All taps.
pub(super) struct Taps {
    packet: af_packet::Taps,
    ebpf: Option<ebpf::Taps>,
    kept: BTreeMap<u32, Kept>,
    planned: VecDeque<(u32, Option<Wish>)>,
    retry_at: Option<Instant>,
    pause: Duration,
}

impl Taps {
    pub(super) fn new() -> Result<Self, SysError> {
        let packet = af_packet::Taps::new()?;
        Ok(Self {
            packet,
            ebpf: None,
            kept: BTreeMap::new(),
            planned: VecDeque::new(),
            retry_at: None,
            pause: FIRST_PAUSE,
        })
    }

    /// The wishes in force, and those that are planned.
    pub(super) fn wishes(&self) -> impl Iterator<Item = (u32, Option<Wish>)> {
        let kept = self.kept.iter().map(|(index, kept)| (*index, Some(kept.report.wish)));
        kept.chain(self.planned.iter().copied())
    }

    /// Reports of all taps.
    pub(super) fn reports(&self) -> impl Iterator<Item = (u32, &TapReport)> + Clone {
        self.kept.iter().map(|(index, kept)| (*index, &kept.report))
    }

    /// The rate that a tap has.
    pub(super) fn one_in(&self, if_index: u32) -> u32 {
        self.kept.get(&if_index).map_or(1, |kept| kept.report.wish.tap.one_in.get())
    }

    /// How long packets may gather, in ms; `None` without a tap.
    pub(super) fn gather_ms(&self) -> Option<u8> {
        let densest = self.kept.values().map(|kept| kept.report.wish.tap.one_in).min();
        densest.map(af_packet::gather_ms)
    }

    /// When [`Self::retry`] has something to do.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Notes changes, `None` for a tap that shall be closed. A wish that was not yet seen to gives way to a later one of the
    /// same interface: between the two there would be samples of settings that are over.
    pub(super) fn plan(&mut self, changes: Vec<(u32, Option<Wish>)>) {
        if !self.planned.is_empty() {
            let changed: BTreeSet<u32> = changes.iter().map(|(if_index, _)| *if_index).collect();
            self.planned.retain(|(if_index, wish)| wish.is_none() || !changed.contains(if_index));
        }
        self.planned.extend(changes);
    }

    /// True while some of the changes are still to be made.
    pub(super) fn has_work(&self) -> bool {
        !self.planned.is_empty()
    }

    /// Makes some of the changes.
    pub(super) fn work(&mut self, desk: &SharedDesk, now: Instant) {
        let portion = self.portion();
        let (mut closing, mut opening) = (Vec::new(), Vec::new());
        for (if_index, wish) in portion {
            if wish.is_some_and(|wish| self.is_rate_alone(wish) && self.change_rate(wish.tap, desk, now)) {
                self.kept
                    .entry(if_index)
                    .and_modify(|kept| kept.report.wish = wish.unwrap_or(kept.report.wish));
                continue;
            }
            self.kept.remove(&if_index);
            closing.push(if_index);
            opening.extend(wish);
        }
        self.close(&closing);
        self.open(&opening, now);
    }

    /// The next changes, no two of one interface.
    fn portion(&mut self) -> Vec<(u32, Option<Wish>)> {
        let mut portion: Vec<(u32, Option<Wish>)> = Vec::with_capacity(PORTION);
        while let Some((if_index, _)) = self.planned.front().filter(|_| portion.len() < PORTION) {
            if portion.iter().any(|(other, _)| other == if_index) {
                break;
            }
            portion.extend(self.planned.pop_front());
        }
        portion
    }

    /// True where the tap that is there only needs another rate.
    fn is_rate_alone(&self, wish: Wish) -> bool {
        self.kept.get(&wish.tap.if_index).is_some_and(|kept| {
            let old = kept.report.wish;
            let same = Wish { tap: Tap { one_in: wish.tap.one_in, ..old.tap }, ..old } == wish;
            same && kept.report.obstacle.is_none() && !kept.lost
        })
    }

    fn close(&mut self, if_indexes: &[u32]) {
        self.packet.remove_all(if_indexes);
        if let Some(ebpf) = &mut self.ebpf {
            if_indexes.iter().for_each(|if_index| _ = ebpf.remove(*if_index));
        }
    }

    /// What was sampled at the old rate goes to the desk first.
    fn change_rate(&mut self, tap: Tap, desk: &SharedDesk, now: Instant) -> bool {
        let (if_index, one_in) = (tap.if_index, tap.one_in);
        if self.ebpf.as_mut().is_some_and(|taps| taps.set_rate(if_index, one_in)) {
            return true;
        }
        let mut desk = desk.lock();
        desk.begin(self.packet.name(), now);
        let changed = self.packet.set_rate(if_index, one_in, &mut *desk) == Ok(true);
        desk.end();
        changed
    }

    fn open(&mut self, wishes: &[Wish], now: Instant) {
        let (by_ebpf, mut by_packet): (Vec<Wish>, Vec<Wish>) = wishes.iter().partition(|wish| wish.ebpf);
        let mut refusals = BTreeMap::new();
        for wish in by_ebpf {
            match self.open_ebpf(wish.tap) {
                Ok(()) => self.opened(wish, "epcap", None, Ok(()), now),
                Err(obstacle @ Obstacle::NoInterface(_)) => {
                    self.opened(wish, "epcap", None, Err(obstacle), now)
                }
                Err(obstacle) => {
                    let why = format!("epcap is not possible here: {obstacle}; pcap samples instead");
                    refusals.insert(wish.tap.if_index, why);
                    by_packet.push(wish);
                }
            }
        }
        let taps: Vec<_> = by_packet.iter().map(|wish| wish.tap).collect();
        let results = self.packet.add_all(&taps);
        for (wish, result) in by_packet.into_iter().zip(results) {
            self.opened(wish, "pcap", refusals.remove(&wish.tap.if_index), result, now);
        }
    }

    /// Notes what came of an attempt.
    fn opened(
        &mut self,
        wish: Wish,
        source: &'static str,
        instead: Option<String>,
        result: Result<(), Obstacle>,
        now: Instant,
    ) {
        // One that does not exist is wanted anew when it does.
        if result.as_ref().is_err_and(|obstacle| !matches!(obstacle, Obstacle::NoInterface(_))) {
            self.retry_at = self.retry_at.or(Some(now + self.pause));
        }
        let obstacle = result.err().map(|obstacle| obstacle.to_string());
        let report = TapReport { wish, source, instead, obstacle };
        self.kept.insert(wish.tap.if_index, Kept { report, lost: false });
    }

    fn open_ebpf(&mut self, tap: Tap) -> Result<(), Obstacle> {
        let taps = match &mut self.ebpf {
            Some(taps) => taps,
            None => self.ebpf.insert(ebpf::Taps::new().map_err(Obstacle::Failed)?),
        };
        taps.add(tap)
    }

    /// The sources of the taps.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut dyn Source> {
        let packet = std::iter::once(&mut self.packet as &mut dyn Source);
        packet.chain(self.ebpf.iter_mut().map(|source| source as &mut dyn Source))
    }

    /// Plans again what failed or was lost.
    pub(super) fn retry(&mut self, now: Instant) {
        if self.retry_at.is_none_or(|at| at > now) {
            return;
        }
        self.retry_at = None;
        // What is planned for a tap is newer than the wish that failed.
        let planned: BTreeSet<u32> = self.planned.iter().map(|(if_index, _)| *if_index).collect();
        let failed = self.kept.values().filter(|kept| kept.lost || kept.report.obstacle.is_some());
        let wishes = failed.map(|kept| (kept.report.wish.tap.if_index, Some(kept.report.wish)));
        self.planned.extend(wishes.filter(|(if_index, _)| !planned.contains(if_index)));
        // When all are open there is nothing to be tried, and the next failure is a new one.
        self.pause = if self.planned.is_empty() { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
    }

    /// The source has lost the tap. Where the interface has gone, the wish for it goes soon as well.
    pub(super) fn gone(&mut self, if_index: u32, now: Instant) {
        if let Some(kept) = self.kept.get_mut(&if_index) {
            kept.lost = true;
            self.retry_at = self.retry_at.or(Some(now + FIRST_PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::outlet::SharedOutlet;
    use super::super::super::pace::Pace;
    use super::*;
    use crate::host::Clock;
    use std::num::NonZeroU32;
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn an_old_wish_is_not_tried_again_over_a_newer_one() {
        let now = Clock::system().now();
        let outlet = SharedOutlet::new(Path::new("/"), 1, now);
        let desk = SharedDesk::new(&outlet, Pace::new(now), Arc::default());
        let mut taps = Taps::new().expect("descriptors");
        // No kernel counts interfaces that far.
        let if_index = 2_000_000_000;
        let tap = Tap { if_index, one_in: NonZeroU32::MIN, snap: 128, promiscuous: false };
        taps.plan(vec![(if_index, Some(Wish { tap, ebpf: false }))]);
        taps.work(&desk, now);
        taps.gone(if_index, now);
        taps.plan(vec![(if_index, None)]);
        taps.retry(now + LONGEST_PAUSE);
        while taps.has_work() {
            taps.work(&desk, now);
        }
        assert_eq!(taps.wishes().count(), 0, "suspended, or no more in the file");
    }
}
