//! How many events may be sent, and when there are too many to listen to.
//!
//! In: the wall time of each event, as the kernel stamped it. Out: whether it may be sent ([`Quota`]); whether the feed
//! must be stopped ([`Breaker`]). Rules: a quota of 10 or more is spread over the tenths of a second, so that a burst at its
//! start does not silence the rest; events come slightly out of order, because each processor reports its own, and a
//! late one counts as one of now; a clock set back by more than a second begins anew.

const SECOND: u64 = 1_000_000_000;
const TENTHS: u64 = 10;
/// Below, the tenths of a quota would be nothing.
const LEAST_SPREAD: u32 = 10;

/// So many events a second.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    limit: u32,
    interval: u64,
    left: u32,
}

impl Quota {
    /// At most `limit` events a second; none at all with 0.
    pub fn new(limit: u32) -> Self {
        Self { limit, interval: 0, left: 0 }
    }

    /// Whether an event at this time, in nanoseconds since 1970, is within the quota.
    pub fn admits(&mut self, time: u64) -> bool {
        let spread = self.limit >= LEAST_SPREAD;
        let interval = if spread { time / (SECOND / TENTHS) } else { time / SECOND };
        if is_another(interval, self.interval, if spread { TENTHS } else { 1 }) {
            self.interval = interval;
            self.left = if spread { share(self.limit, interval % TENTHS) } else { self.limit };
        }
        let admitted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        admitted
    }
}

/// Whether an interval is not the one that is counted: a later one, or one that is earlier by more than `late`.
fn is_another(interval: u64, counted: u64, late: u64) -> bool {
    interval > counted || interval < counted.saturating_sub(late)
}

/// The part of a quota that belongs to one tenth of a second; the ten parts add up to it.
fn share(limit: u32, tenth: u64) -> u32 {
    let up_to = |tenth: u64| u64::from(limit) * tenth / TENTHS;
    u32::try_from(up_to(tenth + 1) - up_to(tenth)).unwrap_or(limit)
}

/// Opens after too many busy seconds in a row, and stays open.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    most: u32,
    seconds: u32,
    second: u64,
    events: u32,
    /// Busy seconds in a row before this one.
    busy: u32,
}

impl Breaker {
    /// Opens in the last of `seconds` seconds in a row that each have more than `most` events.
    pub fn new(most: u32, seconds: u32) -> Self {
        Self { most, seconds, second: 0, events: 0, busy: 0 }
    }

    /// Counts an event at this time, in nanoseconds since 1970; whether the feed must be stopped.
    pub fn trips(&mut self, time: u64) -> bool {
        let second = time / SECOND;
        if is_another(second, self.second, 1) {
            let row = second == self.second + 1 && self.events > self.most;
            self.busy = if row { self.busy.saturating_add(1) } else { 0 };
            (self.second, self.events) = (second, 0);
        }
        self.events = self.events.saturating_add(1);
        self.events > self.most && self.busy.saturating_add(1) >= self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const START: u64 = 1_800_000_000 * SECOND;

    /// How many of `count` events, evenly over a second, are within the quota.
    fn admitted(limit: u32, count: u64) -> usize {
        let mut quota = Quota::new(limit);
        (0..count).filter(|at| quota.admits(START + at * SECOND / count)).count()
    }

    #[test]
    fn a_busy_second_gets_the_whole_quota_and_no_more() {
        for limit in [0, 1, 9, 10, 15, 99, 100, 1234, 10_000] {
            assert_eq!(admitted(limit, 100_000), limit as usize);
        }
        assert_eq!(admitted(100, 50), 50);
    }

    #[test]
    fn a_burst_gets_its_tenth_of_the_quota() {
        let mut quota = Quota::new(100);
        let burst = (0..1000).filter(|at| quota.admits(START + at)).count();
        assert_eq!(burst, 10);
        assert!(quota.admits(START + SECOND / 10));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_events() {
        let mut quota = Quota::new(1);
        assert!(quota.admits(START) && !quota.admits(START + 1) && quota.admits(START - 2 * SECOND));
    }

    #[test]
    fn a_late_event_brings_no_new_quota_and_no_new_second() {
        let (mut quota, mut breaker) = (Quota::new(50), Breaker::new(10, 2));
        let times = (0..1000).map(|at| START + SECOND + at / 2 - (at % 2) * SECOND / 10);
        assert_eq!(times.filter(|time| quota.admits(*time)).count(), 5);
        let late = |second: u64| (0..12).map(move |at| START + second * SECOND - at % 2);
        assert_eq!(late(1).chain(late(2)).filter(|time| breaker.trips(*time)).count(), 2);
    }

    /// In which second the breaker opens, of seconds with so many events each.
    fn opened(most: u32, seconds: u32, events: &[u32]) -> Option<usize> {
        let mut breaker = Breaker::new(most, seconds);
        events.iter().enumerate().position(|(second, count)| {
            let start = START + second as u64 * SECOND;
            (0..*count).fold(false, |open, at| open | breaker.trips(start + u64::from(at)))
        })
    }

    #[test]
    fn the_breaker_opens_in_the_last_of_the_busy_seconds() {
        assert_eq!(opened(10, 1, &[10, 11]), Some(1));
        assert_eq!(opened(10, 3, &[11, 11, 10, 11, 11, 11]), Some(5));
        assert_eq!(opened(10, 2, &[11, 0, 11, 0, 11]), None);
        assert_eq!(opened(10, 2, &[10, 10, 10]), None);
    }

    proptest! {
        #[test]
        fn no_second_and_no_tenth_sees_more_than_its_part(
            limit in 0u32..3000,
            mut times in prop::collection::vec(0..3 * SECOND, 0..3000),
        ) {
            times.sort_unstable();
            let mut quota = Quota::new(limit);
            let (mut seconds, mut tenths) = (BTreeMap::new(), BTreeMap::new());
            for time in times.into_iter().filter(|time| quota.admits(START + time)) {
                *seconds.entry(time / SECOND).or_insert(0) += 1;
                *tenths.entry(time / (SECOND / 10)).or_insert(0) += 1;
            }
            prop_assert!(seconds.values().all(|count| *count <= limit));
            let part = if limit < 10 { limit } else { limit.div_ceil(10) };
            prop_assert!(tenths.values().all(|count| *count <= part));
        }

        #[test]
        fn the_breaker_opens_where_the_rule_of_the_configuration_says(
            most in 0u32..9,
            seconds in 1u32..4,
            events in prop::collection::vec(0u32..16, 0..20),
        ) {
            let row = seconds as usize;
            let rule = (row..=events.len()).find(|end| events[end - row..*end].iter().all(|count| *count > most));
            prop_assert_eq!(opened(most, seconds, &events), rule.map(|end| end - 1));
        }
    }
}
