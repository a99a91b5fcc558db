//! What `hsflowctl` may tell the agent to do, and the answer: one word a line in, one JSON object a line out. Both ends
//! use these types. Fields may be added; a word that is not known is answered as such.

use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read the configuration again, ask DNS again, and put in force what changed.
    Reload,
}

impl Command {
    /// The longest line that can be an order, in bytes.
    pub const LONGEST: usize = 64;

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reload => "reload",
        }
    }

    /// The order that a line gives.
    pub fn parse(line: &[u8]) -> Option<Self> {
        [Self::Reload].into_iter().find(|command| line.trim_ascii() == command.word().as_bytes())
    }
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Answer {
    /// Other settings are in force now.
    Changed {
        /// Of the settings.
        revision: u64,
        /// `polling 30 to 20`, one a change.
        changes: Vec<String>,
        /// What a restart is needed for, though all else is in force.
        restart: Option<String>,
        /// Warnings and notes about the file, one line each.
        remarks: Vec<String>,
    },
    /// The file means what it meant before.
    Unchanged {
        /// Of the settings.
        revision: u64,
        /// Warnings and notes about the file, one line each.
        remarks: Vec<String>,
    },
    /// The previous settings stay in force.
    Refused {
        /// Every error, with file, line and column.
        problems: Vec<String>,
    },
    /// The order is not one that this agent knows.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_whole_words() {
        assert_eq!(Command::parse(b"reload\n"), Some(Command::Reload));
        for line in [&b""[..], b"reloa", b"reload now", b"RELOAD", b"\xff"] {
            assert_eq!(Command::parse(line), None);
        }
    }

    #[test]
    fn an_answer_says_its_outcome() {
        let answer = Answer::Refused { problems: vec!["f:1:2: bad".to_owned()] };
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(text, r#"{"outcome":"refused","problems":["f:1:2: bad"]}"#);
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    }
}
