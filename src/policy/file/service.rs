//! `[limits]` and `[service]`: how much, how fast and for how long, and how the program runs.
//!
//! In: those tables of the first file. Out: values with defaults for what is missing or wrong. Rule: what nobody says
//! ends by itself, and what ends by itself may outlive the program.

use super::fault::FaultKind;
use super::table::Table;
use crate::policy::model::{Limits, WordFault};
use crate::policy::wanted::Jump;
use std::path::PathBuf;
use std::time::Duration;

const MOST: u64 = 1_000_000;
pub(super) const LIMITS: [&str; 7] =
    ["policies", "lines", "groups", "members", "writes_per_second", "default_ttl", "endless"];
pub(super) const SERVICE: [&str; 3] = ["on_stop", "agent", "jump"];
const DEFAULT_LIFE: Duration = Duration::from_secs(3_600);

/// How fast and for how long those who ask may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Policies that are put, removed or confirmed in a second, on average.
    pub writes_per_second: u32,
    /// Of a policy that was asked for without an end; `None` is for ever.
    pub default_life: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { writes_per_second: 1000, default_life: Some(DEFAULT_LIFE) }
    }
}

/// What becomes of everything when the service is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// It stays; what has an end is swept when it is over. A restart for an upgrade opens nothing.
    #[default]
    Keep,
    /// It is taken away.
    Remove,
}

/// How the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// When it is stopped.
    pub on_stop: OnStop,
    /// The folder of the agent's sockets.
    pub agent: PathBuf,
    /// Where our rules stand among others'.
    pub jump: Jump,
}

impl Default for Service {
    fn default() -> Self {
        Self { on_stop: OnStop::default(), agent: "/run/hsflowd".into(), jump: Jump::default() }
    }
}

pub(super) fn limits(root: &mut Table<'_, '_>) -> (Limits, Pace) {
    let Some(mut table) = root.inner("limits", &LIMITS) else { return (Limits::default(), Pace::default()) };
    let default = Limits::default();
    let mut number = |key, default: usize| table.number(key, 1..=MOST).unwrap_or(default);
    let limits = Limits {
        policies: number("policies", default.policies),
        lines: number("lines", default.lines),
        groups: number("groups", default.groups),
        members: number("members", default.members),
    };
    (limits, pace(&mut table))
}

fn pace(table: &mut Table<'_, '_>) -> Pace {
    let default = Pace::default();
    let writes = table.number("writes_per_second", 1..=MOST);
    let is_never = table.get("default_ttl").is_some_and(|value| value.get_ref().as_str() == Some("never"));
    let life = if is_never { None } else { table.time("default_ttl") };
    let endless = table.flag("endless");
    if is_never && !endless {
        let why = "'never' needs 'endless = true' beside it";
        if let Some(value) = table.get("default_ttl") {
            table.refuse::<()>("default_ttl", value, FaultKind::Conflict(why));
        }
    }
    Pace {
        writes_per_second: writes.unwrap_or(default.writes_per_second),
        default_life: if endless { life } else { life.or(default.default_life) },
    }
}

pub(super) fn service(root: &mut Table<'_, '_>) -> Service {
    let Some(mut table) = root.inner("service", &SERVICE) else { return Service::default() };
    let on_stop = table.one("on_stop", |word| match word {
        "keep" => Ok(OnStop::Keep),
        "remove" => Ok(OnStop::Remove),
        _ => Err(WordFault { what: "'on_stop'", allowed: "keep or remove" }),
    });
    let agent = table.one("agent", |word| match word {
        word if word.starts_with('/') => Ok(PathBuf::from(word)),
        _ => Err(WordFault { what: "'agent'", allowed: "the whole path of a folder" }),
    });
    let jump = table.one("jump", |word| match word {
        "first" => Ok(Jump::First),
        "stays" => Ok(Jump::Stays),
        _ => Err(WordFault { what: "'jump'", allowed: "first or stays" }),
    });
    let default = Service::default();
    Service {
        on_stop: on_stop.unwrap_or(default.on_stop),
        agent: agent.unwrap_or(default.agent),
        jump: jump.unwrap_or(default.jump),
    }
}
