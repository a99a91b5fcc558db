//! What `hsflowd-libvirt` and the agent say to each other: lines, the agent's a word, the helper's a JSON object.
//!
//! The agent writes [`POLL`] when it wants all domains. The helper writes [`Line::Connected`] once, [`Line::Domain`] for
//! each domain and [`Line::End`] after a poll, [`Line::Changed`] and [`Line::Gone`] as things happen, [`Line::Failed`] as its
//! last. Rule: a line is at most [`LIMIT`] bytes, whatever the domain.

use super::Domain;
use serde::{Deserialize, Serialize};

/// The agent's only word.
pub const POLL: &[u8] = b"poll\n";

/// Bytes of a line without its end: room for a domain with more than a thousand interfaces.
pub const LIMIT: usize = 256 * 1024;

/// What the helper says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// It has a connection to libvirt.
    Connected(String),
    /// One of all domains, in answer to a poll.
    Domain(Box<Domain>),
    /// They were all told: so many.
    End(usize),
    /// A domain that has just changed.
    Changed(Box<Domain>),
    /// The domain with this UUID exists no more.
    Gone(String),
    /// Something about one domain could not be learned.
    Problem(String),
    /// The connection is lost or was not had; the helper ends.
    Failed(String),
}

/// Why a line says nothing.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not in the format.
    #[error("a line of {length} bytes that is not understood: {error}")]
    Format {
        /// Bytes of the line.
        length: usize,
        /// What and at which column.
        error: serde_json::Error,
    },
    /// No end within the limit.
    #[error("a line of more than {LIMIT} bytes")]
    TooLong,
}

impl Line {
    /// The line, with its end. A domain that is too long for one is told without its interfaces.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        if text.len() > LIMIT {
            text = serde_json::to_vec(&self.shortened()).unwrap_or_default();
        }
        text.push(b'\n');
        text
    }

    /// Reads one, without its end.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > LIMIT {
            return Err(LineError::TooLong);
        }
        serde_json::from_slice(line).map_err(|error| LineError::Format { length: line.len(), error })
    }

    fn shortened(&self) -> Self {
        let cut = |domain: &Domain| {
            let mut domain = domain.clone();
            domain.counters.vnics.clear();
            domain.name = first(&domain.name);
            Box::new(domain)
        };
        match self {
            Self::Domain(domain) => Self::Domain(cut(domain)),
            Self::Changed(domain) => Self::Changed(cut(domain)),
            Self::Connected(text) => Self::Connected(first(text)),
            Self::Gone(text) => Self::Gone(first(text)),
            Self::Problem(text) => Self::Problem(first(text)),
            Self::Failed(text) => Self::Failed(first(text)),
            Self::End(count) => Self::End(*count),
        }
    }
}

/// As much of a text as fits in a line, were every character written as an escape.
fn first(text: &str) -> String {
    text.chars().take(LIMIT / 16).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Vnic;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_read_as_they_are_documented() {
        let line = br#"{"domain":{"uuid":"u","name":"a","counters":{"state":"paused","cpu_ms":5}}}"#;
        let Ok(Line::Domain(domain)) = Line::parse(line) else { panic!() };
        assert_eq!(
            (domain.name.as_str(), domain.counters.cpu_ms, domain.counters.reads),
            ("a", Some(5), None)
        );
        assert_eq!(Line::parse(br#"{"end":3}"#).unwrap(), Line::End(3));
    }

    #[test]
    fn what_is_not_a_line_is_told_with_its_column() {
        for bad in ["", "{", "poll", r#"{"end":-1}"#, r#"{"domain":{"uuid":7}}"#, r#"{"end":1} x"#] {
            let error = Line::parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("column"), "{error}");
        }
        assert!(matches!(Line::parse(&vec![b' '; LIMIT + 1]), Err(LineError::TooLong)));
    }

    #[test]
    fn a_domain_with_too_many_interfaces_still_tells_its_counters() {
        let mut domain = Domain { name: "\n".repeat(LIMIT), ..Domain::default() };
        domain.counters.cpu_ms = Some(9);
        domain.counters.vnics = vec![Vnic { tap: Some("vnet12345".into()), mac: [255; 6] }; 10_000];
        let text = Line::Changed(Box::new(domain)).encode();
        let Ok(Line::Changed(read)) = Line::parse(&text[..text.len() - 1]) else { panic!() };
        assert_eq!((read.counters.cpu_ms, read.counters.vnics.len()), (Some(9), 0));
    }

    proptest! {
        #[test]
        fn any_text_survives_the_way(text in ".{0,60}", cpu_ms: Option<u64>) {
            let mut domain = Domain { uuid: text.clone(), name: text, ..Domain::default() };
            domain.counters.cpu_ms = cpu_ms;
            let line = Line::Domain(Box::new(domain));
            let bytes = line.encode();
            prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(Line::parse(&bytes[..bytes.len() - 1]).unwrap(), line);
        }
    }
}
