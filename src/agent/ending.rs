//! The agent's end. In: whether it was asked for. Out: nothing of what the agent has set is left, as far as that can be had in
//! the time that a service has to stop. Rules: all threads and Open vSwitch's task are told first and end side by side; one
//! that is stuck in a driver is left behind, and said.

use super::daemon::Agent;
use std::time::Duration;

/// A service has 10 s; what the slowest thread takes at most is 6.
const PATIENCE: Duration = Duration::from_secs(8);

impl Agent {
    /// Ends threads and tasks. After a fault (`asked_for` is false) the agent is started again, and Open vSwitch goes on.
    pub async fn end(&mut self, asked_for: bool) {
        let threads = [
            ("tc", self.tc.end()),
            ("cumulus", self.cumulus.end()),
            ("packets", self.packets.end()),
            ("applications", self.applications.end()),
        ];
        let until = tokio::time::Instant::now() + PATIENCE;
        let ended = async {
            for (name, thread) in threads {
                let Some(thread) = thread else { continue };
                // The answer is that there is none any more.
                if tokio::time::timeout_at(until, thread).await.is_err() {
                    log::warn!(target: "agent", "the thread of {name} has not ended in time and is left behind");
                }
            }
        };
        tokio::join!(ended, self.open_vswitch.end(asked_for, &self.settings));
    }
}
