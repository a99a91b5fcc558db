//! Which data source a guest is: an index in 100000..=149999, the same after every restart.
//!
//! In: UUIDs that come and go. Out: indices. Rules: the index is a hash of the UUID; where two live guests have the same
//! one, the later gets the next that is free; with all taken there is none. The C agent's numbers, which collectors keep
//! history by.

use super::uuid;
use std::collections::{BTreeSet, HashMap};

const FIRST: u32 = 100_000;
const LAST: u32 = 149_999;
const RANGE: u32 = LAST - FIRST + 1;

/// The indices of live guests.
#[derive(Debug, Default)]
pub struct Indices {
    taken: BTreeSet<u32>,
    by_uuid: HashMap<[u8; 16], u32>,
}

impl Indices {
    /// The index of this guest, from now on taken. `None`: 50,000 guests live already.
    pub fn take(&mut self, uuid: [u8; 16]) -> Option<u32> {
        if let Some(index) = self.by_uuid.get(&uuid) {
            return Some(*index);
        }
        let preferred = preferred(uuid);
        let index = (preferred..=LAST).chain(FIRST..preferred).find(|index| !self.taken.contains(index))?;
        self.taken.insert(index);
        self.by_uuid.insert(uuid, index);
        Some(index)
    }

    /// The guest is gone; its index may be another's.
    pub fn free(&mut self, uuid: [u8; 16]) {
        if let Some(index) = self.by_uuid.remove(&uuid) {
            self.taken.remove(&index);
        }
    }
}

/// What it is unless another live guest has it.
pub fn preferred(uuid: [u8; 16]) -> u32 {
    FIRST + uuid::hash(&uuid) % RANGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_those_of_the_c_agent() {
        for (uuid, index) in [
            ("9e8aa822722dd59b3c3f86d1cde903d2", 102_265),
            ("ad4d40bb3d5c29b2df34d5557a288a96", 147_023),
            ("b8479f6d18e9ee49135d76e7e67531a5", 130_770),
            ("677f607787d8703baf8eb051ee4398c6", 132_923),
            ("6695eb01f6a4830479aa97f2502e193f", 148_529),
            ("0f0e0d0c8b8a49888786858483828180", 103_845),
            ("c5d9507af0b05c3faebc5eb9b9dec1fe", 120_203),
        ] {
            assert_eq!(Indices::default().take(uuid::parse_prefix(uuid).unwrap()), Some(index), "{uuid}");
        }
    }

    #[test]
    fn live_guests_never_share_an_index_and_a_freed_one_comes_back() {
        let mut indices = Indices::default();
        let uuid = |n: u32| {
            let mut uuid = [7; 16];
            uuid[..4].copy_from_slice(&n.to_le_bytes());
            uuid
        };
        let all: BTreeSet<u32> = (0..RANGE).filter_map(|n| indices.take(uuid(n))).collect();
        assert_eq!(all.len(), RANGE as usize);
        assert_eq!((all.first(), all.last()), (Some(&FIRST), Some(&LAST)));
        assert_eq!(indices.take(uuid(RANGE)), None);
        let again = indices.take(uuid(5));
        indices.free(uuid(5));
        assert_eq!(indices.take(uuid(RANGE)), again);
    }
}
