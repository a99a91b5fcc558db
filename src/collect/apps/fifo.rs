//! A named pipe. Rules: reading is enough, so the agent needs no right to write; when the last writer has gone the pipe is
//! opened anew, since the old descriptor would be readable for ever without anything to read, and the new one is opened
//! before the old one is closed, so that nothing written meanwhile is lost. Spec: fifo(7), poll(2).

use super::place::Obstacle;
use super::{Sender, Visit};
use crate::sample::application::split::Stream;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::fs::MetadataExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a pipe holds, unless somebody has changed it: pipe(7).
const PIPE_BYTES: usize = 65_536;

#[derive(Debug)]
pub(super) struct Fifo {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
    buffer: Box<[u8]>,
    stream: Stream,
}

impl Fifo {
    pub(super) fn open(path: &Path) -> Result<Self, Obstacle> {
        let (file, identity) = open(path)?;
        let buffer = vec![0; PIPE_BYTES].into_boxed_slice();
        Ok(Self { file, path: path.to_owned(), identity, buffer, stream: Stream::default() })
    }

    /// Whether its name still leads to it.
    pub(super) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|there| identity(&there) == self.identity)
    }

    /// Whether the last writer has gone.
    fn is_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(self.file.as_fd(), PollFlags::empty())];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    /// Hands on what is complete.
    pub(super) fn read(&mut self, each: &mut impl FnMut(Sender, &[u8])) -> Result<Visit, Obstacle> {
        let mut messages = 0;
        let mut count = |message: &[u8]| {
            messages += 1;
            each(Sender::Fifo, message);
        };
        let bytes = match self.file.read(&mut self.buffer) {
            // No writer has been there yet.
            Ok(0) if !self.is_hung_up() => 0,
            Ok(0) => {
                self.stream.end(&mut count);
                (self.file, self.identity) = open(&self.path)?;
                0
            }
            Ok(bytes) => {
                self.stream.push(self.buffer.get(..bytes).unwrap_or_default(), &mut count);
                bytes
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(Obstacle::io("read", &self.path, &error)),
        };
        Ok(Visit { messages, more: bytes == PIPE_BYTES, fullest: bytes * 100 / PIPE_BYTES })
    }
}

fn identity(there: &Metadata) -> (u64, u64) {
    (there.st_dev(), there.st_ino())
}

fn open(path: &Path) -> Result<(File, (u64, u64)), Obstacle> {
    let error = |error: std::io::Error| Obstacle::io("open", path, &error);
    let check = |there: Metadata| match there.file_type().is_fifo() {
        true => Ok(identity(&there)),
        false => Err(Obstacle::NotA { path: path.to_owned(), wanted: "named pipe" }),
    };
    // Not opened where it is no pipe: opening a device can do things.
    check(std::fs::metadata(path).map_err(error)?)?;
    let flags = OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(error)?;
    // It may be another file by now.
    let identity = check(file.metadata().map_err(error)?)?;
    Ok((file, identity))
}

impl AsFd for Fifo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
