//! What was wrong with which file, line and field of the host's counters. Plain values: the agent shows them
//! as the reason why a component is degraded.
//!
//! Rule: a fault costs only its own field or record; whoever notes one goes on with the rest.

use crate::host::ReadError;
use std::path::PathBuf;

/// One thing that could not be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// A file could not be read, or a system call failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A value is there but is no number that fits.
    #[error("{file}:{line}: {field} is not a number")]
    NotANumber {
        /// As the kernel names it, without the root.
        file: &'static str,
        /// From 1.
        line: usize,
        /// The kernel's or `proc(5)`'s word for it.
        field: &'static str,
    },
    /// A field that every supported kernel has is not there.
    #[error("{file}: no {field}")]
    Missing {
        /// As the kernel names it, without the root.
        file: &'static str,
        /// The kernel's or `proc(5)`'s word for it.
        field: &'static str,
    },
    /// A line has not the form that its file promises.
    #[error("{file}:{line}: unexpected line")]
    Malformed {
        /// As the kernel names it, without the root.
        file: &'static str,
        /// From 1.
        line: usize,
    },
    /// The file ends in the middle of a line; that line is not used, because half a number is a wrong number.
    #[error("{file}:{line}: line is cut off")]
    CutOff {
        /// As the kernel names it, without the root.
        file: &'static str,
        /// From 1.
        line: usize,
    },
    /// sysfs does not tell which disks are whole, so names decide.
    #[error("whole disks are told from their names only: {0}")]
    DisksByName(ReadError),
    /// Another mount covers this one, so its space cannot be asked (`ProtectHome=` of the unit, for example).
    #[error("{}: hidden by another mount", .0.display())]
    Hidden(PathBuf),
    /// A file system did not answer in time; its last answer is used.
    #[error("{}: no answer from the file system", .0.display())]
    NoAnswer(PathBuf),
}

/// Faults of one component in one poll. Beyond a few, more of them explain nothing and only cost memory.
#[derive(Debug, Default)]
pub struct Faults(Vec<CollectError>);

impl Faults {
    const MOST: usize = 8;

    /// Adds a fault while there are few.
    pub fn note(&mut self, fault: impl Into<CollectError>) {
        if self.0.len() < Self::MOST {
            self.0.push(fault.into());
        }
    }

    /// Nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all of them out, keeping the memory.
    pub fn drain(&mut self) -> impl Iterator<Item = CollectError> + '_ {
        self.0.drain(..)
    }

    /// Notes the error and goes on without the value.
    pub(super) fn catch<T>(&mut self, outcome: Result<T, impl Into<CollectError>>) -> Option<T> {
        outcome.map_err(|error| self.note(error)).ok()
    }
}
