//! Memory that the kernel writes to. In: how many bytes. Out: as many zeros, from the kernel itself. Rule: memory is used only
//! as far as it is written to, which not every C library's `calloc` takes care of. Spec: mmap(2).

use super::mapping::Mapping;
use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, DerefMut};

/// Zeros at first.
#[derive(Debug)]
pub(super) struct Arena(Mapping);

impl Arena {
    /// So many bytes, at least one. Ends the program, as every allocation does, where there is no memory.
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = bytes.max(1);
        let no_memory = |_| handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()));
        Self(Mapping::zeros(bytes).unwrap_or_else(no_memory))
    }
}

impl Deref for Arena {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is of this length, and all of it can be read.
        unsafe { std::slice::from_raw_parts(self.0.memory.as_ptr(), self.0.bytes) }
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and it belongs to this value alone.
        unsafe { std::slice::from_raw_parts_mut(self.0.memory.as_ptr(), self.0.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn pages_in_memory(arena: &Arena) -> usize {
        let mut pages = vec![0_u8; arena.0.bytes.div_ceil(PAGE)];
        // SAFETY: the mapping is of this length, and there is a byte for each page of it.
        let answer =
            unsafe { libc::mincore(arena.0.memory.as_ptr().cast(), arena.0.bytes, pages.as_mut_ptr()) };
        assert_eq!(answer, 0);
        pages.iter().filter(|page| **page & 1 == 1).count()
    }

    #[test]
    fn it_is_zero_and_takes_memory_only_where_it_is_written_to() {
        // Too small for a huge page.
        let mut arena = Arena::new(64 * PAGE);
        assert_eq!((arena.len(), pages_in_memory(&arena)), (64 * PAGE, 0));
        arena[9 * PAGE] = 7;
        assert_eq!(pages_in_memory(&arena), 1);
        assert_eq!(arena.iter().filter(|byte| **byte != 0).count(), 1);
        assert_eq!(Arena::new(0).len(), 1);
    }
}
