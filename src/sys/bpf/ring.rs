//! A BPF ring buffer (kernel 5.8): records that programs write on any CPU and this process reads in order.
//!
//! In: a size. Out: records, borrowed until the closure returns. Rules: a record's length word says that it is finished, so
//! an acquiring fence stands behind its load (Rust allows no more than relaxed loads of memory that is read-only, as the kernel
//! wants the writers' to be); room is given back by a releasing store of the reader's position. Positions
//! count bytes for ever and wrap. The data are mapped twice in a row, so no record is in two pieces.
//! Readable, for poll(2), while anything waits. Spec: Documentation/bpf/ringbuf.rst.

use super::{create_map, map_memory, page};
use crate::sys::SysError;
use crate::sys::mapping::Mapping;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

const BPF_MAP_TYPE_RINGBUF: u32 = 27;
/// Flags in a record's length: still being written; not to be read.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_LEN: usize = 8;
/// The reader's position is stored no more often than this: writers read it for each record.
const GIVE_BACK: usize = 64 * 1024;

/// What a visit found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Records.
    pub records: usize,
    /// How full the ring was, in percent.
    pub percent: usize,
    /// More is waiting already.
    pub more: bool,
}

/// A mapped ring buffer.
#[derive(Debug)]
pub struct Ring {
    /// The reader's position, alone in its page.
    reader: Mapping,
    /// The writers' position in a page of its own, then the data twice.
    writer: Mapping,
    bytes: usize,
    map: OwnedFd,
}

impl Ring {
    /// Creates a ring of at least so many bytes; the kernel wants a power of two and whole pages.
    pub fn new(bytes: usize) -> Result<Self, SysError> {
        let bytes = bytes.max(page()).next_power_of_two();
        let entries = u32::try_from(bytes).unwrap_or(u32::MAX);
        let map = create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, entries, 0, "ring buffer")?;
        let reader = map_memory(map.as_fd(), libc::PROT_READ | libc::PROT_WRITE, page(), 0)?;
        let writer = map_memory(map.as_fd(), libc::PROT_READ, page() + 2 * bytes, page())?;
        Ok(Self { reader, writer, bytes, map })
    }

    /// Hands on what waits now.
    pub fn read(&mut self, mut each: impl FnMut(&[u8])) -> Found {
        let (reader, writer) = (position(&self.reader), position(&self.writer));
        let (start, end) = (reader.load(Ordering::Relaxed), writer.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let (mut at, mut given_back, mut records) = (start, start, 0);
        while at != end {
            let place = page() + (at & (self.bytes - 1));
            // SAFETY: inside the mapping, and aligned to 8 as all records are.
            let header = unsafe { self.writer.memory.add(place) };
            // SAFETY: an aligned word, alive as long as the mapping. The mapping is read-only: it is only loaded, and relaxed.
            let flags = unsafe { header.cast::<AtomicU32>().as_ref() }.load(Ordering::Relaxed);
            if flags & BUSY != 0 {
                break;
            }
            fence(Ordering::Acquire);
            let length = (flags & !DISCARDED) as usize;
            let length = length.min(self.bytes - HEADER_LEN);
            if flags & DISCARDED == 0 {
                // SAFETY: at most a ring from a place in its first copy, so inside the second; nobody writes to it before the
                // reader's position is beyond it.
                each(unsafe { std::slice::from_raw_parts(header.as_ptr().add(HEADER_LEN), length) });
                records += 1;
            }
            at = at.wrapping_add((HEADER_LEN + length).next_multiple_of(8));
            if at.wrapping_sub(given_back) >= GIVE_BACK {
                reader.store(at, Ordering::Release);
                given_back = at;
            }
        }
        reader.store(at, Ordering::Release);
        // Before the next look: a writer that has not seen this position would not wake the reader.
        fence(Ordering::SeqCst);
        let more = writer.load(Ordering::Relaxed) != at;
        Found { records, percent: end.wrapping_sub(start) * 100 / self.bytes, more }
    }
}

/// A position is the first word of its mapping.
fn position(mapping: &Mapping) -> &AtomicUsize {
    // SAFETY: the mapping is at least a page, aligned, and outlives the borrow; nobody writes to it but atomically. The
    // writers' is read-only: it is only loaded, and relaxed.
    unsafe { mapping.memory.cast::<AtomicUsize>().as_ref() }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}
