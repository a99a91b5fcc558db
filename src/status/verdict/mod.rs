//! The verdict: is all well, and if not, what is wrong, why, since when, and what mends it. In: a [`Snapshot`]. Out: a
//! list of findings, the degraded ones first. Pure: the same snapshot has the same verdict, whoever asks.
//!
//! Rules: a finding names its cause in the words of who found it and ends with a command or a line of the configuration;
//! what is as somebody wants it (a link that is down, an interface without traffic) is information and no fault; what
//! the configuration names literally and this host does not have is a fault.

mod components;
mod interfaces;
mod process;
pub mod remedy;
mod sending;

use super::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was asked for does not happen.
    Degraded,
    /// Worth knowing, and no fault.
    #[default]
    Information,
}

/// One thing that is not as might be expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A component, or `links`, `samples`, `collector 192.0.2.1 port 6343` …
    pub what: String,
    /// How much it matters.
    pub severity: Severity,
    /// Why, in words.
    pub cause: String,
    /// Unix seconds of its beginning, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// A command, or a line of the configuration, that mends it; empty where there is nothing to mend.
    pub remedy: String,
}

impl Finding {
    fn degraded(what: &str, cause: String, remedy: String) -> Self {
        Self { what: what.to_owned(), severity: Severity::Degraded, cause, since: None, remedy }
    }

    fn information(what: &str, cause: String, remedy: &str) -> Self {
        Self {
            what: what.to_owned(),
            severity: Severity::Information,
            cause,
            since: None,
            remedy: remedy.to_owned(),
        }
    }
}

/// Everything that there is to say, the worst first.
pub fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut all: Vec<Finding> = components::findings(snapshot)
        .chain(interfaces::findings(snapshot))
        .chain(sending::findings(snapshot))
        .chain(process::findings(snapshot))
        .collect();
    all.sort_by_key(|finding| finding.severity);
    all
}

/// True where nothing that was asked for is missing.
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Degraded)
}

#[cfg(test)]
mod tests;
