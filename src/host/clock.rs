//! Time as a value that is handed down. In: nothing. Out: the monotonic time that schedules run on and the wall
//! time that people read.
//!
//! Rule: this is the one place that asks the operating system for time. A test takes [`Clock::manual`] and
//! moves it by its [`Hands`], so nothing ever has to sleep.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A source of time; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<Shown>>),
}

#[derive(Debug)]
struct Shown {
    monotonic: Instant,
    wall: SystemTime,
}

/// Moves a manual clock; the clock stands still otherwise.
#[derive(Clone, Debug)]
pub struct Hands(Arc<Mutex<Shown>>);

impl Clock {
    /// The operating system's clocks.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at the present until its hands are moved.
    #[allow(clippy::disallowed_methods)] // the place that the ban points to
    pub fn manual() -> (Self, Hands) {
        let shown = Arc::new(Mutex::new(Shown { monotonic: Instant::now(), wall: SystemTime::now() }));
        (Self(Source::Manual(Arc::clone(&shown))), Hands(shown))
    }

    /// Monotonic time: never goes back, unaffected by anyone setting the date.
    #[allow(clippy::disallowed_methods)] // the place that the ban points to
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(shown) => shown.lock().unwrap_or_else(PoisonError::into_inner).monotonic,
        }
    }

    /// Wall time, for people and files only: it may jump either way.
    #[allow(clippy::disallowed_methods)] // the place that the ban points to
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Source::System => SystemTime::now(),
            Source::Manual(shown) => shown.lock().unwrap_or_else(PoisonError::into_inner).wall,
        }
    }

    /// Wall time in milliseconds since 1970; 0 before that.
    pub fn unix_ms(&self) -> u64 {
        let since = self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Wall time in whole seconds since 1970; 0 before that.
    pub fn unix_secs(&self) -> u64 {
        self.wall().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

impl Hands {
    /// Lets `by` pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.monotonic += by;
        shown.wall += by;
    }

    /// Sets the date, as an administrator or NTP would; monotonic time does not move.
    pub fn set_wall(&self, wall: SystemTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wall = wall;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_its_hands_and_for_all_clones() {
        let (clock, hands) = Clock::manual();
        let (copy, start, wall) = (clock.clone(), clock.now(), clock.wall());
        assert_eq!(copy.now(), start);
        hands.advance(Duration::from_secs(20));
        assert_eq!(copy.now() - start, Duration::from_secs(20));
        assert_eq!(copy.wall().duration_since(wall).unwrap(), Duration::from_secs(20));
    }

    #[test]
    fn setting_the_date_back_leaves_monotonic_time_alone() {
        let (clock, hands) = Clock::manual();
        let start = clock.now();
        hands.set_wall(SystemTime::UNIX_EPOCH);
        assert_eq!((clock.now(), clock.wall()), (start, SystemTime::UNIX_EPOCH));
    }

    #[test]
    fn the_system_clock_does_not_go_back() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
