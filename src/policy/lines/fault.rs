//! Why a line is refused: a code that stays the same for ever, where, and what would be right.

use std::fmt;

/// The kinds of refusal. Programs know them by [`Code::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A line break, NUL or another control character.
    Control,
    /// A character of a shell, or one that is not ASCII.
    Character,
    /// A quote that does not end, or stands within a word.
    Quote,
    /// More than a line or a word may have.
    Length,
    /// No section above it, or an unknown one.
    Section,
    /// Another command than `-A`.
    Command,
    /// Another table than filter, mangle and raw.
    Table,
    /// A chain that is not the kernel's, or not in that table.
    Chain,
    /// A match that is not on the list.
    Module,
    /// An option that is not on the list, or not of a module named before.
    Option,
    /// What an option is given is not what it takes.
    Argument,
    /// `!` where it may not stand.
    Negation,
    /// Twice what may be there once.
    Duplicate,
    /// No target, or one that is not on the list.
    Target,
    /// A target of Cumulus Linux on another system.
    CumulusOnly,
}

impl Code {
    /// The word that programs may rely on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control-character",
            Self::Character => "character",
            Self::Quote => "quote",
            Self::Length => "length",
            Self::Section => "section",
            Self::Command => "command",
            Self::Table => "table",
            Self::Chain => "chain",
            Self::Module => "module",
            Self::Option => "option",
            Self::Argument => "argument",
            Self::Negation => "negation",
            Self::Duplicate => "duplicate",
            Self::Target => "target",
            Self::CumulusOnly => "cumulus-only",
        }
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LineFault {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Which kind.
    pub code: Code,
    /// What would be right.
    pub allowed: &'static str,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.code.as_str(), self.allowed)
    }
}

/// A refusal within a line: where, in characters from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) at: usize,
    pub(super) code: Code,
    pub(super) allowed: &'static str,
}

impl At {
    pub(super) fn line(self, number: usize) -> LineFault {
        LineFault { line: number, column: self.at + 1, code: self.code, allowed: self.allowed }
    }
}
