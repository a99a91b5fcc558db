//! Values of hsflowd.conf: one word and the kind that its key wants → a typed value, or what is wrong with it.
//!
//! Rule: what the C agent 2.1 accepts is accepted with the same value; what it silently ignores becomes a remark.

mod address;
mod listen;
mod number;
mod pattern;

pub use pattern::{Pattern, PatternFault};

use super::keys::Kind;
use super::model::CidrRule;
use super::modules::Listen;
use super::problem::quoted;
use super::speed::SpeedRange;
use listen::{ListenFault, parse_listen};
use number::{Oddity, Read};

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(u32),
    Real(f64),
    Switch(bool),
    /// A name, path, host or choice, as written.
    Text(String),
    Speeds(SpeedRange),
    Cidr(CidrRule),
    Listen(Listen),
    Pattern(Pattern),
    Uuid([u8; 16]),
}

/// A value and what should be said about it all the same.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) value: Value,
    pub(super) remarks: Vec<String>,
}

/// What is wrong with a word, beyond not being what [`Kind::expects`].
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) reason: Option<String>,
    pub(super) help: Option<String>,
}

/// Nothing more to say than what was expected.
const NOT_OF_ITS_KIND: Fault = Fault { reason: None, help: None };

/// Reads `word` as what `kind` wants.
pub(super) fn parse(kind: &Kind, word: &str) -> Result<Parsed, Fault> {
    match kind {
        Kind::Int { min, max, .. } => parse_int(word, *min, *max),
        Kind::Probability => parse_probability(word),
        Kind::Switch => parse_switch(word),
        Kind::Speeds => parse_speeds(word),
        Kind::Host => parse_host(word),
        Kind::Cidr => address::parse_cidr(word).map(Value::Cidr).map(plain).map_err(because),
        Kind::Pattern => parse_pattern(word),
        Kind::Listen => parse_place(word),
        Kind::Uuid => parse_uuid(word),
        Kind::Choice(words) => {
            let found = words.iter().find(|known| known.eq_ignore_ascii_case(word));
            found.map(|known| plain(Value::Text((*known).to_owned()))).ok_or(NOT_OF_ITS_KIND)
        }
        Kind::Path | Kind::Name => Ok(parse_name(word)),
    }
}

fn plain(value: Value) -> Parsed {
    Parsed { value, remarks: Vec::new() }
}

#[allow(clippy::needless_pass_by_value)] // used as `map_err(because)`
fn because(reason: impl ToString) -> Fault {
    Fault { reason: Some(reason.to_string()), help: None }
}

fn odd<T: Copy + ToString>(word: &str, read: &Read<T>, value: Value) -> Parsed {
    let number = read.value.to_string();
    let remark = |oddity: &Oddity| match oddity {
        Oddity::Octal => {
            format!("{} is octal because of its leading 0: it is read as {number}", quoted(word))
        }
        Oddity::Ignored(rest) => {
            format!("{} after the number is ignored: {} is read as {number}", quoted(rest), quoted(word))
        }
        Oddity::Cut => format!("{} does not fit 32 bits: it is read as {number}", quoted(word)),
    };
    Parsed { value, remarks: read.oddities.iter().map(remark).collect() }
}

fn parse_int(word: &str, min: u32, max: u32) -> Result<Parsed, Fault> {
    let read = number::read_int(word).ok_or(NOT_OF_ITS_KIND)?;
    if (min..=max).contains(&read.value) {
        return Ok(odd(word, &read, Value::Int(read.value)));
    }
    let reason = (read.value.to_string() != word).then(|| format!("it is read as {}", read.value));
    Err(Fault { reason, help: None })
}

fn parse_probability(word: &str) -> Result<Parsed, Fault> {
    let help = word.starts_with('.').then(|| format!("write 0{word}"));
    let read = number::read_real(word).ok_or(Fault { reason: None, help })?;
    if (0.0..=1.0).contains(&read.value) {
        return Ok(odd(word, &read, Value::Real(read.value)));
    }
    Err(NOT_OF_ITS_KIND)
}

fn parse_switch(word: &str) -> Result<Parsed, Fault> {
    match word.to_ascii_lowercase().as_str() {
        "on" => Ok(plain(Value::Switch(true))),
        "off" => Ok(plain(Value::Switch(false))),
        "yes" | "true" | "1" | "enable" | "enabled" => {
            Err(Fault { reason: None, help: Some("write on".into()) })
        }
        "no" | "false" | "0" | "disable" | "disabled" => {
            Err(Fault { reason: None, help: Some("write off".into()) })
        }
        _ => Err(NOT_OF_ITS_KIND),
    }
}

fn parse_speeds(word: &str) -> Result<Parsed, Fault> {
    let read = |part: &str| number::read_long(part).ok_or(NOT_OF_ITS_KIND);
    let remarks = |part: &str, read: &Read<u64>| odd(part, read, Value::Int(0)).remarks;
    let Some((low, high)) = word.split_once('-') else {
        let speed = read(word)?;
        return Ok(Parsed {
            value: Value::Speeds(SpeedRange::exactly(speed.value)),
            remarks: remarks(word, &speed),
        });
    };
    let min = read(low)?;
    let mut said = remarks(low, &min);
    if high.is_empty() {
        let value = Value::Speeds(SpeedRange::from(min.value));
        return Ok(Parsed { value, remarks: said });
    }
    let max = read(high)?;
    said.extend(remarks(high, &max));
    if max.value < min.value {
        said.push(format!("no speed lies in {}", quoted(word)));
    }
    let range = match max.value {
        0 => SpeedRange::exactly(min.value), // how the C agent stores an exact speed
        max => SpeedRange { min: min.value, max },
    };
    Ok(Parsed { value: Value::Speeds(range), remarks: said })
}

fn parse_host(word: &str) -> Result<Parsed, Fault> {
    match address::host_fault(word) {
        None => Ok(plain(Value::Text(word.to_owned()))),
        Some(reason) => {
            let trimmed = word.trim_end_matches(',');
            let comma = trimmed.len() < word.len() && address::host_fault(trimmed).is_none();
            let help = comma.then(|| "a comma does not separate settings: remove it".to_owned());
            Err(Fault { reason: Some(reason.to_owned()), help })
        }
    }
}

fn parse_place(word: &str) -> Result<Parsed, Fault> {
    let help = |fault: &ListenFault| match fault {
        ListenFault::NoPort(whole) => Some(format!("write {whole}")),
        _ => None,
    };
    let place = parse_listen(word).map_err(|why| Fault { help: help(&why), ..because(why) })?;
    let open = place.is_open().then(|| format!("whoever reaches {} of this host is answered", quoted(word)));
    Ok(Parsed { value: Value::Listen(place), remarks: open.into_iter().collect() })
}

fn parse_name(word: &str) -> Parsed {
    let comma = word.ends_with(',');
    let remark = comma.then(|| format!("the comma is part of {}", quoted(word)));
    Parsed { value: Value::Text(word.to_owned()), remarks: remark.into_iter().collect() }
}

fn parse_pattern(word: &str) -> Result<Parsed, Fault> {
    let pattern = Pattern::new(word).map_err(because)?;
    let plain_letter = pattern::plain_escape(word);
    let remark =
        |letter| format!("'\\{letter}' is no class in a POSIX expression: it is read as a plain '{letter}'");
    Ok(Parsed { value: Value::Pattern(pattern), remarks: plain_letter.map(remark).into_iter().collect() })
}

fn parse_uuid(word: &str) -> Result<Parsed, Fault> {
    let mut uuid = [0; 16];
    let mut rest = word;
    for byte in &mut uuid {
        rest = rest.trim_start_matches(['-', ':', '.']);
        let pair = rest.get(..2).filter(|pair| pair.bytes().all(|c| c.is_ascii_hexdigit()));
        let parsed = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = parsed.ok_or(NOT_OF_ITS_KIND)?;
        rest = rest.get(2..).unwrap_or_default();
    }
    let remark = (!rest.is_empty()).then(|| format!("{} after the UUID is ignored", quoted(rest)));
    Ok(Parsed { value: Value::Uuid(uuid), remarks: remark.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: &Kind, word: &str) -> Option<Value> {
        parse(kind, word).ok().map(|parsed| parsed.value)
    }

    #[test]
    fn switches_are_on_or_off_in_any_case_and_nothing_else() {
        assert_eq!(value(&Kind::Switch, "On"), Some(Value::Switch(true)));
        assert_eq!(value(&Kind::Switch, "OFF"), Some(Value::Switch(false)));
        for word in ["yes", "1", "true", "", "onn"] {
            assert_eq!(value(&Kind::Switch, word), None, "{word}");
        }
    }

    #[test]
    fn a_uuid_may_be_cut_anywhere_between_its_bytes() {
        let want = Some(Value::Uuid(*b"0123456789abcdef"));
        let hex = "30313233343536373839616263646566";
        let dashed = "30313233-3435-3637-3839-616263646566";
        let pairs = "30:31:32:33:34:35:36:37:38:39:61:62:63:64:65.66";
        for word in [hex, dashed, pairs, &format!("{hex}-rest")] {
            assert_eq!(value(&Kind::Uuid, word), want, "{word}");
        }
        for word in
            ["", "3", &hex[..31], "3-0313233343536373839616263646566", "zz313233343536373839616263646566"]
        {
            assert_eq!(value(&Kind::Uuid, word), None, "{word}");
        }
    }

    #[test]
    fn a_speed_is_one_number_or_a_range() {
        let range = |word| match value(&Kind::Speeds, word) {
            Some(Value::Speeds(SpeedRange { min, max })) => Some((min, max)),
            _ => None,
        };
        assert_eq!(range("10G"), Some((10_000_000_000, 10_000_000_000)));
        assert_eq!(range("10G-"), Some((10_000_000_000, u64::MAX)));
        assert_eq!(range("1M-10T"), Some((1_000_000, 10_000_000_000_000)));
        assert_eq!(range("5-0"), Some((5, 5)));
        assert_eq!((range("-5"), range("G"), range("1-x")), (None, None, None));
    }

    #[test]
    fn the_range_is_checked_after_the_number_is_cut_to_32_bits() {
        let sub_agent = Kind::Int { min: 0, max: 199_999, unit: "" };
        assert_eq!(value(&sub_agent, "5G"), None);
        assert_eq!(value(&sub_agent, "4294967303"), Some(Value::Int(7)));
        assert_eq!(value(&sub_agent, "199999"), Some(Value::Int(199_999)));
        assert_eq!(value(&sub_agent, "200000"), None);
    }

    #[test]
    fn a_comma_that_sticks_to_a_name_is_said() {
        let remarks = parse(&Kind::Name, "eth0,").map(|parsed| parsed.remarks.len());
        assert_eq!(remarks, Ok(1));
    }
}
