//! One in N at random, for packets that come here less sampled than they shall be.
//!
//! In: N and a seed from outside. Out: for each packet whether it is taken. Rules: each is decided for itself, with
//! the probability 1/N to within 2⁻³², whatever N is: no rate is favoured and no pattern in the traffic can meet one
//! here. Costs some multiplications.

use super::random::Random;
use std::num::NonZeroU32;

/// Takes one in N.
#[derive(Clone, Debug)]
pub struct Skip {
    one_in: NonZeroU32,
    /// Numbers up to this one are taken.
    limit: u64,
    random: Random,
}

impl Skip {
    /// Takes one in `one_in`; the same seed takes the same ones.
    pub fn new(one_in: NonZeroU32, seed: u64) -> Self {
        Self { one_in, limit: limit(one_in), random: Random::new(seed) }
    }

    /// Takes one in `one_in` from now on.
    pub fn set_one_in(&mut self, one_in: NonZeroU32) {
        if one_in != self.one_in {
            (self.one_in, self.limit) = (one_in, limit(one_in));
        }
    }

    /// N.
    pub fn one_in(&self) -> NonZeroU32 {
        self.one_in
    }

    /// Whether the next packet is taken.
    pub fn take(&mut self) -> bool {
        self.random.number() <= self.limit
    }
}

/// Of 2⁶⁴ numbers, one in N; for N = 1 all.
fn limit(one_in: NonZeroU32) -> u64 {
    u64::MAX / u64::from(one_in.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skip(one_in: u32, seed: u64) -> Skip {
        Skip::new(NonZeroU32::new(one_in).unwrap(), seed)
    }

    /// Standard deviations between what came of `n` independent choices and what was expected.
    fn z(came: f64, n: f64, p: f64) -> f64 {
        (came - n * p) / (n * p * (1.0 - p)).sqrt()
    }

    #[test]
    fn rates_that_a_short_generator_cannot_reach_are_met() {
        for one_in in [16_376, 100_000] {
            let n = one_in * 400;
            let mut skip = skip(one_in, 42);
            let taken = (0..n).filter(|_| skip.take()).count();
            let z = z(f64::from(u32::try_from(taken).unwrap()), f64::from(n), 1.0 / f64::from(one_in));
            assert!(z.abs() < 4.5, "1:{one_in}: {taken}, z = {z}");
        }
    }

    proptest! {
        #[test]
        fn one_in_n_is_taken_wherever_the_sequence_begins(one_in in 2u32..2000, seed: u64) {
            let n = one_in * 50;
            let mut skip = skip(one_in, seed);
            let taken = (0..n).filter(|_| skip.take()).count();
            let z = z(f64::from(u32::try_from(taken).unwrap()), f64::from(n), 1.0 / f64::from(one_in));
            prop_assert!(z.abs() < 6.5, "{taken} of {n}, z = {z}");
        }

        #[test]
        fn gaps_between_taken_ones_have_no_pattern(one_in in 2u32..100, seed: u64) {
            // Half of all gaps of a geometric distribution are below its median; a counter would have one gap.
            let mut skip = skip(one_in, seed);
            let p = 1.0 / f64::from(one_in);
            let median = (0.5f64.ln() / (1.0 - p).ln()).ceil();
            let below = 1.0 - (1.0 - p).powf(median);
            let short = (0..1000).filter(|_| {
                let missed = std::iter::repeat_with(|| skip.take()).take_while(|taken| !taken).count();
                f64::from(u32::try_from(missed).unwrap()) < median
            });
            let z = z(f64::from(u32::try_from(short.count()).unwrap()), 1000.0, below);
            prop_assert!(z.abs() < 6.5, "z = {z}");
        }

        #[test]
        fn one_in_one_is_everything(seed: u64) {
            let mut skip = skip(1, seed);
            prop_assert!((0..1000).all(|_| skip.take()));
        }
    }
}
