//! What was wrong with which file of a cgroup. Plain values; each costs only what its file says.

use crate::host::ReadError;
use std::path::PathBuf;

/// One thing that could not be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CgroupError {
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file has not the form that the kernel documents.
    #[error("{}:{line}: no {field}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1; 0 where no line has it.
        line: usize,
        /// The kernel's word for what is missing or no number.
        field: &'static str,
    },
    /// This host has no cgroups, or they are hidden from the agent.
    #[error("{}: no cgroup file system is mounted", mountinfo.display())]
    NoneMounted {
        /// The mount table that was read.
        mountinfo: PathBuf,
    },
}
