//! The polling schedule: which data sources send their counters in which second.
//!
//! In: the data sources that exist, and the polling interval. Out: the sources that are due in a given second, and the
//! next second in which any is. The rule kept: every source is due exactly once in any `interval` consecutive
//! seconds, always in the same place of the cycle, so that collectors see evenly spaced samples and thousands of
//! interfaces do not fall due together. The place is a hash of the source, not a random number: it survives restarts,
//! reloads and the coming and going of other sources. Guests are due together, in every fifth second only: most of what
//! few samples cost is to wake up for them, and interfaces are thousands where guests are hundreds. A source may be due in
//! the place of another, its leader: members of a bond are with their bond, so that their sums are those of one moment.
//!
//! Seconds are those of a monotonic clock, which starts at boot. With wall-clock seconds all hosts of a site would
//! send their host sample (always `2:1`) at the same moment.

use crate::sflow::ids::DataSource;
use std::collections::HashMap;

/// Seconds from one bundle of guests to the next.
const BUNDLE_SECS: u32 = 5;

/// Data sources by the second of the cycle in which they are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval_secs: u32,
    /// One list per second of the interval, in order; one for all when the interval is 0.
    slots: Vec<Vec<DataSource>>,
    /// Of those that are due in the place of another: whose it is.
    leaders: HashMap<DataSource, DataSource>,
}

impl Schedule {
    /// An empty schedule; `interval_secs` 0 means that nothing is ever due.
    pub fn new(interval_secs: u32) -> Self {
        Self { interval_secs, slots: slots(interval_secs), leaders: HashMap::new() }
    }

    /// Seconds between two polls of one source.
    pub fn interval_secs(&self) -> u32 {
        self.interval_secs
    }

    /// How many sources are scheduled.
    pub fn len(&self) -> usize {
        self.slots.iter().map(Vec::len).sum()
    }

    /// Whether no source is scheduled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this source is scheduled.
    pub fn contains(&self, source: DataSource) -> bool {
        let slot = self.slots.get(self.slot_of(self.leader_of(source)));
        slot.is_some_and(|slot| slot.binary_search(&source).is_ok())
    }

    /// Adds a source; false if it is there already.
    pub fn insert(&mut self, source: DataSource) -> bool {
        self.insert_with(source, source)
    }

    /// Adds a source to be due together with `leader`, be that a member or not; false if it is there already.
    pub fn insert_with(&mut self, source: DataSource, leader: DataSource) -> bool {
        if self.leader_of(source) != leader {
            self.remove(source);
            self.leaders.extend((leader != source).then_some((source, leader)));
        }
        let slot = self.slot_of(leader);
        let Some(slot) = self.slots.get_mut(slot) else { return false };
        let Err(place) = slot.binary_search(&source) else { return false };
        slot.insert(place, source);
        true
    }

    /// Takes a source out; false if it was not there.
    pub fn remove(&mut self, source: DataSource) -> bool {
        let leader = self.leaders.remove(&source).unwrap_or(source);
        let slot = self.slot_of(leader);
        let Some(slot) = self.slots.get_mut(slot) else { return false };
        let place = slot.binary_search(&source);
        place.map(|place| slot.remove(place)).is_ok()
    }

    /// Changes the interval; members stay. Costs one pass over the members.
    pub fn set_interval(&mut self, interval_secs: u32) {
        if interval_secs == self.interval_secs {
            return;
        }
        self.interval_secs = interval_secs;
        let old = std::mem::replace(&mut self.slots, slots(interval_secs));
        for source in old.into_iter().flatten() {
            self.insert_with(source, self.leader_of(source));
        }
    }

    /// The sources due in this second, in order.
    pub fn due(&self, second: u64) -> impl Iterator<Item = DataSource> + '_ {
        self.slot(second).into_iter().flatten().copied()
    }

    /// The first second after this one in which a source is due; `None` if none ever is.
    pub fn next_after(&self, second: u64) -> Option<u64> {
        (1..=u64::from(self.interval_secs))
            .map(|ahead| second.saturating_add(ahead))
            .find(|&later| self.slot(later).is_some_and(|slot| !slot.is_empty()))
    }

    fn slot(&self, second: u64) -> Option<&Vec<DataSource>> {
        let place = second.checked_rem(u64::from(self.interval_secs))?;
        self.slots.get(usize::try_from(place).ok()?)
    }

    fn leader_of(&self, source: DataSource) -> DataSource {
        self.leaders.get(&source).copied().unwrap_or(source)
    }

    /// Where a source is that is its own leader.
    fn slot_of(&self, source: DataSource) -> usize {
        let step = if source == DataSource::logical(source.index) { BUNDLE_SECS } else { 1 };
        let bundle = spread(source).checked_rem(self.interval_secs.div_ceil(step)).unwrap_or(0);
        (bundle * step) as usize
    }
}

fn slots(interval_secs: u32) -> Vec<Vec<DataSource>> {
    vec![Vec::new(); interval_secs.max(1) as usize]
}

/// 32-bit FNV-1a over class and index. FNV alone leaves the low bits of neighbouring indexes related, and a modulo
/// looks at just those bits; the closing multiply-and-shift rounds (those of MurmurHash3) spread them.
fn spread(source: DataSource) -> u32 {
    let bytes = source.class.to_be_bytes().into_iter().chain(source.index.to_be_bytes());
    let mut hash =
        bytes.fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn interfaces(first: u32, count: u32, interval: u32) -> Schedule {
        let mut schedule = Schedule::new(interval);
        (first..first + count).for_each(|index| assert!(schedule.insert(DataSource::interface(index))));
        schedule
    }

    /// Chi-square of the slot sizes against an even spread.
    fn chi_square(schedule: &Schedule) -> f64 {
        let slots = u64::from(schedule.interval_secs());
        let expected = schedule.len() as f64 / slots as f64;
        (0..slots).map(|s| (schedule.due(s).count() as f64 - expected).powi(2) / expected).sum()
    }

    #[test]
    fn consecutive_interface_numbers_spread_evenly_over_the_interval() {
        // 99.9 % quantile of chi-square with 19 degrees of freedom: 43.8.
        for (first, count) in [(1, 1000), (1, 4000), (2, 1000), (100_000, 4000)] {
            let chi = chi_square(&interfaces(first, count, 20));
            assert!(chi < 43.8, "{count} interfaces from {first}: {chi}");
        }
    }

    #[test]
    fn guests_are_due_together_and_in_the_whole_interval() {
        let mut schedule = Schedule::new(22);
        (100_000..100_500).for_each(|index| assert!(schedule.insert(DataSource::logical(index))));
        let due: Vec<usize> = (0..22).map(|s| schedule.due(s).count()).collect();
        assert!(due.iter().enumerate().all(|(s, n)| (s % 5 == 0) == (*n > 60)), "{due:?}");
        assert_eq!(due.iter().sum::<usize>(), 500);
        schedule.set_interval(3);
        assert_eq!(schedule.due(0).count(), 500);
    }

    #[test]
    fn interval_zero_makes_nothing_due_and_keeps_the_members() {
        let mut schedule = interfaces(1, 10, 20);
        schedule.set_interval(0);
        assert_eq!((schedule.len(), schedule.next_after(7)), (10, None));
        assert_eq!((0..100).map(|s| schedule.due(s).count()).sum::<usize>(), 0);
        assert!(schedule.insert(DataSource::HOST) && schedule.remove(DataSource::interface(3)));
        schedule.set_interval(5);
        assert_eq!((0..5).map(|s| schedule.due(s).count()).sum::<usize>(), 10);
    }

    #[test]
    fn a_lone_source_is_next_due_one_interval_later() {
        let mut schedule = Schedule::new(30);
        schedule.insert(DataSource::HOST);
        let first = schedule.next_after(1_000_000).unwrap();
        assert_eq!(schedule.due(first).collect::<Vec<_>>(), [DataSource::HOST]);
        assert_eq!(schedule.next_after(first), Some(first + 30));
    }

    #[test]
    fn a_source_keeps_its_second_when_others_come_and_go() {
        let alone = interfaces(7, 1, 20).next_after(0);
        let mut crowd = interfaces(1, 500, 20);
        (1..=500).filter(|&i| i != 7).for_each(|i| assert!(crowd.remove(DataSource::interface(i))));
        assert_eq!(crowd.next_after(0), alone);
    }

    #[test]
    fn members_of_a_bond_are_due_with_it_whenever_they_join() {
        let (bond, members) = (DataSource::interface(99), [3, 4].map(DataSource::interface));
        let mut schedule = interfaces(1, 9, 20);
        for member in members {
            assert!(schedule.insert_with(member, bond) && !schedule.insert_with(member, bond));
        }
        schedule.insert(bond);
        for interval in [20, 30, 7] {
            schedule.set_interval(interval);
            let of =
                |source| (0..interval.into()).find(|s| schedule.due(*s).any(|due| due == source)).unwrap();
            assert_eq!(members.map(of), [of(bond); 2]);
        }
        schedule.remove(bond);
        assert!(schedule.insert(members[0]) && schedule.contains(members[1]));
    }

    fn arb_source() -> impl Strategy<Value = DataSource> {
        (0_u32..4, 0_u32..50).prop_map(|(class, index)| DataSource { class, index })
    }

    proptest! {
        #[test]
        fn each_member_is_due_once_in_any_interval_whatever_happened_before(
            changes in prop::collection::vec((any::<bool>(), arb_source(), arb_source()), 0..200),
            intervals in prop::collection::vec(1_u32..400, 1..4),
            start in 0_u64..1 << 40,
        ) {
            let mut schedule = Schedule::new(intervals[0]);
            let mut model = std::collections::BTreeSet::new();
            for (n, (add, source, leader)) in changes.into_iter().enumerate() {
                if add {
                    // One that is there may move.
                    prop_assert!(schedule.insert_with(source, leader) || model.contains(&source));
                    model.insert(source);
                } else {
                    prop_assert_eq!(schedule.remove(source), model.remove(&source));
                }
                schedule.set_interval(intervals[n % intervals.len()]);
            }
            let mut seen = BTreeMap::new();
            let end = start + u64::from(schedule.interval_secs());
            (start..end).flat_map(|s| schedule.due(s)).for_each(|d| *seen.entry(d).or_insert(0) += 1);
            prop_assert_eq!(seen, model.iter().map(|&d| (d, 1)).collect());
        }

        #[test]
        fn the_next_second_is_the_first_occupied_one(count in 0_u32..30, interval in 1_u32..100, now in 0_u64..1000) {
            let schedule = interfaces(1, count, interval);
            let searched = (now + 1..=now + u64::from(interval)).find(|&s| schedule.due(s).next().is_some());
            prop_assert_eq!(schedule.next_after(now), searched);
        }
    }
}
