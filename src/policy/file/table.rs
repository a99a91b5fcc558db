//! Values out of TOML's tables, with every fault noted where it stands.
//!
//! In: a table with its place in the file. Out: values of the wanted type, or nothing and a fault. Rule: reading goes on
//! after a fault, so one look at the messages is enough.

use super::fault::{Fault, FaultKind};
use crate::config::nearest;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Faults of a file that are listed; the others are counted.
const LISTED: usize = 100;
/// Characters of a name that are shown.
const SHOWN: usize = 80;

type Value<'t> = Spanned<DeValue<'t>>;

/// A file, and what is wrong in it so far.
pub(super) struct Source<'t> {
    name: &'t str,
    pub(super) text: &'t str,
    /// Where lines begin, so that a file of faults is not read again for each of them.
    lines: Vec<usize>,
    listed: Vec<Fault>,
    count: usize,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { name, text, lines: std::iter::once(0).chain(breaks).collect(), listed: Vec::new(), count: 0 }
    }

    /// All faults, of many the first ones and how many more there are.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        let more = self.count - self.listed.len();
        if more > 0 {
            self.listed.push(self.located(0, "", FaultKind::More(more)));
        }
        self.listed
    }

    pub(super) fn fault(&mut self, span: &Range<usize>, key: &str, kind: impl Into<FaultKind>) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(self.located(span.start, key, kind.into()));
        }
    }

    fn located(&self, at: usize, key: &str, kind: FaultKind) -> Fault {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        Fault { file: self.name.to_owned(), line, column, key: key.to_owned(), kind }
    }
}

/// A table, where it stands, and its name with those of the tables it is in.
pub(super) struct Table<'s, 't> {
    pub(super) source: &'s mut Source<'t>,
    table: &'s DeTable<'t>,
    pub(super) span: Range<usize>,
    pub(super) path: String,
    /// Faults of the file when this table was begun.
    before: usize,
}

impl<'s, 't> Table<'s, 't> {
    /// The whole file.
    pub(super) fn root(source: &'s mut Source<'t>, table: &'s Spanned<DeTable<'t>>) -> Self {
        let before = source.count;
        Self { source, table: table.get_ref(), span: 0..0, path: String::new(), before }
    }

    /// A value as a table; a fault where it is none, or has keys that there are not.
    pub(super) fn of(
        source: &'s mut Source<'t>,
        value: &'s Value<'t>,
        path: &str,
        keys: &[&'static str],
    ) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            source.fault(&value.span(), path, wrong(value, "a table"));
            return None;
        };
        let before = source.count;
        let mut found = Self { source, table, span: value.span(), path: path.to_owned(), before };
        found.know(keys);
        Some(found)
    }

    /// A table under a key of this one.
    pub(super) fn inner(&mut self, key: &str, keys: &[&'static str]) -> Option<Table<'_, 't>> {
        let (value, path) = (self.get(key)?, self.name(key));
        Table::of(self.source, value, &path, keys)
    }

    /// Whether nothing in it was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.source.count == self.before
    }

    /// Notes keys that are none of these.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        for key in self.table.keys().filter(|key| !keys.contains(&&**key.get_ref())) {
            let nearest = nearest(key.get_ref(), keys.iter().copied());
            let path = self.name(key.get_ref());
            self.source.fault(&key.span(), &path, FaultKind::Unknown { nearest });
        }
    }

    /// A key with the path before it.
    pub(super) fn name(&self, key: &str) -> String {
        let key: String = key.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    /// A name in a table under a key of this one.
    pub(super) fn inside(&self, key: &str, name: &str) -> String {
        let shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        format!("{key}.{shown}")
    }

    pub(super) fn get(&self, key: &str) -> Option<&'s Value<'t>> {
        self.table.get(key)
    }

    /// Which of these keys are there, the first of them.
    pub(super) fn any<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        keys.iter().copied().find(|key| self.get(key).is_some())
    }

    /// Every name and value of a table of tables.
    pub(super) fn each(&mut self, key: &str) -> Vec<(&'s Spanned<toml::de::DeString<'t>>, &'s Value<'t>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Table(table) => table.iter().collect(),
            _ => {
                self.source.fault(&value.span(), key, wrong(value, "a table of tables"));
                Vec::new()
            }
        }
    }

    /// Every value of a list, or the one value that is no list.
    pub(super) fn list(&self, key: &str) -> Vec<&'s Value<'t>> {
        match self.get(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(values))) => values.iter().collect(),
            Some((value, _)) => vec![value],
        }
    }

    /// One word, parsed.
    pub(super) fn one<T, E: Into<FaultKind>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.get(key)?;
        self.word(key, value, &parse)
    }

    /// Words of a list, parsed; one is a list too.
    pub(super) fn many<T, E: Into<FaultKind>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let values = self.list(key);
        if values.is_empty()
            && let Some(value) = self.get(key)
        {
            let path = self.name(key);
            self.source.fault(
                &value.span(),
                &path,
                FaultKind::Missing("an empty list would be no packet: leave the key out"),
            );
        }
        values.into_iter().filter_map(|value| self.word(key, value, &parse)).collect()
    }

    fn word<T, E: Into<FaultKind>>(
        &mut self,
        key: &str,
        value: &Value<'t>,
        parse: &impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let number;
        let text = match value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(digits) => {
                number = whole(digits).map_or_else(|| "out of range".to_owned(), |value| value.to_string());
                number.as_str()
            }
            _ => return self.refuse(key, value, wrong(value, "a text or a whole number")),
        };
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(why) => self.refuse(key, value, why.into()),
        }
    }

    /// A whole number in a range, which is one of its type's.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<T> {
        let value = self.get(key)?;
        let (first, last) = (*range.start(), *range.end());
        match value.get_ref() {
            DeValue::Integer(digits) => match whole(digits).filter(|value| range.contains(value)) {
                Some(value) => T::try_from(value).ok(),
                None => self.refuse(key, value, FaultKind::Number { first, last }),
            },
            _ => self.refuse(key, value, wrong(value, "a whole number")),
        }
    }

    /// A length of time.
    pub(super) fn time(&mut self, key: &str) -> Option<Duration> {
        self.one(key, |text| parse_time(text).ok_or(FaultKind::Time))
    }

    /// `true` or `false`, which it is when it is not there.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.get(key) else { return false };
        let flag = value.get_ref().as_bool();
        flag.or_else(|| self.refuse(key, value, wrong(value, "true or false"))).unwrap_or(false)
    }

    pub(super) fn refuse<T>(&mut self, key: &str, value: &Value<'_>, kind: FaultKind) -> Option<T> {
        let path = self.name(key);
        self.source.fault(&value.span(), &path, kind);
        None
    }

    /// A fault of the table as a whole.
    pub(super) fn refuse_all<T>(&mut self, kind: impl Into<FaultKind>) -> Option<T> {
        let (span, path) = (self.span.clone(), self.path.clone());
        self.source.fault(&span, &path, kind);
        None
    }
}

fn whole(digits: &toml::de::DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

pub(super) fn wrong(value: &Value<'_>, wanted: &'static str) -> FaultKind {
    FaultKind::Value { wanted, got: value.get_ref().type_str() }
}

/// `90s`, `10m`, `2h`, `7d`.
fn parse_time(text: &str) -> Option<Duration> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    const LONGEST_SECS: u64 = 3_650 * 86_400;
    let (count, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, factor)))?;
    let count: u64 = crate::policy::model::digits(count)?;
    let secs = count.checked_mul(*factor)?;
    (1..=LONGEST_SECS).contains(&secs).then(|| Duration::from_secs(secs))
}
