//! How often something is told of, and whether it is told of no more. In: the times at which it was. Rule: what was told of once
//! stays for as long as the slowest usual polls take.

use std::time::Duration;

/// What was not told of for so long, and for so many of its polls, is gone.
const GONE: Duration = Duration::from_secs(100);
const GONE_POLLS: f64 = 3.5;
/// Of what was told of once.
const SLOWEST: Duration = Duration::from_secs(700);

/// When something was told of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Heard {
    last: Option<Duration>,
    every: Option<f64>,
}

impl Heard {
    /// It was, now.
    pub(super) fn note(&mut self, time: Duration) {
        let gap = self.last.replace(time).map(|last| time.saturating_sub(last));
        self.every = gap.filter(|gap| !gap.is_zero()).map(|gap| gap.as_secs_f64()).or(self.every);
    }

    /// Seconds between two times.
    pub(super) const fn every(&self) -> Option<f64> {
        self.every
    }

    /// `usual` are the seconds between polls of its host.
    pub(super) fn is_gone(&self, time: Duration, usual: Option<f64>) -> bool {
        let polls = self.every.or(usual).map(|secs| Duration::from_secs_f64(secs.min(1e6) * GONE_POLLS));
        let patience = polls.map_or(SLOWEST, |polls| polls.max(GONE));
        self.last.is_some_and(|last| time.saturating_sub(last) > patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_polled_slowly_stays_for_some_of_its_polls() {
        let secs = Duration::from_secs;
        let mut heard = Heard::default();
        assert!(!heard.is_gone(secs(9999), None));
        heard.note(secs(10));
        assert!(!heard.is_gone(secs(700), None) && heard.is_gone(secs(720), None));
        assert!(heard.is_gone(secs(120), Some(20.0)), "of a host that polls every 20 seconds");
        heard.note(secs(310));
        assert_eq!(heard.every(), Some(300.0));
        assert!(!heard.is_gone(secs(1300), Some(20.0)) && heard.is_gone(secs(1400), None));
    }
}
