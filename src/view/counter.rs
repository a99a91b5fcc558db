//! Rates out of counters. In: a record of counters and when it was made. Out: what changed in a second. Rules: a counter
//! of 32 bits may wrap once between two samples; one that went back (more than half of its range ahead) has begun again
//! and gives no rate; all ones is "unknown". Time is the sender's own, so that a late reader computes no false rate.

use crate::sflow::ids::DataSource;
use std::collections::BTreeMap;
use std::ops::Add;
use std::time::Duration;

/// When a sample was made and when it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The sender's uptime in milliseconds, which wraps.
    pub uptime_ms: u32,
    /// On the reader's clock.
    pub read: Duration,
}

/// Two samples that are closer than this say nothing of a rate.
const SHORTEST_MS: u32 = 100;
/// What a sender whose uptime stands still must let pass.
const SHORTEST_READ: Duration = Duration::from_millis(500);

enum Gap {
    /// Seconds.
    Long(f64),
    Short,
    /// The sender's time went back: it has started again.
    Back,
}

impl Stamp {
    fn since(self, earlier: Self) -> Gap {
        let read = self.read.saturating_sub(earlier.read);
        match self.uptime_ms.wrapping_sub(earlier.uptime_ms) {
            0 if read >= SHORTEST_READ => Gap::Long(read.as_secs_f64()),
            sent if sent < SHORTEST_MS => Gap::Short,
            sent if sent < 1 << 31 => Gap::Long(f64::from(sent) / 1000.0),
            _ => Gap::Back,
        }
    }
}

/// The time between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// In seconds.
    pub const fn secs(self) -> f64 {
        self.0
    }

    /// What a counter of 32 bits rose by in a second.
    pub fn of32(self, old: u32, new: u32) -> Option<f64> {
        let rise = rise32(old, new)?;
        Some(f64::from(rise) / self.0)
    }

    /// What a counter of 64 bits rose by in a second.
    pub fn of64(self, old: u64, new: u64) -> Option<f64> {
        if old == u64::MAX || new == u64::MAX {
            return None;
        }
        new.checked_sub(old).map(|rise| rise as f64 / self.0)
    }

    /// What several counters of 32 bits rose by together; what is not known of them is left out, unless it is all.
    pub fn sum32<const N: usize>(self, pairs: [(u32, u32); N]) -> Option<f64> {
        pairs.into_iter().filter_map(|(old, new)| self.of32(old, new)).reduce(f64::add)
    }
}

/// What a counter of 32 bits rose by.
pub fn rise32(old: u32, new: u32) -> Option<u32> {
    let rise = known32(new)?.wrapping_sub(known32(old)?);
    Some(rise).filter(|rise| *rise < 1 << 31)
}

/// A number of 32 bits, of which all ones are not known.
pub fn known32(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number != u32::MAX)
}

/// Counts what each source lost by the counters of losses in its samples.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    last: BTreeMap<DataSource, u32>,
    total: u64,
}

/// Sources whose losses are followed.
const MOST_SOURCES: usize = 4096;

impl Losses {
    /// A sample of this source came.
    pub fn note(&mut self, source: DataSource, losses: u32) {
        if self.last.len() < MOST_SOURCES || self.last.contains_key(&source) {
            let before = self.last.insert(source, losses);
            self.total += u64::from(before.and_then(|before| rise32(before, losses)).unwrap_or(0));
        }
    }

    /// What all of them lost since they were first heard.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// The last record of one source.
#[derive(Clone, Debug)]
pub struct Last<R>(Option<(Stamp, R)>);

impl<R> Default for Last<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R: Clone> Last<R> {
    /// Takes the newest one in. Out: the one before and the time between them, where a rate can be told.
    pub fn next(&mut self, at: Stamp, record: &R) -> Option<(R, Pace)> {
        let gap = self.0.as_ref().map(|(then, _)| at.since(*then));
        if matches!(gap, Some(Gap::Short)) {
            return None;
        }
        let before = self.0.replace((at, record.clone()));
        match gap {
            Some(Gap::Long(secs)) => before.map(|(_, record)| (record, Pace(secs))),
            _ => None,
        }
    }

    /// When it came.
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(uptime_ms: u32, read_ms: u64) -> Stamp {
        Stamp { uptime_ms, read: Duration::from_millis(read_ms) }
    }

    #[test]
    fn a_rate_is_by_the_senders_time_whenever_it_is_read() {
        let mut last = Last::default();
        assert_eq!(last.next(stamp(1000, 0), &10_u32), None);
        let (before, pace) = last.next(stamp(3000, 1), &30).unwrap();
        assert_eq!((before, pace.of32(before, 30)), (10, Some(10.0)));
        let mut last = Last::default();
        last.next(stamp(u32::MAX, 2), &40_u32);
        let (_, pace) = last.next(stamp(999, 3), &50).unwrap();
        assert!((pace.secs() - 1.0).abs() < 1e-9, "the uptime wraps");
    }

    #[test]
    fn a_sender_that_starts_again_and_one_without_a_clock_give_no_false_rate() {
        let mut last = Last::default();
        last.next(stamp(500_000, 0), &1_u32);
        assert_eq!(last.next(stamp(10, 1000), &2), None);
        assert!(last.next(stamp(20_010, 2000), &3).is_some_and(|(before, _)| before == 2));
        assert_eq!(last.next(stamp(20_050, 2040), &4), None, "too soon: the older one stays");
        assert!(last.next(stamp(21_010, 3000), &5).is_some_and(|(before, _)| before == 3));
        let mut still = Last::default();
        still.next(stamp(0, 0), &1_u32);
        assert_eq!(still.next(stamp(0, 100), &2), None);
        assert!(still.next(stamp(0, 2000), &3).is_some_and(|(_, pace)| (pace.secs() - 2.0).abs() < 1e-9));
    }

    #[test]
    fn counters_wrap_once_and_what_goes_back_or_is_unknown_has_no_rate() {
        let pace = Pace(2.0);
        assert_eq!(pace.of32(u32::MAX - 1, 18), Some(10.0));
        assert_eq!((pace.of32(1000, 3), pace.of32(u32::MAX, 3), pace.of32(3, u32::MAX)), (None, None, None));
        assert_eq!((pace.of64(1, 21), pace.of64(21, 1), pace.of64(u64::MAX, 5)), (Some(10.0), None, None));
        assert_eq!(pace.sum32([(0, 2), (5, 1), (0, 4)]), Some(3.0));
        assert_eq!(pace.sum32([(u32::MAX, 2), (5, 1)]), None);
    }
}
