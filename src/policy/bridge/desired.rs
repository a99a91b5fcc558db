//! What a bridge should have of its policies.
//!
//! In: policies of one bridge, the members of groups, what the bridge has. Out: [`Flow`]s and meters, and a fault for each
//! policy that OpenFlow cannot express. Rule: a packet that is marked or measured begins again with a bit of a register
//! set, by which it meets neither that policy again nor one that stands before it. Spec: ovs-fields(7), ovs-actions(7).

use super::flows::{Flow, OURS, Seen};
use super::matches::matches;
use super::meters::{Meter, Meters};
use crate::policy::model::{Action, Body, Expiry, Policy, PolicyName, Redirect, Rule};
use crate::policy::plan::{self, Members};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::SystemTime;

/// Priorities of ours end here; below are those that a bridge has when nobody says one (32768).
const HIGHEST: u16 = 64_999;
/// The last priority of policies that has one of its own; from here to 65534 there is no room.
const LOWEST_POLICY: u16 = 14_999;
/// Neighbour discovery, which IPv6 cannot be without, before the last word.
pub(super) const DISCOVERY: u16 = 34_998;
const LAST: u16 = 34_997;
/// Above all of ours: packets become packets of connections.
pub(super) const TRACK: u16 = HIGHEST + 1;
/// Connections of ours, beside those of the host and of others.
const ZONE: u16 = 0x6873;
/// Where packets that begin again have their bits, and how many policies may have one.
const REGISTER: (&str, usize) = ("reg15", 32);
/// Seconds that a flow's timeout can hold.
const LONGEST_SECS: u64 = 65_535;

/// What a bridge has, as far as policies ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Numbers of its ports by name, as they are printed; `None` is not known.
    pub ports: Option<BTreeMap<String, String>>,
    /// Of anybody.
    pub meters: Meters,
}

/// What a bridge should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// In the order of policies.
    pub flows: Vec<Flow>,
    /// What policies need to be measured by.
    pub meters: BTreeMap<PolicyName, Meter>,
    /// Policies that it cannot have.
    pub faults: BTreeMap<PolicyName, String>,
}

/// A policy that can be flows.
#[derive(Clone, Copy)]
struct Ruled<'p> {
    policy: &'p Policy,
    rule: &'p Rule,
    priority: u16,
}

/// What policies are made flows with.
struct Made<'p, 'a> {
    members: &'a Members,
    has: &'a Has,
    now: SystemTime,
    /// Those after which others are asked, in the order in which packets meet them.
    going_on: &'a [Ruled<'p>],
    /// Who said it first.
    places: &'a mut BTreeMap<(u16, String), &'p PolicyName>,
}

impl Made<'_, '_> {
    /// The bit that a packet gets from the policy, and that which it must not have: its own, and those of later ones where
    /// what they write is asked for.
    fn begun(&self, ruled: &Ruled<'_>) -> (Option<usize>, Option<String>) {
        let own = self.going_on.iter().position(|other| other.policy.name == ruled.policy.name);
        if own.is_none() && ruled.rule.matching().traffic().dscp.is_none() {
            return (None, None);
        }
        let places = self.going_on.iter().enumerate();
        let later = places.filter(|(at, other)| Some(*at) == own || other.priority < ruled.priority);
        let mask = later.fold(0_u32, |mask, (at, _)| mask | 1 << at);
        (own, (mask != 0).then(|| format!("{}=0/{mask:#x}", REGISTER.0)))
    }
}

impl Desired {
    /// Of the policies of one bridge, less those that have ended and those to be left out.
    pub fn new<'p>(
        policies: impl IntoIterator<Item = &'p Policy>,
        members: &Members,
        has: &Has,
        now: SystemTime,
    ) -> Self {
        let (mut desired, mut all) = (Self::default(), Vec::new());
        for policy in policies.into_iter().filter(|policy| !policy.expiry.is_over(now)) {
            match ruled(policy) {
                Ok(ruled) => all.push(ruled),
                Err(why) => drop(desired.faults.insert(policy.name.clone(), why)),
            }
        }
        all.sort_by_key(|ruled| (Reverse(ruled.priority), &ruled.policy.name));
        let (mut going_on, mut places) = (Vec::new(), BTreeMap::new());
        for ruled in all.iter().filter(|ruled| goes_on(ruled.rule.action())) {
            if going_on.len() < REGISTER.1 {
                going_on.push(*ruled);
            } else {
                let why =
                    format!("{} policies mark or limit before it, as many as a bridge remembers", REGISTER.1);
                desired.faults.insert(ruled.policy.name.clone(), why);
            }
        }
        let mut made = Made { members, has, now, going_on: &going_on, places: &mut places };
        for ruled in &all {
            let name = &ruled.policy.name;
            if !desired.faults.contains_key(name)
                && let Err(why) = desired.policy(ruled, &mut made)
            {
                desired.faults.insert(name.clone(), why);
            }
        }
        desired.without_faulty();
        desired
    }

    fn policy<'p>(&mut self, ruled: &Ruled<'p>, made: &mut Made<'p, '_>) -> Result<(), String> {
        let Ruled { policy, rule, priority } = *ruled;
        let said = actions(rule)?;
        let mut more = ports(rule, made.has)?;
        let all = matches(rule.matching(), made.members)?;
        if let Some(other) = all.iter().find_map(|text| made.places.get(&(priority, text.clone()))) {
            return Err(format!("{other} says at the same priority what becomes of the same packets"));
        }
        made.places.extend(all.iter().map(|text| ((priority, text.clone()), &policy.name)));
        let mut actions = said.clone();
        if let Action::Limit(rate) = rule.action() {
            let meter = Meter::new(&policy.name, *rate, &made.has.meters, self.meters.values());
            actions = format!("meter:{}", meter.number);
            more.push(actions.clone());
            self.meters.insert(policy.name.clone(), meter);
        }
        let (bit, begun) = made.begun(ruled);
        if let Some(bit) = bit {
            let _ = write!(actions, ",load:0x1->NXM_NX_{}[{bit}],resubmit(,0)", REGISTER.0.to_uppercase());
        }
        more.extend(begun.clone());
        let begun = begun.map_or(String::new(), |begun| format!(",{begun}"));
        let ((secs, end), priority_word) = (end(policy, rule, made.now), priority.to_string());
        for text in all {
            let cookie = sum(&[policy.name.as_str(), &priority_word, &text, &said, &end]);
            let (matches, actions, more) = (text + &begun, actions.clone(), more.clone());
            self.flows.push(Flow {
                policy: policy.name.clone(),
                cookie,
                priority,
                matches,
                actions,
                secs,
                more,
            });
        }
        Ok(())
    }

    /// Neighbour discovery beside the last word, and tracking beside what knows connections: they are of the first
    /// policy that needs them, and go with the last one.
    fn beside(&mut self) {
        self.flows.retain(|flow| !flow.is_shared());
        let first = |is_it: &dyn Fn(&Flow) -> bool| {
            self.flows.iter().find(|flow| is_it(flow)).map(|flow| flow.policy.clone())
        };
        let (last, tracked) =
            (first(&|flow| flow.priority == LAST), first(&|flow| flow.matches.contains("ct_state=")));
        let track = format!("ct(commit,table=0,zone={ZONE})");
        let discovery =
            (133..=136).map(|kind| (last.clone(), DISCOVERY, format!("icmp6,icmp_type={kind}"), "NORMAL"));
        let tracking =
            ["ip", "ipv6"].map(|kind| (tracked.clone(), TRACK, format!("{kind},ct_state=-trk"), &*track));
        for (policy, priority, matches, actions) in discovery.chain(tracking) {
            let Some(policy) = policy else { continue };
            let (cookie, actions) = (sum(&["beside", &matches]), actions.to_owned());
            self.flows.push(Flow { policy, cookie, priority, matches, actions, secs: 0, more: Vec::new() });
        }
    }

    /// Sums that met by chance go on to the next number.
    fn name(&mut self) {
        let mut taken = BTreeSet::new();
        for flow in &mut self.flows {
            let mut low = flow.cookie & 0xFFFF_FFFF;
            while !taken.insert(low) {
                low = (low + 1) & 0xFFFF_FFFF;
            }
            flow.cookie = OURS | low;
        }
    }

    /// Takes policies out whose place a flow of somebody else has.
    pub fn yield_to(&mut self, seen: &[Seen]) {
        let foreign: BTreeSet<_> =
            seen.iter().filter(|seen| !seen.is_ours()).filter_map(Seen::place).collect();
        for flow in &self.flows {
            let priority = format!("priority={}", flow.priority);
            let place = flow.matches.split(',').chain([&*priority]).collect();
            if foreign.contains(&place) {
                let why =
                    format!("a flow of somebody else has priority {} and the same match", flow.priority);
                self.faults.insert(flow.policy.clone(), why);
            }
        }
        self.without_faulty();
    }

    /// Takes out what policies with a fault want.
    pub fn without_faulty(&mut self) {
        let Self { flows, meters, faults } = self;
        flows.retain(|flow| !faults.contains_key(&flow.policy));
        meters.retain(|policy, _| !faults.contains_key(policy));
        self.beside();
        self.name();
    }
}

fn ruled(policy: &Policy) -> Result<Ruled<'_>, String> {
    let Body::Rule(rule) = &policy.body else { return Err("lines are for iptables".into()) };
    if policy.netns.is_some() {
        return Err("a bridge is in no namespace: leave 'netns' out".into());
    }
    Ok(Ruled { policy, rule, priority: priority(policy, rule)? })
}

/// Whether policies that follow are asked, too.
const fn goes_on(action: &Action) -> bool {
    matches!(action, Action::Mark(_) | Action::Limit(_))
}

/// Twice the policy's, downwards; what cuts comes first within one.
fn priority(policy: &Policy, rule: &Rule) -> Result<u16, String> {
    match policy.priority {
        Policy::LAST => Ok(LAST),
        0..=LOWEST_POLICY => Ok(HIGHEST - 2 * policy.priority - u16::from(!rule.action().cuts())),
        other => Err(format!(
            "on a bridge priorities are 0 to {LOWEST_POLICY}, or 65535 for the last word; not {other}"
        )),
    }
}

/// Without what goes on after it.
fn actions(rule: &Rule) -> Result<String, String> {
    let why = match rule.action() {
        Action::Accept => return Ok("NORMAL".into()),
        Action::Drop => return Ok("drop".into()),
        Action::Mark(mark) => match (mark.dscp, mark.class) {
            (Some(dscp), None) => return Ok(format!("mod_nw_tos:{}", dscp.get() << 2)),
            _ => "a bridge marks with a DSCP, and knows no classes",
        },
        Action::Redirect(Redirect::Device(device)) => return Ok(format!("output:{device}")),
        // By a meter.
        Action::Limit(rate) => return Ok(format!("limit:{rate}")),
        Action::Redirect(Redirect::Netns(_)) => "a bridge sends to a port of its own, not to a namespace",
        Action::Reject => "a bridge tells no sender: drop instead",
        Action::Shape(_) => "a bridge shapes nothing: shape the port's device, without 'bridge'",
    };
    Err(why.to_owned())
}

/// Ports in the words in which they are printed: one that goes and comes again has another number.
fn ports(rule: &Rule, has: &Has) -> Result<Vec<String>, String> {
    let Some(ports) = &has.ports else { return Ok(Vec::new()) };
    let number = |name: &str| ports.get(name).ok_or_else(|| format!("the bridge has no port {name}"));
    let mut words = Vec::new();
    if let Some(from) = &rule.matching().traffic().from {
        words.push(format!("in_port={}", number(&from.to_string())?));
    }
    if let Action::Redirect(Redirect::Device(device)) = rule.action() {
        let number = number(&device.to_string())?;
        words.push(if number == "LOCAL" { number.clone() } else { format!("output:{number}") });
    }
    Ok(words)
}

/// Seconds of its flows, 0 without an end, and when that is. What ends by itself needs nobody who is alive; but a meter
/// would stay.
fn end(policy: &Policy, rule: &Rule, now: SystemTime) -> (u64, String) {
    let secs = policy.expiry.secs_left(now).filter(|_| !matches!(rule.action(), Action::Limit(_)));
    let secs = secs.filter(|secs| *secs <= LONGEST_SECS).unwrap_or(0);
    let end = match policy.expiry {
        Expiry::At(end) => end.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        _ => 0,
    };
    (secs, end.to_string())
}

/// Folded, as half of a cookie is others'.
fn sum(parts: &[&str]) -> u64 {
    let sum = plan::sum(parts);
    (sum >> 32) ^ (sum & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests;
