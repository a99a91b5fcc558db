//! Numbers that programs and this process share without a system call: an array map of one value, mapped
//! (`BPF_F_MMAPABLE`, kernel 5.5).
//!
//! In: how many. Out: 64-bit words, all 0 at first. Rule: both sides write with single instructions, so a word is never seen
//! half written.

use super::{create_map, map_memory, page};
use crate::sys::SysError;
use crate::sys::mapping::Mapping;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1 << 10;

/// A mapped array value.
#[derive(Debug)]
pub struct Words {
    mapping: Mapping,
    count: usize,
}

impl Words {
    /// Creates and maps so many words. The descriptor is for loading programs that use them; the words outlive it.
    pub fn new(count: usize) -> Result<(Self, OwnedFd), SysError> {
        let bytes = count * size_of::<u64>();
        let value = u32::try_from(bytes).unwrap_or(u32::MAX);
        let map = create_map(BPF_MAP_TYPE_ARRAY, 4, value, 1, BPF_F_MMAPABLE, "mapped array")?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let mapping = map_memory(map.as_fd(), access, bytes.next_multiple_of(page()), 0)?;
        Ok((Self { mapping, count }, map))
    }

    /// A word; `None` beyond the last.
    pub fn get(&self, index: usize) -> Option<&AtomicU64> {
        (index < self.count).then(|| {
            // SAFETY: inside the mapping, which is writable and lives as long as `self`; a page is aligned for any word, and
            // the kernel's programs write words whole.
            unsafe { AtomicU64::from_ptr(self.mapping.memory.cast::<u64>().add(index).as_ptr()) }
        })
    }
}
