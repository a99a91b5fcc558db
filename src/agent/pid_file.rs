//! The process id file of a daemon. Rule: a lock, not the file's existence, says whether an agent is alive, so a
//! file that a dead agent left behind never blocks a start.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

/// A locked process id file, removed when dropped (where the directory still permits it).
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

/// The file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another agent holds the lock.
    #[error("{0}: another hsflowd is running")]
    Taken(PathBuf),
    /// It cannot be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PidFile {
    /// Opens and locks the file. Call before forking: the lock goes with the descriptor to the child.
    ///
    /// # Errors
    /// Another agent has it, or it cannot be written.
    pub fn lock(path: &Path) -> Result<Self, PidFileError> {
        let error = |source| PidFileError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(error)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { path: path.to_owned(), file }),
            Err((_, nix::Error::EWOULDBLOCK)) => Err(PidFileError::Taken(path.to_owned())),
            Err((_, e)) => Err(error(e.into())),
        }
    }

    /// Writes this process's id into it.
    ///
    /// # Errors
    /// The file system refused.
    pub fn write(&mut self) -> Result<(), PidFileError> {
        let mut put = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            writeln!(self.file, "{}", std::process::id())
        };
        put().map_err(|source| PidFileError::Io { path: self.path.clone(), source })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Without the right to remove it the file stays, empty and unlocked, which blocks nobody.
        let _ = self.file.set_len(0);
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_left_behind_does_not_block_a_start_and_a_living_agent_does() {
        let path = std::env::temp_dir().join(format!("hsflow-pid-{}", std::process::id()));
        std::fs::write(&path, "1\n").unwrap();
        let mut first = PidFile::lock(&path).unwrap();
        first.write().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert!(matches!(PidFile::lock(&path), Err(PidFileError::Taken(_))));
        drop(first);
        assert!(!path.exists());
    }
}
