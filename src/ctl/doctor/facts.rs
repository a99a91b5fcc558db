//! What was read of the host, as plain values: the border between `read` and `judge`.

use super::firewall::{Chain, Datagram};
use crate::config::model::Settings;
use crate::status::snapshot::Snapshot;

/// Everything that the judgement looks at.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) config: Config,
    /// What the agent on the socket says.
    pub(super) snapshot: Option<Snapshot>,
    /// Why none answers.
    pub(super) silent: String,
    /// Processes called hsflowd in this network namespace, or perhaps in it.
    pub(super) processes: Vec<Process>,
    /// The rights of the agent, or of its user where it does not run.
    pub(super) rights: Option<Rights>,
    /// What was left by the C agent.
    pub(super) left_behind: Vec<String>,
    /// Each packet source that the settings want, and why it cannot run here.
    pub(super) sources: Vec<(&'static str, Result<(), Refusal>)>,
    /// Kernel modules that matter for these settings.
    pub(super) modules: Vec<(&'static str, Module)>,
    /// Sockets and programs that the settings want.
    pub(super) doors: Vec<Door>,
    /// The rules for what this host sends; an error says why they cannot be read.
    pub(super) rules: Option<Result<Vec<Chain>, String>>,
    /// Where datagrams go.
    pub(super) datagrams: Vec<Datagram>,
    /// Somebody keeps the clock right.
    pub(super) synchronised: Option<bool>,
    /// This process is root.
    pub(super) is_root: bool,
}

/// The configuration.
#[derive(Debug, Default)]
pub(super) enum Config {
    /// There is no such file.
    #[default]
    None,
    /// It cannot be read: why.
    Unreadable(String),
    /// The file, and its first errors.
    Refused(String, Vec<String>),
    /// The file, what it says, how many remarks there are.
    Valid(String, Box<Settings>, usize),
}

impl Config {
    /// What is wanted, as far as that is known.
    pub(super) fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Valid(_, settings, _) => Some(settings),
            _ => None,
        }
    }

    /// Its path.
    pub(super) fn file(&self) -> &str {
        match self {
            Self::Valid(file, ..) | Self::Refused(file, _) => file,
            Self::None | Self::Unreadable(_) => "/etc/hsflowd.conf",
        }
    }
}

/// A process called hsflowd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// It is known to be in this network namespace.
    pub(super) is_here: bool,
    /// Its program; none where that may not be seen.
    pub(super) program: Option<String>,
    /// It has loaded modules of the C agent.
    pub(super) is_c_agent: bool,
}

/// What a process may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) uid: u32,
    pub(super) groups: Vec<u32>,
    /// Effective capabilities, by bit; none where no process has them yet.
    pub(super) capabilities: Option<u64>,
}

/// Why a source cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) words: String,
    /// For want of a privilege.
    pub(super) is_denied: bool,
}

/// A kernel module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Module {
    Loaded,
    BuiltIn,
    /// It can be loaded.
    Available,
    Missing,
    /// The files of this kernel are not here.
    Unknown,
}

/// A socket or a program that something in the configuration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    /// The object in the configuration.
    pub(super) of: &'static str,
    pub(super) path: String,
    /// Owner, group and mode; none where there is no such file.
    pub(super) owner: Option<(u32, u32, u32)>,
    /// What is wanted of it: 2 to write, 1 to run.
    pub(super) wanted: u32,
}
