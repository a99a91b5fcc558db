//! The desk: where everybody who wants policy changed asks for it, and reads what stands.
//!
//! In: [`Order`]s of requests, of detection and of who knows the guests, each with who asks. Out: an answer to each, a
//! [`Page`] that says how everything is, and [`Note`]s of what happened. Rule: one task takes the orders, many at once,
//! and answers when they are in force or are not; readers wait for nobody.

mod page;
mod refusals;

pub use page::{Note, Page, Shown, Source, State};
pub use refusals::Refusals;

use super::model::{GroupName, Owner, Policy, PolicyName, Prefix, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Orders that may wait; more are refused as [`Rejection::Busy`].
pub const MOST_ORDERS: usize = 4096;
/// Notes that a slow reader may be behind.
pub const MOST_NOTES: usize = 1024;

/// Where a policy came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `policy.toml` or `policy.d`; only the file can change it.
    File,
    /// Somebody asked for it.
    Asked,
    /// Our own detection.
    Reaction,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// These policies, new or in place of those of their names; all or none.
    Put {
        /// Each with its end as it is to be.
        policies: Vec<Policy>,
        /// Taken back after so long, unless confirmed.
        confirm: Option<Duration>,
    },
    /// Not these any more; names that are not there are no fault.
    Remove(Vec<PolicyName>),
    /// Nothing any more that this owner asked for.
    RemoveOf(Owner),
    /// The policy stays.
    Confirm(PolicyName),
    /// The addresses of a group that was asked for; `None` removes it.
    Group(GroupName, Option<BTreeSet<Prefix>>),
    /// The addresses of all guests that groups select, as they are now.
    Guests(BTreeMap<GroupName, BTreeSet<Prefix>>),
    /// What would be done for these policies; nothing is.
    Plan(Vec<Policy>),
    /// Another wish, if the policy is this one still.
    If(PolicyName, Version, Box<Wish>),
}

/// Which version of a policy has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// None at all.
    Absent,
    /// Any.
    Present,
    /// [`Shown::version`].
    This(u64),
}

impl Version {
    /// Whether this is it.
    pub fn is(self, found: Option<u64>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Present => found.is_some(),
            Self::This(version) => found == Some(version),
        }
    }
}

/// An order.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub wish: Wish,
    /// From where.
    pub origin: Origin,
    /// Who, for the log: `uid 1000, pid 234` or `token 'ops' of 127.0.0.1` or `reaction 'udp'`.
    pub by: String,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Receipt, Rejection>>,
}

/// It is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Whether anything is other than before.
    pub changed: bool,
    /// Of the [`Page`] that shows it.
    pub generation: u64,
    /// What would be done, for [`Wish::Plan`]: texts for people.
    pub plan: Vec<String>,
}

/// It is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It may not be taken up.
    #[error("{name}: {why}")]
    Refused {
        /// Which.
        name: PolicyName,
        /// Why not.
        why: Refusal,
    },
    /// There is none.
    #[error("there is no policy {0}")]
    Unknown(PolicyName),
    /// There is no such group, or somebody's rules name it.
    #[error("group {0}: {1}")]
    Group(GroupName, &'static str),
    /// It is another's: a file's.
    #[error("{0} comes from a file, and only the file can change it")]
    OfFile(PolicyName),
    /// It was tried and does not work; nothing of the order is in force.
    #[error("{name} was tried and taken back: {why}")]
    Quarantined {
        /// Which.
        name: PolicyName,
        /// What the program said that was to bring it about.
        why: String,
    },
    /// The back end does not work at the moment; the order is kept and tried again.
    #[error("kept, but not in force yet: {0}")]
    Trouble(String),
    /// It is another by now than the one who asks has seen.
    #[error("policy {0} is not as it was")]
    Changed(PolicyName),
    /// The disk does not take it, so that it might outlive its end: it was taken back.
    #[error("not in force, because it cannot be kept: {0}")]
    Unkept(String),
    /// The disk does not take it, and it is in force all the same.
    #[error("in force, but a restart does not know of it: {0}")]
    Forgetful(String),
    /// Too many orders wait, or too many writes a second.
    #[error("too many changes at once, try again")]
    Busy,
    /// The program ends.
    #[error("hsflowd-policy is ending")]
    Ending,
}

/// Comes when an order is in force or is not; an error of the channel is [`Rejection::Ending`].
pub type Answer = oneshot::Receiver<Result<Receipt, Rejection>>;

/// For those who ask.
#[derive(Clone, Debug)]
pub struct Desk {
    orders: mpsc::Sender<Order>,
    page: watch::Receiver<Arc<Page>>,
    notes: broadcast::Sender<Note>,
    /// For those who are not even let in.
    pub refusals: Refusals,
}

/// For the one who takes the orders.
#[derive(Debug)]
pub struct Clerk {
    /// What was asked.
    pub orders: mpsc::Receiver<Order>,
    /// What stands.
    pub page: watch::Sender<Arc<Page>>,
    /// What happened.
    pub notes: broadcast::Sender<Note>,
    /// What was refused.
    pub refusals: Refusals,
}

/// Both ends.
pub fn open() -> (Desk, Clerk) {
    let (sender, orders) = mpsc::channel(MOST_ORDERS);
    let (page, reader) = watch::channel(Arc::default());
    let notes = broadcast::Sender::new(MOST_NOTES);
    let refusals = Refusals::new(notes.clone());
    let desk = Desk { orders: sender, page: reader, notes: notes.clone(), refusals: refusals.clone() };
    (desk, Clerk { orders, page, notes, refusals })
}

impl Desk {
    /// Asks, and waits until it is in force or is not.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn ask(&self, wish: Wish, origin: Origin, by: String) -> Result<Receipt, Rejection> {
        self.order(wish, origin, by)?.await.map_err(|_| Rejection::Ending)?
    }

    /// Asks, and leaves the waiting to the caller: orders are taken in the order of these calls.
    ///
    /// # Errors
    /// It was not even taken.
    pub fn order(&self, wish: Wish, origin: Origin, by: String) -> Result<Answer, Rejection> {
        let (reply, answer) = oneshot::channel();
        self.orders.try_send(Order { wish, origin, by, reply }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Rejection::Busy,
            mpsc::error::TrySendError::Closed(_) => Rejection::Ending,
        })?;
        Ok(answer)
    }

    /// How everything is.
    pub fn page(&self) -> Arc<Page> {
        self.page.borrow().clone()
    }

    /// A reader of its own, to wait for changes.
    pub fn pages(&self) -> watch::Receiver<Arc<Page>> {
        self.page.clone()
    }

    /// What happens from now on.
    pub fn notes(&self) -> broadcast::Receiver<Note> {
        self.notes.subscribe()
    }
}
