//! One key of the table: what it is, and how to write it down in the table.

use super::{Activity, Kind, ObjectId};

/// A `name = value`.
#[derive(Debug)]
pub struct Key {
    /// As written in the file; `sampling.KEY` stands for any word after the dot.
    pub name: &'static str,
    /// Spellings that are accepted with a note.
    pub aliases: &'static [&'static str],
    /// What its value may be.
    pub kind: Kind,
    /// The default as it would be written, or empty.
    pub default: &'static str,
    /// What holds without a value when there is no default.
    pub unset: &'static str,
    /// A value to show where there is no default, or empty for that of the kind.
    pub example: &'static str,
    /// One line.
    pub help: &'static str,
    /// Further explanation, or empty.
    pub more: &'static str,
    /// The release that first knew it.
    pub since: &'static str,
    /// What this version does with it.
    pub activity: Activity,
    /// Several values accumulate instead of the last one winning.
    pub repeats: bool,
    /// A deprecated top-level spelling of a key in an object.
    pub moved: Option<(ObjectId, &'static str)>,
}

impl Key {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            default,
            unset: "",
            example: "",
            help,
            more: "",
            since: "0.1.0",
            activity: Activity::Active,
            repeats: false,
            moved: None,
        }
    }

    pub(super) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) const fn unset(mut self, unset: &'static str) -> Self {
        self.unset = unset;
        self
    }

    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    pub(super) const fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    pub(super) const fn not_yet(mut self) -> Self {
        self.activity = Activity::NotYet;
        self
    }

    pub(super) const fn partly(mut self, what: &'static str) -> Self {
        self.activity = Activity::Partly(what);
        self
    }

    pub(super) const fn ignored(mut self, reason: &'static str) -> Self {
        self.activity = Activity::Ignored(reason);
        self
    }

    pub(super) const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    pub(super) const fn moved(mut self, object: ObjectId, key: &'static str) -> Self {
        self.moved = Some((object, key));
        self
    }

    /// The setting as it may stand in a file: name and value, with the default or an example.
    pub fn sample(&self) -> (String, &'static str) {
        let (selector, example) = self.example.split_once(' ').unwrap_or(("KEY", self.example));
        let value = [self.default, example, self.kind.example()];
        let value = value.into_iter().find(|value| !value.is_empty());
        (self.name.replace("KEY", selector), value.unwrap_or_default())
    }

    /// What holds without the key, as a sentence.
    pub(in crate::config) fn without(&self) -> String {
        match (self.activity, self.default, self.unset) {
            (Activity::Ignored(_), _, _) | (_, "", "") => String::new(),
            (_, "", unset) => format!("Without it: {unset}."),
            (_, default, _) => format!("Default: {default}."),
        }
    }

    /// Whether the word is this key or a deprecated spelling of it, case ignored.
    pub fn is_spelled(&self, word: &str) -> bool {
        self.name.eq_ignore_ascii_case(word)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word))
    }

    /// For `sampling.KEY` and `polling.KEY`: what stands for KEY in the word.
    pub fn selector<'w>(&self, word: &'w str) -> Option<&'w str> {
        let prefix = self.name.strip_suffix("KEY")?;
        let start = word.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
    }
}

pub(super) const fn switch(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Switch, default, help)
}

pub(super) const fn int(
    name: &'static str,
    min: u32,
    max: u32,
    unit: &'static str,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key::new(name, Kind::Int { min, max, unit }, default, help)
}

pub(super) const fn pattern(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Pattern, default, help)
}

pub(super) const fn name(name: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Name, "", help)
}

pub(super) const fn path(name: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Path, "", help)
}
