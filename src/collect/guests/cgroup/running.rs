//! A counter that never goes back.
//!
//! In: what a file says. Out: a sum that only grows. Rules: a smaller value than before (a disk was unplugged, somebody
//! wrote to `cpuacct.usage`) holds the sum where it is, and what is counted from there on adds to it; a new cgroup under
//! the old name counts from 0, and adds all of it.

/// One counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    before: u64,
    last: Option<u64>,
}

impl Running {
    /// Takes a value; `None` leaves the sum as it is.
    pub(super) fn advance(&mut self, now: Option<u64>) {
        let Some(now) = now else { return };
        if let Some(fallen) = self.last.and_then(|last| last.checked_sub(now)) {
            self.before = self.before.saturating_add(fallen);
        }
        self.last = Some(now);
    }

    /// What comes next is counted from 0.
    pub(super) fn restart(&mut self) {
        if let Some(last) = self.last.replace(0) {
            self.before = self.before.saturating_add(last);
        } else {
            self.last = None;
        }
    }

    /// The sum; `None` while there was no value.
    pub(super) fn total(&self) -> Option<u64> {
        self.last.map(|last| self.before.saturating_add(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_start_adds_all_and_a_fall_adds_only_what_follows() {
        let mut running = Running::default();
        running.restart();
        assert_eq!(running.total(), None, "nothing was counted yet");
        running.advance(Some(100));
        running.restart();
        assert_eq!(running.total(), Some(100));
        running.advance(Some(130));
        assert_eq!(running.total(), Some(230));
        running.advance(Some(90));
        running.advance(None);
        assert_eq!(running.total(), Some(230));
        running.advance(Some(95));
        assert_eq!(running.total(), Some(235));
    }

    proptest! {
        #[test]
        fn no_sequence_of_values_makes_it_fall(steps in prop::collection::vec(prop::option::of(any::<u64>()), 0..40)) {
            let (mut running, mut total) = (Running::default(), None);
            for (n, step) in steps.into_iter().enumerate() {
                if n % 7 == 6 { running.restart() }
                running.advance(step);
                prop_assert!(running.total() >= total);
                total = running.total();
            }
        }
    }
}
