//! Where the task leaves word for the agent's loop. Rule: the loop is woken only where the word is another.

use super::Fault;
use crate::status::open_vswitch::OpenVswitch;
use crate::status::registry::State;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The component's state.
    pub state: State,
    /// What was told to Open vSwitch; unknown without a connection.
    pub switch: Option<OpenVswitch>,
}

impl Told {
    /// There is no connection.
    pub(super) fn absent(fault: &Fault) -> Self {
        let state = match fault {
            Fault::Absent { .. } => State::unavailable(&fault),
            fault => State::degraded(fault),
        };
        Self { state, switch: None }
    }
}

/// The last word, and a bell. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board {
    told: Arc<Mutex<Option<Told>>>,
    bell: Arc<Notify>,
}

impl Board {
    /// Rings this bell.
    pub fn new(bell: Arc<Notify>) -> Self {
        Self { told: Arc::default(), bell }
    }

    /// The last word; none before the first connection was tried.
    pub fn read(&self) -> Option<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves word.
    pub fn tell(&self, told: Told) {
        let mut last = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&told) {
            *last = Some(told);
            self.bell.notify_one();
        }
    }
}
