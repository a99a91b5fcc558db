//! Writes a second: a bucket of tokens that holds one second's worth.

use std::time::SystemTime;

const MICROS: i64 = 1_000_000;

/// Filled when it is used first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Millionths of a write; below 0 after an order larger than the bucket.
    level: i64,
    at: Option<SystemTime>,
}

impl Bucket {
    /// Whether so many writes may be made now; then they are.
    pub(super) fn take(&mut self, writes: usize, per_second: u32, now: SystemTime) -> bool {
        let most = i64::from(per_second) * MICROS;
        let passed = match self.at.map(|at| now.duration_since(at)) {
            None => MICROS,
            Some(passed) => passed.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(MICROS)),
        };
        self.at = Some(now);
        let gain = passed.saturating_mul(i64::from(per_second));
        self.level = self.level.saturating_add(gain).min(most);
        let cost = i64::try_from(writes).unwrap_or(i64::MAX).saturating_mul(MICROS);
        let is_enough = self.level >= cost.min(most);
        if is_enough {
            self.level = self.level.saturating_sub(cost);
        }
        is_enough
    }
}
