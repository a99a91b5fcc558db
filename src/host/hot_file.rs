//! A kernel file that is kept open and read again and again: no `open`, `close` or allocation per reading.
//!
//! In: a path. Out: its present contents, borrowed from one buffer that grows with the file.
//! Rules: every reading starts at offset 0 (`pread`), which makes procfs and sysfs produce fresh contents;
//! a failed reading opens the file anew once, because interfaces and disks come and go under the same name.
//!
//! A short read ends a file only where the kernel makes the whole text as one record (`seq_file` with
//! `single_open`: `/proc/stat`, `meminfo`, `net/snmp`, all of sysfs). Tables of records (`diskstats`, `vmstat`,
//! `cpuinfo`, `mountinfo`) come in pieces of about a page however large the buffer is, and end with a
//! read of 0 bytes. Source: the kernel's `fs/seq_file.c`.

use super::ReadError;
use crate::sys::tally::{Call, count};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Within a page, with what allocators put before it.
const FIRST: usize = 4064;
const LIMIT: usize = 16 << 20;
/// A buffer above this is given back once the file needs less than an eighth of it: the mount table of a
/// thousand containers must not stay in memory after they have gone.
const GENEROUS: usize = 64 << 10;

/// One kept file.
#[derive(Debug)]
pub struct HotFile {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    filled: usize,
}

impl HotFile {
    /// Names the file; it is opened by the first reading.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None, buffer: Vec::new(), filled: 0 }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All bytes of a table of records, read to its end.
    pub fn bytes(&mut self) -> Result<&[u8], ReadError> {
        self.read(|_, _| false)?;
        Ok(self.buffer.get(..self.filled).unwrap_or_default())
    }

    /// All text of a table of records, read to its end.
    pub fn records(&mut self) -> Result<&str, ReadError> {
        self.read(|_, _| false)?;
        self.as_text()
    }

    /// All text of a file that the kernel makes as one record: one system call once the buffer is large enough.
    pub fn text(&mut self) -> Result<&str, ReadError> {
        self.read(|_, spare| spare > 0)?;
        self.as_text()
    }

    /// The beginning of a table of records: the whole lines up to the first piece after which `enough` holds,
    /// or all of it.
    pub fn head(&mut self, enough: impl Fn(&[u8]) -> bool) -> Result<&str, ReadError> {
        let stopped = Cell::new(false);
        self.read(|read, _| {
            stopped.set(enough(read));
            stopped.get()
        })?;
        if stopped.get() {
            let read = self.buffer.get(..self.filled).unwrap_or_default();
            self.filled = read.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        }
        self.as_text()
    }

    /// Whether the kernel has announced a change since the last call (`POLLPRI` or `POLLERR`, as `mountinfo`
    /// and some sysfs files do). A file not open yet has changed; one that cannot tell never has.
    pub fn has_changed(&self) -> bool {
        let Some(file) = &self.file else { return true };
        let announced = PollFlags::POLLPRI | PollFlags::POLLERR;
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        count(Call::Ask);
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(_) => fds.iter().any(|fd| fd.revents().is_some_and(|r| r.intersects(announced))),
            Err(_) => true,
        }
    }

    fn as_text(&self) -> Result<&str, ReadError> {
        std::str::from_utf8(self.buffer.get(..self.filled).unwrap_or_default())
            .map_err(|e| ReadError::NotText { path: self.path.clone(), offset: e.valid_up_to() })
    }

    /// `done(bytes so far, room left by the last read)` says whether to stop before the read of 0 bytes.
    fn read(&mut self, done: impl Fn(&[u8], usize) -> bool) -> Result<(), ReadError> {
        if self.file.is_some() {
            match self.read_open(&done) {
                Err(ReadError::Kernel { .. }) => self.file = None,
                other => return other,
            }
        }
        count(Call::Open);
        let opened = File::open(&self.path).map_err(|e| ReadError::kernel("open", &self.path, &e))?;
        self.file = Some(opened);
        self.read_open(&done).inspect_err(|_| self.file = None)
    }

    fn read_open(&mut self, done: &impl Fn(&[u8], usize) -> bool) -> Result<(), ReadError> {
        let Some(file) = &self.file else { return Ok(()) };
        if self.buffer.len() > GENEROUS && self.filled < self.buffer.len() / 8 {
            self.buffer.truncate(GENEROUS);
            self.buffer.shrink_to_fit();
        }
        self.filled = 0;
        loop {
            if self.filled == self.buffer.len() {
                if self.filled >= LIMIT {
                    return Err(ReadError::TooLong { path: self.path.clone(), limit: LIMIT });
                }
                self.buffer.resize((self.filled * 2).max(FIRST), 0);
            }
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            count(Call::Read);
            match file.read_at(room, self.filled as u64) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    let spare = room.len() - n;
                    self.filled += n;
                    if done(self.buffer.get(..self.filled).unwrap_or_default(), spare) {
                        return Ok(());
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(ReadError::kernel("read", &self.path, &e)),
            }
        }
    }
}

#[cfg(test)]
#[path = "hot_file/tests.rs"]
mod tests;
