//! The election of the agent address: the one address by which collectors know this host.
//!
//! In: every address of the host with the facts of its device, what the configuration wishes, and the previous
//! result. Out: the chosen address with its device, or none, and one line that says why.
//!
//! Ranking: the class of the address (see [`Class`]), 13 more for an address of the device that `agent` names, 13 × n
//! more for one in the n-th `agent.cidr` counted from the end of the file; then not a switch port before one, not 127/8 or
//! ::1 before these, stable before autoconfigured, primary before secondary, lowest ifIndex, place in the kernel's list. An
//! address on a virtual router's device, which other switches have too, comes after all routable ones, unless `agent` or
//! `agent.cidr` names it. Never chosen, whatever else there is: an address
//! that `agent.cidr=!…` excludes, one that duplicate address detection has not passed, and one on a container
//! bridge unless `agent` or `agent.cidr` names it. A routable choice is kept while it lives and the wishes are the
//! same, so that a host does not change its identity when an address is added, unless it is one that `agent` waits for.

use crate::config::model::CidrRule;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

mod class;
#[cfg(test)]
mod tests;

pub use class::Class;

/// One more than the best class, so that one wish outweighs any class.
const WISH: u64 = 13;

/// What the election needs to know of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The kernel's interface number.
    pub if_index: u32,
    /// Interface name.
    pub name: String,
    /// Interface alias, matched by `agent` when no name matches.
    pub alias: Option<String>,
    /// Administratively up. An address on a device that is down still names the host.
    pub up: bool,
    /// A loopback device.
    pub loopback: bool,
    /// A VLAN device.
    pub vlan: bool,
    /// A bridge that a container engine made for its containers.
    pub container_bridge: bool,
    /// A virtual router's: switches that stand in for each other have the same addresses there.
    pub shared: bool,
    /// A port of a switch: its link may come and go.
    pub switch_port: bool,
}

/// Whether a link address is that of a virtual router, which several machines have: VRRP's (RFC 9568, section 7.3), or, on a
/// device made for a second address, Cumulus Linux's for MLAG and VRR.
pub fn is_virtual_router(mac: [u8; 6], second: bool) -> bool {
    matches!(mac, [0, 0, 0x5e, 0, 1 | 2, _]) || (second && matches!(mac, [0x44, 0x38, 0x39, 0xff, ..]))
}

/// One address on one device. The same address on two devices is two candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The address.
    pub ip: IpAddr,
    /// Where it is.
    pub device: Device,
    /// Made by the kernel from a router's announcement, or temporary: it may change by itself.
    pub autoconf: bool,
    /// Duplicate address detection is not finished, or failed.
    pub tentative: bool,
    /// A further IPv4 address of a subnet (IFA_F_SECONDARY), as virtual service addresses are.
    pub secondary: bool,
    /// Place in the kernel's own list of addresses; the last thing compared.
    pub order: u32,
}

/// What the configuration says about the agent address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// `agentIP`, resolved: used as it is.
    pub ip: Option<IpAddr>,
    /// `agent`: name or alias of a device whose addresses are preferred.
    pub device: Option<String>,
    /// `agent.cidr` in file order.
    pub cidrs: Vec<CidrRule>,
}

/// The address that won, and the device it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The agent address.
    pub ip: IpAddr,
    /// Its device; `None` if `agentIP` names an address that no device has.
    pub device: Option<String>,
    /// What kind of address it is; `None` as for `device`.
    pub class: Option<Class>,
}

/// The result of one election; handed back to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Election {
    /// The winner; `None` if no address may be used: then nothing can be sent.
    pub choice: Option<Choice>,
    /// Why, in one line for `hsflowctl status` and the log.
    pub explanation: String,
    /// The wishes it was held under.
    wish: Wish,
    /// There was a device that `agent` names.
    pegged: bool,
}

/// Elects the agent address. The order of `candidates` does not matter.
pub fn elect(candidates: &[Candidate], wish: &Wish, previous: Option<&Election>) -> Election {
    let round = Round::new(candidates, wish);
    let pegged = round.pegged.is_some();
    let election = |choice, explanation| Election { choice, explanation, wish: wish.clone(), pegged };
    if let Some(ip) = wish.ip {
        let (choice, explanation) = literal(candidates, ip);
        return election(Some(choice), explanation);
    }
    let standing = round.standing();
    let kept = previous
        .filter(|last| last.wish == *wish)
        .and_then(|last| last.choice.as_ref())
        .filter(|choice| choice.class.is_some_and(Class::is_routable))
        .and_then(|choice| standing.iter().find(|s| s.ip == choice.ip))
        // The device that `agent` names has its address or its alias only now.
        .filter(|_| round.pegged.is_none() || previous.is_some_and(|last| last.pegged))
        .filter(|s| !s.is_last_resort());
    let Some(winner) = kept.or_else(|| standing.iter().max_by_key(|s| round.rank(s))) else {
        return election(None, round.nobody());
    };
    let explanation = round.explain(winner, kept.is_some(), &standing);
    let device = Some(winner.device.name.clone());
    election(Some(Choice { ip: winner.ip, device, class: Some(winner.class) }), explanation)
}

/// `agentIP` wins over everything, `agent.cidr` and missing devices included.
fn literal(candidates: &[Candidate], ip: IpAddr) -> (Choice, String) {
    let holder = candidates.iter().filter(|c| c.ip == ip).min_by_key(|c| (c.device.if_index, c.order));
    let device = holder.map(|c| c.device.name.clone());
    let class = holder.map(|c| Class::of(ip, c.device.loopback, c.device.vlan));
    let place = match &device {
        Some(device) => format!("on {device}"),
        None => "on no device of this host".to_owned(),
    };
    (Choice { ip, device, class }, format!("{ip} {place}: set by agentIP"))
}

/// An address that may be chosen, with its score. It may be on several devices.
struct Standing<'a> {
    ip: IpAddr,
    /// The device that gives it the best class.
    device: &'a Device,
    class: Class,
    /// One of its devices is the one that `agent` names.
    pegged: bool,
    /// The `agent.cidr` that applies: its place in the file, 0-based.
    cidr: Option<usize>,
    autoconf: bool,
    /// Lowest ifIndex among its devices, then primary before secondary, then place in the kernel's list.
    place: (u32, bool, u32),
}

impl<'a> Standing<'a> {
    /// Other machines have it too, and nobody wishes for it.
    fn is_last_resort(&self) -> bool {
        self.device.shared && !self.pegged && self.cidr.is_none()
    }

    /// Adds another device of the same address.
    fn merge(&mut self, other: &Standing<'a>) {
        let worth = |s: &Self| (!s.device.shared, s.class, Reverse(s.device.if_index));
        if worth(other) > worth(self) {
            (self.device, self.class) = (other.device, other.class);
        }
        self.pegged |= other.pegged;
        self.autoconf &= other.autoconf;
        self.place = self.place.min(other.place);
    }
}

struct Round<'a> {
    candidates: &'a [Candidate],
    wish: &'a Wish,
    /// ifIndex of the device that `agent` names.
    pegged: Option<u32>,
}

impl<'a> Round<'a> {
    fn new(candidates: &'a [Candidate], wish: &'a Wish) -> Self {
        let lowest = |matches: &dyn Fn(&Device) -> bool| {
            candidates.iter().map(|c| &c.device).filter(|d| matches(d)).map(|d| d.if_index).min()
        };
        let pegged = wish.device.as_deref().and_then(|name| {
            lowest(&|d| d.name == name).or_else(|| lowest(&|d| d.alias.as_deref() == Some(name)))
        });
        Self { candidates, wish, pegged }
    }

    /// Every address that may be chosen, once.
    fn standing(&self) -> Vec<Standing<'a>> {
        let mut by_address = BTreeMap::new();
        for standing in self.candidates.iter().filter_map(|candidate| self.stand(candidate)) {
            match by_address.entry(standing.ip) {
                Entry::Vacant(free) => _ = free.insert(standing),
                Entry::Occupied(mut known) => known.get_mut().merge(&standing),
            }
        }
        by_address.into_values().collect()
    }

    fn stand(&self, candidate: &'a Candidate) -> Option<Standing<'a>> {
        let Candidate { ip, ref device, autoconf, tentative, secondary, order } = *candidate;
        let class = Class::of(ip, device.loopback, device.vlan);
        // The last line that contains the address applies, yet earlier lines weigh more: the C agent walks the file
        // backwards for both.
        let cidr = self.wish.cidrs.iter().rposition(|rule| contains(rule, ip));
        let excluded = cidr.and_then(|at| self.wish.cidrs.get(at)).is_some_and(|rule| rule.negate);
        let pegged = self.pegged == Some(device.if_index);
        let wished = pegged || cidr.is_some();
        if excluded || tentative || class == Class::Unusable || (device.container_bridge && !wished) {
            return None;
        }
        let place = (device.if_index, secondary, order);
        Some(Standing { ip, device, class, pegged, cidr, autoconf, place })
    }

    /// Greater is better; no two addresses are equal.
    fn rank(&self, standing: &Standing) -> impl Ord + use<> {
        let cidr_boost = standing.cidr.map_or(0, |at| self.wish.cidrs.len() - at);
        let wishes = u64::from(standing.pegged) + cidr_boost as u64;
        let rank = standing.class.rank();
        let last_resort = standing.is_last_resort();
        // Behind what is routable, before the rest.
        let rank = if last_resort { rank.min(Class::LinkLocal6.rank()) } else { rank };
        let score = (u64::from(rank) + WISH * wishes, last_resort);
        let own = (!standing.device.switch_port, !standing.ip.is_loopback());
        let (if_index, secondary, order) = standing.place;
        // No IPv4 class shares its number with an IPv6 one, so the family needs no place here.
        let late = (if_index, secondary, order, standing.ip);
        (score, own, !standing.autoconf, Reverse(late))
    }

    fn explain(&self, winner: &Standing, kept: bool, standing: &[Standing]) -> String {
        let Standing { ip, device, class, .. } = winner;
        let down = if device.up { "" } else { " (down)" };
        let mut line = format!("{ip} on {}{down}: {} (class {})", device.name, class.name(), class.rank());
        if winner.pegged {
            line += &format!(", preferred by agent={}", self.wish.device.as_deref().unwrap_or_default());
        }
        if let Some((at, rule)) = winner.cidr.and_then(|at| Some((at, self.wish.cidrs.get(at)?))) {
            let lines = self.wish.cidrs.len();
            line += &format!(
                ", preferred by agent.cidr {}/{} (line {} of {lines})",
                rule.network,
                rule.prefix,
                at + 1
            );
        }
        if winner.is_last_resort() {
            line +=
                ", though other switches have it too: it is a virtual router's, and there is no better one";
        }
        if kept {
            line += ", kept because it is still there";
        }
        let others = standing.len() - 1;
        line += &format!("; {others} {} considered", plural(others, "other", "others"));
        let passed = standing.iter().filter(|s| s.ip != *ip && s.is_last_resort()).count();
        if passed > 0 {
            line += &format!(" ({passed} of virtual routers passed over: other switches have them too)");
        }
        line + &self.unmatched_device()
    }

    fn nobody(&self) -> String {
        let count = self.candidates.len();
        let what = match count {
            0 => "this host has no address".to_owned(),
            _ => format!(
                "none of {count} {} may be used: excluded by agent.cidr, on a container bridge, or not yet checked for duplicates",
                plural(count, "address", "addresses")
            ),
        };
        format!("no agent address: {what}{}", self.unmatched_device())
    }

    fn unmatched_device(&self) -> String {
        match &self.wish.device {
            Some(name) if self.pegged.is_none() => {
                format!("; agent={name} ignored: no such device has an address")
            }
            _ => String::new(),
        }
    }
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// Whether an address lies in a rule's network; addresses of the other family never do.
fn contains(rule: &CidrRule, ip: IpAddr) -> bool {
    let differing = match (rule.network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => (network.to_bits() ^ ip.to_bits()).leading_zeros(),
        (IpAddr::V6(network), IpAddr::V6(ip)) => (network.to_bits() ^ ip.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(rule.prefix)
}
