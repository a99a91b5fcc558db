//! Commands that go on until somebody ends them: a runtime for them, and the signals that say so.

use super::{Exit, fail};
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs a command to its end; an error is said under the command's name.
pub(super) fn run(name: &str, command: impl Future<Output = io::Result<Exit>>) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(command));
    done.unwrap_or_else(|e| fail(&format!("{name}: {e}"), Exit::Usage))
}

/// Signals that end a command.
pub(super) struct Ends([Signal; 3]);

impl Ends {
    /// Catches them.
    pub(super) fn catch() -> io::Result<Self> {
        let [one, two, three] =
            [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
        Ok(Self([one?, two?, three?]))
    }

    /// Waits for one.
    pub(super) async fn recv(&mut self) {
        let [one, two, three] = &mut self.0;
        tokio::select! {
            _ = one.recv() => {}
            _ = two.recv() => {}
            _ = three.recv() => {}
        }
    }
}
