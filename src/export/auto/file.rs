//! Keeping the settings file on disk.
//!
//! In: the lines ([`Body::text`](super::Body)). Out: the file, changed only when the lines changed, under a
//! revision that only rises, also over restarts. Rules kept for readers that poll: the file is replaced in one
//! step (Java readers do not look twice at a torn one), and its whole-second modification time differs from the last
//! and only grows (C readers compare `!=`, Node `>`). The path may be a link, a device or a mount point, or stand in
//! a directory that is not ours: then the file itself is overwritten, and moved to a later second once it is whole. A
//! failure leaves the old content. What others did to the file is undone by the next write.

use super::frame;
use crate::sys::tally::{Call, count};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The kernel's own limit on links in a path.
const MOST_LINKS: usize = 40;
/// Far above any file of ours.
const MOST_BYTES: u64 = 1 << 20;

/// Why the file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AutoError {
    /// No space or quota left.
    #[error("{path}: the file system is full")]
    Full {
        /// The settings file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system is mounted read-only.
    #[error("{path}: the file system is read-only")]
    ReadOnly {
        /// The settings file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other reason; of two attempts (beside it, and in place) the first.
    #[error("{path}: cannot {call}: {source}")]
    Io {
        /// The settings file.
        path: PathBuf,
        /// The step that failed.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The file said so already.
    Unchanged,
    /// Replaced in one step.
    Replaced,
    /// Overwritten, because its directory allows no second file; a reader may see it torn.
    InPlace,
}

/// The settings file.
#[derive(Debug)]
pub struct AutoFile {
    path: PathBuf,
    revision: u64,
    /// The lines that the file is known to hold, as long as it has this `stamp`.
    body: Option<String>,
    stamp: Option<Stamp>,
    /// The newest modification time that a reader may have seen, in whole seconds.
    mtime: i64,
}

/// Which file it is, and its last change: i-node, size, time of change. Modification times are set, and repeat.
type Stamp = (u64, u64, i64, i64);

type Step<T> = Result<T, (&'static str, io::Error)>;

impl AutoFile {
    /// Looks at the file that is there, follows links, and writes nothing.
    pub fn open(path: &Path) -> Self {
        let path = follow(path.to_owned());
        let there = fs::metadata(&path).ok();
        let mtime = there.as_ref().map_or(i64::MIN, Metadata::mtime);
        let (revision, body) = read(&path).map_or((0, None), |text| parse(&text));
        Self { path, revision, body, stamp: there.as_ref().map(stamp), mtime }
    }

    /// The revision of the file; 0 if nothing was written yet.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The file that is written: the end of all links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the file up to date with these lines.
    pub fn write(&mut self, body: &str) -> Result<Written, AutoError> {
        count(Call::Ask);
        let there = fs::metadata(&self.path).ok();
        let seen = there.as_ref().map(stamp);
        if seen.is_none() || seen != self.stamp {
            (self.body, self.stamp) = (read(&self.path).and_then(|text| parse(&text).1), seen);
        }
        if self.body.as_deref() == Some(body) {
            return Ok(Written::Unchanged);
        }
        self.mtime = self.mtime.max(there.as_ref().map_or(i64::MIN, Metadata::mtime));
        let revision = self.revision.wrapping_add(1).max(1);
        let text = frame(body, revision);
        let written = self.put(&text, there.as_ref()).map_err(|(call, source)| self.error(call, source))?;
        let now = fs::metadata(&self.path).ok();
        self.mtime = self.mtime.max(now.as_ref().map_or(i64::MIN, Metadata::mtime));
        self.stamp = now.as_ref().map(stamp);
        (self.revision, self.body) = (revision, Some(body.to_owned()));
        Ok(written)
    }

    fn put(&self, text: &str, there: Option<&Metadata>) -> Step<Written> {
        // Renaming over a device or FIFO would put a file in its place.
        if there.is_some_and(|t| !t.is_file()) {
            return overwrite_special(&self.path, text).map(|()| Written::InPlace);
        }
        match replace(&self.path, text, self.mtime) {
            Ok(()) => Ok(Written::Replaced),
            Err((call, error)) if there.is_none() || is_full(&error) => Err((call, error)),
            Err((call, error)) => match overwrite(&self.path, text, self.mtime) {
                Ok(()) => Ok(Written::InPlace),
                Err((second, again)) if is_full(&again) => Err((second, again)),
                Err(_) => Err((call, error)),
            },
        }
    }

    fn error(&self, call: &'static str, source: io::Error) -> AutoError {
        let path = self.path.clone();
        match source.kind() {
            _ if is_full(&source) => AutoError::Full { path, source },
            io::ErrorKind::ReadOnlyFilesystem => AutoError::ReadOnly { path, source },
            _ => AutoError::Io { path, call, source },
        }
    }
}

fn stamp(file: &Metadata) -> Stamp {
    (file.ino(), file.size(), file.ctime(), file.ctime_nsec())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOSPC | Errno::EDQUOT))
}

/// The end of a chain of links, which need not exist.
fn follow(mut path: PathBuf) -> PathBuf {
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target));
    }
    path
}

fn read(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Revision of a file (0 if it has none), and its lines if it is whole and of the form written here. A torn file
/// still gives its revision, so that the next is higher.
fn parse(text: &str) -> (u64, Option<String>) {
    let revision = |key| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    let newest = revision("rev_start=").max(revision("rev_end=")).unwrap_or(0);
    let body: String = text
        .split_inclusive('\n')
        .filter(|line| !["#", "rev_start=", "rev_end="].iter().any(|mark| line.starts_with(mark)))
        .collect();
    let whole = frame(&body, newest) == text;
    (newest, whole.then_some(body))
}

/// Writes a second file and gives it the name of the first. Not forced to disk: it is made anew at every start.
fn replace(path: &Path, text: &str, before: i64) -> Step<()> {
    let Some(name) = path.file_name() else { return Err(("write", Errno::EISDIR.into())) };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let draft = path.with_file_name(hidden);
    // One left by a crash; or nobody's.
    let _ = fs::remove_file(&draft);
    let result = write_draft(&draft, text, before)
        .and_then(|()| fs::rename(&draft, path).map_err(|error| ("rename over it", error)));
    if result.is_err() {
        let _ = fs::remove_file(&draft);
    }
    result
}

fn write_draft(draft: &Path, text: &str, before: i64) -> Step<()> {
    let at = |call| move |error| (call, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(draft)
        .map_err(at("create a file beside it"))?;
    file.write_all(text.as_bytes()).map_err(at("write"))?;
    // The umask does not decide who may read.
    file.set_permissions(Permissions::from_mode(0o644)).map_err(at("set the mode"))?;
    advance(&file, before).map_err(at("set the time"))
}

fn overwrite_special(path: &Path, text: &str) -> Step<()> {
    // Non-blocking: a FIFO without a reader must not hold the agent.
    let file = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let mut file = file.map_err(|error| ("open for writing", error))?;
    file.write_all(text.as_bytes()).map_err(|error| ("write", error))
}

/// The old bytes are written back if the new ones do not fit: their blocks are still there.
fn overwrite(path: &Path, text: &str, before: i64) -> Step<()> {
    let at = |call| move |error| (call, error);
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(at("open for writing"))?;
    let mut old = Vec::new();
    (&file).take(MOST_BYTES).read_to_end(&mut old).map_err(at("read"))?;
    let result = rewrite(&mut file, text.as_bytes());
    if result.is_err() {
        let _ = rewrite(&mut file, &old);
    }
    // Readers that found it torn may remember this second. Only the owner may set the time: others leave them so until
    // the next change.
    let now = file.metadata().map_or(before, |m| m.mtime());
    let _ = advance(&file, before.max(now));
    result.map_err(at("write"))
}

fn rewrite(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}

/// Moves the modification time to a later whole second than `before`.
fn advance(file: &File, before: i64) -> io::Result<()> {
    if file.metadata()?.mtime() > before {
        return Ok(());
    }
    let later = Duration::from_secs(u64::try_from(before).unwrap_or(0).saturating_add(1));
    file.set_modified(UNIX_EPOCH.checked_add(later).unwrap_or(UNIX_EPOCH))
}
