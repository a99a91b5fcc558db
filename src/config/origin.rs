//! Where settings came from, for `config show`, and what the file names that this version does nothing with.
//!
//! Positions are no part of what settings mean: two [`Origins`] are always equal, so that settings compare by meaning.

use super::dynamic;
use std::collections::BTreeMap;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing says it.
    Default,
    /// This line of the file says it.
    Line(usize),
    /// This DNS record says it.
    Record(String),
    /// It is preset, for this reason.
    Preset(String),
}

/// A value as it was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Empty for the line that opens an object.
    pub value: String,
    /// Never [`Origin::Default`].
    pub origin: Origin,
}

/// Something that the file names and that has no or little effect in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inactive {
    /// Object, key, or `object.key`.
    pub key: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column.
    pub column: usize,
    /// What holds instead.
    pub why: String,
}

/// The origin of every setting.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// As given to `parse`; empty for the defaults.
    pub file_name: String,
    /// By key: `polling`, `json.udpport`, `sampling.10G`, `collector.2.ip`; objects by their name, `collector.2`.
    pub(super) stated: BTreeMap<String, Stated>,
    /// In file order.
    pub inactive: Vec<Inactive>,
}

impl Origins {
    /// Where the setting of this key came from.
    pub fn of(&self, key: &str) -> Origin {
        self.stated.get(key).map_or(Origin::Default, |stated| stated.origin.clone())
    }

    /// All keys that something states, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Stated)> {
        self.stated.iter().map(|(key, stated)| (key.as_str(), stated))
    }

    /// The objects that a line of the file opens, sorted by name: `docker`, `collector.2`.
    pub fn opened_by_lines(&self) -> impl Iterator<Item = &str> {
        let opened = |stated: &Stated| stated.value.is_empty() && matches!(stated.origin, Origin::Line(_));
        self.stated.iter().filter(move |(_, stated)| opened(stated)).map(|(key, _)| key.as_str())
    }

    /// Adds what a line says. Values of a key that may be repeated gather.
    pub(super) fn add_line(&mut self, key: String, value: &str, line: usize) {
        let stated = Stated { value: value.to_owned(), origin: Origin::Line(line) };
        self.stated.entry(key).and_modify(|s| s.value = format!("{} {value}", s.value)).or_insert(stated);
    }

    /// Adds what a record says, in place of what else said it.
    pub(super) fn add_record(&mut self, key: &str, said: &dynamic::Stated) {
        let origin = Origin::Record(said.record.clone());
        self.stated.insert(key.to_owned(), Stated { value: said.value.clone(), origin });
        if let Some((object, _)) = key.rsplit_once('.').filter(|_| key.starts_with("collector.")) {
            let opened = Stated { value: String::new(), origin: Origin::Record(said.record.clone()) };
            self.stated.insert(object.to_owned(), opened);
        }
    }
}

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
