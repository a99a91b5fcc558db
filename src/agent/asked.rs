//! Questions of other programs, answered by the agent's loop. In: a question from a task that serves somebody. Out: its answer,
//! made between two events, from what is known then. Rules: whoever asks waits, and only for so many at a time is there room;
//! a fault of the program in an answer costs that answer.

use super::daemon::Agent;
use super::guard::guarded;
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait.
const WAITING: usize = 8;

/// A question, with the way back for its answer.
pub type Question = Box<dyn FnOnce(&mut Agent) + Send>;

/// Where questions are put.
#[derive(Clone)]
pub(super) struct Desk(mpsc::Sender<Question>);

/// Where they arrive.
pub type Questions = mpsc::Receiver<Question>;

/// Both ends.
pub(super) fn desk() -> (Desk, Questions) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Desk(sender), receiver)
}

impl Desk {
    /// The agent's answer; none where it ends, or where answering failed.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Agent) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let question = move |agent: &mut Agent| {
            match guarded(|| question(agent)) {
                // Who asked may have gone.
                Ok(found) => _ = answer.send(found),
                Err(fault) => log::error!(target: "agent", "a question was not answered: {fault}"),
            }
        };
        self.0.send(Box::new(question)).await.ok()?;
        answered.await.ok()
    }
}
