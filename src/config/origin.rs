//! Where settings came from, for `config show`, and what the file names that this version does nothing with.
//!
//! Positions are no part of what a file means: two [`Origins`] are always equal, so that settings compare by meaning.

use std::collections::BTreeMap;

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file does not say it.
    Default,
    /// This line of the file says it.
    Line(usize),
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

/// The origin of every setting of a file.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// As given to `parse`; empty for the defaults.
    pub file_name: String,
    /// Lines by key: `polling`, `json.udpport`, `sampling.10G`, `collector.2.ip`.
    pub(super) lines: BTreeMap<String, usize>,
    /// In file order.
    pub inactive: Vec<Inactive>,
}

impl Origins {
    /// Where the setting of this key came from.
    pub fn of(&self, key: &str) -> Origin {
        self.lines.get(key).map_or(Origin::Default, |&line| Origin::Line(line))
    }

    /// All keys that the file sets and their lines, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.lines.iter().map(|(key, &line)| (key.as_str(), line))
    }
}

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
