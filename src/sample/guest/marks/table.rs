//! Who owns an address, a port or a control group: the answer to one question for every sample.
//!
//! In: claims of guests. Out: the one owner, or that there are several, or none. Rules: the claim of the later engine
//! goes before the others; owners of the same rank share the thing, and then nobody has it. A filter of some bits for
//! each thing answers for most that nobody has; the others are looked up in order, in some ten comparisons, so that no
//! guest can choose addresses that make it slow.

use crate::sample::guest::Engine;

/// The guest that owns something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Data source.
    pub(super) index: u32,
    /// The port that leads there, of the interface that has it.
    pub(super) port: Option<u32>,
    /// Whether any address of the guest is known.
    pub(super) has_ips: bool,
    /// Whether it is its own in one tunnel network only.
    pub(super) in_tunnel: bool,
}

/// What a guest says it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) engine: Engine,
    pub(super) owner: Owner,
}

/// Who has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No guest.
    Nobody,
    /// This one.
    One(Owner),
    /// More than one.
    Several,
}

/// What a table can be asked about.
pub(super) trait Key: Ord + Copy {
    /// 64 bits in which most keys differ.
    fn fold(self) -> u64;
}

impl Key for u64 {
    fn fold(self) -> u64 {
        self
    }
}

impl Key for u128 {
    fn fold(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = (self ^ self >> 64).to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl<K: Key> Key for (u32, K) {
    fn fold(self) -> u64 {
        self.1.fold() ^ u64::from(self.0) << 40
    }
}

/// Things and their owners.
#[derive(Clone, Debug)]
pub(super) struct Table<K> {
    /// A bit for each thing, and for some that nobody has.
    filter: Box<[u64]>,
    keys: Box<[K]>,
    /// `None` where there are several.
    owners: Box<[Option<Owner>]>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { filter: Box::default(), keys: Box::default(), owners: Box::default() }
    }
}

impl<K: Key> Table<K> {
    pub(super) fn new(mut claims: Vec<(K, Claim)>) -> Self {
        claims.sort_unstable_by(|(key, claim), (other, against)| {
            key.cmp(other).then(against.engine.cmp(&claim.engine))
        });
        let decided = claims.chunk_by(|(key, _), (other, _)| key == other).filter_map(decide);
        let (keys, owners): (Vec<K>, Vec<Option<Owner>>) = decided.unzip();
        let words = if keys.is_empty() { 0 } else { keys.len().div_ceil(4).next_power_of_two() };
        let mut filter = vec![0; words].into_boxed_slice();
        for key in &keys {
            let (word, bit) = place(*key, words);
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        Self { filter, keys: keys.into(), owners: owners.into() }
    }

    #[inline]
    pub(super) fn get(&self, key: K) -> Found {
        let (word, bit) = place(key, self.filter.len());
        match self.filter.get(word) {
            Some(word) if word & bit != 0 => self.search(key),
            _ => Found::Nobody,
        }
    }

    fn search(&self, key: K) -> Found {
        match self.keys.binary_search(&key).ok().and_then(|place| self.owners.get(place)) {
            None => Found::Nobody,
            Some(Some(owner)) => Found::One(*owner),
            Some(None) => Found::Several,
        }
    }
}

/// Word and bit of a key in a filter of so many words, a power of two.
fn place<K: Key>(key: K, words: usize) -> (usize, u64) {
    // The upper half of a product depends on all of the factor.
    let mixed = key.fold().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let word = usize::try_from(mixed >> 6).unwrap_or_default();
    (word & words.wrapping_sub(1), 1 << (mixed & 63))
}

/// Claims on one thing, those of the highest rank first.
fn decide<K: Key>(claims: &[(K, Claim)]) -> Option<(K, Option<Owner>)> {
    let (key, first) = claims.first()?;
    let rivals = claims.iter().map(|(_, claim)| claim).take_while(|claim| claim.engine == first.engine);
    let mut owner = Some(first.owner);
    for claim in rivals {
        owner = owner.filter(|owner| owner.index == claim.owner.index).map(|owner| Owner {
            port: owner.port.filter(|port| Some(*port) == claim.owner.port),
            in_tunnel: owner.in_tunnel && claim.owner.in_tunnel,
            ..owner
        });
    }
    Some((*key, owner))
}
