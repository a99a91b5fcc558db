//! Places for connections: so many in all, and so many for one who asks, so that nobody locks the others out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    User(u32),
    Address(IpAddr),
}

#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<BTreeMap<Peer, usize>>,
}

/// One of them; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Places>,
    peer: Peer,
}

impl Places {
    pub(super) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, taken: Mutex::default() })
    }

    /// `None` where all are taken.
    pub(super) fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let its = taken.get(&peer).copied().unwrap_or_default();
        if all >= self.most || its >= self.most_of_one {
            return None;
        }
        taken.insert(peer, its + 1);
        Some(Place { of: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(its) = taken.get_mut(&self.peer) {
            *its -= 1;
            if *its == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_takes_all_that_it_may_leaves_places_for_others() {
        let places = Places::new(3, 2);
        let mut held: Vec<_> = (0..2).map(|_| places.take(Peer::User(7)).unwrap()).collect();
        assert!(places.take(Peer::User(7)).is_none());
        held.extend(places.take(Peer::User(8)));
        assert!(places.take(Peer::User(9)).is_none(), "all are taken");
        held.remove(0);
        assert!(places.take(Peer::User(7)).is_some());
        held.clear();
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
