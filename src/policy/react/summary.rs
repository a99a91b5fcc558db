//! The heaviest keys of a stream, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient computation of
//! frequent and top-k elements in data streams", 2005), for weights of any size.
//!
//! In: keys with weights. Out: for each key an upper bound and how much of it may be another's. Rules: true ≤ value ≤
//! true + error; error ≤ total ÷ places; a key that has no place weighs at most [`Summary::floor`]. A new key takes the
//! place of the lightest, found by a heap. Nothing is allocated after `new`, and a key's hash is made by the caller, once
//! for all summaries that it goes into; it has to be keyed, since whoever sends packets chooses keys.

/// A key that has a place.
#[derive(Clone, Copy, Debug)]
pub struct Entry<K> {
    /// The key.
    pub key: K,
    hash: u64,
    /// Its weight at most.
    pub value: u64,
    /// How much of `value` may be that of keys that had the place before.
    pub error: u64,
    /// Times that it came since it has the place.
    pub samples: u32,
    /// The variance that sampling gives to its weight since then.
    pub variance: f64,
    /// Where it stands in the heap.
    rank: u32,
}

/// The summary.
#[derive(Clone, Debug)]
pub struct Summary<K> {
    entries: Vec<Entry<K>>,
    places: usize,
    /// Positions of entries, the lightest first: no entry is lighter than the one at (its rank - 1) ÷ 2.
    heap: Vec<u32>,
    /// Positions of entries plus 1, each at or behind the slot that its hash says; 0 is a free slot.
    index: Box<[u32]>,
    total: u64,
}

impl<K: Copy + Eq> Summary<K> {
    /// An empty one with room for so many keys, at least 1 and at most 2²⁴.
    pub fn new(places: usize) -> Self {
        let places = places.clamp(1, 1 << 24);
        Self {
            entries: Vec::with_capacity(places),
            places,
            heap: Vec::with_capacity(places),
            index: vec![0; (places * 2).next_power_of_two()].into_boxed_slice(),
            total: 0,
        }
    }

    /// Adds weight to a key. `variance` is what sampling makes uncertain of it.
    pub fn add(&mut self, hash: u64, key: &K, weight: u64, variance: f64) {
        self.total = self.total.saturating_add(weight);
        if let Some(at) = self.position(hash, key) {
            let Some(entry) = self.entries.get_mut(at) else { return };
            entry.value = entry.value.saturating_add(weight);
            entry.samples = entry.samples.saturating_add(1);
            entry.variance += variance;
            let rank = entry.rank as usize;
            return self.sink(rank);
        }
        let error = self.floor();
        let value = error.saturating_add(weight);
        let mut entry = Entry { key: *key, hash, value, error, samples: 1, variance, rank: 0 };
        if self.entries.len() < self.places {
            let at = self.entries.len();
            entry.rank = number(at);
            self.entries.push(entry);
            self.heap.push(number(at));
            self.list(hash, at);
            self.rise(at);
        } else {
            self.replace_lightest(entry);
        }
    }

    fn replace_lightest(&mut self, entry: Entry<K>) {
        let Some(at) = self.heap.first().map(|at| *at as usize) else { return };
        self.unlist(at);
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
        self.list(entry.hash, at);
        self.sink(0);
    }

    /// What is known of a key that has a place.
    pub fn get(&self, hash: u64, key: &K) -> Option<&Entry<K>> {
        self.entries.get(self.position(hash, key)?)
    }

    /// What a key without a place weighs at most.
    pub fn floor(&self) -> u64 {
        if self.entries.len() < self.places { 0 } else { self.heap.first().map_or(0, |at| self.value(*at)) }
    }

    /// What all keys weigh.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// All that have a place, in no order.
    pub fn entries(&self) -> &[Entry<K>] {
        &self.entries
    }

    /// Empties it; its room stays.
    pub fn clear(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        self.entries.clear();
        self.heap.clear();
        self.index.fill(0);
        self.total = 0;
    }

    fn value(&self, at: u32) -> u64 {
        self.entries.get(at as usize).map_or(u64::MAX, |entry| entry.value)
    }

    /// Lets what has become heavier sink to where it belongs.
    fn sink(&mut self, mut rank: usize) {
        loop {
            let value = |rank: usize| self.heap.get(rank).map_or(u64::MAX, |at| self.value(*at));
            let (left, right) = (2 * rank + 1, 2 * rank + 2);
            let child = if value(right) < value(left) { right } else { left };
            if child >= self.heap.len() || value(rank) <= value(child) {
                return;
            }
            self.swap(rank, child);
            rank = child;
        }
    }

    fn rise(&mut self, mut rank: usize) {
        while let Some(parent) = rank.checked_sub(1).map(|below| below / 2) {
            let value = |rank: usize| self.heap.get(rank).map_or(0, |at| self.value(*at));
            if value(parent) <= value(rank) {
                return;
            }
            self.swap(rank, parent);
            rank = parent;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for rank in [one, other] {
            let at = self.heap.get(rank).map(|at| *at as usize);
            if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
                entry.rank = number(rank);
            }
        }
    }

    fn slot(&self, hash: u64) -> usize {
        usize::try_from(hash & (self.index.len() as u64 - 1)).unwrap_or(0)
    }

    fn next_slot(&self, slot: usize) -> usize {
        (slot + 1) & (self.index.len() - 1)
    }

    /// The entry that a slot names.
    fn named(&self, slot: usize) -> Option<usize> {
        self.index.get(slot)?.checked_sub(1).map(|at| at as usize)
    }

    fn position(&self, hash: u64, key: &K) -> Option<usize> {
        let mut slot = self.slot(hash);
        // At least half of the slots are free, so this ends.
        while let Some(at) = self.named(slot) {
            if self.entries.get(at).is_some_and(|entry| entry.hash == hash && entry.key == *key) {
                return Some(at);
            }
            slot = self.next_slot(slot);
        }
        None
    }

    fn list(&mut self, hash: u64, at: usize) {
        let mut slot = self.slot(hash);
        while self.named(slot).is_some() {
            slot = self.next_slot(slot);
        }
        if let Some(place) = self.index.get_mut(slot) {
            *place = number(at) + 1;
        }
    }

    /// Takes an entry out of the index, and closes the gap: whoever stands behind it must be found without it.
    fn unlist(&mut self, at: usize) {
        let Some(hash) = self.entries.get(at).map(|entry| entry.hash) else { return };
        let mut gap = self.slot(hash);
        while self.named(gap).is_some_and(|named| named != at) {
            gap = self.next_slot(gap);
        }
        self.close(gap);
    }

    fn close(&mut self, mut gap: usize) {
        let mask = self.index.len() - 1;
        let mut slot = gap;
        loop {
            slot = self.next_slot(slot);
            let Some(hash) = self.named(slot).and_then(|at| self.entries.get(at)).map(|entry| entry.hash)
            else {
                break;
            };
            // It may move to the gap if that is not before its own slot.
            let way = slot.wrapping_sub(self.slot(hash)) & mask;
            if way >= slot.wrapping_sub(gap) & mask {
                self.index.swap(gap, slot);
                gap = slot;
            }
        }
        if let Some(place) = self.index.get_mut(gap) {
            *place = 0;
        }
    }
}

/// A position or rank, of which there are fewer than 2²⁵.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Few different hashes, so that they collide.
    fn hash(key: u16) -> u64 {
        u64::from(key) % 7
    }

    fn filled(places: usize, stream: &[(u16, u32)]) -> (Summary<u16>, BTreeMap<u16, u64>) {
        let (mut summary, mut truth) = (Summary::new(places), BTreeMap::new());
        for (key, weight) in stream {
            summary.add(hash(*key), key, u64::from(*weight), 1.0);
            *truth.entry(*key).or_default() += u64::from(*weight);
        }
        (summary, truth)
    }

    proptest! {
        #[test]
        fn the_truth_lies_between_the_bounds_and_the_error_is_a_places_share(
            places in 1_usize..20,
            stream in prop::collection::vec((0_u16..60, 0_u32..1000), 0..400),
        ) {
            let (summary, truth) = filled(places, &stream);
            prop_assert_eq!(summary.total(), truth.values().sum::<u64>());
            prop_assert!(summary.entries().len() <= places);
            let mut found = 0;
            for (key, truth) in truth {
                match summary.get(hash(key), &key) {
                    Some(entry) => {
                        found += 1;
                        prop_assert!(truth <= entry.value && entry.value <= truth + entry.error);
                        prop_assert!(entry.error * places as u64 <= summary.total());
                        prop_assert!(entry.value >= summary.floor());
                    }
                    None => prop_assert!(truth <= summary.floor()),
                }
            }
            prop_assert_eq!(found, summary.entries().len());
        }

        #[test]
        fn with_a_place_for_each_key_it_counts_exactly(
            stream in prop::collection::vec((0_u16..20, 0_u32..1000), 0..200),
        ) {
            let (summary, truth) = filled(20, &stream);
            for (key, truth) in truth {
                let entry = summary.get(hash(key), &key).unwrap();
                prop_assert_eq!((entry.value, entry.error), (truth, 0));
                let times = stream.iter().filter(|(other, _)| *other == key).count();
                prop_assert_eq!(entry.samples as usize, times);
                prop_assert!((entry.variance - times as f64).abs() < 1e-9);
            }
        }

        #[test]
        fn the_room_is_that_of_the_beginning(
            stream in prop::collection::vec((any::<u16>(), any::<u32>()), 0..300),
        ) {
            let empty = Summary::<u16>::new(8);
            let (mut summary, _) = filled(8, &stream);
            let room = |s: &Summary<u16>| (s.entries.capacity(), s.heap.capacity(), s.index.len());
            prop_assert_eq!(room(&summary), room(&empty));
            summary.clear();
            prop_assert_eq!((summary.entries().len(), summary.total(), summary.floor()), (0, 0, 0));
            summary.add(1, &1, 5, 0.0);
            prop_assert_eq!(summary.get(1, &1).unwrap().value, 5);
        }
    }

    #[test]
    fn weights_beyond_all_counting_stay_at_the_top() {
        let (mut summary, _) = filled(1, &[]);
        (0..3).for_each(|_| summary.add(1, &1, u64::MAX, 0.0));
        summary.add(2, &2, u64::MAX, 0.0);
        assert_eq!(summary.entries()[0].value, u64::MAX);
    }
}
