//! Sample numbers of one sampling group → samples that were lost.
//!
//! In: numbers as they come. Out: how many are missing before each. The kernel counts without a lock: two processors may
//! use one number twice or send two samples in the wrong order, so a sample that was missed and then comes is taken
//! off the next loss. Rule: a group that was made again starts at 0, which is no loss. Pure.

/// How far behind a sample may come; beyond, the numbers have started again.
const LATE: u32 = 64;

/// The numbers of a group so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    next: Option<u32>,
    /// Samples told as lost that may still come.
    missing: u32,
    /// Samples that came after they were told as lost.
    found: u32,
}

impl Sequence {
    /// The group was made just now: its next number is 0.
    pub(super) fn made() -> Self {
        Self { next: Some(0), ..Self::default() }
    }

    /// Takes a sample's number; returns how many are missing before it.
    pub(super) fn lost_before(&mut self, number: u32) -> u32 {
        let next = self.next.unwrap_or(number);
        let ahead = number.wrapping_sub(next);
        let behind = next.wrapping_sub(number);
        if ahead > u32::MAX / 2 {
            if behind > LATE {
                *self = Self { next: Some(number.wrapping_add(1)), ..Self::default() };
            } else if behind > 1 && self.missing > 0 {
                self.missing -= 1;
                self.found += 1;
            }
            return 0;
        }
        self.next = Some(number.wrapping_add(1));
        self.missing = self.missing.saturating_add(ahead);
        let lost = ahead.saturating_sub(self.found);
        self.found -= ahead - lost;
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lost(numbers: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut sequence = Sequence::default();
        numbers.into_iter().map(|number| sequence.lost_before(number)).collect()
    }

    #[test]
    fn the_first_number_is_no_loss_but_of_a_group_that_was_just_made() {
        assert_eq!(lost([500]), [0]);
        assert_eq!(Sequence::made().lost_before(3), 3);
    }

    #[test]
    fn gaps_are_losses_also_where_the_numbers_wrap() {
        assert_eq!(lost([7, 8, 11, 12]), [0, 0, 2, 0]);
        assert_eq!(lost([u32::MAX - 1, u32::MAX, 2]), [0, 0, 2]);
        assert_eq!(lost([0, 2_000_000]), [0, 1_999_999]);
    }

    #[test]
    fn numbers_that_start_again_are_no_loss() {
        assert_eq!(lost([4_000_000, 0, 1, 3]), [0, 0, 0, 1]);
        assert_eq!(lost([70, 0]), [0, 0]);
    }

    #[test]
    fn a_number_used_twice_and_a_late_sample_are_no_loss_in_the_end() {
        assert_eq!(lost([1, 2, 2, 3]), [0, 0, 0, 0]);
        assert_eq!(lost([1, 3, 2, 4, 8]), [0, 1, 0, 0, 2]);
        assert_eq!(lost([1, 2, 1, 5]), [0, 0, 0, 2]);
    }

    proptest! {
        /// What came and what was lost is all there was, in any order within a few places.
        #[test]
        fn nothing_is_lost_uncounted_and_nothing_is_counted_twice(
            start: u32,
            kept in prop::collection::vec((prop::bool::weighted(0.7), 0u32..8), 1..400),
        ) {
            let mut order: Vec<(u32, u32)> = (0u32..).zip(&kept).filter(|(_, (kept, _))| *kept)
                .map(|(at, (_, shift))| (at + shift, at)).collect();
            order.sort_unstable();
            prop_assume!(order.first().is_some_and(|(_, at)| *at == 0));
            let last = order.iter().map(|(_, at)| *at).max().unwrap();
            let mut sequence = Sequence::default();
            let numbers = order.iter().map(|(_, at)| start.wrapping_add(*at));
            let mut told: u32 = numbers.map(|number| sequence.lost_before(number)).sum();
            // A gap big enough to take everything off that came late.
            told += sequence.lost_before(start.wrapping_add(last + 1001)) ;
            let all = last + 1001;
            prop_assert_eq!(told + u32::try_from(order.len()).unwrap(), all);
        }
    }
}
