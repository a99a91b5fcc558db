//! What of the book must outlive the program.
//!
//! In: a book, or what was kept of one. Out: the other. Rule: what was asked for is kept with its end and with what it
//! falls back on; of files only when something of theirs ends, since a restart must not make it last longer; what
//! detection put is kept for whoever sweeps, and not taken up again. Guests are kept, because an empty group opens what
//! was closed.

use super::Book;
use super::entry::{Confirm, Entry};
use crate::policy::desk::{Origin, State};
use crate::policy::model::{Expiry, GroupName, Netns, Policy, Prefix};
use crate::policy::wanted::{Carrier, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// By name.
    pub policies: Vec<KeptPolicy>,
    /// Those that were asked for.
    pub groups: BTreeMap<GroupName, BTreeSet<Prefix>>,
    /// The addresses of guests, as they were last told.
    pub guests: BTreeMap<GroupName, BTreeSet<Prefix>>,
    /// Beside our own, those in which something of ours may stand.
    pub namespaces: BTreeSet<Netns>,
}

/// Who has to do something about a policy that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The program until its end, and who sweeps after it.
    Wanted,
    /// Who sweeps: it is not wanted any more, and may be in force still.
    Leaving,
    /// Nobody: it is out, and a file's that the same text must not bring back.
    Spent,
}

/// A policy that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPolicy {
    /// As it was said.
    pub said: Policy,
    /// `None` is never.
    pub end: Option<SystemTime>,
    /// From where.
    pub origin: Origin,
    /// Who asked.
    pub by: String,
    /// Until when it is to be confirmed, and what comes back else.
    pub confirm: Option<(SystemTime, Option<Box<KeptPolicy>>)>,
    /// Whose business it is.
    pub stage: Stage,
}

impl KeptPolicy {
    /// As the kernel was given it: what nobody may confirm ends when it had to be confirmed.
    pub fn in_force(&self) -> Policy {
        let until = self.confirm.as_ref().map(|(until, _)| *until);
        let end = self.end.into_iter().chain(until).min();
        Policy { expiry: end.map_or(Expiry::Never, Expiry::At), ..self.said.clone() }
    }

    fn is_over(&self, now: SystemTime) -> bool {
        match self.stage {
            Stage::Wanted => self.in_force().expiry.is_over(now),
            Stage::Leaving => true,
            Stage::Spent => false,
        }
    }
}

impl Kept {
    /// Those that are to be taken out, and those that stay, as they are in force.
    pub fn sweep(&self, now: SystemTime) -> (Vec<Policy>, Vec<Policy>) {
        let (over, others): (Vec<_>, Vec<_>) = self.there().partition(|kept| kept.is_over(now));
        let in_force = |all: Vec<&KeptPolicy>| all.into_iter().map(KeptPolicy::in_force).collect();
        (in_force(over), in_force(others))
    }

    /// Those that may be in force.
    pub fn there(&self) -> impl Iterator<Item = &KeptPolicy> {
        self.policies.iter().filter(|kept| kept.stage != Stage::Spent)
    }

    /// Beside our own, every namespace in which something of ours may stand.
    pub fn everywhere(&self) -> impl Iterator<Item = Netns> {
        let of_policies = self.policies.iter().filter_map(|kept| kept.said.netns.as_ref());
        of_policies.chain(&self.namespaces).cloned()
    }
}

impl Book {
    /// What is to be kept.
    pub fn keep(&self) -> Kept {
        let base = self.base();
        // What tc has bears no names: who takes one out has to know the others.
        let is_kept = |entry: &&Entry| {
            let has_end = matches!(entry.policy.expiry, Expiry::At(_));
            entry.origin != Origin::File || has_end || base.carrier(&entry.policy) == Carrier::Traffic
        };
        let entries = self.entries.values().filter(is_kept).map(kept);
        let spent = self.spent.values().filter(|spent| !self.has(&spent.said.name)).cloned();
        Kept {
            policies: entries.chain(spent).collect(),
            groups: self.asked.clone(),
            guests: self.guests.clone(),
            namespaces: BTreeSet::new(),
        }
    }

    /// Who carries what.
    pub fn base(&self) -> Wanted {
        Wanted { is_cumulus: self.is_cumulus, ..Wanted::default() }
    }

    /// Takes up what was kept, before [`Book::replace_files`] has the last word on it.
    pub fn restore(&mut self, kept: Kept, now: SystemTime) {
        // A version that somebody saw before a restart is no version of now.
        let micros = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        self.serial = self.serial.max(u64::try_from(micros).unwrap_or_default());
        self.asked.extend(kept.groups);
        self.guests.extend(kept.guests);
        for kept in kept.policies {
            let is_over = kept.is_over(now) || kept.stage == Stage::Spent;
            match kept.origin {
                _ if kept.stage == Stage::Leaving => {}
                Origin::Reaction => {}
                Origin::File if is_over => {
                    self.spent.insert(kept.said.name.clone(), kept);
                }
                Origin::File | Origin::Asked => {
                    let entry = self.entry(kept, now);
                    self.entries.insert(entry.policy.name.clone(), entry);
                }
            }
        }
        self.generation += 1;
    }

    fn entry(&mut self, kept: KeptPolicy, now: SystemTime) -> Entry {
        self.serial += 1;
        let serial = self.serial;
        let confirm = kept.confirm.map(|(until, before)| Confirm {
            until,
            before: before.map(|before| Box::new(self.entry(*before, now))),
        });
        Entry {
            policy: Policy { expiry: kept.end.map_or(Expiry::Never, Expiry::At), ..kept.said.clone() },
            said: kept.said,
            origin: kept.origin,
            by: kept.by,
            state: State::Waiting,
            since: now,
            confirm,
            serial,
        }
    }
}

pub(super) fn kept(entry: &Entry) -> KeptPolicy {
    KeptPolicy {
        said: entry.said.clone(),
        end: match entry.policy.expiry {
            Expiry::At(end) => Some(end),
            Expiry::Never | Expiry::After(_) => None,
        },
        origin: entry.origin,
        by: entry.by.clone(),
        confirm: entry
            .confirm
            .as_ref()
            .map(|confirm| (confirm.until, confirm.before.as_ref().map(|before| Box::new(kept(before))))),
        stage: Stage::Wanted,
    }
}
