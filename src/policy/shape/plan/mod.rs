//! What `tc` is to make of each device.
//!
//! In: policies that shape or redirect, and the packet sizes of devices. Out: for each device the [`Lane`]s as lines of
//! `tc -batch`, every line with the policy it is for; and the policies that `tc` cannot express, each with the reason.
//! Rule: same policies, same lines.

mod amount;
mod part;
mod select;
mod steps;
mod tree;
mod whole;

pub use amount::burst;
pub use part::{At, Chain, Fields, Filter, Key, Part, Parts, Selector, Target, What};
pub use select::{Classifier, Selected};
pub use steps::steps;
pub use whole::{end, ifb, whole};

use crate::policy::model::{Action, Direction, Policy, PolicyName, Redirect, Rule, Shape};
use std::collections::BTreeMap;
use std::time::Duration;

/// Preferences of a chain; from the middle on, the clsact qdisc that the filters hang on is ours too.
const PREFERENCES: u16 = 0x100;
/// Preferences of one policy: for everything, for IPv4, for IPv6, for both in a VLAN.
const SLOT: u16 = 4;
/// How many policies there are for a device and direction; what goes to an intermediate device comes after them.
const SLOTS: u16 = 0x80 / SLOT - 1;
/// The class that borrows are from, and the one for the rest.
const WHOLE: u16 = 1;
const REST: u16 = 0xffff;
/// Classes of policies begin here.
const FIRST: u16 = 0x10;

/// One line of `tc -batch`, and whom to blame where the kernel refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Without `tc` before it.
    pub text: String,
    /// `None` is all policies of the device.
    pub of: Option<PolicyName>,
}

/// Where on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// What leaves by it.
    Egress,
    /// What comes in by it.
    Ingress,
}

/// All that is wanted of one device and side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// The shaping, by policy.
    pub shapes: Vec<Wish>,
    /// What filters do alone, by policy: redirections, and limits that nothing waits for.
    pub direct: Vec<Wish>,
}

/// One policy on one device and side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose.
    pub name: PolicyName,
    /// What happens.
    pub action: Action,
    /// Which packets.
    pub selected: Selected,
}

/// What is wanted, by device and side.
pub type Lanes = BTreeMap<(String, Side), Lane>;

/// Sorts policies by device, and tells of those that cannot be.
pub fn lanes<'p>(
    policies: impl Iterator<Item = &'p Policy>,
    by: Classifier,
) -> (Lanes, BTreeMap<PolicyName, String>) {
    let (mut lanes, mut faults) = (Lanes::new(), BTreeMap::new());
    let mut sorted: Vec<_> = policies.filter_map(|policy| Some((policy, policy.rule()?))).collect();
    sorted.sort_by_key(|(policy, rule)| {
        (policy.priority, Selected::is_everything_of(rule.matching()), policy.name.clone())
    });
    for (policy, rule) in sorted {
        match place(policy, rule, by) {
            Ok((at, wish)) => {
                let lane: &mut Lane = lanes.entry(at).or_default();
                match wish.action {
                    Action::Shape(shape) if shape.latency != Some(Duration::ZERO) => lane.shapes.push(wish),
                    _ => lane.direct.push(wish),
                }
            }
            Err(why) => drop(faults.insert(policy.name.clone(), why.to_owned())),
        }
    }
    (lanes, faults)
}

fn place(policy: &Policy, rule: &Rule, by: Classifier) -> Result<((String, Side), Wish), &'static str> {
    let traffic = rule.matching().traffic();
    let is_share = |shape: &Shape| shape.latency == Some(Duration::ZERO) && shape.ceil.is_some();
    if matches!(rule.action(), Action::Shape(shape) if is_share(shape)) {
        return Err("what may not wait borrows nothing: leave 'latency_ms = 0' or the ceiling out");
    }
    let at = match (&traffic.to, &traffic.from) {
        (Some(_), Some(_)) => return Err("tc sees one interface at a time: say 'from' or 'to', not both"),
        (Some(to), None) => (to.to_string(), Side::Egress),
        (None, Some(from)) => (from.to_string(), Side::Ingress),
        (None, None) => return Err("tc works on an interface: say 'from' or 'to'"),
    };
    if at.0.ends_with('+') {
        return Err("tc works on one interface: a pattern is none");
    }
    if traffic.directions != Direction::possible(traffic.from.is_some(), traffic.to.is_some()) {
        return Err("tc does not tell forwarded packets from this host's own: leave 'direction' out");
    }
    let selected = Selected::of(rule.matching(), by)?;
    Ok((at, Wish { name: policy.name.clone(), action: rule.action().clone(), selected }))
}

impl Lane {
    /// Our root qdisc on `device` with all that is in it, and the policies whose guarantees are beyond the whole.
    pub fn tree(&self, device: &str, mtu: u32) -> (Parts, BTreeMap<PolicyName, String>) {
        tree::parts(&self.shapes, device, mtu)
    }

    /// The filters on ingress or egress; all that comes in goes to `ifb` last, where there is one. And the policies
    /// that there is no room for.
    pub fn filters(
        &self,
        chain: Chain,
        ifb: Option<&str>,
        (own, mtu): (bool, u32),
    ) -> (Parts, BTreeMap<PolicyName, String>) {
        let first = chain.preference(own);
        let (mut parts, mut faults) = (Parts::new(), BTreeMap::new());
        let mut add = |selected: &Selected, slot: u16, to: &Target, of: Option<&PolicyName>| {
            for (further, protocol, selectors) in selected.filters() {
                let what = What::filters(protocol, selectors, to);
                let at = At::Filters(chain, first + slot * SLOT + further);
                parts.insert(at, Part { what, of: of.cloned() });
            }
        };
        for (at, wish) in self.direct.iter().enumerate() {
            let to = match &wish.action {
                Action::Redirect(Redirect::Device(to)) => Target::Device(to.to_string()),
                Action::Shape(shape) => {
                    let rate = amount::bits(shape.rate);
                    let burst = burst(rate, mtu, shape.burst).max(amount::LARGEST);
                    Target::Police { rate, burst }
                }
                _ => continue,
            };
            match u16::try_from(at).ok().filter(|at| *at < SLOTS) {
                Some(slot) => add(&wish.selected, slot, &to, Some(&wish.name)),
                None => {
                    let why =
                        format!("more than {SLOTS} redirections and limits without a queue of {chain:?}");
                    faults.insert(wish.name.clone(), why);
                }
            }
        }
        if let Some(ifb) = ifb {
            add(&Selected::Everything, SLOTS, &Target::Device(ifb.to_owned()), None);
        }
        (parts, faults)
    }
}

#[cfg(test)]
mod tests;
