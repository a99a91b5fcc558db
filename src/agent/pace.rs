//! Whole seconds of the monotonic clock, which the polling schedule counts in. In: instants. Out: second numbers
//! and the instants at which they begin. Rule: the numbering is the kernel's (seconds since boot), so a data source
//! keeps its second when the agent is restarted.

use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Converts between instants and seconds since boot.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    start: Instant,
    /// Reading of the monotonic clock at `start`.
    reading: Duration,
}

impl Pace {
    /// Takes both readings of the same clock now; without the second one, numbering begins at 0.
    pub fn new(start: Instant) -> Self {
        let reading = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        Self { start, reading }
    }

    /// When the agent started.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// The second that `now` lies in.
    pub fn second(&self, now: Instant) -> u64 {
        self.since_boot(now).as_secs()
    }

    /// When a second begins; the start for seconds before it.
    pub fn begins(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second).saturating_sub(self.reading)
    }

    /// Milliseconds since the start, wrapping, as a datagram's uptime.
    #[allow(clippy::cast_possible_truncation)] // 32 bits on the wire, wrapping by definition
    pub fn uptime_ms(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.start).as_millis() as u32
    }

    /// Time since the host's boot.
    pub fn since_boot(&self, now: Instant) -> Duration {
        self.reading + now.saturating_duration_since(self.start)
    }

    /// Seconds since the start.
    pub fn uptime_secs(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Clock;

    #[test]
    fn a_second_begins_where_the_one_before_it_ends() {
        let start = Clock::system().now();
        let pace = Pace { start, reading: Duration::from_millis(41_700) };
        assert_eq!(pace.second(start), 41);
        assert_eq!(pace.begins(42), start + Duration::from_millis(300));
        assert_eq!(pace.second(pace.begins(42)), 42);
        assert_eq!(pace.second(pace.begins(42) - Duration::from_nanos(1)), 41);
        assert_eq!(pace.begins(3), start, "seconds before the start are not waited for");
    }
}
