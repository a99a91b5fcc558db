//! The taps of the packet thread: which source has each, and what to do where one cannot be had. In: wishes by
//! ifIndex. Out: open taps, and a report of each. Rules: a tap that fails is tried again, ever more rarely; where
//! eBPF cannot be had the AF_PACKET source takes the tap and the report says so; an interface that vanishes takes its
//! tap with it, and a new wish brings it back.

use super::report::TapReport;
use crate::sample::frame::Sink;
use crate::source::af_packet::{self, Tap};
use crate::source::{Obstacle, Source, ebpf};
use crate::sys::SysError;
use std::collections::BTreeMap;
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
    wish: Wish,
    report: TapReport,
}

/// All taps.
pub(super) struct Taps {
    packet: af_packet::Taps,
    ebpf: Option<ebpf::Taps>,
    kept: BTreeMap<u32, Kept>,
    retry_at: Option<Instant>,
    pause: Duration,
}

impl Taps {
    pub(super) fn new() -> Result<Self, SysError> {
        let packet = af_packet::Taps::new()?;
        Ok(Self { packet, ebpf: None, kept: BTreeMap::new(), retry_at: None, pause: FIRST_PAUSE })
    }

    /// The wishes in force.
    pub(super) fn wishes(&self) -> impl Iterator<Item = (u32, Option<Wish>)> {
        self.kept.iter().map(|(index, kept)| (*index, Some(kept.wish)))
    }

    /// Reports of all taps.
    pub(super) fn reports(&self) -> impl Iterator<Item = (u32, &TapReport)> {
        self.kept.iter().map(|(index, kept)| (*index, &kept.report))
    }

    /// The rate that a tap has.
    pub(super) fn one_in(&self, if_index: u32) -> u32 {
        self.kept.get(&if_index).map_or(1, |kept| kept.wish.tap.one_in.get())
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

    /// Opens, changes or closes the tap of an interface. What was sampled at the old rate goes to `sink` first.
    pub(super) fn apply(&mut self, if_index: u32, wish: Option<Wish>, sink: &mut dyn Sink, now: Instant) {
        let Some(wish) = wish else {
            self.close(if_index);
            return;
        };
        let same = |kept: &Kept| {
            let rate_alone = Tap { one_in: wish.tap.one_in, ..kept.wish.tap } == wish.tap;
            rate_alone && kept.wish.ebpf == wish.ebpf && kept.report.obstacle.is_none()
        };
        if self.kept.get(&if_index).is_some_and(same) && self.change_rate(wish.tap, sink) {
            self.kept.entry(if_index).and_modify(|kept| kept.wish = wish);
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

    fn change_rate(&mut self, tap: Tap, sink: &mut dyn Sink) -> bool {
        let (if_index, one_in) = (tap.if_index, tap.one_in);
        let by_ebpf = self.ebpf.as_mut().is_some_and(|taps| taps.set_rate(if_index, one_in));
        by_ebpf || self.packet.set_rate(if_index, one_in, sink) == Ok(true)
    }

    fn open(&mut self, if_index: u32, wish: Wish, now: Instant) {
        let mut report = TapReport { source: "pcap", ..TapReport::default() };
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
        self.kept.insert(if_index, Kept { wish, report });
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

    /// Tries again what failed. True where something came of it.
    pub(super) fn retry(&mut self, now: Instant) -> bool {
        if self.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        self.retry_at = None;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let failed: Vec<_> =
            self.kept.values().filter(|k| k.report.obstacle.is_some()).map(|k| k.wish).collect();
        for wish in &failed {
            self.open(wish.tap.if_index, *wish, now);
        }
        if self.retry_at.is_none() {
            self.pause = FIRST_PAUSE;
        }
        !failed.is_empty()
    }

    /// The interface has vanished.
    pub(super) fn gone(&mut self, if_index: u32) {
        self.kept.remove(&if_index);
    }
}
