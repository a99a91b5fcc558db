//! Whether our jumps are put back to the first place of the kernel's chains.
//!
//! In: what the administrator wants, and when a jump was found behind rules of others. Out: whether it is moved. Rule:
//! whoever puts rules before ours now and then (dockerd, libvirtd) is put right; whoever does so as often as we do has
//! the place for a while, and that is said once, because two that insist would change rules for ever.

use crate::policy::wanted::Jump;
use std::time::{Duration, SystemTime};

/// Moves in so much time are too many.
const MOST: (usize, Duration) = (3, Duration::from_secs(60));
/// For so long others have the first place then.
const PAUSE: Duration = Duration::from_secs(600);

/// Of one namespace.
#[derive(Debug, Default)]
pub(super) struct Precedence {
    pub(super) jump: Jump,
    moves: Vec<SystemTime>,
    was_said: bool,
}

impl Precedence {
    /// Whether a jump that stands behind others' rules is moved.
    pub(super) fn insists(&mut self, now: SystemTime) -> bool {
        let counted = if self.moves.len() < MOST.0 { MOST.1 } else { PAUSE };
        self.moves.retain(|at| now.duration_since(*at).is_ok_and(|ago| ago < counted));
        self.jump == Jump::First && self.moves.len() < MOST.0
    }

    /// One was moved.
    pub(super) fn moved(&mut self, now: SystemTime) {
        self.moves.push(now);
        if self.moves.len() == MOST.0 && !std::mem::replace(&mut self.was_said, true) {
            log::warn!(
                "another program keeps putting its rules before ours: it is left alone for {} minutes at a time \
                 (service.jump)",
                PAUSE.as_secs() / 60
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_insists_has_the_place_for_a_while() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let mut ours = Precedence::default();
        for secs in [0, 100, 101, 102] {
            assert!(ours.insists(at(secs)), "{secs}");
            ours.moved(at(secs));
        }
        assert!(!ours.insists(at(103)) && !ours.insists(at(699)));
        assert!(ours.insists(at(800)), "tried again");
        let mut theirs = Precedence { jump: Jump::Stays, ..Precedence::default() };
        assert!(!theirs.insists(at(0)));
    }
}
