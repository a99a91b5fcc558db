//! The guests that the agent told of, and the addresses that groups have by them.
//!
//! In: [`Event`]s in their order, neighbours, groups. Out: addresses for each group that selects guests. Rules: what was
//! known before the agent went stays until it has told all that are there; a guest that shares the host's addresses is in
//! no group; of a virtual machine, into which the agent does not see, those count that its Ethernet address was heard
//! with, each until another one is, and of many those that were heard last; what finds no room is counted; pure.

use crate::policy::model::{Group, GroupName, Groups, Prefix, Selector};
use crate::status::guests::{Event, Guest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// By engine and the engine's word.
type Id = (String, String);
type Mac = [u8; 6];
/// Guests that are kept in mind; more are counted.
const MOST: usize = 16_384;
/// Addresses of neighbours that are kept in mind, in all and of one Ethernet address: who is one may say anything.
const MOST_HEARD: (usize, usize) = (65_536, 64);
/// The label by which Kubernetes tells the pod's namespace to the engine.
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";

/// Who is there.
#[derive(Clone, Debug, Default)]
pub struct Known {
    guests: BTreeMap<Id, Guest>,
    /// Told since the agent came; until it has told all.
    told: Option<BTreeSet<Id>>,
    is_whole: bool,
    left_out: u64,
    heard: BTreeMap<IpAddr, Mac>,
    /// The one that was heard last is the last.
    by_mac: BTreeMap<Mac, VecDeque<IpAddr>>,
}

impl Known {
    /// A new connection: it is told again who is there.
    pub fn begin(&mut self) {
        self.told = Some(BTreeSet::new());
    }

    /// Takes in what the agent tells.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Present(guest) | Event::Start(guest) | Event::Change(guest) => self.put(guest),
            Event::Stop(guest) => {
                let id = (guest.engine, guest.id);
                self.guests.remove(&id);
                self.told.as_mut().map(|told| told.remove(&id));
            }
            Event::Complete { .. } => {
                if let Some(told) = self.told.take() {
                    self.guests.retain(|id, _| told.contains(id));
                }
                self.is_whole = true;
            }
        }
    }

    fn put(&mut self, guest: Guest) {
        let id = (guest.engine.clone(), guest.id.clone());
        if self.guests.len() >= MOST && !self.guests.contains_key(&id) {
            self.left_out += 1;
            return;
        }
        if let Some(told) = &mut self.told {
            told.insert(id.clone());
        }
        self.guests.insert(id, guest);
    }

    /// Takes in whose an address is; whether that is new.
    pub fn hear(&mut self, address: IpAddr, mac: Mac) -> bool {
        if !is_its_own(address) {
            return false;
        }
        let old = self.heard.get(&address).copied();
        if old.is_none() && self.heard.len() >= MOST_HEARD.0 {
            self.left_out += 1;
            return false;
        }
        if let Some(old) = old {
            self.let_go(address, old);
        }
        let its = self.by_mac.entry(mac).or_default();
        its.push_back(address);
        // A machine that makes up a new address each day has the last ones, and not those of its first weeks.
        let oldest = if its.len() > MOST_HEARD.1 { its.pop_front() } else { None };
        oldest.map(|oldest| self.heard.remove(&oldest));
        self.heard.insert(address, mac);
        old != Some(mac)
    }

    /// An Ethernet address without any other is forgotten: of these, too, others may make up as many as they like.
    fn let_go(&mut self, address: IpAddr, mac: Mac) {
        if let Some(its) = self.by_mac.get_mut(&mac) {
            its.retain(|other| *other != address);
            if its.is_empty() {
                self.by_mac.remove(&mac);
            }
        }
    }

    /// Whether all that were there have ever been told.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Guests.
    pub fn count(&self) -> usize {
        self.guests.len()
    }

    /// Times that a guest or an address was left out for want of room.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The addresses of each group that selects guests, by these alone.
    pub fn members(&self, groups: &Groups) -> BTreeMap<GroupName, BTreeSet<Prefix>> {
        let selecting = groups.iter().filter(|(_, group)| !group.guests.is_empty());
        selecting.map(|(name, group)| (name.clone(), self.of(group))).collect()
    }

    fn of(&self, group: &Group) -> BTreeSet<Prefix> {
        let fitting = self.guests.values().filter(|guest| is_of(group, guest));
        let interfaces = fitting.flat_map(|guest| &guest.interfaces);
        let addresses = interfaces.flat_map(|interface| {
            let is_hidden = interface.addresses.is_empty();
            let mac = interface.mac.as_deref().filter(|_| is_hidden).and_then(mac);
            let heard = mac.and_then(|mac| self.by_mac.get(&mac)).into_iter().flatten();
            interface.addresses.iter().chain(heard).copied()
        });
        addresses.filter(|address| is_its_own(*address)).map(Prefix::from).collect()
    }
}

fn is_of(group: &Group, guest: &Guest) -> bool {
    let namespace = guest.labels.get(POD_NAMESPACE).map(String::as_str);
    let fits =
        |selector: &Selector| selector.fits(&guest.engine, &guest.name, guest.image.as_deref(), namespace);
    group.guests.iter().any(fits)
}

/// `52:54:00:12:34:56`.
fn mac(text: &str) -> Option<Mac> {
    let bytes: Option<Vec<_>> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// Addresses that others have too, on other links, tell no guest from another.
fn is_its_own(address: IpAddr) -> bool {
    let is_local = match address {
        IpAddr::V4(four) => four.is_link_local() || four.is_broadcast(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    !(is_local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::guests::GuestInterface;

    fn guest(id: &str, image: &str, addresses: &[&str]) -> Guest {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let interface = GuestInterface { addresses, ..GuestInterface::default() };
        Guest {
            engine: "docker".into(),
            id: id.into(),
            name: id.into(),
            image: Some(image.into()),
            interfaces: vec![interface],
            ..Guest::default()
        }
    }

    fn groups() -> Groups {
        let web = Selector { image: Some("nginx:*".into()), ..Selector::default() };
        let own = Group { addresses: ["10.9.0.0/16".parse().unwrap()].into(), guests: Vec::new() };
        let web = Group { addresses: BTreeSet::new(), guests: vec![web] };
        [("web".parse().unwrap(), web), ("own".parse().unwrap(), own)].into()
    }

    fn shown(known: &Known) -> Vec<String> {
        let members = known.members(&groups());
        assert_eq!(members.len(), 1, "a group without selectors is nobody's to fill");
        members.into_values().flatten().map(|prefix| prefix.to_string()).collect()
    }

    #[test]
    fn groups_have_the_addresses_of_guests_that_fit_and_live() {
        let mut known = Known::default();
        known.begin();
        known.take(Event::Present(guest(
            "a",
            "nginx:1",
            &["10.0.0.2", "fe80::1", "127.0.0.1", "2001:db8::2"],
        )));
        known.take(Event::Present(guest("b", "mail:1", &["10.0.0.3"])));
        assert!(!known.is_whole());
        known.take(Event::Complete { guests: 2 });
        assert!(known.is_whole());
        assert_eq!(shown(&known), ["10.0.0.2/32", "2001:db8::2/128"]);
        known.take(Event::Start(guest("c", "nginx:2", &["10.0.0.4"])));
        known.take(Event::Change(guest("a", "nginx:1", &["10.0.0.9"])));
        assert_eq!(shown(&known), ["10.0.0.4/32", "10.0.0.9/32"]);
        known.take(Event::Stop(guest("c", "nginx:2", &[])));
        assert_eq!(shown(&known), ["10.0.0.9/32"]);
    }

    #[test]
    fn a_virtual_machine_has_the_addresses_that_its_ethernet_address_was_heard_with() {
        let (mut known, macs) = (Known::default(), [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]]);
        let mut machine = guest("vm", "nginx:1", &[]);
        machine.interfaces[0].mac = Some("02:00:00:00:00:01".into());
        known.take(Event::Start(machine.clone()));
        assert_eq!(shown(&known), [""; 0]);
        for (address, mac, is_new) in [
            ("10.0.0.5", macs[0], true),
            ("10.0.0.5", macs[0], false),
            ("2001:db8::5", macs[0], true),
            ("fe80::5", macs[0], false),
            ("10.0.0.6", macs[1], true),
        ] {
            assert_eq!(known.hear(address.parse().unwrap(), mac), is_new, "{address}");
        }
        assert_eq!(shown(&known), ["10.0.0.5/32", "2001:db8::5/128"]);
        assert!(known.hear("10.0.0.5".parse().unwrap(), macs[1]), "another has it now");
        assert_eq!(shown(&known), ["2001:db8::5/128"]);
        known.take(Event::Stop(machine.clone()));
        assert_eq!(shown(&known), [""; 0]);
        machine.interfaces[0].addresses = vec!["10.0.0.9".parse().unwrap()];
        known.take(Event::Start(machine));
        assert_eq!(shown(&known), ["10.0.0.9/32"], "what the agent sees counts alone");
    }

    #[test]
    fn what_others_make_up_is_bounded_and_the_address_in_use_stays() {
        let (mut known, mac) = (Known::default(), [2, 0, 0, 0, 0, 1]);
        let address = |n: usize| IpAddr::from([10, 1, 0, u8::try_from(n).unwrap()]);
        for n in 0..=MOST_HEARD.1 {
            assert!(known.hear(address(n), mac), "one heard anew each day, for months: {n}");
            assert!(n == 0 || !known.hear(address(1), mac), "heard again is not new");
        }
        let its = &known.by_mac[&mac];
        assert!(its.len() == MOST_HEARD.1 && its.contains(&address(1)) && !its.contains(&address(0)));
        assert_eq!(known.heard.len(), MOST_HEARD.1);
        for n in 0..100 {
            known.hear([10, 9, 9, 9].into(), [4, 0, 0, 0, 0, n]);
        }
        assert_eq!(known.by_mac.len(), 2, "an Ethernet address that nobody has any more is forgotten");
    }

    #[test]
    fn an_agent_that_starts_again_empties_no_group_and_takes_out_who_has_gone_when_it_has_told_all() {
        let mut known = Known::default();
        for id in ["a", "b"] {
            known.take(Event::Start(guest(id, "nginx:1", &[&format!("10.0.0.{}", id.len())])));
        }
        known.take(Event::Change(guest("b", "nginx:1", &["10.0.0.7"])));
        known.begin();
        known.take(Event::Present(guest("b", "nginx:1", &["10.0.0.7"])));
        assert_eq!(shown(&known), ["10.0.0.1/32", "10.0.0.7/32"], "not all are told yet");
        known.take(Event::Complete { guests: 1 });
        assert_eq!(shown(&known), ["10.0.0.7/32"]);
    }
}
