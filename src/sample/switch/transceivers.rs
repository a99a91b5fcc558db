//! When a port's transceiver is read.
//!
//! In: that a port is to report, that its link has changed, what came of reading it; the time since the start. Out: whether to read it now.
//! Rules: no more often than every 300 s, as in the C agent, but at once where the link has changed, because the module
//! may be another one; a port whose driver reads no transceivers is asked once a link; what cannot be read is tried ever
//! more rarely; never twice at a time.

use std::collections::HashMap;
use std::time::Duration;

/// Between two readings of one port.
pub const INTERVAL: Duration = Duration::from_secs(300);
/// The same at last, where there is nothing to be read.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Readings.
    Read,
    /// There is none to be had of this module.
    Nothing,
    /// It failed.
    Failed,
    /// There can be none of this port, by its driver's word.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is being read. Whether its link has changed since.
    Asked {
        changed: bool,
    },
    /// Not before then.
    Wait {
        until: Duration,
    },
    Never,
}

/// All ports that were ever read, by ifIndex.
#[derive(Debug, Default)]
pub struct Transceivers {
    ports: HashMap<u32, State>,
}

impl Transceivers {
    /// Whether the port is to be read now. It then is being read until [`Self::note`].
    pub fn begin(&mut self, index: u32, now: Duration) -> bool {
        let due = match self.ports.get(&index) {
            None => true,
            Some(State::Wait { until }) => *until <= now,
            Some(State::Asked { .. } | State::Never) => false,
        };
        if due {
            self.ports.insert(index, State::Asked { changed: false });
        }
        due
    }

    /// What came of it. `failures` of the port in a row, this one included, make the pause.
    pub fn note(&mut self, index: u32, outcome: Outcome, failures: u32, now: Duration) {
        let Some(state) = self.ports.get_mut(&index) else { return };
        let pause = match outcome {
            Outcome::Never => return *state = State::Never,
            Outcome::Read => INTERVAL,
            Outcome::Nothing => LONGEST,
            Outcome::Failed => INTERVAL.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LONGEST),
        };
        let changed = *state == State::Asked { changed: true };
        *state = State::Wait { until: if changed { now } else { now + pause } };
    }

    /// The port's link has changed: what is plugged in may be another module.
    pub fn link_changed(&mut self, index: u32, now: Duration) {
        match self.ports.get_mut(&index) {
            Some(State::Asked { changed }) => *changed = true,
            // Some drivers answer for an empty cage as if they read none at all.
            Some(state) => *state = State::Wait { until: now },
            None => {}
        }
    }

    /// The port is no more, or its ifIndex is another one's.
    pub fn forget(&mut self, index: u32) {
        self.ports.remove(&index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_port_is_read_once_in_300_seconds_and_never_twice_at_a_time() {
        let (mut ports, start) = (Transceivers::default(), secs(1000));
        assert!(ports.begin(7, start));
        assert!(!ports.begin(7, start + secs(1000)), "it is still being read");
        ports.note(7, Outcome::Read, 0, start);
        assert!(!ports.begin(7, start + secs(299)));
        assert!(ports.begin(7, start + secs(300)));
        assert!(ports.begin(8, start + secs(1)), "each port has its own time");
    }

    #[test]
    fn a_link_that_changed_is_read_at_once_even_where_it_changed_during_the_reading() {
        let (mut ports, start) = (Transceivers::default(), secs(1000));
        ports.begin(7, start);
        ports.link_changed(7, start);
        ports.note(7, Outcome::Read, 0, start + secs(1));
        assert!(ports.begin(7, start + secs(1)));
        ports.note(7, Outcome::Nothing, 0, start + secs(2));
        assert!(!ports.begin(7, start + secs(3000)));
        ports.link_changed(7, start + secs(3001));
        assert!(ports.begin(7, start + secs(3001)));
    }

    #[test]
    fn failures_are_tried_ever_more_rarely_up_to_an_hour() {
        let (mut ports, mut now) = (Transceivers::default(), secs(1000));
        for (failures, pause) in [(1, 300), (2, 600), (3, 1200), (4, 2400), (5, 3600), (u32::MAX, 3600)] {
            assert!(ports.begin(7, now));
            ports.note(7, Outcome::Failed, failures, now);
            assert!(!ports.begin(7, now + secs(pause - 1)), "{failures}");
            now += secs(pause);
        }
    }

    #[test]
    fn a_driver_without_transceivers_is_asked_once_until_the_link_changes_or_the_port_is_replaced() {
        let (mut ports, now) = (Transceivers::default(), secs(1000));
        ports.begin(7, now);
        ports.note(7, Outcome::Never, 1, now);
        assert!(!ports.begin(7, now + secs(100_000)));
        ports.link_changed(7, now);
        assert!(ports.begin(7, now), "there may be a module in the cage now");
        ports.forget(7);
        ports.note(7, Outcome::Read, 0, now);
        assert!(ports.begin(7, now), "an answer about the port that was is not about this one");
    }
}
