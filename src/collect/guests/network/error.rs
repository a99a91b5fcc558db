//! Why the network of a guest could not be read.

use crate::collect::interfaces::InterfaceError;
use crate::host::ReadError;
use crate::sys::SysError;

/// A failure that concerns one guest, or all where the kernel cannot be asked at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The process has ended.
    #[error("process {0} is no more")]
    NoProcess(u32),
    /// The namespace is no more, and its number may be another's by now: to be learned again, from a process.
    #[error("the network namespace is no more")]
    Gone,
    /// An interface is no more: to be learned again.
    #[error("interface {0} is no more")]
    Changed(String),
    /// Neither may the namespace be asked from here, nor entered.
    #[error(
        "process {pid}: CAP_NET_ADMIN may be missing ({asked}), and CAP_SYS_ADMIN or CAP_SYS_PTRACE ({entered})"
    )]
    Denied {
        /// A process in it.
        pid: u32,
        /// What became of the question from outside.
        asked: InterfaceError,
        /// What became of entering.
        entered: ReadError,
    },
    /// It cannot be entered.
    #[error(transparent)]
    Enter(#[from] ReadError),
    /// The kernel cannot be asked, or refused.
    #[error(transparent)]
    Ask(#[from] InterfaceError),
}

impl From<SysError> for NetworkError {
    fn from(error: SysError) -> Self {
        Self::Ask(error.into())
    }
}
