//! The file that outlives the program: `state.toml`.
//!
//! In: what the book wants kept. Out: that, after a crash or a reboot. Rule: the file is always whole, the old one or
//! the new one (temporary file, fsync, rename, fsync of the folder); one that cannot be read is moved aside and said,
//! and so costs itself alone. One program writes it: the lock beside it is held as long as it runs.

mod text;

use super::book::{Kept, KeptPolicy};
use super::lines::Dialect;
use super::model::PolicyName;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder, the lock or the file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another program holds the lock.
    #[error("{}: another hsflowd-policy runs", .0.display())]
    Taken(PathBuf),
}

/// Why nothing is known of what was kept.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is there, and cannot be read.
    #[error(transparent)]
    Io(StoreError),
    /// It is not what was written.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Damaged(PathBuf, String),
}

/// The lock, held.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] Flock<File>);

/// The file, for the one who writes it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    written: String,
    /// Texts as they were last written, since few change at a time.
    texts: BTreeMap<PolicyName, (KeptPolicy, String)>,
    _lock: Lock,
}

impl Store {
    /// Takes the lock and reads what was kept; the texts say what was damaged.
    ///
    /// # Errors
    /// Another one runs, or the folder is none that can be written.
    pub fn open(path: &Path, dialect: Dialect) -> Result<(Self, Kept, Vec<String>), StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| about(folder, source))?;
        }
        let lock = lock(path)?;
        let (kept, mut faults) = match read(path, dialect) {
            Ok(read) => read,
            // What nobody may read now is still there.
            Err(ReadError::Io(source)) => return Err(source),
            Err(why) => {
                let aside = beside(path, ".damaged");
                fs::rename(path, &aside).map_err(|source| about(path, source))?;
                (Kept::default(), vec![format!("{why}; it is {} now, and nothing was kept", aside.display())])
            }
        };
        faults.truncate(100);
        Ok((
            Self { path: path.to_owned(), written: String::new(), texts: BTreeMap::new(), _lock: lock },
            kept,
            faults,
        ))
    }

    /// Writes what is to be kept, where it is another than before; then it is on the disk.
    ///
    /// # Errors
    /// It could not be written; the file is the old one.
    pub fn write(&mut self, kept: &Kept, now: SystemTime) -> Result<(), StoreError> {
        let text = self.text(kept, now);
        if text == self.written {
            return Ok(());
        }
        let fresh = beside(&self.path, ".new");
        let wrong = |source| about(&fresh, source);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(wrong)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
        fs::rename(&fresh, &self.path).map_err(|source| about(&self.path, source))?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|source| about(folder, source))?;
        }
        self.written = text;
        Ok(())
    }

    fn text(&mut self, kept: &Kept, now: SystemTime) -> String {
        let mut old = std::mem::take(&mut self.texts);
        let mut out = text::head(kept);
        for policy in &kept.policies {
            let name = &policy.said.name;
            let same = old.remove(name).filter(|(before, _)| before == policy);
            let both = same.unwrap_or_else(|| (policy.clone(), text::encode(policy, now)));
            out.push_str(&both.1);
            self.texts.insert(name.clone(), both);
        }
        out
    }
}

/// What a file keeps, for those who do not write it. A file that is not there keeps nothing.
///
/// # Errors
/// It cannot be read, or is not TOML.
pub fn read(path: &Path, dialect: Dialect) -> Result<(Kept, Vec<String>), ReadError> {
    let text = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(ReadError::Io(about(path, error))),
    };
    let damaged = |why: &dyn std::fmt::Display| ReadError::Damaged(path.to_owned(), why.to_string());
    let text = String::from_utf8(text).map_err(|_| damaged(&"not UTF-8"))?;
    let (kept, faults) = text::decode(&text, dialect).map_err(|why| damaged(&why))?;
    Ok((kept, faults.into_iter().map(|fault| format!("{}: {fault}", path.display())).collect()))
}

/// Takes the lock of a state file, which only one program has.
///
/// # Errors
/// Another has it.
pub fn lock(path: &Path) -> Result<Lock, StoreError> {
    let path = beside(path, ".lock");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|source| about(&path, source))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Lock(held)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(StoreError::Taken(path)),
        Err((_, errno)) => Err(about(&path, errno.into())),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn about(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source }
}
