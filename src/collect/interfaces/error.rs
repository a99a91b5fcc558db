//! Why the interfaces could not be read.

use crate::sys::SysError;

/// A failure of a whole operation; what concerns one interface or one message is skipped and counted instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// A system call failed.
    #[error(transparent)]
    Sys(#[from] SysError),
    /// The kernel refused a request.
    #[error("{request}: {}", std::io::Error::from_raw_os_error(*.errno))]
    Refused {
        /// The request's message type.
        request: &'static str,
        /// The kernel's answer.
        errno: i32,
    },
    /// The kernel did not answer in time.
    #[error("{request}: no answer within {secs} s")]
    Silent {
        /// The request's message type.
        request: &'static str,
        /// How long was waited, in seconds.
        secs: u64,
    },
}
