//! When a key's weight is an alarm, and when that is over. In: weights, limits, times. Out: changes. Rules: for each key
//! raises and releases take turns, beginning with a raise; a weight between the two limits changes nothing; no more than
//! so many keys are raised at a time, and those that find no room are counted.

use std::time::Duration;

/// When to raise and to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At this weight it is too much.
    pub raise: u64,
    /// Below this weight it is over; not more than `raise`.
    pub release: u64,
    /// How long it has to be too much.
    pub duration: Duration,
    /// How long it has to be over, and how long a raise lasts at least.
    pub hold: Duration,
    /// Keys that may be raised at a time.
    pub most: usize,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is too much.
    Raise,
    /// It is over.
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Too much, but not for long enough.
    Rising { since: Duration },
    /// Raised, and last not over at this time.
    Raised { last: Duration },
}

/// The keys that are too much, or were until lately.
#[derive(Clone, Debug)]
pub struct Alarms<K> {
    limits: Limits,
    watched: Vec<(K, u64, Phase)>,
    raised: usize,
    refused: u64,
}

impl<K: Copy + Eq> Alarms<K> {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { release: limits.release.min(limits.raise), ..limits };
        Self { limits, watched: Vec::with_capacity(2 * limits.most), raised: 0, refused: 0 }
    }

    /// Takes note of the weight that a key with this hash has now.
    pub fn judge(&mut self, now: Duration, hash: u64, key: &K, weight: u64) -> Option<Change> {
        let known = |(own, own_hash, _): &(K, u64, Phase)| *own_hash == hash && own == key;
        let Some(at) = self.watched.iter().position(known) else {
            return self.begin(now, hash, key, weight);
        };
        let (_, _, phase) = self.watched.get_mut(at)?;
        match *phase {
            Phase::Rising { .. } if weight < self.limits.raise => {
                self.watched.swap_remove(at);
                None
            }
            Phase::Rising { since } if now.saturating_sub(since) < self.limits.duration => None,
            Phase::Rising { .. } if self.raised >= self.limits.most => {
                self.refused += 1;
                None
            }
            Phase::Rising { .. } => {
                *phase = Phase::Raised { last: now };
                self.raised += 1;
                Some(Change::Raise)
            }
            Phase::Raised { .. } if weight >= self.limits.release => {
                *phase = Phase::Raised { last: now };
                None
            }
            Phase::Raised { last } if now.saturating_sub(last) < self.limits.hold => None,
            Phase::Raised { .. } => {
                self.watched.swap_remove(at);
                self.raised -= 1;
                Some(Change::Release)
            }
        }
    }

    fn begin(&mut self, now: Duration, hash: u64, key: &K, weight: u64) -> Option<Change> {
        if weight < self.limits.raise {
            return None;
        }
        let at_once = self.limits.duration.is_zero();
        if self.watched.len() >= 2 * self.limits.most || (at_once && self.raised >= self.limits.most) {
            self.refused += 1;
            return None;
        }
        let phase = if at_once { Phase::Raised { last: now } } else { Phase::Rising { since: now } };
        self.watched.push((*key, hash, phase));
        self.raised += usize::from(at_once);
        at_once.then_some(Change::Raise)
    }

    /// A key that has to be judged also when nothing is sampled of it, with its hash, from the last one on: one that is
    /// judged may be gone then.
    pub fn watched(&self, at: usize) -> Option<(K, u64)> {
        self.watched.get(at).map(|(key, hash, _)| (*key, *hash))
    }

    /// How many there are of them.
    pub fn count(&self) -> usize {
        self.watched.len()
    }

    /// Keys that are raised now.
    pub fn raised(&self) -> usize {
        self.raised
    }

    /// Times that a key would have been raised, and too many were.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(duration_ms: u64) -> Limits {
        Limits {
            raise: 100,
            release: 50,
            duration: Duration::from_millis(duration_ms),
            hold: Duration::from_secs(2),
            most: 3,
        }
    }

    fn told(limits: Limits, course: &[(u64, u64)]) -> Vec<(u64, Change)> {
        let mut alarms = Alarms::new(limits);
        let judge = |(ms, weight): &(u64, u64)| {
            Some((*ms, alarms.judge(Duration::from_millis(*ms), 0, &'k', *weight)?))
        };
        course.iter().filter_map(judge).collect()
    }

    #[test]
    fn too_much_for_long_enough_is_raised_and_little_for_long_enough_released() {
        let course =
            [(0, 99), (100, 100), (600, 99), (700, 200), (1600, 200), (1700, 100), (2000, 60), (4500, 49)];
        assert_eq!(told(limits(1000), &course), [(1700, Change::Raise), (4500, Change::Release)]);
        let course = [(0, 100), (500, 49), (1000, 50), (2900, 0), (2999, 0), (3000, 0), (3100, 100)];
        let expected = [(0, Change::Raise), (3000, Change::Release), (3100, Change::Raise)];
        assert_eq!(told(limits(0), &course), expected);
    }

    proptest! {
        #[test]
        fn raises_and_releases_take_turns_with_their_times_and_never_are_too_many_raised(
            duration_ms in prop_oneof![Just(0_u64), 1_u64..2000],
            course in prop::collection::vec((0_u64..900, 0_u8..8, 0_u64..200), 1..400),
        ) {
            let limits = limits(duration_ms);
            let mut alarms = Alarms::new(limits);
            let (mut now, mut raised) = (Duration::ZERO, std::collections::BTreeMap::new());
            let mut above = [None; 8];
            for (pause, key, weight) in course {
                now += Duration::from_millis(pause);
                let since = &mut above[usize::from(key)];
                *since = if weight >= 100 { since.or(Some(now)) } else { None };
                match alarms.judge(now, 0, &key, weight) {
                    Some(Change::Raise) => {
                        prop_assert!(now - since.unwrap() >= limits.duration);
                        prop_assert_eq!(raised.insert(key, now), None);
                    }
                    Some(Change::Release) => {
                        prop_assert!(weight < limits.release);
                        prop_assert!(now - raised.remove(&key).unwrap() >= limits.hold);
                    }
                    None => {}
                }
                prop_assert_eq!(alarms.raised(), raised.len());
                prop_assert!(raised.len() <= limits.most && alarms.count() <= 2 * limits.most);
            }
            // Silence ends every alarm.
            for _ in 0..2 {
                now += limits.hold;
                for at in (0..alarms.count()).rev() {
                    let (key, hash) = alarms.watched(at).unwrap();
                    if alarms.judge(now, hash, &key, 0) == Some(Change::Release) {
                        raised.remove(&key);
                    }
                }
            }
            prop_assert!(raised.is_empty() && alarms.count() == 0);
        }
    }

    #[test]
    fn a_key_that_finds_no_room_is_counted_and_raised_when_there_is_some() {
        let mut alarms = Alarms::new(limits(0));
        let at = Duration::from_secs;
        for key in 0..3 {
            assert_eq!(alarms.judge(at(0), 0, &key, 100), Some(Change::Raise));
        }
        assert_eq!((alarms.judge(at(0), 0, &3, 100), alarms.refused()), (None, 1));
        assert_eq!(alarms.judge(at(2), 0, &0, 0), Some(Change::Release));
        assert_eq!(alarms.judge(at(2), 0, &3, 100), Some(Change::Raise));
    }
}
