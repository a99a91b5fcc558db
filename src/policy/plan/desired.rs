//! What the kernel should hold, of the policies of one namespace at one time.
//!
//! In: policies, the members of groups, the time. Out: chains and sets, and who needs other means. Rule: rules stand by
//! priority; within one priority drops by address alone come first, in one set for each side, then the others by name.
//! Such a drop matches nothing but a source or nothing but a destination, and ends in the kernel even when nobody is
//! there to end it.

use super::chains::{OwnChain, Tables, jump};
use super::render::{self, Place};
use super::sets::{LONGEST_SECS, Member, Set, SetName, Sets};
use super::standing::{Runs, plain};
use crate::policy::model::{
    Action, Body, Chain, End, Family, GroupName, Match, Policy, PolicyName, Prefix, Table, Traffic,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// The addresses of every group: those of its file, and those that its guests have now.
pub type Members = BTreeMap<GroupName, BTreeSet<Prefix>>;

/// The addresses of a family that ends have now, each once.
pub(in crate::policy) fn addresses(ends: &[End], family: Family, members: &Members) -> BTreeSet<Prefix> {
    let mut all = BTreeSet::new();
    for end in ends {
        match end {
            End::Prefix(prefix) => drop(all.insert(*prefix)),
            End::Group(name) => all.extend(members.get(name).into_iter().flatten()),
        }
    }
    all.retain(|prefix| prefix.family() == family);
    all
}

/// What is wanted of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Chains of ours.
    pub tables: Tables,
    /// Sets of ours.
    pub sets: Sets,
    /// Policies that iptables cannot carry out, wholly or in part: for tc, or for Cumulus Linux.
    pub elsewhere: Vec<PolicyName>,
    /// Where order is of no account.
    pub(super) runs: Runs,
}

impl Desired {
    /// Of the policies of one namespace, those that have not ended.
    pub fn new(policies: &[Policy], members: &Members, now: SystemTime) -> Self {
        let mut ordered: Vec<_> = policies.iter().filter(|policy| !policy.expiry.is_over(now)).collect();
        ordered.sort_by_key(|policy| (policy.priority, &policy.name));
        let mut desired = Self::default();
        for same in ordered.chunk_by(|a, b| a.priority == b.priority) {
            let (drops, others): (Vec<_>, Vec<_>) =
                same.iter().partition(|policy| only_drop(policy).is_some());
            desired.drops(&drops, now);
            for run in others.chunk_by(|a, b| plain(a).is_some() && plain(a) == plain(b)) {
                let before = desired.lengths();
                run.iter().for_each(|policy| desired.policy(policy, members));
                desired.note_run(&before);
            }
        }
        desired
    }

    fn lengths(&self) -> BTreeMap<Place, usize> {
        let chains =
            self.tables.iter().flat_map(|(place, chains)| chains.iter().map(move |own| (place, own)));
        chains.map(|((family, table), (chain, own))| ((*family, *table, *chain), own.rules.len())).collect()
    }

    /// What came since may stand in any order.
    fn note_run(&mut self, before: &BTreeMap<Place, usize>) {
        for (place, end) in self.lengths() {
            let start = before.get(&place).copied().unwrap_or(0);
            if end - start > 1 {
                self.runs.entry(place).or_default().push(start..end);
            }
        }
    }

    fn drops(&mut self, policies: &[&Policy], now: SystemTime) {
        let mut rules = BTreeMap::new();
        for policy in policies {
            let Some(matching) = only_drop(policy) else { continue };
            let traffic = matching.traffic();
            let (side, ends) = side(traffic);
            let secs = policy.expiry.secs_left(now);
            let secs = secs.map_or(0, |secs| u32::try_from(secs).unwrap_or(LONGEST_SECS).min(LONGEST_SECS));
            for prefix in ends.iter().filter_map(prefix_of) {
                let family = prefix.family();
                let name = SetName::drops(family, side, &traffic.directions, policy.priority);
                let set =
                    self.sets.entry(name.clone()).or_insert_with(|| Set::wanted(family, BTreeMap::new()));
                let comment = policy.name.to_string();
                longest(&mut set.members, prefix, Member { secs, comment, ..Member::default() });
                rules.insert(name, (family, side, &traffic.directions));
            }
        }
        for (name, (family, side, directions)) in rules {
            if let Some(set) = self.sets.get_mut(&name) {
                *set = Set::wanted(family, std::mem::take(&mut set.members));
            }
            for direction in directions {
                let place = (family, Table::Filter, Chain::from(*direction));
                self.push(place, render::drop_set(place, &name, side));
            }
        }
    }

    fn policy(&mut self, policy: &Policy, members: &Members) {
        let rules = match &policy.body {
            Body::Rule(rule) => {
                self.groups(rule.matching(), members);
                render::rules(&policy.name, rule)
            }
            Body::Lines(lines) => lines.iter().filter_map(|line| render::raw(&policy.name, line)).collect(),
        };
        let all = match &policy.body {
            Body::Rule(_) => 1,
            Body::Lines(lines) => lines.len(),
        };
        if rules.len() < all {
            self.elsewhere.push(policy.name.clone());
        }
        rules.into_iter().for_each(|(place, rule)| self.push(place, rule));
    }

    /// The sets of the groups that a match names; of both families, so that members come and go without rules.
    fn groups(&mut self, matching: &Match, members: &Members) {
        let traffic = matching.traffic();
        for end in traffic.sources.iter().chain(&traffic.destinations) {
            let End::Group(group) = end else { continue };
            for family in Family::ALL {
                let own = members.get(group).into_iter().flatten().filter(|prefix| prefix.family() == family);
                let own = own.flat_map(|prefix| spread(*prefix)).map(|prefix| (prefix, Member::default()));
                self.sets
                    .entry(SetName::group(family, group))
                    .or_insert_with(|| Set::wanted(family, own.collect()));
            }
        }
    }

    fn push(&mut self, (family, table, chain): Place, rule: super::ChainRule) {
        let own = self
            .tables
            .entry((family, table))
            .or_default()
            .entry(chain)
            .or_insert_with(|| OwnChain { jumps: vec![jump(chain)], ..OwnChain::default() });
        own.rules.push(rule);
    }
}

/// The match of a policy that drops by source alone or by destination alone.
fn only_drop(policy: &Policy) -> Option<&Match> {
    let Body::Rule(rule) = &policy.body else { return None };
    let traffic = rule.matching().traffic();
    let bare = Traffic {
        directions: traffic.directions.clone(),
        sources: traffic.sources.clone(),
        destinations: traffic.destinations.clone(),
        ..Traffic::default()
    };
    let is_one_sided = traffic.sources.is_empty() != traffic.destinations.is_empty();
    let ends = traffic.sources.iter().chain(&traffic.destinations);
    let all_fit = ends.filter_map(|end| prefix_of(end).filter(|prefix| !prefix.is_everything())).count();
    let is_all = all_fit == traffic.sources.len() + traffic.destinations.len();
    (*rule.action() == Action::Drop && is_one_sided && is_all && *traffic == bare).then_some(rule.matching())
}

fn side(traffic: &Traffic) -> (&'static str, &[End]) {
    if traffic.sources.is_empty() { ("dst", &traffic.destinations) } else { ("src", &traffic.sources) }
}

const fn prefix_of(end: &End) -> Option<Prefix> {
    match end {
        End::Prefix(prefix) => Some(*prefix),
        End::Group(_) => None,
    }
}

/// A set cannot hold `/0`; it holds the two halves.
fn spread(prefix: Prefix) -> Vec<Prefix> {
    match prefix.halves() {
        Some(halves) if prefix.is_everything() => halves.to_vec(),
        _ => vec![prefix],
    }
}

/// An address that two policies drop stays as long as the longer one wants.
fn longest(members: &mut BTreeMap<Prefix, Member>, prefix: Prefix, member: Member) {
    let rank = |member: &Member| if member.secs == 0 { u32::MAX } else { member.secs };
    let there = members.entry(prefix).or_insert_with(|| member.clone());
    if rank(there) < rank(&member) {
        *there = member;
    }
}
