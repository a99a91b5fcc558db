//! When to ask again.
//!
//! In: times to live, failures, a random number from 0 to 1. Out: how long to wait. Rules: a change is seen within the
//! time to live of the answer before it; no host asks more often than every 10 s nor more seldom than once a day; what
//! has no time to live is asked again after 300 s; "none" is believed for 10 to 300 s; failures back off from 10 to 300 s,
//! never beyond the time to live of the last definite answer. Every wait is spread, so that hosts which started together
//! do not ask together. A cache counts the time to live down for all hosts alike and has nothing new before it is over:
//! then the wait is spread over the time after that, up to a quarter of the time to live that the record has.
//!
#![doc = include_str!("schedule/load.txt")]

use std::time::Duration;

const SHORTEST: u32 = 10;
const LONGEST: u32 = 86_400;
/// Where no time to live was told, and the longest wait after "none" and after failures.
const USUAL: u32 = 300;
const FIRST: f64 = 10.0;
/// Seconds over which hosts behind one cache spread at most.
const WIDEST: u32 = 60;

/// The memory of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The last pause after a failure in seconds; 0 after a definite answer.
    pause: u32,
    /// Seconds for which the last definite answer holds.
    holds: Option<u32>,
    /// The times to live of the last answers with records.
    seen: [u32; 4],
}

/// The wait before the first question.
pub fn first(random: f64) -> Duration {
    Duration::from_secs_f64(FIRST * random.clamp(0.0, 1.0))
}

impl Schedule {
    /// Records were found. `incomplete`: a part of the answer is missing and is to be tried again soon. The seconds
    /// that the answer holds, and the wait.
    pub fn answered(&mut self, ttl: Option<u32>, incomplete: bool, random: f64) -> (u32, Duration) {
        let longest = if incomplete { USUAL } else { LONGEST };
        let secs = self.definite(ttl.unwrap_or(USUAL).clamp(SHORTEST, longest));
        self.seen.rotate_right(1);
        self.seen[0] = secs;
        let full = self.seen.iter().copied().max().unwrap_or(secs);
        // Not counted down, or hardly: the server itself, or a cache that has just asked it.
        let wait = if secs >= full - full / 10 { spread(secs, random) } else { after(secs, full, random) };
        (secs, wait)
    }

    /// There are certainly none.
    pub fn denied(&mut self, ttl: Option<u32>, random: f64) -> (u32, Duration) {
        let secs = self.definite(ttl.unwrap_or(USUAL).clamp(SHORTEST, USUAL));
        (secs, spread(secs, random))
    }

    fn definite(&mut self, secs: u32) -> u32 {
        (self.pause, self.holds) = (0, Some(secs));
        secs
    }

    /// Nothing is known.
    pub fn failed(&mut self, random: f64) -> Duration {
        self.pause = (self.pause * 2).clamp(SHORTEST, USUAL);
        spread(self.pause.min(self.holds.unwrap_or(USUAL)), random)
    }
}

/// Uniform in the last quarter before the time is over; but not below the shortest wait.
fn spread(secs: u32, random: f64) -> Duration {
    let (secs, shortest) = (f64::from(secs), f64::from(SHORTEST));
    let (from, to) = if secs * 0.75 >= shortest { (secs * 0.75, secs) } else { (shortest, shortest * 1.25) };
    Duration::from_secs_f64(from + (to - from) * random.clamp(0.0, 1.0))
}

/// Uniform in the time after the cache has forgotten the answer.
fn after(secs: u32, full: u32, random: f64) -> Duration {
    let width = f64::from((full / 4).min(WIDEST));
    Duration::from_secs_f64(f64::from(secs) + width * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
