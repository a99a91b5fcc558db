//! What keys weighed in the last moments: a [`Summary`] for each slice of a sliding window.
//!
//! In: keys with weights and times. Out: an [`Estimate`] for a key. Rules: the window is the present slice, as far as it has
//! come, and the full ones before it, so it is up to one slice shorter than asked for and never longer: nothing is over its
//! threshold because it was looked at for too long. The bounds of a sum are the sums of the bounds. Time that goes back
//! is the present.

use super::summary::Summary;
use std::time::Duration;

/// What is known of a key's weight in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// At most so much was sampled of it, each sample counted for the packets it stands for.
    pub value: u64,
    /// How much of `value` may be other keys', for want of places.
    pub error: u64,
    /// Its samples.
    pub samples: u32,
    /// The variance that sampling gives to `value`.
    pub variance: f64,
}

/// How many standard deviations 95 % of a normal distribution lie within.
const SIGMAS_95: f64 = 1.96;

impl Estimate {
    /// What was certainly sampled of it.
    pub fn seen(&self) -> u64 {
        self.value.saturating_sub(self.error)
    }

    /// The truth is within so much of the sampled weight with 95 % confidence. For packets of one size, of which c were
    /// sampled, this is 196 √(1/c) per cent of it, as the theory of sFlow has it (P. Phaal, S. Panchen: "Packet sampling
    /// basics").
    pub fn spread(&self) -> f64 {
        SIGMAS_95 * self.variance.sqrt()
    }

    /// The least that it weighs: with 95 % confidence, and whatever was others'.
    pub fn low(&self) -> f64 {
        (self.seen() as f64 - self.spread()).max(0.0)
    }

    /// The most that it weighs, likewise.
    pub fn high(&self) -> f64 {
        self.value as f64 + self.spread()
    }
}

/// The window.
#[derive(Clone, Debug)]
pub struct Window<K> {
    /// By number of the slice, modulo their count.
    slices: Box<[Summary<K>]>,
    slice_ns: u128,
    present: u128,
}

impl<K: Copy + Eq> Window<K> {
    /// A window of this length in so many slices, at least 2, each with so many places for keys.
    pub fn new(length: Duration, slices: u8, places: usize) -> Self {
        let slices = slices.max(2);
        Self {
            slices: (0..slices).map(|_| Summary::new(places)).collect(),
            slice_ns: (length.as_nanos() / u128::from(slices)).max(1),
            present: 0,
        }
    }

    /// Lets go of what is too old.
    pub fn advance(&mut self, now: Duration) {
        let number = now.as_nanos() / self.slice_ns;
        let steps = number.saturating_sub(self.present).min(self.slices.len() as u128);
        for step in 0..steps {
            let old = self.place(number - step);
            self.slices.get_mut(old).into_iter().for_each(Summary::clear);
        }
        self.present = self.present.max(number);
    }

    /// Adds weight to a key, as [`Summary::add`] does.
    pub fn add(&mut self, now: Duration, hash: u64, key: &K, weight: u64, variance: f64) {
        self.advance(now);
        let present = self.place(self.present);
        if let Some(slice) = self.slices.get_mut(present) {
            slice.add(hash, key, weight, variance);
        }
    }

    /// What is known of a key; the present is that of the last call of [`Self::advance`] or [`Self::add`].
    pub fn estimate(&self, hash: u64, key: &K) -> Estimate {
        let mut sum = Estimate::default();
        for slice in &self.slices {
            let Some(entry) = slice.get(hash, key) else {
                sum.value = sum.value.saturating_add(slice.floor());
                sum.error = sum.error.saturating_add(slice.floor());
                continue;
            };
            sum.value = sum.value.saturating_add(entry.value);
            sum.error = sum.error.saturating_add(entry.error);
            sum.samples = sum.samples.saturating_add(entry.samples);
            sum.variance += entry.variance;
        }
        sum
    }

    /// Keys that have a place in a slice; one may come several times.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.slices.iter().flat_map(|slice| slice.entries().iter().map(|entry| &entry.key))
    }

    /// When the oldest slice that counts began.
    pub fn begin(&self) -> Duration {
        let first = (self.present + 1).saturating_sub(self.slices.len() as u128);
        Duration::from_nanos(u64::try_from(first.saturating_mul(self.slice_ns)).unwrap_or(u64::MAX))
    }

    /// What all keys weigh.
    pub fn total(&self) -> u64 {
        self.slices.iter().fold(0, |sum, slice| sum.saturating_add(slice.total()))
    }

    /// When the present slice ends.
    pub fn next_slice(&self) -> Duration {
        let ns = (self.present + 1).saturating_mul(self.slice_ns);
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    fn place(&self, number: u128) -> usize {
        usize::try_from(number % self.slices.len() as u128).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn hash(key: u8) -> u64 {
        u64::from(key % 5)
    }

    proptest! {
        #[test]
        fn the_window_holds_the_last_slices_and_its_bounds_hold_for_every_key(
            places in 1_usize..12,
            steps in prop::collection::vec((0_u64..300, 0_u8..20, 0_u32..1000), 1..300),
        ) {
            let mut window = Window::new(SECOND, 10, places);
            let (mut now, mut all) = (0, Vec::new());
            for (pause, key, weight) in steps {
                now += pause;
                window.add(Duration::from_millis(now), hash(key), &key, u64::from(weight), 1.0);
                all.push((now, key, u64::from(weight)));
                let inside = |at: &u64| at / 100 + 10 > now / 100;
                let mut total = 0;
                for key in 0..20 {
                    let truth: u64 =
                        all.iter().filter(|(at, own, _)| *own == key && inside(at)).map(|(_, _, w)| w).sum();
                    let told = window.estimate(hash(key), &key);
                    prop_assert!(told.seen() <= truth && truth <= told.value);
                    prop_assert!(told.error <= window.total());
                    total += truth;
                }
                prop_assert_eq!(window.total(), total);
            }
            window.advance(Duration::from_millis(now + 1000));
            prop_assert_eq!((window.total(), window.estimate(hash(1), &1)), (0, Estimate::default()));
        }

        #[test]
        fn time_that_jumps_in_either_direction_loses_nothing_but_what_is_old(
            times in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let mut window = Window::new(SECOND, 10, 4);
            let mut latest = 0;
            for at in times {
                latest = latest.max(at);
                window.add(Duration::from_millis(u64::from(at)), 1, &1_u8, 7, 1.0);
                let told = window.estimate(1, &1);
                prop_assert!(told.value >= 7 && told.value % 7 == 0);
                prop_assert!(window.next_slice() > Duration::from_millis(u64::from(latest)));
            }
        }
    }

    #[test]
    fn the_spread_is_that_of_the_theory_for_packets_of_one_size() {
        let mut window = Window::new(SECOND, 10, 4);
        let (size, rate) = (1400.0, 1000.0);
        let variance = (size * rate) * (size * rate) * (1.0 - 1.0 / rate);
        (0..9).for_each(|_| window.add(SECOND, 1, &1_u8, 1_400_000, variance));
        let told = window.estimate(1, &1);
        let per_cent = 100.0 * told.spread() / told.value as f64;
        // One in a thousand is not quite none, which the theory's rule of thumb leaves out.
        assert!((per_cent - 196.0 * (1.0_f64 / 9.0).sqrt()).abs() < 0.05, "{per_cent}");
        assert!(told.low() < 12_600_000.0 && told.high() > 12_600_000.0);
    }
}
