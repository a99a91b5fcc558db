//! Numbers as C reads them: base by prefix, a decimal suffix, and whatever follows ignored.
//!
//! In: one word. Out: the number that the C agent would take, and what was odd about it. Rule: same value as
//! `strtol(word, 0, 0)` times the suffix, cut to 32 bits; the oddities become warnings.

/// Something accepted that probably was not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// A leading 0 made it octal.
    Octal,
    /// This text was ignored.
    Ignored(String),
    /// The number did not fit 32 bits and was cut.
    Cut,
}

/// A number and what was odd about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) oddities: Vec<Oddity>,
}

/// A 32-bit number with an optional K, M or G as the word's last letter. `None`: does not start with a digit.
pub(crate) fn read_int(word: &str) -> Option<Read<u32>> {
    let Read { value, mut oddities } = read_scaled(word, "KMG")?;
    let low = u32::try_from(value & u128::from(u32::MAX)).ok()?;
    if u128::from(low) != value {
        oddities.push(Oddity::Cut);
    }
    Some(Read { value: low, oddities })
}

/// A 64-bit number with an optional K, M, G, T or P. `None`: does not start with a digit.
pub(crate) fn read_long(word: &str) -> Option<Read<u64>> {
    let Read { value, oddities } = read_scaled(word, "KMGTP")?;
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    Some(Read { value, oddities })
}

/// A floating-point number without sign, infinity or NaN. `None`: does not start with a digit.
pub(crate) fn read_real(word: &str) -> Option<Read<f64>> {
    word.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
    let digits = |from: usize| from + run(&word[from..], |c| c.is_ascii_digit());
    let mut end = digits(0);
    if word[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if let Some(exponent) = word[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let after = digits(end + 1 + sign);
        end = if after > end + 1 + sign { after } else { end };
    }
    let value = word[..end].parse().ok()?;
    Some(Read { value, oddities: ignored(&word[end..]).into_iter().collect() })
}

/// The length of the leading run of such characters.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

fn read_scaled(word: &str, suffixes: &str) -> Option<Read<u128>> {
    let (value, digits, octal) = read_digits(word)?;
    let (rest, scale) = split_suffix(&word[digits..], suffixes);
    let octal = (octal && value > 7).then_some(Oddity::Octal);
    Some(Read {
        value: u128::from(value) * scale,
        oddities: octal.into_iter().chain(ignored(rest)).collect(),
    })
}

fn ignored(rest: &str) -> Option<Oddity> {
    (!rest.is_empty()).then(|| Oddity::Ignored(rest.to_owned()))
}

/// `strtol` with base 0: the value (clamped as `strtol` does), the bytes used, and whether it was octal.
fn read_digits(word: &str) -> Option<(u64, usize, bool)> {
    word.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let (radix, skip, digits) = match hex {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, 2, digits),
        _ if word.starts_with('0') => (8, 0, word),
        _ => (10, 0, word),
    };
    let values = digits.chars().map_while(|c| c.to_digit(radix));
    let (value, used) = values.fold((0_u64, 0), |(value, used), digit| {
        let next = value.saturating_mul(u64::from(radix)).saturating_add(u64::from(digit));
        (next.min(i64::MAX.unsigned_abs()), used + 1)
    });
    Some((value, skip + used, radix == 8))
}

/// The scale of the word's last letter and what stands before it. The C agent looks at the last letter only, so that
/// `12abcK` is 12000 and `1K,` is 1.
fn split_suffix<'w>(rest: &'w str, suffixes: &str) -> (&'w str, u128) {
    let last = rest.chars().last().map(|last| last.to_ascii_uppercase());
    match last.and_then(|last| suffixes.find(last)) {
        Some(power) => (&rest[..rest.len() - 1], (0..=power).fold(1, |scale, _| scale * 1000)),
        None => (rest, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(word: &str) -> Option<u32> {
        read_int(word).map(|read| read.value)
    }

    #[test]
    fn numbers_are_read_as_the_c_agent_reads_them() {
        let table = [
            ("1K", 1000),
            ("1k", 1000),
            ("2M", 2_000_000),
            ("010", 8),
            ("0x40", 64),
            ("12abc", 12),
            ("12abcK", 12_000),
            ("5,", 5),
            ("1K,", 1),
            ("0", 0),
            ("08", 0),
            ("0x", 0),
            ("5G", 705_032_704),
            ("4294967297", 1),
            ("99999999999999999999", u32::MAX),
        ];
        for (word, want) in table {
            assert_eq!(int(word), Some(want), "{word}");
        }
        for word in ["", "-1", "+1", ".5", "K", "x"] {
            assert_eq!(int(word), None, "{word}");
        }
    }

    #[test]
    fn oddities_are_reported() {
        let odd = |word| read_int(word).map(|read| read.oddities).unwrap_or_default();
        assert_eq!(odd("300"), []);
        assert_eq!(odd("0"), []);
        assert_eq!(odd("010"), [Oddity::Octal]);
        assert_eq!(odd("1K,"), [Oddity::Ignored("K,".into())]);
        assert_eq!(odd("5G"), [Oddity::Cut]);
    }

    #[test]
    fn long_numbers_know_bigger_suffixes() {
        let long = |word| read_long(word).map(|read| read.value);
        assert_eq!(long("100G"), Some(100_000_000_000));
        assert_eq!(long("1P"), Some(1_000_000_000_000_000));
        assert_eq!(long("9223372036854775807P"), Some(u64::MAX));
    }

    #[test]
    fn real_numbers_take_the_longest_valid_part() {
        let real = |word| read_real(word).map(|read| (read.value, read.oddities.len()));
        assert_eq!(real("0.0025"), Some((0.0025, 0)));
        assert_eq!(real("1e-3"), Some((0.001, 0)));
        assert_eq!(real("1e"), Some((1.0, 1)));
        assert_eq!(real("0.5.5"), Some((0.5, 1)));
        assert_eq!(real(".0025"), None);
    }
}
