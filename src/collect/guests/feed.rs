//! From the task of an engine to the agent's loop.
//!
//! In: news of guests, in the order in which they happened. Out: the same, each with its engine. Rule: the way between them
//! is bounded, and an engine that tells more than the loop takes waits, so nothing is lost and nothing piles up.

use crate::sample::guest::domain::Counters;
use crate::sample::guest::{Engine, Guest};
use crate::status::registry::State;
use std::sync::Arc;
use tokio::sync::mpsc;

/// News that may wait on the way.
const WAITING: usize = 256;

/// What an engine tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All guests that there are; those of this engine that are not among them are gone.
    All(Vec<Arc<Guest>>),
    /// A guest that is new, or not as it was.
    One(Arc<Guest>),
    /// The guest with this id is gone.
    Gone(String),
    /// What the guests with these ids have used: of those that the engine alone can count.
    Counters(Vec<(String, Counters)>),
    /// How the engine is.
    State(State),
}

/// Where one engine tells its news.
#[derive(Clone, Debug)]
pub struct Feed {
    engine: Engine,
    sender: mpsc::Sender<(Engine, News)>,
}

/// Where the news of all engines come out.
pub type Receiver = mpsc::Receiver<(Engine, News)>;

/// A way; a feed for each engine is had by [`Feed::of`].
pub fn channel() -> (Feed, Receiver) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Feed { engine: Engine::Systemd, sender }, receiver)
}

impl Feed {
    /// The same way for another engine.
    pub fn of(&self, engine: Engine) -> Self {
        Self { engine, sender: self.sender.clone() }
    }

    /// Tells; waits while the loop is behind. False when nobody listens any more, and the task should end.
    pub async fn tell(&self, news: News) -> bool {
        self.sender.send((self.engine, news)).await.is_ok()
    }
}
