//! The threads that run the programs for the rules, one after another.
//!
//! In: what to do for a family. Out: what became of it, when it is done. Rules: a task begins after all that were
//! started before it in this process, whoever started them, so that new rules are never mistaken for old ones; nobody
//! waits but with a deadline. Each task has a thread of its own, because capabilities and network namespace are those of
//! the thread that starts it. Spec: capabilities(7).

use super::command::{Stop, hand_on_capabilities};
use super::rule::RuleError;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Our rules of each family as they stand afterwards.
pub(super) type Outcome = [Result<Vec<String>, RuleError>; 2];

/// Closed when the task that was started last is over.
static LAST: Mutex<Option<Receiver<()>>> = Mutex::new(None);

/// Something that is being done.
#[derive(Debug)]
pub(super) struct Task {
    outcome: Receiver<Outcome>,
    stop: Stop,
}

impl Task {
    /// Does something for both families, until `stop` at most.
    pub(super) fn start(
        stop: Stop,
        work: impl Fn(usize, &Stop) -> Result<Vec<String>, RuleError> + Send + 'static,
    ) -> Result<Self, RuleError> {
        let (sender, outcome) = sync_channel(1);
        let (over, last) = sync_channel::<()>(0);
        let before = LAST.lock().unwrap_or_else(PoisonError::into_inner).replace(last);
        let limit = stop.clone();
        let body = move || {
            let _over = over;
            // Nothing is ever sent: this ends when the other end is gone.
            let _ = before.map(|before| before.recv());
            hand_on_capabilities();
            let _ = sender.send([work(0, &limit), work(1, &limit)]);
        };
        let thread = std::thread::Builder::new().name("rules".into()).spawn(body);
        thread
            .map(|_| Self { outcome, stop })
            .map_err(|error| RuleError::Thread { errno: error.raw_os_error().unwrap_or(libc::EIO) })
    }

    /// What became of it, once; `None` while it is not done.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let lost = RuleError::Thread { errno: libc::EIO };
                Some([Err(lost.clone()), Err(lost)])
            }
        }
    }

    /// Ends it as soon as possible.
    pub(super) fn stop(&self) {
        self.stop.now();
    }

    /// Waits until it is done, or that long.
    pub(super) fn wait(&self, patience: Duration) {
        let _ = self.outcome.recv_timeout(patience);
    }
}
