//! Rates: bits or packets a second, always with the unit, because bits taken for bytes are wrong by eight and nobody
//! sees it.

use std::fmt;
use std::str::FromStr;

/// So much a second, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// Bits a second, 1 kbit/s to 400 Gbit/s.
    Bits(u64),
    /// Packets a second, 1 to 1,000,000: what the kernel's `hashlimit` counts to.
    Packets(u64),
}

/// Why text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateFault {
    /// Not number and unit.
    #[error("a rate is a whole number and its unit: bit/s, kbit/s, Mbit/s, Gbit/s, pps or kpps")]
    Form,
    /// Too small or too large.
    #[error("a rate is 1 kbit/s to 400 Gbit/s, or 1 to 1000000 pps")]
    Range,
}

const UNITS: [(&str, u64, bool); 6] = [
    ("kbit/s", 1_000, true),
    ("Mbit/s", 1_000_000, true),
    ("Gbit/s", 1_000_000_000, true),
    ("bit/s", 1, true),
    ("kpps", 1_000, false),
    ("pps", 1, false),
];

impl FromStr for Rate {
    type Err = RateFault;

    fn from_str(text: &str) -> Result<Self, RateFault> {
        let known = UNITS.iter().find_map(|unit| Some((text.strip_suffix(unit.0)?, unit)));
        let (number, (_, factor, is_bits)) = known.ok_or(RateFault::Form)?;
        let number = number.trim_end_matches(' ');
        if !number.bytes().all(|b| b.is_ascii_digit()) || number.is_empty() {
            return Err(RateFault::Form);
        }
        let value: u64 = number.parse().map_err(|_| RateFault::Range)?;
        let value = value.checked_mul(*factor).ok_or(RateFault::Range)?;
        match (*is_bits, value) {
            (true, 1_000..=400_000_000_000) => Ok(Self::Bits(value)),
            (false, 1..=1_000_000) => Ok(Self::Packets(value)),
            _ => Err(RateFault::Range),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, is_bits) = match *self {
            Self::Bits(value) => (value, true),
            Self::Packets(value) => (value, false),
        };
        let fits = |unit: &&(&str, u64, bool)| unit.2 == is_bits && value % unit.1 == 0;
        let (unit, factor, _) = UNITS.iter().filter(fits).max_by_key(|unit| unit.1).unwrap_or(&UNITS[3]);
        write!(f, "{} {unit}", value / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_printed_in_the_largest_unit_that_fits_and_read_back() {
        for (text, shown) in [("1000kbit/s", "1 Mbit/s"), ("1500 bit/s", "1500 bit/s"), ("2000pps", "2 kpps")]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse(), Ok(rate));
        }
    }

    #[test]
    fn a_rate_without_unit_or_out_of_range_is_refused() {
        for bad in ["10", "10mb", "-1bit/s", "1.5Gbit/s", "Gbit/s", "10 MBit/s"] {
            assert_eq!(bad.parse::<Rate>(), Err(RateFault::Form), "{bad}");
        }
        for bad in ["0pps", "999bit/s", "401Gbit/s", "99999999999999999999bit/s", "1001kpps"] {
            assert_eq!(bad.parse::<Rate>(), Err(RateFault::Range), "{bad}");
        }
    }
}
