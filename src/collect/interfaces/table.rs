//! The interfaces and addresses that this network namespace has now.
//!
//! In: parsed messages, one at a time, from notifications or dumps alike. Out: the current state, each [`Change`],
//! and which interfaces the messages left in doubt, to be asked for by index. Rules: the key is the ifIndex; a name
//! belongs to the interface that was last seen with it; whoever is gone leaves nothing behind. Pure.

use super::change::{Change, Changes, Parts};
use super::model::{Address, Duplex, Interface, Kind};
use crate::wire::netlink::address::Address as AddressMessage;
use crate::wire::netlink::link::Link;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Interfaces by ifIndex and name, and their addresses.
#[derive(Clone, Debug, Default)]
pub struct Table {
    interfaces: BTreeMap<u32, Interface>,
    names: HashMap<String, u32>,
    /// Each master, existing or not, with each of its members.
    members: BTreeSet<(u32, u32)>,
    addresses: BTreeMap<(u32, IpAddr, u8), Address>,
    /// Whose last message may not be the whole truth.
    doubtful: BTreeSet<u32>,
    /// Whose driver should be asked for speed and duplex.
    unmeasured: BTreeSet<u32>,
}

impl Table {
    /// The interface with this ifIndex.
    pub fn get(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(&index)
    }

    /// The interface that has this name now.
    pub fn by_name(&self, name: &str) -> Option<&Interface> {
        self.names.get(name).and_then(|index| self.interfaces.get(index))
    }

    /// All interfaces by rising ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.interfaces.values()
    }

    /// What this interface is the master of: a bridge's ports, a bond's members; by rising ifIndex.
    pub fn members(&self, master: u32) -> impl Iterator<Item = &Interface> {
        let found = self.members.range((master, 0)..=(master, u32::MAX));
        found.filter_map(|(_, member)| self.interfaces.get(member))
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
        self.addresses.values()
    }

    /// The addresses of one interface.
    pub fn addresses_of(&self, index: u32) -> impl Iterator<Item = &Address> {
        let first = (index, IpAddr::from([0; 4]), 0);
        let last = (index, IpAddr::from([0xff; 16]), u8::MAX);
        self.addresses.range(first..=last).map(|(_, address)| address)
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
                Change::Replaced(Box::new(old.clone()))
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
            changes.push(index, Change::Removed(Box::new(old)));
        }
    }

    /// Removes every interface that a complete dump did not mention.
    pub fn retain(&mut self, seen: &BTreeSet<u32>, changes: &mut Changes) {
        let gone: Vec<u32> = self.interfaces.keys().filter(|index| !seen.contains(index)).copied().collect();
        for index in gone {
            self.remove(index, changes);
        }
    }

    /// Takes in an `RTM_NEWADDR`.
    pub fn apply_address(&mut self, message: &AddressMessage, changes: &mut Changes) {
        let address = Address::from(message);
        let old = self.addresses.insert(address_key(&address), address);
        if old != Some(address) {
            note_addresses(address.if_index, changes);
        }
    }

    /// Takes in an `RTM_DELADDR`.
    pub fn apply_unaddress(&mut self, message: &AddressMessage, changes: &mut Changes) {
        if self.addresses.remove(&address_key(&Address::from(message))).is_some() {
            note_addresses(message.if_index, changes);
        }
    }

    /// Removes every address that a complete dump did not mention.
    pub fn retain_addresses(&mut self, seen: &BTreeSet<(u32, IpAddr, u8)>, changes: &mut Changes) {
        self.addresses.retain(|key, address| {
            let keep = seen.contains(key);
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
        if let Some(peer) = peer.and_then(|peer| self.interfaces.get(&peer))
            && peer.kind == Kind::Veth
            && (peer.link != Some(new.index) || peer.link_elsewhere)
        {
            self.doubtful.insert(peer.index);
        }
        if let Some(other) = self.names.get(&new.name)
            && *other != new.index
        {
            self.doubtful.insert(*other);
        }
    }

    fn insert(&mut self, new: Interface) {
        let (index, name, master) = (new.index, new.name.clone(), new.master);
        if let Some(old) = self.interfaces.insert(index, new) {
            if old.name != name {
                self.release_name(&old);
            }
            self.release_master(&old);
        }
        self.names.insert(name, index);
        self.members.extend(master.map(|master| (master, index)));
    }

    fn forget(&mut self, index: u32, changes: &mut Changes) -> Option<Interface> {
        let old = self.interfaces.remove(&index)?;
        self.release_name(&old);
        self.release_master(&old);
        let keys: Vec<_> = self.addresses_of(index).map(address_key).collect();
        for key in keys {
            self.addresses.remove(&key);
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

    fn release_name(&mut self, old: &Interface) {
        if self.names.get(&old.name) == Some(&old.index) {
            self.names.remove(&old.name);
        }
    }
}

/// What tells one address from another: an IPv4 address may be there twice with different prefix lengths.
pub fn address_key(address: &Address) -> (u32, IpAddr, u8) {
    (address.if_index, address.ip, address.prefix)
}

fn note_addresses(index: u32, changes: &mut Changes) {
    changes.push(index, Change::Updated(Parts { addresses: true, ..Parts::default() }));
}

#[cfg(test)]
mod tests;
