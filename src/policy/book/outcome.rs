//! What came of applying, for each policy and for each order.

use super::{Book, Change, Stage};
use crate::policy::desk::{Rejection, State};
use crate::policy::wanted::{Carrier, Outcome};
use std::time::SystemTime;

impl Book {
    /// Takes over what a back end says of what it was given; `now` is that of [`Book::wanted`].
    pub fn settle(&mut self, carrier: Carrier, outcome: &Outcome, now: SystemTime) {
        let base = self.base();
        let mut is_changed = false;
        let tried = self.entries.iter_mut().filter(|(_, entry)| entry.is_wanted(now));
        for (name, entry) in tried.filter(|(_, entry)| base.carrier(&entry.policy) == carrier) {
            let (old, since) = (entry.state.clone(), entry.since);
            match outcome.faults.get(name) {
                // The next try is counted from this one.
                Some(why) => (entry.state, entry.since) = (State::Quarantined(why.clone()), now),
                // What it carries is what it was before: what was live is.
                None if outcome.trouble.is_some() => {}
                None => entry.become_(State::Live, now),
            }
            is_changed |= old != entry.state || since != entry.since;
        }
        if outcome.trouble.is_none() {
            let its = self.spent.values_mut().filter(|spent| base.carrier(&spent.said) == carrier);
            its.for_each(|spent| spent.stage = Stage::Spent);
        }
        self.generation += u64::from(is_changed);
    }

    /// What an order is answered when all was applied and settled. One whose policy does not work is taken back as a
    /// whole; then what is wanted is another again.
    ///
    /// # Errors
    /// It does not work.
    pub fn verdict(&mut self, change: Change) -> Result<(), Rejection> {
        let guilty = change.put.iter().find_map(|(name, serial)| {
            let entry = self.entries.get(name).filter(|entry| entry.serial == *serial)?;
            match &entry.state {
                State::Quarantined(why) => Some((name.clone(), why.clone())),
                _ => None,
            }
        });
        let Some((name, why)) = guilty else { return Ok(()) };
        self.undo(change);
        Err(Rejection::Quarantined { name, why })
    }
}
