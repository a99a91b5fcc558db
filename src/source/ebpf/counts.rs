//! What the programs of one tap counted, and how much of it was told.
//!
//! In: the tap's shared memory, which other CPUs are writing. Out: packets seen and samples lost since the last question. Rule:
//! every packet is told once: in the pool, or as what a lost sample stood for.

use crate::sys::bpf::words::Words;
use crate::wire::ebpf::sampler;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

#[derive(Debug)]
pub(super) struct Counts {
    words: Words,
    cpus: u32,
    told_lost: u64,
    /// Packets that frames told, and those that the lost samples that were told stood for.
    told_seen: u64,
    /// Left untold by the tap that was here before, whose last samples are handed on as this one's.
    inherited: Untold,
    /// The visit at which packets were last counted.
    visit: u64,
}

/// What a tap that is closed had counted and not told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Untold {
    seen: u64,
    lost: u64,
}

impl Counts {
    pub(super) fn new(words: Words, cpus: u32) -> Self {
        Self { words, cpus, told_lost: 0, told_seen: 0, inherited: Untold::default(), visit: 0 }
    }

    pub(super) fn inherit(&mut self, untold: Untold) {
        self.inherited = untold;
    }

    /// For when the programs have stopped.
    pub(super) fn into_untold(mut self, one_in: NonZeroU32) -> Untold {
        let (seen, lost) = (self.seen(one_in), self.untold_lost());
        Untold { seen, lost: lost.saturating_add(self.inherited.lost) }
    }

    /// The program reads the first 32 bits.
    pub(super) fn write_rate(&self, one_in: NonZeroU32) {
        let high_half = if cfg!(target_endian = "little") { 0 } else { 32 };
        if let Some(word) = self.words.get(sampler::RATE) {
            word.store(u64::from(one_in.get()) << high_half, Ordering::Relaxed);
        }
    }

    /// Lost samples since the last question. Who is told takes each for as many packets as it stood for.
    pub(super) fn lost(&mut self, one_in: NonZeroU32) -> u32 {
        let added = self.untold_lost();
        self.told_seen = self.told_seen.saturating_add(behind(added, one_in));
        self.told_lost = self.told_lost.wrapping_add(added);
        let inherited = std::mem::take(&mut self.inherited.lost);
        u32::try_from(added.saturating_add(inherited)).unwrap_or(u32::MAX)
    }

    /// Packets seen that are yet to be told, and that no lost sample stands for. `visit` numbers the visits: they are added up
    /// once in each.
    #[allow(clippy::cast_possible_truncation)] // the pool wraps
    pub(super) fn take_seen(&mut self, visit: u64, one_in: NonZeroU32) -> u32 {
        if std::mem::replace(&mut self.visit, visit) == visit {
            return 0;
        }
        self.seen(one_in) as u32
    }

    fn seen(&mut self, one_in: NonZeroU32) -> u64 {
        // In this order, because a packet is counted before its sample is lost.
        let lost = self.untold_lost();
        let seen = sampler::seen(self.cpus).fold(0, |sum: u64, word| sum.saturating_add(self.word(word)));
        // Chance lets samples be lost that stand for more than there was: later packets make up for it.
        let added = seen.saturating_sub(self.told_seen.saturating_add(behind(lost, one_in)));
        self.told_seen += added;
        added.saturating_add(std::mem::take(&mut self.inherited.seen))
    }

    fn untold_lost(&self) -> u64 {
        self.word(sampler::LOST).wrapping_sub(self.told_lost)
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

/// Packets that so many lost samples stand for.
fn behind(lost: u64, one_in: NonZeroU32) -> u64 {
    lost.saturating_mul(one_in.get().into())
}
