//! The book: which policies and groups there are, who wants them, until when, and how each of them is.
//!
//! In: orders, files, what came of applying, the time. Out: what is to be in force, when something ends, a [`Page`].
//! Rule: an order is taken as a whole or not at all, and what it did can be undone; a file's policy goes before one of
//! its name that was asked for; nothing is ever over the limits or cuts what is protected.

mod bucket;
mod ending;
mod entry;
mod files;
mod keep;
mod orders;
mod outcome;

pub use ending::Ended;
pub use keep::{Kept, KeptPolicy, Stage};
pub use orders::Change;

use super::desk::{Page, Rejection, State};
use super::file::Pace;
use super::model::{GroupName, Groups, Limits, Policy, PolicyName, Prefix, Protected};
use super::plan::Members;
use super::wanted::Wanted;
use bucket::Bucket;
use entry::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// Everything that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Book {
    entries: BTreeMap<PolicyName, Entry>,
    /// Policies of files that have ended; the same text does not bring them back.
    spent: BTreeMap<PolicyName, KeptPolicy>,
    /// Of files.
    groups: Groups,
    asked: BTreeMap<GroupName, BTreeSet<Prefix>>,
    guests: BTreeMap<GroupName, BTreeSet<Prefix>>,
    protected: Vec<Protected>,
    limits: Limits,
    pace: Pace,
    bucket: Bucket,
    faults: Vec<String>,
    generation: u64,
    /// Of the last entry.
    serial: u64,
    is_cumulus: bool,
}

impl Book {
    /// An empty one; `is_cumulus` says who carries rules.
    pub fn new(is_cumulus: bool) -> Self {
        Self { is_cumulus, ..Self::default() }
    }

    /// This host's own addresses are these now; none is any.
    pub fn host_has(&mut self, addresses: &[Prefix]) {
        self.protected.iter_mut().for_each(|protected| protected.host = addresses.to_vec());
    }

    /// What is to be in force now: all that have not ended, but for those that did not work and are not due again.
    pub fn wanted(&self, now: SystemTime) -> Wanted {
        let live = self.entries.values().filter(|entry| entry.is_wanted(now));
        Wanted {
            policies: live.map(Entry::wished).collect(),
            members: self.members(),
            is_cumulus: self.is_cumulus,
        }
    }

    /// What would be in force with these policies beside, or in place of those of their names.
    ///
    /// # Errors
    /// They would not be taken.
    pub fn preview(&self, policies: &[Policy], now: SystemTime) -> Result<Wanted, Rejection> {
        self.may_put(policies)?;
        let mut wanted = self.wanted(now);
        wanted.policies.retain(|policy| policies.iter().all(|new| new.name != policy.name));
        wanted.policies.extend(policies.iter().map(|policy| self.taken_up(policy.clone(), now)));
        wanted.policies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(wanted)
    }

    /// For readers.
    pub fn page(&self) -> Page {
        let base = self.base();
        let shown = self.entries.iter().map(|(name, entry)| (name.clone(), entry.shown(&base)));
        Page {
            generation: self.generation,
            policies: shown.collect(),
            groups: self.all_groups(),
            members: self.members(),
            protected: self.protected.clone(),
            faults: self.faults.clone(),
            ..Page::default()
        }
    }

    /// All that have not ended.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.entries.values().map(|entry| &entry.policy)
    }

    /// Whether there is one of this name that has not ended.
    pub fn has(&self, name: &PolicyName) -> bool {
        self.entries.contains_key(name)
    }

    /// The addresses that every group has now.
    fn members(&self) -> Members {
        let mut members: Members =
            self.groups.iter().map(|(name, group)| (name.clone(), group.addresses.clone())).collect();
        for (name, addresses) in self.asked.iter().chain(&self.guests) {
            // A group of guests that no file knows any more is nobody's.
            if self.asked.contains_key(name) || self.groups.contains_key(name) {
                members.entry(name.clone()).or_default().extend(addresses);
            }
        }
        members
    }

    fn all_groups(&self) -> Groups {
        let mut groups = self.groups.clone();
        for (name, addresses) in &self.asked {
            let group = groups.entry(name.clone()).or_default();
            group.addresses.extend(addresses);
        }
        groups
    }

    /// Whether all of these may be taken beside the others.
    fn may_put(&self, policies: &[Policy]) -> Result<(), Rejection> {
        let new: BTreeSet<_> = policies.iter().map(|policy| &policy.name).collect();
        let others = self.entries.keys().filter(|name| !new.contains(name)).count();
        let groups = self.all_groups();
        for (beside, policy) in (others..).zip(policies) {
            self.limits
                .check(policy, beside, &groups, &self.protected)
                .map_err(|why| Rejection::Refused { name: policy.name.clone(), why })?;
        }
        Ok(())
    }

    fn is_named(&self, group: &GroupName) -> bool {
        self.entries.values().any(|entry| names(&entry.policy, group) || entry.falls_back_on(group))
    }

    /// What did not work may do so with other members.
    fn retry(&mut self, group: &GroupName, now: SystemTime) {
        for entry in self.entries.values_mut().filter(|entry| names(&entry.policy, group)) {
            if matches!(entry.state, State::Quarantined(_)) {
                entry.become_(State::Waiting, now);
            }
        }
    }
}

/// Whether a policy is about members of a group.
fn names(policy: &Policy, group: &GroupName) -> bool {
    policy.groups().any(|name| name == group)
}

#[cfg(test)]
mod tests;
