//! What went wrong when the environment was read: the path, what was tried and the kernel's errno.
//! Plain values, so that a status page can keep, compare and print them.

use std::io;
use std::path::{Path, PathBuf};

/// A file or system call that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The kernel refused.
    #[error("{operation} {}: {}", path.display(), io::Error::from_raw_os_error(*errno))]
    Kernel {
        /// What was tried: `open`, `read`, `statvfs` …
        operation: &'static str,
        /// The object.
        path: PathBuf,
        /// As in `errno(3)`; 0 where the failure did not come from the kernel.
        errno: i32,
    },
    /// A text file holds bytes that are not UTF-8.
    #[error("{}: not text at byte {offset}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Of the first bad byte, from 0.
        offset: usize,
    },
    /// No kernel file is this long; reading on would only fill memory.
    #[error("{}: longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes read before giving up.
        limit: usize,
    },
}

impl ReadError {
    pub(crate) fn kernel(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Kernel { operation, path: path.to_owned(), errno: error.raw_os_error().unwrap_or(0) }
    }

    /// The errno, where the kernel gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Kernel { errno, .. } if *errno != 0 => Some(*errno),
            _ => None,
        }
    }

    /// The file is not there (`ENOENT`, or a parent is not a directory), as opposed to unreadable.
    pub fn is_absent(&self) -> bool {
        matches!(self.errno(), Some(libc::ENOENT | libc::ENOTDIR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_operation_path_and_reason() {
        let error =
            ReadError::kernel("open", Path::new("/proc/stat"), &io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(error.to_string(), "open /proc/stat: Permission denied (os error 13)");
        assert_eq!(error.errno(), Some(libc::EACCES));
        assert!(!error.is_absent());
    }
}
