//! When to try again: after a refusal, and after somebody undid what was done. In: how often, and when. Out: a time. Rules:
//! what the kernel refuses is asked for more and more seldom; what somebody removes is put back at once, but two
//! programs that undo each other's work never go on for ever.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(15);
const LAST: Duration = Duration::from_secs(300);
/// Hardware that did not take a filter is asked again after so long: its tables may have room then.
pub const HARDWARE_AGAIN: Duration = LAST;
/// Repairs at once, within [`WINDOW`].
const AT_ONCE: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// After too many.
const REST: Duration = Duration::from_mins(10);

/// The wait after so many refusals in a row.
pub fn retry_after(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST)
}

/// How often a port was repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    since: Option<Instant>,
    count: u32,
}

impl Repairs {
    /// Notes that something is to be repaired; the time to do it instead, where that is not now.
    pub fn postponed(&mut self, now: Instant) -> Option<Instant> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) > WINDOW) {
            *self = Self { since: Some(now), count: 0 };
        }
        self.count += 1;
        if self.count <= AT_ONCE {
            return None;
        }
        *self = Self::default();
        now.checked_add(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Clock;

    #[test]
    fn refusals_are_asked_about_more_and_more_seldom() {
        let waits = [1, 2, 3, 4, 5, 6, 1000].map(|failures| retry_after(failures).as_secs());
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn a_fight_ends_and_single_repairs_do_not_add_up() {
        let start = Clock::system().now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut fight = Repairs::default();
        assert!((0..5).all(|second| fight.postponed(at(second)).is_none()));
        assert_eq!(fight.postponed(at(5)), Some(at(605)));
        assert_eq!(fight.postponed(at(605)), None, "and it is tried again");
        let mut seldom = Repairs::default();
        assert!((0..100).all(|minute| seldom.postponed(at(minute * 61)).is_none()));
    }
}
