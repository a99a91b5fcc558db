//! How a task is, told to the agent's loop. In: states. Out: the last one, and a bell that rings when it is another.

use super::supervisor::supervise;
use crate::status::registry::State;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

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

    /// Runs a task that tells here how it is; where it panics that is told, and it is started again.
    pub(super) fn run<F>(self, start: impl Fn(Self) -> F + Send + 'static) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let own = self.clone();
        tokio::spawn(supervise(
            move || start(own.clone()),
            move |state| {
                self.tell(state);
                ready(true)
            },
        ))
    }

    pub(super) fn read(&self) -> Option<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
