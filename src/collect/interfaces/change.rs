//! What happened to the interfaces since the last look, one entry an interface.
//!
//! In: single changes in the order of their messages. Out: their sum, so that a port which flapped a thousand times
//! is one entry, and one that came and went between two looks is none. Pure.

use super::model::Interface;
use std::collections::BTreeMap;

/// The sum of what happened to one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone; this is what it was.
    Removed(Box<Interface>),
    /// It is gone, and another one has its ifIndex; this is what the old one was.
    Replaced(Box<Interface>),
    /// It is the same, with these parts changed.
    Updated(Parts),
}

/// Which parts of an interface changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, missing_docs)] // a set of the fields of `Interface`
pub struct Parts {
    pub name: bool,
    pub alias: bool,
    pub mac: bool,
    pub mtu: bool,
    pub admin: bool,
    pub oper: bool,
    pub speed: bool,
    pub duplex: bool,
    pub promiscuous: bool,
    pub master: bool,
    pub link: bool,
    pub bond: bool,
    pub addresses: bool,
}

/// All changes of one look, by ifIndex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    changes: BTreeMap<u32, Change>,
    addresses: bool,
    /// The kernel lost messages or the dump was disturbed, and everything was read again.
    pub resynced: bool,
}

impl Change {
    /// Whether interfaces came, went or have other ones above or below them.
    pub fn moves(&self) -> bool {
        !matches!(self, Self::Updated(parts) if !(parts.master || parts.link || parts.bond))
    }
}

impl Parts {
    /// What differs between two states of one interface; addresses are not part of either.
    pub fn between(old: &Interface, new: &Interface) -> Self {
        Self {
            name: old.name != new.name,
            alias: old.alias != new.alias,
            mac: old.mac != new.mac,
            mtu: old.mtu != new.mtu,
            admin: old.admin_up != new.admin_up,
            oper: old.oper_up != new.oper_up,
            speed: old.speed_bps != new.speed_bps,
            duplex: old.duplex != new.duplex,
            promiscuous: old.promiscuous != new.promiscuous,
            master: old.master != new.master,
            link: (old.link, old.link_elsewhere, old.link_namespace)
                != (new.link, new.link_elsewhere, new.link_namespace),
            bond: (&old.bond, &old.bond_slave, old.is_bond_master, old.is_bond_slave)
                != (&new.bond, &new.bond_slave, new.is_bond_master, new.is_bond_slave),
            addresses: false,
        }
    }

    /// True where nothing changed.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn union(self, other: Self) -> Self {
        Self {
            name: self.name | other.name,
            alias: self.alias | other.alias,
            mac: self.mac | other.mac,
            mtu: self.mtu | other.mtu,
            admin: self.admin | other.admin,
            oper: self.oper | other.oper,
            speed: self.speed | other.speed,
            duplex: self.duplex | other.duplex,
            promiscuous: self.promiscuous | other.promiscuous,
            master: self.master | other.master,
            link: self.link | other.link,
            bond: self.bond | other.bond,
            addresses: self.addresses | other.addresses,
        }
    }
}

impl Changes {
    /// True where nothing happened.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// True where an address came or went: alone, or with its interface, of which no [`Parts`] tell.
    pub fn addresses(&self) -> bool {
        self.addresses
    }

    /// Each interface that something happened to, by rising ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Change)> {
        self.changes.iter().map(|(index, change)| (*index, change))
    }

    /// What happened to one interface.
    pub fn get(&self, index: u32) -> Option<&Change> {
        self.changes.get(&index)
    }

    /// Adds what happened next.
    pub fn push(&mut self, index: u32, next: Change) {
        use Change::{Added, Removed, Replaced, Updated};
        self.addresses |= matches!(next, Updated(parts) if parts.addresses);
        let sum = match (self.changes.remove(&index), next) {
            (None, next) => Some(next),
            (Some(Added), Removed(_)) => None,
            (Some(Added), _) => Some(Added),
            (Some(Updated(parts)), Updated(more)) => Some(Updated(parts.union(more))),
            (Some(Updated(_)), next) => Some(next),
            (Some(Removed(old)), Added) | (Some(Replaced(old)), Updated(_) | Added) => Some(Replaced(old)),
            (Some(Removed(old) | Replaced(old)), Removed(_)) => Some(Removed(old)),
            (Some(Removed(old) | Replaced(old)), Replaced(_)) => Some(Replaced(old)),
            (Some(Removed(old)), Updated(_)) => Some(Removed(old)),
        };
        if let Some(sum) = sum {
            self.changes.insert(index, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::interface;
    use super::super::model::Kind;
    use super::*;

    #[test]
    fn a_flap_moves_no_interface_and_another_master_does() {
        let flap = Parts { admin: true, oper: true, speed: true, addresses: true, ..Parts::default() };
        assert!(!Change::Updated(flap).moves());
        for parts in
            [Parts { master: true, ..flap }, Parts { link: true, ..flap }, Parts { bond: true, ..flap }]
        {
            assert!(Change::Updated(parts).moves());
        }
        let old = || Box::new(interface(1, Kind::Veth));
        assert!([Change::Added, Change::Removed(old()), Change::Replaced(old())].iter().all(Change::moves));
    }

    #[test]
    fn each_pair_of_changes_has_one_sum() {
        let one = || Box::new(interface(1, Kind::Veth));
        let two = || Box::new(interface(2, Kind::Tap));
        let admin = || Change::Updated(Parts { admin: true, ..Parts::default() });
        let name = || Change::Updated(Parts { name: true, ..Parts::default() });
        let both = || Change::Updated(Parts { admin: true, name: true, ..Parts::default() });
        use Change::{Added, Removed, Replaced};
        for (first, second, sum) in [
            (Added, admin(), Some(Added)),
            (Added, Removed(one()), None),
            (Added, Replaced(one()), Some(Added)),
            (admin(), name(), Some(both())),
            (admin(), Removed(one()), Some(Removed(one()))),
            (admin(), Replaced(one()), Some(Replaced(one()))),
            (Removed(one()), Added, Some(Replaced(one()))),
            (Replaced(one()), admin(), Some(Replaced(one()))),
            (Replaced(one()), Removed(two()), Some(Removed(one()))),
            (Replaced(one()), Replaced(two()), Some(Replaced(one()))),
        ] {
            let mut changes = Changes::default();
            changes.push(9, first.clone());
            changes.push(9, second.clone());
            assert_eq!(changes.get(9), sum.as_ref(), "{first:?} then {second:?}");
        }
    }
}
