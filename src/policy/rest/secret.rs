//! Files that are for their owner alone: tokens, and the key of a certificate.
//!
//! In: a path. Out: what it says. Rule: what others can read is no secret, and not used.

use crate::host::files;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a secret is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("{path}: mode {mode:04o}; it is for its owner alone: chmod 0600")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

pub(super) fn read(path: &Path) -> Result<String, SecretFault> {
    let failed = |source| SecretFault::Read { path: path.to_owned(), source };
    let file = files::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFault::Mode { path: path.to_owned(), mode });
    }
    io::read_to_string(file).map_err(failed)
}
