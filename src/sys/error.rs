//! A system call that failed: what, on what, and errno.

use nix::errno::Errno;

/// The kernel's answers that decide something above this layer.
pub mod errno {
    pub use libc::{EACCES, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, EPERM, ESRCH};
}

/// A failed system call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {object}: {}", std::io::Error::from_raw_os_error(*.errno))]
pub struct SysError {
    /// What was tried, in the words of the manual page.
    pub operation: &'static str,
    /// What it was tried on: an interface, a protocol, a path.
    pub object: String,
    /// The kernel's answer.
    pub errno: i32,
}

impl SysError {
    /// A failure with this errno.
    pub fn new(operation: &'static str, object: impl Into<String>, errno: Errno) -> Self {
        Self { operation, object: object.into(), errno: errno as i32 }
    }

    pub(super) fn last(operation: &'static str, object: impl Into<String>) -> Self {
        Self::new(operation, object, Errno::last())
    }

    /// The same of an error of the standard library.
    pub fn io(operation: &'static str, object: impl Into<String>, error: &std::io::Error) -> Self {
        Self { operation, object: object.into(), errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }

    /// True where a netlink socket lost messages because nobody read them in time.
    pub fn is_overrun(&self) -> bool {
        self.errno == libc::ENOBUFS
    }

    /// True where the interface does not exist (any more).
    pub fn is_gone(&self) -> bool {
        self.errno == libc::ENODEV || self.errno == libc::ENXIO
    }
}
