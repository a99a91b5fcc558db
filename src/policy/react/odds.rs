//! How soon a rule sees an attack, and how often it takes normal traffic for one.
//!
//! Samples of a steady stream come like the clicks of a Geiger counter: so many a second on average, each on its own
//! (Poisson). A threshold is a number of samples in a sliding window, so both questions are one: how likely is it that
//! somewhere in some time a window holds so many? In: rates, window, time. Out: probabilities and times. Up to one window
//! it is the Poisson sum itself; for two and three windows the exact formulas, and beyond these the product rule, of
//! J. I. Naus ("Approximations for distributions of scan statistics", 1982), which is right to a few per cent of the smaller
//! of the probability and its complement. Rule: a detector's window is between one slice shorter than asked for and as
//! long, so times are of the shorter and false alarms of the longer, which is the worse each time.

/// A rule, an attack and normal traffic, for [`row`]. Bytes are bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Threshold, bits a second.
    pub threshold_bps: f64,
    /// One packet in so many is sampled.
    pub one_in: u32,
    /// Seconds that the rate is taken over.
    pub window_secs: f64,
    /// Steps that the window slides in.
    pub slices: u8,
    /// The attack, bits a second.
    pub attack_bps: f64,
    /// The heaviest key of normal traffic, bits a second.
    pub normal_bps: f64,
    /// Bytes of a packet of either.
    pub packet_bytes: f64,
}

/// What is to be expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Samples in one window that are an alarm.
    pub needed: u32,
    /// Samples of the attack a second, on average.
    pub attack_samples: f64,
    /// Half of all attacks are seen after so many seconds.
    pub median_secs: f64,
    /// 99 % of them are.
    pub slow_secs: f64,
    /// The part of attacks that is not seen after three seconds.
    pub missed_in_3_secs: f64,
    /// False alarms of the heaviest normal key a day.
    pub false_alarms_a_day: f64,
}

/// Computes a row of the table.
pub fn row(case: &Case) -> Row {
    let sample_bits = case.packet_bytes * 8.0 * f64::from(case.one_in);
    let needed = needed(case.threshold_bps * case.window_secs, sample_bits);
    let attack_samples = case.attack_bps / sample_bits;
    let shorter = case.window_secs * (1.0 - 1.0 / f64::from(case.slices.max(2)));
    Row {
        needed,
        attack_samples,
        median_secs: time_to(0.5, needed, attack_samples, shorter),
        slow_secs: time_to(0.99, needed, attack_samples, shorter),
        missed_in_3_secs: quiet(needed, attack_samples, shorter, 3.0),
        false_alarms_a_day: 86_400.0
            * alarms_per_sec(needed, case.normal_bps / sample_bits, case.window_secs),
    }
}

/// Samples of this weight that reach a threshold.
#[allow(clippy::cast_possible_truncation)] // more than the largest is as good as never
#[allow(clippy::cast_sign_loss)] // not below 1
pub fn needed(threshold: f64, sample: f64) -> u32 {
    (threshold / sample).ceil().max(1.0) as u32
}

/// The probability of at most `count` where `mean` are expected.
pub fn at_most(count: u32, mean: f64) -> f64 {
    Poisson(mean).at_most(i64::from(count))
}

/// The probability that in so much time no window of this length holds `needed` samples, of which so many a second come on
/// average.
pub fn quiet(needed: u32, per_sec: f64, window_secs: f64, secs: f64) -> f64 {
    let windows = secs / window_secs;
    match needed {
        0 => return 0.0,
        1 => return (-per_sec * secs).exp(),
        _ => {}
    }
    if windows <= 1.0 {
        return at_most(needed - 1, per_sec * secs);
    }
    let scan = Scan::new(needed, per_sec * window_secs);
    let (from, step, further) = if windows < 2.0 {
        (scan.one, scan.two / scan.one, windows - 1.0)
    } else {
        (scan.two, scan.three / scan.two, windows - 2.0)
    };
    // Where the steps are too small for the numbers, it is certain that something is seen.
    if step.is_finite() { (from * step.clamp(0.0, 1.0).powf(further)).clamp(0.0, 1.0) } else { 0.0 }
}

/// Alarms a second that a steady stream causes, as long as they are rare.
pub fn alarms_per_sec(needed: u32, per_sec: f64, window_secs: f64) -> f64 {
    if needed < 2 {
        return if needed == 0 { f64::INFINITY } else { per_sec };
    }
    let scan = Scan::new(needed, per_sec * window_secs);
    let step = scan.three / scan.two;
    if step.is_finite() { (0.0 - step.clamp(0.0, 1.0).ln()) / window_secs } else { f64::INFINITY }
}

/// Seconds after which this part of all attacks is seen.
pub fn time_to(part: f64, needed: u32, per_sec: f64, window_secs: f64) -> f64 {
    let seen = |secs: f64| 1.0 - quiet(needed, per_sec, window_secs, secs) >= part;
    let (mut early, mut late) = (0.0, window_secs);
    while !seen(late) {
        (early, late) = (late, 2.0 * late);
        if late > 1e12 {
            return f64::INFINITY;
        }
    }
    for _ in 0..60 {
        let middle = f64::midpoint(early, late);
        if seen(middle) { late = middle } else { early = middle }
    }
    late
}

/// The probabilities that no window holds `k` samples, within one, two and three windows' time.
struct Scan {
    one: f64,
    two: f64,
    three: f64,
}

impl Scan {
    /// Naus 1982, theorems 1 and 2, for a mean of `mean` samples in a window.
    fn new(needed: u32, mean: f64) -> Self {
        let (law, k) = (Poisson(mean), i64::from(needed));
        let (p, below) = (|n| law.of(n), |n| law.at_most(n));
        let (rest, of_k) = ((k - 1) as f64, p(k));
        let one = below(k - 1);
        let two = one * one - rest * of_k * p(k - 2) - (rest - mean) * of_k * below(k - 3);
        let a1 = 2.0 * of_k * one * (rest * below(k - 2) - mean * below(k - 3));
        let a2 = 0.5
            * of_k
            * of_k
            * (rest * (rest - 1.0) * below(k - 3) - 2.0 * (rest - 1.0) * mean * below(k - 4)
                + mean * mean * below(k - 5));
        let a3: f64 = (1..k).map(|r| p(2 * k - r) * below(r - 1).powi(2)).sum();
        let a4: f64 =
            (2..k).map(|r| p(2 * k - r) * p(r) * ((r - 1) as f64 * below(r - 2) - mean * below(r - 3))).sum();
        Self { one, two, three: one.powi(3) - a1 + a2 + a3 - a4 }
    }
}

/// The law of how many come where so many are expected.
struct Poisson(f64);

impl Poisson {
    /// The probability of exactly `count`; 0 for less than none.
    fn of(&self, count: i64) -> f64 {
        if count < 0 {
            return 0.0;
        }
        // By logarithms: neither the power nor the factorial has to fit into a number.
        let factorial: f64 = (2..=count).map(|n| (n as f64).ln()).sum();
        let power = if count == 0 { 0.0 } else { count as f64 * self.0.ln() };
        (power - self.0 - factorial).exp()
    }

    fn at_most(&self, count: i64) -> f64 {
        (0..=count).map(|n| self.of(n)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::random::Random;
    use std::collections::VecDeque;

    fn is_close(one: f64, other: f64, relative: f64) -> bool {
        (one - other).abs() <= relative * one.abs().max(other.abs())
    }

    #[test]
    fn up_to_one_window_it_is_the_poisson_sum() {
        // Written out: e^-m (1 + m + m²/2 + m³/6 + m⁴/24).
        let m: f64 = 8.93 * 0.8;
        let sum = (-m).exp() * (1.0 + m + m * m / 2.0 + m.powi(3) / 6.0 + m.powi(4) / 24.0);
        assert!(is_close(quiet(5, 8.93, 1.0, 0.8), sum, 1e-12));
        assert!(is_close(at_most(2, 3.0), (-3.0_f64).exp() * 8.5, 1e-12));
        let half = time_to(0.5, 1, 2.0, 1.0);
        assert!(is_close(half, 2.0_f64.ln() / 2.0, 1e-9), "one sample is enough: {half}");
        assert!(is_close(at_most(5000, 5000.0), 0.5, 0.01), "large numbers are numbers");
    }

    /// Two samples closer than a window: of n samples in T windows none are so close with probability
    /// (1 - (n - 1) ÷ T)^n, which has nothing to do with the formulas above.
    #[test]
    fn for_two_samples_it_is_what_placing_points_at_random_gives() {
        for mean in [0.05, 0.4, 1.7, 4.0] {
            for windows in [2.0, 3.0_f64] {
                let law = Poisson(mean * windows);
                let exact: f64 = (0_i32..4)
                    .map(|n| {
                        let free = (1.0 - f64::from(n - 1) / windows).clamp(0.0, 1.0);
                        law.of(n.into()) * if n < 2 { 1.0 } else { free.powi(n) }
                    })
                    .sum();
                let told = quiet(2, mean, 1.0, windows);
                assert!(is_close(told, exact, 1e-9), "{mean} in {windows}: {told}, {exact}");
            }
        }
    }

    /// The part of many runs in which no window of one second had so many.
    fn simulated(random: &mut Random, needed: usize, per_sec: f64, secs: f64, runs: u32) -> f64 {
        let mut quiet = 0;
        for _ in 0..runs {
            let (mut now, mut last) = (0.0, VecDeque::new());
            loop {
                now -= (1.0 - random.fraction()).ln() / per_sec;
                if now > secs {
                    quiet += 1;
                    break;
                }
                last.push_back(now);
                while last.front().is_some_and(|at| now - at > 1.0) {
                    last.pop_front();
                }
                if last.len() >= needed {
                    break;
                }
            }
        }
        f64::from(quiet) / f64::from(runs)
    }

    #[test]
    fn for_more_samples_and_times_it_is_what_a_simulation_gives() {
        let mut random = Random::new(11);
        let runs = 20_000;
        for (needed, per_sec) in [(3, 0.6), (5, 2.0), (5, 8.93), (9, 6.0), (20, 14.0)] {
            for secs in [0.7, 1.5, 2.0, 3.0, 7.5] {
                let measured = simulated(&mut random, needed as usize, per_sec, secs, runs);
                let told = quiet(needed, per_sec, 1.0, secs);
                let sigma = (told * (1.0 - told) / f64::from(runs)).sqrt();
                // Four sigmas; and what the interpolation between one and two windows, and the product, may be off.
                let slack = if secs < 1.0 || secs == 2.0 || secs == 3.0 {
                    0.0005
                } else {
                    0.03 * told.min(1.0 - told) + 0.002
                };
                let off = (measured - told).abs();
                assert!(
                    off < 4.0 * sigma + slack,
                    "{needed} of {per_sec} in {secs} s: {measured}, not {told}"
                );
            }
        }
    }

    #[test]
    fn the_table_is_monotonous_where_it_must_be() {
        let case = Case {
            threshold_bps: 50e6,
            one_in: 1000,
            window_secs: 1.0,
            slices: 10,
            attack_bps: 100e6,
            normal_bps: 5e6,
            packet_bytes: 1400.0,
        };
        let usual = row(&case);
        assert_eq!(usual.needed, 5);
        assert!(is_close(usual.attack_samples, 8.93, 0.001));
        assert!(usual.median_secs < 1.0 && usual.slow_secs > usual.median_secs);
        let denser = row(&Case { one_in: 100, ..case });
        assert!(denser.slow_secs < usual.slow_secs && denser.false_alarms_a_day < usual.false_alarms_a_day);
        let higher = row(&Case { threshold_bps: 80e6, ..case });
        assert!(
            higher.median_secs > usual.median_secs && higher.false_alarms_a_day < usual.false_alarms_a_day
        );
        let hopeless = row(&Case { attack_bps: 0.0, ..case });
        assert_eq!((hopeless.median_secs, hopeless.missed_in_3_secs), (f64::INFINITY, 1.0));
    }
}
