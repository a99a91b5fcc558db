//! Numbers of a message, exact where they are whole.
//!
//! In: a JSON number, or text where a named value is given as text, which is then read as `strtol` with base 0 reads it: what
//! follows the digits is passed over (`47%`), but text without a digit is no number. Out: the number as its structure
//! holds it, or what would have fitted. Fractions are cut off. Rules: -1 is all ones, sFlow's "unknown"; a counter
//! of 32 bits is the low half of what the application counted, as sFlow's counters wrap; nothing else wraps.

/// A JSON number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Positive(u64),
    Negative(i64),
    /// With a fraction or an exponent, or beyond 64 bits. Finite.
    Real(f64),
}

const U32: &str = "-1 (unknown) to 4294967295";
const U64: &str = "-1 (unknown) to 18446744073709551615";

impl Number {
    #[allow(clippy::cast_possible_truncation)] // beyond 128 bits it is the outermost one, which nothing has room for
    fn whole(self) -> i128 {
        match self {
            Self::Positive(value) => value.into(),
            Self::Negative(value) => value.into(),
            Self::Real(value) => value as i128,
        }
    }

    /// A gauge of 32 bits.
    pub(super) fn gauge32(self) -> Result<u32, &'static str> {
        fit(self.whole(), u32::MAX, U32)
    }

    /// A gauge or counter of 64 bits.
    pub(super) fn u64(self) -> Result<u64, &'static str> {
        fit(self.whole(), u64::MAX, U64)
    }

    /// A counter of 32 bits, of which the application may keep more.
    pub(super) fn counter32(self) -> Result<u32, &'static str> {
        self.u64().map(|value| crate::sflow::unknown::counter32(Some(value)))
    }

    /// A duration: the longest one that there is room for, if it was longer.
    pub(super) fn duration(self) -> Result<u32, &'static str> {
        fit(self.whole().min(u32::MAX.into()), u32::MAX, U32)
    }

    /// A number without a sign and without an "unknown".
    pub(super) fn plain<T: TryFrom<i128>>(self, range: &'static str) -> Result<T, &'static str> {
        T::try_from(self.whole()).map_err(|_| range)
    }

    /// A whole number whose sign the reader must know.
    pub(super) fn int32(self) -> Result<u32, &'static str> {
        let value = self.whole();
        let signed = i32::try_from(value).map(i32::cast_unsigned);
        signed.or_else(|_| u32::try_from(value)).map_err(|_| "-2147483648 to 4294967295")
    }

    /// The same with 64 bits.
    pub(super) fn int64(self) -> Result<u64, &'static str> {
        let value = self.whole();
        let signed = i64::try_from(value).map(i64::cast_unsigned);
        signed.or_else(|_| u64::try_from(value)).map_err(|_| "-9223372036854775808 to 18446744073709551615")
    }

    /// The nearest number of 64 bits.
    #[allow(clippy::cast_precision_loss)] // what a floating-point value is
    pub(super) fn double(self) -> Result<f64, &'static str> {
        Ok(match self {
            Self::Positive(value) => value as f64,
            Self::Negative(value) => value as f64,
            Self::Real(value) => value,
        })
    }

    /// The nearest number of 32 bits.
    #[allow(clippy::cast_possible_truncation)] // what it is cut to is looked at
    pub(super) fn float(self) -> Result<f32, &'static str> {
        let value = self.double()? as f32;
        if value.is_finite() { Ok(value) } else { Err("-3.4e38 to 3.4e38") }
    }
}

fn fit<T: TryFrom<i128>>(value: i128, unknown: T, range: &'static str) -> Result<T, &'static str> {
    if value == -1 { Ok(unknown) } else { T::try_from(value).map_err(|_| range) }
}

/// The number that a text starts with.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim_ascii_start();
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (radix, digits) = radix(digits);
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    if radix != 16 && rest.starts_with(['.', 'e', 'E']) || whole.is_empty() {
        return parse_real(text);
    }
    // `08` is neither 8 nor 0.
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = u64::from_str_radix(whole, radix).ok();
    let exact = match value {
        Some(value) if negative => 0_i64.checked_sub_unsigned(value).map(Number::Negative),
        value => value.map(Number::Positive),
    };
    exact.or_else(|| if radix == 10 { parse_real(text) } else { None })
}

fn radix(digits: &str) -> (u32, &str) {
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    match hex {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, hex),
        _ if digits.starts_with('0') && !digits.starts_with("0.") => (8, digits),
        _ => (10, digits),
    }
}

/// The decimal number with a fraction or exponent that a text starts with.
fn parse_real(text: &str) -> Option<Number> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let at = |place: usize, these: &[u8]| text.as_bytes().get(place).is_some_and(|byte| these.contains(byte));
    let mut end = digits(usize::from(at(0, b"+-")));
    if at(end, b".") {
        end = digits(end + 1);
    }
    if at(end, b"eE") {
        let power = end + 1 + usize::from(at(end + 1, b"+-"));
        if digits(power) > power {
            end = digits(power);
        }
    }
    let value: f64 = text.get(..end)?.parse().ok()?;
    value.is_finite().then_some(Number::Real(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<i128> {
        parse_number(text).map(Number::whole)
    }

    #[test]
    fn text_is_read_as_the_c_library_reads_it() {
        let table = [
            ("0x10", 16),
            ("010", 8),
            ("12abc", 12),
            ("47%", 47),
            (" \t-1", -1),
            ("+5", 5),
            ("0", 0),
            ("0x", 0),
            ("-0x1F", -31),
            ("18446744073709551615", u64::MAX.into()),
        ];
        for (word, value) in table {
            assert_eq!(text(word), Some(value), "{word}");
        }
    }

    #[test]
    fn decimal_notations_that_programs_print_are_numbers_too() {
        for (word, value) in [("1e+06", 1_000_000), ("2.9", 2), ("0.5", 0), ("-2.9", -2), ("12e", 12)] {
            assert_eq!(text(word), Some(value), "{word}");
        }
        assert_eq!(parse_number("2.5 %"), Some(Number::Real(2.5)));
        assert_eq!(parse_number(".5"), Some(Number::Real(0.5)));
        assert_eq!(parse_number("00.5"), Some(Number::Real(0.5)));
    }

    #[test]
    fn text_without_a_number_is_none() {
        for word in ["", "abc", "-", "+", ".", "e5", "%", "08", "0779", "nan", "inf", "1e999", "--1"] {
            assert_eq!(parse_number(word), None, "{word}");
        }
    }

    #[test]
    fn more_digits_than_fit_are_out_of_range_and_not_something_else() {
        for word in ["99999999999999999999", &"9".repeat(300), &format!("-{}", "9".repeat(300))] {
            let number = parse_number(word).unwrap();
            assert_eq!(number.u64(), Err(U64), "{word}");
            assert_eq!(number.counter32(), Err(U64), "{word}");
            assert!(number.int64().is_err(), "{word}");
        }
        assert_eq!(parse_number("0x10000000000000000"), None);
        assert_eq!(parse_number("100000000000000000000").unwrap().double(), Ok(1e20));
    }

    #[test]
    fn counters_wrap_gauges_do_not_and_durations_are_as_long_as_can_be() {
        let number = Number::Positive(0x1_0000_0005);
        assert_eq!(number.counter32(), Ok(5));
        assert_eq!(number.gauge32(), Err(U32));
        assert_eq!(number.duration(), Ok(u32::MAX));
        assert_eq!(Number::Real(1e300).counter32(), Err(U64));
        assert_eq!(Number::Real(1e300).float(), Err("-3.4e38 to 3.4e38"));
    }

    #[test]
    fn minus_one_is_unknown_and_less_is_refused() {
        let one = Number::Negative(-1);
        assert_eq!((one.gauge32(), one.counter32(), one.u64()), (Ok(u32::MAX), Ok(u32::MAX), Ok(u64::MAX)));
        let two = Number::Negative(-2);
        assert_eq!((two.gauge32(), two.counter32(), two.u64()), (Err(U32), Err(U64), Err(U64)));
        assert_eq!((two.int32(), two.int64()), (Ok(u32::MAX - 1), Ok(u64::MAX - 1)));
        assert_eq!(two.plain::<u16>("0 to 65535"), Err("0 to 65535"));
    }
}
