//! Waits between two attempts at something that fails: twice as long each time.
//!
//! In: that another attempt failed, or that one went well. Out: how long to wait. Rule: never longer than the longest, so
//! that what is back is found.

use std::time::Duration;

/// The next wait; by default from 1 s to 30 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Backoff {
    /// From `shortest` to `longest`.
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    /// How long to wait now; the next time twice as long.
    pub fn advance(&mut self) -> Duration {
        let now = self.next;
        self.next = now.saturating_mul(2).min(self.longest);
        now
    }

    /// Nothing was waited for since it went well.
    pub fn is_first(&self) -> bool {
        self.next == self.shortest
    }

    /// It went well: the next wait is the shortest.
    pub fn reset(&mut self) {
        self.next = self.shortest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.advance().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        (0..1000).for_each(|_| _ = backoff.advance());
        assert_eq!(backoff.advance().as_secs(), 30);
        assert!(!backoff.is_first());
        backoff.reset();
        assert!(backoff.is_first());
        assert_eq!(backoff, Backoff::default());
    }
}
