//! `hsflowctl doctor`: does this host have what the agent and its configuration need? In: the host, the configuration, the
//! running agent if there is one. Out: one line a check, with what to do, and an exit status: 0 nothing is wrong, 1 something
//! is. `read` asks the host, `judge` says what that means and is pure, `firewall` reads rules, `calibrate` tries samplers on
//! known traffic.
//!
//! Rules: nothing is changed and nothing is sent anywhere; what cannot be asked (by this user) is said to be unknown and is
//! neither right nor wrong.

mod calibrate;
mod facts;
pub mod firewall;
mod judge;
mod read;

use super::client;
use super::printable::printable;
use super::{Exit, print};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Asked {
    /// Configuration; of a running agent, its own.
    #[arg(short = 'f', long = "config")]
    config: Option<PathBuf>,
    /// Also try the samplers on known traffic, in a network namespace that goes away.
    #[arg(long)]
    calibrate: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    agent: super::AgentSocket,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    /// It keeps something from working.
    Wrong,
    /// It cannot be told, or may matter.
    Unsure,
    /// As it should be.
    Good,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    what: String,
    grade: Grade,
    found: String,
    /// A command or a line of the configuration; empty where nothing is to be done.
    remedy: String,
}

impl Check {
    fn good(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), grade: Grade::Good, found: found.into(), remedy: String::new() }
    }

    fn unsure(what: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.to_owned(), grade: Grade::Unsure, found: found.into(), remedy: remedy.into() }
    }

    fn wrong(what: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.to_owned(), grade: Grade::Wrong, found: found.into(), remedy: remedy.into() }
    }
}

/// Looks at everything and prints it.
pub(super) fn doctor(asked: &Asked) -> Exit {
    let snapshot = client::read_snapshot(&asked.agent.socket);
    let facts = read::facts(asked.config.as_deref(), snapshot);
    let mut checks = judge::checks(&facts);
    if asked.calibrate {
        checks.extend(calibrate::checks());
    }
    let exit = if checks.iter().any(|check| check.grade == Grade::Wrong) { Exit::No } else { Exit::Yes };
    print(&page(&checks, asked.json)).err().unwrap_or(exit)
}

fn page(checks: &[Check], json: bool) -> String {
    let is_ok = checks.iter().all(|check| check.grade != Grade::Wrong);
    if json {
        let page = serde_json::json!({ "version": 1, "ok": is_ok, "checks": checks });
        return format!("{page}\n");
    }
    let mut page = String::new();
    for check in checks {
        let word = match check.grade {
            Grade::Good => "ok",
            Grade::Unsure => "?",
            Grade::Wrong => "WRONG",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{word:<6} {}: {}", check.what, printable(&check.found));
        if !check.remedy.is_empty() {
            let _ = writeln!(page, "       do: {}", printable(&check.remedy));
        }
    }
    let count = |grade| checks.iter().filter(|check| check.grade == grade).count();
    let _ = writeln!(
        page,
        "{} wrong, {} cannot be told or may matter, {} as they should be",
        count(Grade::Wrong),
        count(Grade::Unsure),
        count(Grade::Good)
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_line_for_each_check_and_a_sum() {
        let checks = [
            Check::good("clock", "right"),
            Check::wrong("nflog", "no\nmodule", "modprobe it"),
            Check::unsure("a", "b", ""),
        ];
        assert_eq!(
            page(&checks, false),
            "ok     clock: right\nWRONG  nflog: no\\nmodule\n       do: modprobe it\n?      a: b\n\
             1 wrong, 1 cannot be told or may matter, 1 as they should be\n"
        );
        let json: serde_json::Value = serde_json::from_str(&page(&checks, true)).unwrap();
        assert_eq!((&json["ok"], &json["checks"][1]["grade"]), (&false.into(), &"wrong".into()));
    }
}
