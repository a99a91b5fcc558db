//! What is wrong in a file: where, which key, and what would be right.

use crate::policy::lines::LineFault;
use crate::policy::model::{Contradiction, NameFault, PrefixFault, RateFault, Refusal, WordFault};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {}{kind}", if *line == 0 { String::new() } else { format!(":{line}:{column}") }, if key.is_empty() { String::new() } else { format!("{key}: ") })]
pub struct Fault {
    /// The name it was given by.
    pub file: String,
    /// From 1; 0 is nowhere: it was no text.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// With the tables it is in: `policy.ddos1.source`; empty of what is no key.
    pub key: String,
    /// What.
    pub kind: FaultKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Not TOML; the parser's words. Nothing of the file is taken.
    #[error("not TOML: {0}")]
    Syntax(Box<str>),
    /// Larger than any such file.
    #[error("the file has {0} bytes, up to {most}", most = super::MOST_BYTES)]
    Size(usize),
    /// Faults that are not listed.
    #[error("{0} more faults are not listed")]
    More(usize),
    /// A key that there is not.
    #[error("unknown{}", nearest.map(|known| format!(", did you mean '{known}'?")).unwrap_or_default())]
    Unknown {
        /// The known key that is like it.
        nearest: Option<&'static str>,
    },
    /// Another kind of value.
    #[error("{wanted}, not {got}")]
    Value {
        /// What it may be.
        wanted: &'static str,
        /// What it is in TOML's words.
        got: &'static str,
    },
    /// A key that must be there.
    #[error("missing; {0}")]
    Missing(&'static str),
    /// Keys that exclude each other.
    #[error("{0}")]
    Conflict(&'static str),
    /// A number out of its range.
    #[error("{first} to {last}")]
    Number {
        /// Lowest.
        first: u64,
        /// Highest.
        last: u64,
    },
    /// No length of time.
    #[error("a time is a whole number and s, m, h or d, 1s to 3650d")]
    Time,
    /// Said before, in this or another file; that one counts.
    #[error("said in {0} already, and that counts")]
    Twice(String),
    /// No name.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// No address.
    #[error(transparent)]
    Prefix(#[from] PrefixFault),
    /// No rate.
    #[error(transparent)]
    Rate(#[from] RateFault),
    /// None of the words.
    #[error(transparent)]
    Word(#[from] WordFault),
    /// Wishes that do not go together.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// A line of iptables that was refused.
    #[error("line {0}")]
    Line(LineFault),
    /// A good policy that is not taken up.
    #[error(transparent)]
    Refusal(#[from] Refusal),
}
