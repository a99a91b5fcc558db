//! How often something is put right at once that somebody undid. In: that it is to be. Out: a time to do it instead, or
//! none. Rule: what somebody removes is put back at once, but two programs that undo each other's work never go on for ever.

use std::time::{Duration, Instant};

/// Repairs at once, within [`WINDOW`].
const AT_ONCE: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// After too many.
const REST: Duration = Duration::from_mins(10);

/// How often it was, of late.
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
