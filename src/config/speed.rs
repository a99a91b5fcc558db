//! Link speeds as the configuration names them.
//!
//! A speed is looked up by its printed form (`10G`): the decimal digits, cut to T, G, M or K when there are more
//! than 12, 9, 6 or 3 of them. It truncates: 2.5 Gb/s is `2G`. Keys are brought to that form, so that `10g` is found.

/// A range of speeds in bits per second, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedRange {
    /// Lowest speed.
    pub min: u64,
    /// Highest speed.
    pub max: u64,
}

impl SpeedRange {
    /// `A`: that speed and no other.
    pub(super) const fn exactly(speed: u64) -> Self {
        Self { min: speed, max: speed }
    }

    /// `A-`: that speed and above.
    pub(super) const fn from(speed: u64) -> Self {
        Self { min: speed, max: u64::MAX }
    }

    /// Whether the speed lies in the range.
    pub const fn contains(self, bps: u64) -> bool {
        self.min <= bps && bps <= self.max
    }
}

/// The printed form of a speed, which `sampling.KEY` is compared with.
pub fn printed_speed(bps: u64) -> String {
    match bps {
        0..=999 => bps.to_string(),
        1_000..=999_999 => format!("{}K", bps / 1_000),
        1_000_000..=999_999_999 => format!("{}M", bps / 1_000_000),
        1_000_000_000..=999_999_999_999 => format!("{}G", bps / 1_000_000_000),
        _ => format!("{}T", bps / 1_000_000_000_000),
    }
}

/// How a KEY is stored: a speed in its printed form, anything else as written.
pub(super) fn normal_key(key: &str) -> String {
    match key_speed(key) {
        Some(bps) if key_speed(&printed_speed(bps)) == Some(bps) => printed_speed(bps),
        _ => key.to_owned(),
    }
}

/// For a KEY that spells a speed by which no interface is looked up: by what it is.
pub(super) fn looked_up_as(key: &str) -> Option<String> {
    let bps = key_speed(key).filter(|_| key.ends_with(|last: char| last.is_ascii_alphabetic()))?;
    let printed = printed_speed(bps);
    (key_speed(&printed) != Some(bps)).then_some(printed)
}

/// The speed that a KEY spells, if it is digits with at most one suffix.
fn key_speed(key: &str) -> Option<u64> {
    let power = key.chars().last().and_then(|last| "KMGT".find(last.to_ascii_uppercase()));
    let (digits, power) = match power {
        Some(power) => (&key[..key.len() - 1], power + 1),
        None => (key, 0),
    };
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (0..power).try_fold(number, |speed, _| speed.checked_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_print_with_truncation() {
        let table = [
            (999, "999"),
            (100_000, "100K"),
            (10_000_000, "10M"),
            (1_500_000_000, "1G"),
            (2_500_000_000, "2G"),
            (999_999_999_999, "999G"),
            (1_000_000_000_000, "1T"),
        ];
        for (bps, want) in table {
            assert_eq!(printed_speed(bps), want);
        }
    }

    #[test]
    fn speed_keys_are_normalised_and_others_kept() {
        let table = [
            ("10g", "10G"),
            ("10G", "10G"),
            ("10000000000", "10G"),
            ("1000M", "1G"),
            ("2500M", "2500M"),
            ("http", "http"),
            ("G", "G"),
            ("app.10g", "app.10g"),
            ("99999999999999999999T", "99999999999999999999T"),
        ];
        for (key, want) in table {
            assert_eq!(normal_key(key), want);
        }
    }
}
