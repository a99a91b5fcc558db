//! The interfaces and addresses that this network namespace has now.
//!
//! In: parsed messages, one at a time, from notifications or dumps alike. Out: the current state, each [`Change`],
//! and which interfaces the messages left in doubt, to be asked for by index. Rules: the key is the ifIndex; a name
//! belongs to the interface that was last seen with it; whoever is gone leaves nothing behind; nothing is held twice, because
//! there may be thousands. Pure.

use super::change::{Change, Changes, Parts};
use super::model::{Address, Duplex, Interface, Kind};
use crate::wire::netlink::address::Address as AddressMessage;
use crate::wire::netlink::link::Link;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

/// Interfaces by ifIndex and name, and their addresses.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Boxed: a tree has about as many free places as taken ones.
    interfaces: BTreeMap<u32, Box<Interface>>,
    /// Of each name the interface that was last seen with it, in the order of the names.
    names: Vec<u32>,
    /// Each master, existing or not, with each of its members.
    members: BTreeSet<(u32, u32)>,
    /// In the order of their keys.
    addresses: Vec<Address>,
    /// Whose last message may not be the whole truth.
    doubtful: BTreeSet<u32>,
    /// Whose driver should be asked for speed and duplex.
    unmeasured: BTreeSet<u32>,
}

impl Table {
    /// The interface with this ifIndex.
    pub fn get(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(&index).map(Box::as_ref)
    }

    /// The interface that has this name now.
    pub fn by_name(&self, name: &str) -> Option<&Interface> {
        let place = self.place_of_name(name).ok()?;
        self.get(*self.names.get(place)?)
    }

    /// All interfaces by rising ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.interfaces.values().map(Box::as_ref)
    }

    /// What this interface is the master of: a bridge's ports, a bond's members; by rising ifIndex.
    pub fn members(&self, master: u32) -> impl Iterator<Item = &Interface> {
        let found = self.members.range((master, 0)..=(master, u32::MAX));
        found.filter_map(|(_, member)| self.get(*member))
    }

    /// How many interfaces there are.
    pub fn len(&self) -> usize {
        self.interfaces.len()
    }

    /// True where there is none, which only a process without a network namespace of its own could see.
    pub fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// All addresses, by rising ifIndex.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// The addresses of one interface.
    pub fn addresses_of(&self, index: u32) -> impl Iterator<Item = &Address> {
        self.addresses.get(self.places_of_addresses(index)).into_iter().flatten()
    }

    /// Takes in an `RTM_NEWLINK`.
    pub fn apply_link(&mut self, link: &Link<'_>, changes: &mut Changes) {
        let Some(mut new) = Interface::from_link(link) else { return };
        let index = new.index;
        self.doubt_relatives(&new);
        let change = match self.interfaces.get(&index) {
            None => Change::Added,
            // Neither ever changes in the life of an interface: the ifIndex was used again.
            Some(old) if (&old.kind, old.hardware) != (&new.kind, new.hardware) => {
                Change::Replaced(old.clone())
            }
            Some(old) => {
                (new.speed_bps, new.duplex) = (old.speed_bps, old.duplex);
                Change::Updated(Parts::between(old, &new))
            }
        };
        match &change {
            Change::Updated(parts) if parts.is_empty() => return,
            Change::Updated(parts) if !(parts.admin || parts.oper || parts.master) => {}
            _ => {
                self.unmeasured.insert(index);
                // The speed of a bridge or bond is made of its ports', and it sends no message of its own.
                let old_master = self.interfaces.get(&index).and_then(|old| old.master);
                self.unmeasured.extend([old_master, new.master].into_iter().flatten());
            }
        }
        if matches!(change, Change::Replaced(_)) {
            self.forget(index, changes);
        }
        self.insert(new);
        changes.push(index, change);
    }

    /// Takes in an `RTM_DELLINK`, which counts for the interface itself only with family `AF_UNSPEC`.
    pub fn apply_unlink(&mut self, link: &Link<'_>, changes: &mut Changes) {
        if link.family == 0 {
            self.remove(link.index, changes);
        }
    }

    /// Removes an interface that the kernel says does not exist.
    pub fn remove(&mut self, index: u32, changes: &mut Changes) {
        if let Some(old) = self.forget(index, changes) {
            // The other end of a pair may live on, with its peer in another namespace.
            let peer = old.link.filter(|peer| !old.link_elsewhere && self.interfaces.contains_key(peer));
            self.doubtful.extend(peer);
            self.unmeasured.extend(old.master);
            changes.push(index, Change::Removed(old));
        }
    }

    /// Removes every interface that a complete dump did not mention; `seen` in order.
    pub fn retain(&mut self, seen: &[u32], changes: &mut Changes) {
        let unseen = |index: &&u32| seen.binary_search(index).is_err();
        let gone: Vec<u32> = self.interfaces.keys().filter(unseen).copied().collect();
        for index in gone {
            self.remove(index, changes);
        }
    }

    /// Takes in an `RTM_NEWADDR`.
    pub fn apply_address(&mut self, message: &AddressMessage, changes: &mut Changes) {
        let address = Address::from(message);
        match self.place_of_address(&address) {
            Ok(place) => {
                let Some(old) = self.addresses.get_mut(place) else { return };
                if *old == address {
                    return;
                }
                *old = address;
            }
            Err(place) => self.addresses.insert(place, address),
        }
        note_addresses(address.if_index, changes);
    }

    /// Takes in an `RTM_DELADDR`.
    pub fn apply_unaddress(&mut self, message: &AddressMessage, changes: &mut Changes) {
        if let Ok(place) = self.place_of_address(&Address::from(message)) {
            self.addresses.remove(place);
            note_addresses(message.if_index, changes);
        }
    }

    /// Removes every address that a complete dump did not mention; `seen` in order.
    pub fn retain_addresses(&mut self, seen: &[AddressKey], changes: &mut Changes) {
        self.addresses.retain(|address| {
            let keep = seen.binary_search(&address_key(address)).is_ok();
            if !keep {
                note_addresses(address.if_index, changes);
            }
            keep
        });
    }

    /// Notes what the driver says of speed (bits per second) and duplex.
    pub fn apply_speed(
        &mut self,
        index: u32,
        speed_bps: Option<u64>,
        duplex: Option<Duplex>,
        changes: &mut Changes,
    ) {
        let Some(interface) = self.interfaces.get_mut(&index) else { return };
        let parts = Parts {
            speed: interface.speed_bps != speed_bps,
            duplex: interface.duplex != duplex,
            ..Parts::default()
        };
        (interface.speed_bps, interface.duplex) = (speed_bps, duplex);
        if !parts.is_empty() {
            changes.push(index, Change::Updated(parts));
        }
    }

    /// Asks for the driver to be asked again.
    pub fn measure_again(&mut self, index: u32) {
        if self.interfaces.contains_key(&index) {
            self.unmeasured.insert(index);
        }
    }

    /// Hands over whose driver should be asked for speed and duplex.
    pub fn take_unmeasured(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.unmeasured)
    }

    /// Hands over whose link should be asked for by index.
    pub fn take_doubtful(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.doubtful)
    }

    /// Two cases where the kernel sends no second message: the first end of a veth pair is announced before it has a
    /// peer; and whoever held this name, if it still exists, has got another name in a message that was lost.
    fn doubt_relatives(&mut self, new: &Interface) {
        let peer = new.link.filter(|_| new.kind == Kind::Veth && !new.link_elsewhere);
        if let Some(peer) = peer.and_then(|peer| self.get(peer))
            && peer.kind == Kind::Veth
            && (peer.link != Some(new.index) || peer.link_elsewhere)
        {
            self.doubtful.insert(peer.index);
        }
        let holder = self.by_name(&new.name).map(|holder| holder.index);
        self.doubtful.extend(holder.filter(|holder| *holder != new.index));
    }

    fn insert(&mut self, new: Interface) {
        let (index, master) = (new.index, new.master);
        if self.get(index).is_none_or(|old| old.name != new.name) {
            self.release_name(index);
        }
        self.take_name(&new);
        if let Some(old) = self.interfaces.insert(index, Box::new(new)) {
            self.release_master(&old);
        }
        self.members.extend(master.map(|master| (master, index)));
    }

    fn forget(&mut self, index: u32, changes: &mut Changes) -> Option<Box<Interface>> {
        self.release_name(index);
        let old = self.interfaces.remove(&index)?;
        self.release_master(&old);
        for _ in self.addresses.drain(self.places_of_addresses(index)) {
            note_addresses(index, changes);
        }
        self.doubtful.remove(&index);
        self.unmeasured.remove(&index);
        Some(old)
    }

    fn release_master(&mut self, old: &Interface) {
        if let Some(master) = old.master {
            self.members.remove(&(master, old.index));
        }
    }

    fn take_name(&mut self, new: &Interface) {
        match self.place_of_name(&new.name) {
            Ok(place) => self.names.get_mut(place).into_iter().for_each(|holder| *holder = new.index),
            Err(place) => self.names.insert(place, new.index),
        }
    }

    /// To be called while the interface still has the name.
    fn release_name(&mut self, index: u32) {
        let place = self.get(index).and_then(|old| self.place_of_name(&old.name).ok());
        if let Some(place) = place.filter(|place| self.names.get(*place) == Some(&index)) {
            self.names.remove(place);
        }
    }

    fn place_of_name(&self, name: &str) -> Result<usize, usize> {
        self.names
            .binary_search_by(|index| self.get(*index).map(|holder| holder.name.as_str()).cmp(&Some(name)))
    }

    fn place_of_address(&self, address: &Address) -> Result<usize, usize> {
        self.addresses.binary_search_by_key(&address_key(address), address_key)
    }

    fn places_of_addresses(&self, index: u32) -> Range<usize> {
        let first = self.addresses.partition_point(|address| address.if_index < index);
        let last = self.addresses.partition_point(|address| address.if_index <= index);
        first..last
    }
}

/// What tells one address from another: an IPv4 address may be there twice with different prefix lengths.
pub type AddressKey = (u32, IpAddr, u8);

/// That of an address.
pub fn address_key(address: &Address) -> AddressKey {
    (address.if_index, address.ip, address.prefix)
}

fn note_addresses(index: u32, changes: &mut Changes) {
    changes.push(index, Change::Updated(Parts { addresses: true, ..Parts::default() }));
}

#[cfg(test)]
mod tests;
