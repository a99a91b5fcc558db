//! Why a namespace is not as wanted, and whose business that is: a policy's, of all that need sets, of all that are there,
//! or nobody's.

use super::runner::Failed;
use std::fmt;

/// Why something is not in force.
#[derive(Debug)]
pub(super) enum Stop {
    /// A program refuses what it was given.
    Input { failed: Failed, input: String },
    /// There can be no sets here.
    Sets(Failed),
    /// A program or a privilege is missing.
    Lacking(Failed),
    /// Nothing that a policy could be blamed for.
    Trouble(String),
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Missing(_) | Failed::Denied { .. } => Self::Lacking(failed),
            Failed::Deadline { .. } | Failed::Status { .. } => Self::Trouble(failed.to_string()),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { failed, .. } | Self::Sets(failed) | Self::Lacking(failed) => failed.fmt(f),
            Self::Trouble(why) => f.write_str(why),
        }
    }
}

/// Neither a program for sets nor, by its word, a kernel that has them.
pub(super) fn has_no_sets(failed: &Failed) -> bool {
    match failed {
        Failed::Missing(program) => program == "ipset",
        Failed::Status { program, stderr, .. } => {
            program == "ipset" && stderr.contains("Cannot open session to kernel")
        }
        Failed::Denied { .. } | Failed::Deadline { .. } => false,
    }
}
