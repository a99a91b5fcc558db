//! How a task is, told to the agent's loop. In: states. Out: the last one, and a bell that rings when it is another.

use crate::status::registry::State;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The board; clones are the same one.
#[derive(Clone)]
pub(super) struct Board {
    state: Arc<Mutex<Option<State>>>,
    news: Arc<Notify>,
}

impl Board {
    /// Nothing is told yet; `news` will ring.
    pub(super) fn new(news: &Arc<Notify>) -> Self {
        Self { state: Arc::default(), news: Arc::clone(news) }
    }

    pub(super) fn tell(&self, state: State) {
        let mut told = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(&state) {
            *told = Some(state);
            self.news.notify_one();
        }
    }

    pub(super) fn read(&self) -> Option<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
