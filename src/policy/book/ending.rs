//! What ends by itself: lives, and changes that nobody confirmed.

use super::Book;
use super::entry::Entry;
use super::keep::kept;
use crate::policy::desk::{Origin, State};
use crate::policy::model::{Expiry, PolicyName};
use std::time::SystemTime;

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its time was over.
    Over(PolicyName),
    /// Nobody confirmed it, and there was none before.
    Unconfirmed(PolicyName),
    /// Nobody confirmed it; the one before is there again.
    Reverted(PolicyName),
}

impl Book {
    /// Takes out what is over.
    pub fn expire(&mut self, now: SystemTime) -> Vec<Ended> {
        let is_due = |entry: &Entry| entry.is_over(now) || entry.unconfirmed(now);
        let due: Vec<_> =
            self.entries.iter().filter(|(_, entry)| is_due(entry)).map(|(name, _)| name.clone()).collect();
        let ended: Vec<_> = due.into_iter().filter_map(|name| self.end(name, now)).collect();
        self.generation += u64::from(!ended.is_empty());
        ended
    }

    fn end(&mut self, name: PolicyName, now: SystemTime) -> Option<Ended> {
        let entry = self.entries.remove(&name)?;
        if entry.origin == Origin::File {
            self.spent.insert(name.clone(), kept(&entry));
        }
        // Whatever ended first, its life or the time to confirm it: nobody confirmed it.
        let Some(confirm) = entry.confirm else { return Some(Ended::Over(name)) };
        Some(match confirm.before.filter(|before| !before.is_over(now)) {
            Some(mut before) => {
                before.become_(State::Waiting, now);
                self.entries.insert(name.clone(), *before);
                Ended::Reverted(name)
            }
            None => Ended::Unconfirmed(name),
        })
    }

    /// When something ends or is to be tried again next.
    pub fn next_end(&self) -> Option<SystemTime> {
        let ends = self.entries.values().flat_map(|entry| {
            let end = match entry.policy.expiry {
                Expiry::At(end) => Some(end),
                Expiry::Never | Expiry::After(_) => None,
            };
            [end, entry.confirm.as_ref().map(|confirm| confirm.until), entry.again()]
        });
        ends.flatten().min()
    }
}

impl Book {
    /// The date was set: what was to be confirmed within so long, or is tried again after so long, still is.
    pub fn follow(&mut self, from: SystemTime, to: SystemTime) {
        let moved = |at: SystemTime| match to.duration_since(from) {
            Ok(forward) => at.checked_add(forward),
            Err(back) => at.checked_sub(back.duration()),
        };
        for entry in self.entries.values_mut() {
            entry.since = moved(entry.since).unwrap_or(entry.since);
            if let Some(confirm) = &mut entry.confirm {
                confirm.until = moved(confirm.until).unwrap_or(confirm.until);
            }
        }
        self.generation += 1;
    }
}

impl Entry {
    fn unconfirmed(&self, now: SystemTime) -> bool {
        self.confirm.as_ref().is_some_and(|confirm| confirm.until <= now)
    }
}
