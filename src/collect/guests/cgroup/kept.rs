//! Files of cgroups that are kept open, and what all of them share while they are read.
//!
//! In: a file of kernfs. Out: its text, in one buffer for all. Rule: a file costs its descriptor and nothing else here, because
//! there are as many as guests times counters. The kernel makes each text as one record, so one `pread` has all of it
//! unless it fills the buffer.

use super::devices::Devices;
use crate::host::Host;
use crate::sys::tally::{Call, count};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard};

const FIRST: usize = 4096;
/// No file of a cgroup that is read here is this long.
const LIMIT: usize = 4 << 20;

/// The buffer, and what is known of devices.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) buffer: Buffer,
    pub(super) devices: Devices,
}

/// One desk for all cgroups of a host.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Desk>>);

impl Shared {
    pub(super) fn new(host: &Host) -> Self {
        let buffer = Buffer(vec![0; FIRST]);
        Self(Arc::new(Mutex::new(Desk { buffer, devices: Devices::new(host) })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Desk> {
        // What is in it is good after any panic: the buffer is written before it is read.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Room for the text of one file.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    /// The text of the file as it is now.
    pub(super) fn read(&mut self, file: &File) -> io::Result<&str> {
        let mut filled = 0;
        loop {
            let room = self.0.get_mut(filled..).unwrap_or_default();
            count(Call::Read);
            let (space, read) = (room.len(), file.read_at(room, filled as u64)?);
            filled += read;
            if read < space {
                break;
            }
            if self.0.len() >= LIMIT {
                return Err(io::Error::from_raw_os_error(libc::EFBIG));
            }
            self.0.resize(self.0.len() * 2, 0);
        }
        let text = self.0.get(..filled).unwrap_or_default();
        std::str::from_utf8(text).map_err(|_| io::Error::from_raw_os_error(libc::EILSEQ))
    }
}
