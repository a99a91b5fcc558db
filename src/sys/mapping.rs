//! Memory that is mapped. In: how many bytes, and of which descriptor. Out: where they begin. Rule: a mapping lives as long as its
//! value, so what is borrowed from it must not outlive that. Spec: mmap(2).

use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// Unmapped when it is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Its first byte.
    pub(super) memory: NonNull<u8>,
    /// Its length.
    pub(super) bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is as good in one thread as in another.
unsafe impl Send for Mapping {}

impl Mapping {
    /// What `fd` stands for, from `offset`, shared with the kernel; `access` is `PROT_*`.
    pub(super) fn shared(
        fd: BorrowedFd<'_>,
        access: i32,
        bytes: usize,
        offset: usize,
    ) -> Result<Self, Errno> {
        Self::new(access, bytes, libc::MAP_SHARED, fd.as_raw_fd(), offset)
    }

    /// Zeros of this process alone.
    pub(super) fn zeros(bytes: usize) -> Result<Self, Errno> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        Self::new(access, bytes, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    fn new(access: i32, bytes: usize, kind: i32, fd: i32, offset: usize) -> Result<Self, Errno> {
        let place = libc::off_t::try_from(offset).unwrap_or(0);
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, fd, place) };
        let memory = if memory == libc::MAP_FAILED { None } else { NonNull::new(memory.cast()) };
        memory.map(|memory| Self { memory, bytes }).ok_or_else(Errno::last)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `new`, of the same length; nothing borrowed from it outlives this value.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}
