//! Orders: many become one change, and each gets its own answer when that is in force or is not.
//!
//! In: what waited on the desk. Out: answers, a note for each change with who asked. Rule: an order whose policy does
//! not work is taken back as a whole, and the others of its batch are not touched by it.

use super::Service;
use crate::policy::book::Change;
use crate::policy::desk::{Order, Origin, Page, Receipt, Rejection, Wish};
use crate::policy::model::Policy;
use std::fmt::Display;
use tokio::sync::oneshot::Sender;

/// Times that a batch is brought about anew without the orders that do not work.
const ROUNDS: usize = 3;
/// Plans that wait; each takes as long as a change, and one is made between two batches.
const MOST_PLANS: usize = 16;
/// Names in a note.
const MOST_NAMES: usize = 8;

type Reply = Sender<Result<Receipt, Rejection>>;

/// An order that is in the book.
struct Taken {
    wish: Wish,
    origin: Origin,
    by: String,
    reply: Reply,
    change: Change,
    verdict: Result<(), Rejection>,
}

/// What would be done for these policies is to be told.
#[derive(Debug)]
pub(super) struct Planned {
    policies: Vec<Policy>,
    reply: Reply,
}

impl Service {
    pub(super) async fn serve(&mut self, orders: Vec<Order>) {
        let now = self.clock.wall();
        let mut taken = Vec::new();
        for Order { wish, origin, by, reply } in orders {
            let full = self.plans.len() >= MOST_PLANS && matches!(wish, Wish::Plan(_));
            let change = if full { Err(Rejection::Busy) } else { self.book.take(&wish, origin, &by, now) };
            match (change, wish) {
                (Err(why), wish) => {
                    self.clerk.refusals.tell(now, &by, format!("{}: refused: {why}", words(&wish)));
                    answer(reply, Err(why));
                }
                (Ok(_), Wish::Plan(policies)) => self.plans.push_back(Planned { policies, reply }),
                (Ok(change), Wish::If(_, _, wish)) => {
                    taken.push(Taken { wish: *wish, origin, by, reply, change, verdict: Ok(()) });
                }
                (Ok(change), wish) => {
                    taken.push(Taken { wish, origin, by, reply, change, verdict: Ok(()) });
                }
            }
        }
        if taken.iter().any(|taken| taken.change.changed) {
            self.keep();
            self.take_back_unkept(&mut taken);
            self.carry_out().await;
            self.judge(&mut taken).await;
        }
        let page = self.clerk.page.borrow().clone();
        for taken in taken {
            self.reply(taken, &page);
        }
    }

    /// What was asked for and is not on the disk might outlive its end, if we do not. Less is always possible, and our
    /// own detection must not be blinded by a disk that an attack has filled.
    fn take_back_unkept(&mut self, taken: &mut [Taken]) {
        let Some(why) = self.unkept.clone() else { return };
        for taken in taken.iter_mut().rev() {
            if taken.origin == Origin::Asked && matches!(taken.wish, Wish::Put { .. }) && taken.change.changed
            {
                self.book.undo(taken.change.clone());
                taken.verdict = Err(Rejection::Unkept(why.clone()));
            }
        }
        self.keep();
    }

    /// Takes back what does not work, from the last to the first, until all that is left does.
    async fn judge(&mut self, taken: &mut [Taken]) {
        for _ in 0..ROUNDS {
            let mut is_any = false;
            for taken in taken.iter_mut().rev().filter(|taken| taken.verdict.is_ok()) {
                taken.verdict = self.book.verdict(taken.change.clone());
                is_any |= taken.verdict.is_err();
            }
            if !is_any {
                return;
            }
            self.bring_about().await;
        }
    }

    fn reply(&self, taken: Taken, page: &Page) {
        let Taken { wish, by, reply, change, verdict, .. } = taken;
        let verdict = match verdict {
            Ok(()) if change.changed => {
                self.note(&by, words(&wish));
                self.shortfall(&change, page)
            }
            Ok(()) => Ok(()),
            Err(why) => {
                self.note(&by, format!("{}: refused: {why}", words(&wish)));
                Err(why)
            }
        };
        let receipt = Receipt { changed: change.changed, generation: page.generation, plan: Vec::new() };
        answer(reply, verdict.map(|()| receipt));
    }

    /// Why what was taken up is less than was asked for.
    fn shortfall(&self, change: &Change, page: &Page) -> Result<(), Rejection> {
        match change.carriers.iter().find_map(|carrier| page.troubles.get(carrier)) {
            Some(why) => Err(Rejection::Trouble(why.clone())),
            None => self.unkept.clone().map_or(Ok(()), |why| Err(Rejection::Forgetful(why))),
        }
    }

    /// Makes the plan that has waited longest.
    pub(super) async fn plan_next(&mut self) {
        let Some(Planned { policies, reply }) = self.plans.pop_front() else { return };
        if !reply.is_closed() {
            answer(reply, self.plan(&policies).await);
        }
    }

    async fn plan(&mut self, policies: &[Policy]) -> Result<Receipt, Rejection> {
        let now = self.clock.wall();
        let wanted = self.book.preview(policies, now)?;
        let plan = self.backends.plan(&wanted, now).await.map_err(Rejection::Trouble)?;
        let generation = self.clerk.page.borrow().generation;
        Ok(Receipt { changed: false, generation, plan })
    }
}

/// Who asked may be gone.
fn answer(reply: Reply, verdict: Result<Receipt, Rejection>) {
    let _ = reply.send(verdict);
}

/// An order, for people.
fn words(wish: &Wish) -> String {
    match wish {
        Wish::Put { policies, confirm } => {
            let until = confirm.map(|wait| format!(", to be confirmed within {} s", wait.as_secs()));
            format!("policy {}: put{}", list(policies.iter().map(|p| &p.name)), until.unwrap_or_default())
        }
        Wish::Remove(names) => format!("policy {}: removed", list(names)),
        Wish::RemoveOf(owner) => format!("policies of {owner}: removed"),
        Wish::Confirm(name) => format!("policy {name}: confirmed"),
        Wish::Group(name, Some(members)) => format!("group {name}: {} addresses", members.len()),
        Wish::Group(name, None) => format!("group {name}: removed"),
        Wish::Guests(members) => format!("guests of {} groups: told", members.len()),
        Wish::Plan(policies) => format!("policy {}: planned", list(policies.iter().map(|p| &p.name))),
        Wish::If(.., wish) => words(wish),
    }
}

fn list(names: impl IntoIterator<Item = impl Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    let rest = names.len().saturating_sub(MOST_NAMES);
    let first = names.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    if rest > 0 { format!("{first} and {rest} more") } else { first }
}
