//! What everybody may read: how each policy is, what does not work, and what happened.

use super::Origin;
use crate::policy::model::{Groups, Policy, PolicyName, Protected};
use crate::policy::plan::Members;
use crate::policy::wanted::{Carrier, Hits};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// How a policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Taken up, not tried yet, or its back end is in trouble.
    Waiting,
    /// In force, and read back.
    Live,
    /// It does not work; the others do without it.
    Quarantined(String),
}

/// What is known of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Itself; its end is a point in time.
    pub policy: Policy,
    /// From where.
    pub origin: Origin,
    /// Who asked.
    pub by: String,
    /// Who brings it about.
    pub carrier: Carrier,
    /// How it is.
    pub state: State,
    /// Since when it is so.
    pub since: SystemTime,
    /// Taken back then, unless confirmed.
    pub confirm_by: Option<SystemTime>,
    /// What it met, as of the last count.
    pub hits: Hits,
    /// Another for each change of what it says.
    pub version: u64,
}

/// How it is with somebody whom the program listens to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Connected, since.
    pub since: Option<SystemTime>,
    /// Not connected, since, and why.
    pub away: Option<(SystemTime, String)>,
    /// By name.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Everything, at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Grows with each change.
    pub generation: u64,
    /// By name.
    pub policies: BTreeMap<PolicyName, Shown>,
    /// As said in files and asked for.
    pub groups: Groups,
    /// The addresses that they have now, guests' too.
    pub members: Members,
    /// What cannot be cut.
    pub protected: Vec<Protected>,
    /// Back ends that do not work at the moment.
    pub troubles: BTreeMap<Carrier, String>,
    /// Faults of the files.
    pub faults: Vec<String>,
    /// `guests` and, where there are reactions, `samples`.
    pub sources: BTreeMap<&'static str, Source>,
}

/// What happened, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: SystemTime,
    /// Who asked, or `expiry`, `files`, `repair`.
    pub by: String,
    /// For people and the log: `policy ddos1: put, live`.
    pub text: String,
}
