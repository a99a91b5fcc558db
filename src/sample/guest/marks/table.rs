//! Who owns an address, a port or a control group: the answer to one question for every sample.
//!
//! In: claims of guests. Out: the one owner, or that there are several, or none. Rules: the claim of the later engine
//! goes before the others; owners of the same rank share the thing, and then nobody has it. Sorted, so that a question
//! costs some ten comparisons, and no guest can choose addresses that make it slow.

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

/// Things and their owners; `None` where there are several.
#[derive(Clone, Debug)]
pub(super) struct Table<Key>(Box<[(Key, Option<Owner>)]>);

impl<Key> Default for Table<Key> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<Key: Ord + Copy> Table<Key> {
    pub(super) fn new(mut claims: Vec<(Key, Claim)>) -> Self {
        claims.sort_unstable_by(|(key, claim), (other, against)| {
            key.cmp(other).then(against.engine.cmp(&claim.engine))
        });
        Self(claims.chunk_by(|(key, _), (other, _)| key == other).filter_map(decide).collect())
    }

    pub(super) fn get(&self, key: Key) -> Found {
        let place = self.0.binary_search_by_key(&key, |(key, _)| *key);
        match place.ok().and_then(|place| self.0.get(place)) {
            None => Found::Nobody,
            Some((_, Some(owner))) => Found::One(*owner),
            Some((_, None)) => Found::Several,
        }
    }

    /// Who has it in a tunnel: `of_networks` knows whose it is in one network; else it is whose it is everywhere.
    pub(super) fn in_tunnel(&self, key: Key, vni: Option<u32>, of_networks: &Table<(u32, Key)>) -> Found {
        match vni.map_or(Found::Nobody, |vni| of_networks.get((vni, key))) {
            Found::Nobody => match self.get(key) {
                Found::One(owner) if owner.in_tunnel => Found::Nobody,
                other => other,
            },
            known => known,
        }
    }
}

/// Claims on one thing, those of the highest rank first.
fn decide<Key: Copy>(claims: &[(Key, Claim)]) -> Option<(Key, Option<Owner>)> {
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
