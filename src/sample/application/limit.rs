//! How many messages a second each sender may send.
//!
//! In: who sent a message, and when. Out: whether it is taken. Rules: a sender has a bucket that holds one second's worth
//! and fills evenly; the memory is bounded: of more than some thousand senders those that were not heard of for longest
//! are forgotten, and begin with a full bucket should they come back. Nothing is allocated for a known sender.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Senders in each of two halves.
const HALF: usize = 1024;

/// The buckets. `K` names a sender.
#[derive(Debug)]
pub struct Limit<K> {
    per_second: u32,
    /// Heard of lately, and before that: when the first half is full it becomes the second.
    young: HashMap<K, Bucket>,
    old: HashMap<K, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Messages, in billionths.
    nanos: u64,
    filled: Instant,
}

const MESSAGE: u64 = 1_000_000_000;

impl<K: Copy + Eq + Hash> Limit<K> {
    /// So many a second; 0: any number.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, young: HashMap::new(), old: HashMap::new() }
    }

    /// So many a second from now on; each sender keeps what it has.
    pub fn set(&mut self, per_second: u32) {
        self.per_second = per_second;
    }

    /// Whether a message of this sender is taken now.
    pub fn admits(&mut self, sender: K, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let full = u64::from(self.per_second) * MESSAGE;
        if !self.young.contains_key(&sender) {
            self.remember(
                sender,
                self.old.get(&sender).copied().unwrap_or(Bucket { nanos: full, filled: now }),
            );
        }
        let Some(bucket) = self.young.get_mut(&sender) else { return true };
        let passed = now.saturating_duration_since(bucket.filled).min(Duration::from_secs(1));
        let gained = u64::try_from(passed.as_nanos()).unwrap_or(MESSAGE) * u64::from(self.per_second);
        bucket.filled = now;
        bucket.nanos = bucket.nanos.saturating_add(gained).min(full);
        let admitted = bucket.nanos >= MESSAGE;
        if admitted {
            bucket.nanos -= MESSAGE;
        }
        admitted
    }

    fn remember(&mut self, sender: K, bucket: Bucket) {
        if self.young.len() >= HALF {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(sender, bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Clock;
    use proptest::prelude::*;

    #[test]
    fn a_flood_is_held_to_the_rate_and_costs_others_nothing() {
        let (mut limit, start) = (Limit::new(1000), Clock::system().now());
        let mut taken = 0;
        for tick in 0..100_000_u64 {
            let now = start + Duration::from_micros(tick * 50);
            taken += u32::from(limit.admits("flood", now));
            if tick % 100 == 0 {
                assert!(limit.admits("calm", now));
            }
        }
        assert_eq!(taken, 1000 + 4999, "a bucket, and what fills it in 5 s");
    }

    #[test]
    fn many_senders_push_out_the_silent_ones_and_not_the_busy_one() {
        let (mut limit, now) = (Limit::new(2000), Clock::system().now());
        let taken = (0..100_000_u32).filter(|n| {
            assert!(limit.admits(1 + n, now));
            limit.admits(0, now)
        });
        assert_eq!(taken.count(), 2000);
        assert!(limit.young.len() + limit.old.len() <= 2 * HALF);
    }

    #[test]
    fn no_limit_takes_all_and_remembers_nobody() {
        let (mut limit, now) = (Limit::new(0), Clock::system().now());
        assert!((0..10_000).all(|n| limit.admits(n, now)));
        assert!(limit.young.is_empty());
        limit.set(1);
        assert!(limit.admits(7, now) && !limit.admits(7, now));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_a_bucket_and_what_fills_it(
            rate in 1_u32..10_000, gaps in prop::collection::vec(0_u64..2_000_000, 1..500),
        ) {
            let (mut limit, start) = (Limit::new(rate), Clock::system().now());
            let (mut at, mut taken) = (0, 0_u64);
            for gap in gaps {
                at += gap;
                taken += u64::from(limit.admits((), start + Duration::from_nanos(at)));
                prop_assert!(taken <= u64::from(rate) + u64::from(rate) * at / MESSAGE + 1);
            }
        }
    }
}
