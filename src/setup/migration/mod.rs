//! What becomes of the files of an installed C agent: everything that will be otherwise, and what to do about it.
//!
//! In: the texts of its configuration, of `/etc/default/hsflowd`, of its units and drop-ins, and what else of it lies there.
//! Out: findings, and what the unit here is given. `configuration` looks at hsflowd.conf, `arguments` at the command line,
//! `units` at units and drop-ins, `leftovers` at the rest. Rule: nothing of it is changed, and nothing that differs is
//! passed over.

mod arguments;
mod configuration;
mod differences;
mod leftovers;
mod page;
mod units;

pub use arguments::Arguments;
pub use leftovers::LOOKED_FOR;
pub use page::page;

use super::plan::{Facts, Plan, plan};
use crate::config::{self, Platform};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The agent does not start, or not with this, before somebody has done something.
    Mend,
    /// It works, otherwise than with the C agent.
    Differs,
    /// It has no effect, and can go.
    Obsolete,
}

/// One thing to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// A file, a line of it, a key or an option.
    pub subject: String,
    /// What will be so.
    pub what: String,
    /// What to do, where there is something to do.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(weight: Weight, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { weight, subject: subject.into(), what: what.into(), remedy: None }
    }

    fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// A text and where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFile {
    /// Its path.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The agent's user may read it.
    pub is_readable: bool,
}

/// What is installed.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// The configuration; without one DNS is asked.
    pub configuration: Option<TextFile>,
    /// What `DAEMON_ARGS` says.
    pub arguments: Arguments,
    /// `/etc/default/hsflowd`, `/etc/sysconfig/hsflowd`.
    pub defaults: Vec<TextFile>,
    /// Units and drop-ins of the agent that are not ours, `/etc/systemd/system` first.
    pub units: Vec<TextFile>,
    /// Which of [`LOOKED_FOR`] are there.
    pub present: Vec<&'static str>,
}

/// What is to be said of an installation.
#[derive(Clone, Debug)]
pub struct Report {
    /// By weight; within one in the order of the files.
    pub findings: Vec<Finding>,
    /// What the units are given; none where the configuration is refused.
    pub plan: Option<Plan>,
}

impl Report {
    /// Nothing has to be done first.
    pub fn is_ready(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight != Weight::Mend)
    }
}

/// Looks at all of it.
pub fn report(installed: &Installed, platform: Platform, facts: &Facts) -> Report {
    let (settings, mut findings) = configuration::read(installed, platform);
    findings.extend(arguments::findings(&installed.arguments));
    findings.extend(units::findings(installed));
    findings.extend(leftovers::findings(installed, settings.as_ref()));
    let text =
        installed.configuration.as_ref().map_or("".into(), |file| String::from_utf8_lossy(&file.bytes));
    findings.extend(differences::findings(settings.as_ref(), &text));
    findings.sort_by_key(|finding| finding.weight);
    Report { findings, plan: settings.map(|settings| plan(&settings, facts)) }
}

/// The configuration that holds without a file.
fn built_in(platform: Platform) -> Option<config::model::Settings> {
    config::parse("built-in", platform.built_in()).settings
}
