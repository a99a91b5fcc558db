//! One line `key=value` → the key of the table that it names, and the text of its value.
//!
//! Rule: cut at the first `=`; both sides are trimmed and may stand in double quotes; what follows a second `=` is
//! ignored, as the C agent does. A line without a key is that of a collector.

use crate::config::keys::{Kind, Object, ObjectId};
use crate::config::speed::normal_key;

/// Keys of `sflow { }` that a line may set; `KEY` stands for any word.
pub const KEYS: [&str; 9] = [
    "sampling",
    "polling",
    "sampling.KEY",
    "polling.KEY",
    "headerBytes",
    "datagramBytes",
    "agentIP",
    "agent",
    "agent.cidr",
];

/// What a line is about.
#[derive(Debug, PartialEq)]
pub(super) enum Subject {
    Collector,
    /// A version mark, of no meaning.
    Version,
    /// A key as the table names it, KEY filled in and normalised.
    Setting(String, &'static Kind),
    Unknown,
}

/// Why a line says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineFault {
    #[error("not UTF-8 text")]
    NotText,
    #[error("there is no '='")]
    NoEquals,
    #[error("there is no value")]
    NoValue,
}

/// Key, value, and whether more was there that is ignored.
#[derive(Debug, PartialEq)]
pub(super) struct Parts<'l> {
    pub(super) key: &'l str,
    pub(super) value: &'l str,
    pub(super) more: bool,
}

pub(super) fn parse_parts(line: &[u8]) -> Result<Parts<'_>, LineFault> {
    let text = std::str::from_utf8(line).map_err(|_| LineFault::NotText)?;
    let (key, rest) = text.split_once('=').ok_or(LineFault::NoEquals)?;
    let (value, more) = rest.split_once('=').map_or((rest, false), |(value, _)| (value, true));
    let (key, value) = (bare(key), bare(value));
    if value.is_empty() { Err(LineFault::NoValue) } else { Ok(Parts { key, value, more }) }
}

fn bare(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.map_or(text, str::trim)
}

pub(super) fn subject(key: &str) -> Subject {
    if key.is_empty() || key.eq_ignore_ascii_case("collector") {
        return Subject::Collector;
    }
    if key.eq_ignore_ascii_case("txtvers") {
        return Subject::Version;
    }
    if key.eq_ignore_ascii_case("dropLimit") {
        let kind = Object::of(ObjectId::Dropmon).keys.iter().find(|known| known.name == "limit");
        return kind.map_or(Subject::Unknown, |known| Subject::Setting("dropmon.limit".into(), &known.kind));
    }
    let mut known = Object::of(ObjectId::Sflow).keys.iter().filter(|known| KEYS.contains(&known.name));
    let found = known.find_map(|known| match known.selector(key) {
        Some(selector) => (!selector.is_empty())
            .then(|| Subject::Setting(known.name.replace("KEY", &normal_key(selector)), &known.kind)),
        None => {
            known.name.eq_ignore_ascii_case(key).then(|| Subject::Setting(known.name.to_owned(), &known.kind))
        }
    });
    found.unwrap_or(Subject::Unknown)
}
