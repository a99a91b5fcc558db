//! The taps of the packet thread: which source has each, and what to do where one cannot be had. In: wishes by
//! ifIndex. Out: open taps, and a report of each. Rules: a tap that fails or is taken away is tried again, ever more
//! rarely; where eBPF cannot be had the AF_PACKET source takes the tap, until another one is wished for, and the report
//! says so; taps are opened and closed one at a time, because the kernel takes some ten milliseconds for each.

use super::desk::SharedDesk;
use super::report::TapReport;
use crate::source::af_packet::{self, Tap};
use crate::source::{Obstacle, Source, ebpf};
use crate::sys::SysError;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_secs(2);
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
    pub(super) fn reports(&self) -> impl Iterator<Item = (u32, &TapReport)> {
        self.kept.iter().map(|(index, kept)| (*index, &kept.report))
    }

    /// The rate that a tap has.
    pub(super) fn one_in(&self, if_index: u32) -> u32 {
        self.kept.get(&if_index).map_or(1, |kept| kept.report.wish.tap.one_in.get())
    }

    /// How long packets may gather, in ms; `None` without a tap.
    pub(super) fn gather_ms(&self) -> Option<u8> {
        let densest = self.kept.values().map(|kept| kept.wish.tap.one_in).min();
        densest.map(af_packet::gather_ms)
    }

    /// When [`Self::retry`] has something to do.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Notes changes, `None` for a tap that shall be closed.
    pub(super) fn plan(&mut self, changes: Vec<(u32, Option<Wish>)>) {
        self.planned.extend(changes);
    }

    /// True while some of the changes are still to be made.
    pub(super) fn has_work(&self) -> bool {
        !self.planned.is_empty()
    }

    /// Makes one change.
    pub(super) fn work(&mut self, desk: &SharedDesk, now: Instant) {
        if let Some((if_index, wish)) = self.planned.pop_front() {
            self.apply(if_index, wish, desk, now);
        }
    }

    /// Opens, changes or closes the tap of an interface.
    fn apply(&mut self, if_index: u32, wish: Option<Wish>, desk: &SharedDesk, now: Instant) {
        let Some(wish) = wish else {
            self.close(if_index);
            return;
        };
        let same = |kept: &Kept| {
            let rate_alone = Tap { one_in: wish.tap.one_in, ..kept.report.wish.tap } == wish.tap;
            rate_alone && kept.report.wish.ebpf == wish.ebpf && kept.report.obstacle.is_none() && !kept.lost
        };
        if self.kept.get(&if_index).is_some_and(same) && self.change_rate(wish.tap, desk, now) {
            self.kept.entry(if_index).and_modify(|kept| kept.report.wish = wish);
            return;
        }
        self.close(if_index);
        self.open(if_index, wish, now);
    }

    fn close(&mut self, if_index: u32) {
        self.kept.remove(&if_index);
        self.packet.remove(if_index);
        if let Some(ebpf) = &mut self.ebpf {
            ebpf.remove(if_index);
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

    fn open(&mut self, if_index: u32, wish: Wish, now: Instant) {
        let mut report = TapReport { wish, source: "pcap", instead: None, obstacle: None };
        let opened = match wish.ebpf.then(|| self.open_ebpf(wish.tap)) {
            None => self.packet.add(wish.tap),
            Some(Ok(())) => {
                report.source = "epcap";
                Ok(())
            }
            Some(Err(obstacle @ Obstacle::NoInterface(_))) => Err(obstacle),
            Some(Err(obstacle)) => {
                report.instead =
                    Some(format!("epcap is not possible here: {obstacle}; pcap samples instead"));
                self.packet.add(wish.tap)
            }
        };
        if let Err(obstacle) = opened {
            report.obstacle = Some(obstacle.to_string());
            // One that does not exist is wanted anew when it does.
            if !matches!(obstacle, Obstacle::NoInterface(_)) {
                self.retry_at = self.retry_at.or(Some(now + self.pause));
            }
        }
        self.kept.insert(if_index, Kept { report, lost: false });
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
        let failed = self.kept.values().filter(|kept| kept.lost || kept.report.obstacle.is_some());
        self.planned.extend(failed.map(|kept| (kept.report.wish.tap.if_index, Some(kept.report.wish))));
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
