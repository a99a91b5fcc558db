//! Was the clock on the wall set while the agent ran? In: readings of both clocks, now and then. Out: a jump, for as long
//! as it is worth telling. Rule: a clock that is led slowly to the right time does not jump; a jump is told for ten
//! minutes, so that somebody who looks at odd times finds why, and then it is history.

use std::time::Duration;

/// What is told. A clock that is slewed moves by 0.5 ms a second, which is 0.15 s between two readings at most.
const NOTABLE: Duration = Duration::from_secs(5);
const TOLD_FOR: Duration = Duration::from_mins(10);

/// The watch over the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    /// The last reading: time of day since 1970, time since the start.
    last: Option<(Duration, Duration)>,
    jump: Option<(Jump, Duration)>,
}

/// How the clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// By so much.
    pub by: Duration,
    /// To a later time.
    pub forward: bool,
}

impl Wall {
    /// Takes a reading: the time of day since 1970, and the time since the start by the clock that nobody sets.
    pub fn look(&mut self, wall: Duration, since_start: Duration) -> Option<Jump> {
        if let Some((wall_before, before)) = self.last.replace((wall, since_start)) {
            let expected = wall_before + since_start.saturating_sub(before);
            let (forward, by) = (wall >= expected, wall.abs_diff(expected));
            if by >= NOTABLE {
                self.jump = Some((Jump { by, forward }, since_start));
            }
        }
        self.jump = self.jump.filter(|(_, at)| since_start.saturating_sub(*at) < TOLD_FOR);
        self.jump.map(|(jump, _)| jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_clock_that_goes_right_or_is_slewed_does_not_jump() {
        let mut wall = Wall::default();
        assert!((0..1000).all(|n| wall.look(secs(9000 + 180 * n), secs(180 * n)).is_none()));
        let mut wall = Wall::default();
        let slewed = |n: u64| secs(9000 + 180 * n) + Duration::from_millis(90 * n);
        assert!((0..1000).all(|n| wall.look(slewed(n), secs(180 * n)).is_none()));
    }

    #[test]
    fn a_jump_either_way_is_told_for_ten_minutes() {
        for (to, forward) in [(12_600, true), (5400, false)] {
            let mut wall = Wall::default();
            assert_eq!(wall.look(secs(9000), secs(0)), None);
            let jump = Some(Jump { by: secs(3600), forward });
            assert_eq!(wall.look(secs(to), secs(0)), jump);
            assert_eq!(wall.look(secs(to + 599), secs(599)), jump);
            assert_eq!(wall.look(secs(to + 600), secs(600)), None);
        }
    }

    #[test]
    fn a_clock_before_1970_is_no_reason_to_panic() {
        let mut wall = Wall::default();
        assert_eq!(wall.look(secs(0), secs(100)), None);
        assert_eq!(wall.look(secs(0), secs(0)), None);
        assert!(wall.look(Duration::MAX, secs(1)).is_some());
    }
}
