//! The collectors, as the agent's loop sees them. In: the settings, answers to lookups of their names. Out: who is sent to, and what
//! follows from that; component states are made in `report`.

use super::daemon::Agent;
use crate::export::Applied;
use crate::status::registry::State;
use std::time::Instant;

impl Agent {
    /// Makes the collectors those of the settings.
    pub(super) fn apply_collectors(&mut self, now: Instant) -> Applied {
        let applied = self.outlet.lock().collectors.apply(&self.settings.collectors, self.since_start(now));
        if applied.repeated > 0 {
            log::info!(target: "collectors", "{} repeat an earlier one and count once", applied.repeated);
        }
        let state = match (self.settings.suspended, self.settings.collectors.as_slice()) {
            (Some(_), _) => State::unavailable("nothing is sent: see dns-sd"),
            (None, []) if self.settings.modules.metrics.is_some() => {
                State::unavailable("the configuration names none: nothing is sent, metrics are asked for")
            }
            (None, []) => State::degraded("nothing is sent: the configuration names no collector"),
            (None, _) => State::Running,
        };
        self.set("collectors", state);
        applied
    }

    /// A collector's name was resolved, or a lookup is due.
    pub fn on_lookup(&mut self) {
        let now = self.host.clock.now();
        let changed = self.outlet.lock().collectors.tick(self.since_start(now));
        if changed {
            self.write_auto();
            self.apply_open_vswitch();
        }
        if self.poll_missed && !self.outlet.lock().collectors.awaits_names() {
            self.poll_missed = false;
            self.poll_all();
        }
        self.report_collectors(now);
    }
}
