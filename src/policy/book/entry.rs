//! One policy in the book, with what it replaces until it is confirmed.

use crate::policy::desk::{Origin, Shown, State};
use crate::policy::model::{Expiry, GroupName, Policy};
use crate::policy::wanted::{Hits, Wanted};
use std::time::{Duration, SystemTime};

/// After so long, what did not work is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its end is a point in time.
    pub(super) policy: Policy,
    /// As it was said, to see whether a file says something else.
    pub(super) said: Policy,
    pub(super) origin: Origin,
    pub(super) by: String,
    pub(super) state: State,
    pub(super) since: SystemTime,
    pub(super) confirm: Option<Confirm>,
    /// Unlike that of every other, to see whether it is still the one that an order put.
    pub(super) serial: u64,
}

/// What comes back unless somebody confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirm {
    pub(super) until: SystemTime,
    pub(super) before: Option<Box<Entry>>,
}

impl Entry {
    pub(super) fn become_(&mut self, state: State, now: SystemTime) {
        if self.state != state {
            (self.state, self.since) = (state, now);
        }
    }

    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        self.policy.expiry.is_over(now)
    }

    pub(super) fn is_wanted(&self, now: SystemTime) -> bool {
        !self.is_over(now) && self.again().is_none_or(|again| again <= now)
    }

    /// As it is to be in force: what nobody may confirm ends then, also in the kernel, though nobody be there.
    pub(super) fn wished(&self) -> Policy {
        let until = self.confirm.as_ref().map(|confirm| confirm.until);
        let expiry = match (self.policy.expiry, until) {
            (Expiry::At(end), Some(until)) => Expiry::At(end.min(until)),
            (_, Some(until)) => Expiry::At(until),
            (expiry, None) => expiry,
        };
        Policy { expiry, ..self.policy.clone() }
    }

    /// When it is tried again, of what did not work.
    pub(super) fn again(&self) -> Option<SystemTime> {
        matches!(self.state, State::Quarantined(_)).then(|| self.since + AGAIN)
    }

    pub(super) fn falls_back_on(&self, group: &GroupName) -> bool {
        let before = self.confirm.as_ref().and_then(|confirm| confirm.before.as_ref());
        before.is_some_and(|before| super::names(&before.policy, group))
    }

    pub(super) fn shown(&self, base: &Wanted) -> Shown {
        Shown {
            policy: self.policy.clone(),
            origin: self.origin,
            by: self.by.clone(),
            carrier: base.carrier(&self.policy),
            state: self.state.clone(),
            since: self.since,
            confirm_by: self.confirm.as_ref().map(|confirm| confirm.until),
            hits: Hits::default(),
            version: self.serial,
        }
    }
}
