//! The component `clock`: was the time of day set while the agent ran. In: both clocks, whenever the agent is awake. Out: its
//! state. Nothing that is sent depends on the time of day but the timestamps of packets; what people compare does.

use super::daemon::Agent;
use crate::sample::wall::Jump;
use crate::status::registry::State;
use std::time::{Instant, SystemTime};

impl Agent {
    /// Reads both clocks.
    pub(super) fn watch_clock(&mut self, now: Instant) {
        let wall = self.host.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let jump = self.wall.look(wall, self.since_start(now));
        let state = jump.map_or(State::Running, |jump| State::degraded(&in_words(jump)));
        self.set("clock", state);
    }
}

fn in_words(jump: Jump) -> String {
    let way = if jump.forward { "forward" } else { "back" };
    format!(
        "the system clock was set {way} by {} s while the agent ran, or the machine slept: times from before do not \
         compare with those after it",
        jump.by.as_secs()
    )
}
