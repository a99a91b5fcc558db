//! The heap of the C library, which keeps more of what was freed the larger it was. Answers of engines are large, and what is
//! kept of them is small. In: nothing. Out: nothing. Spec: `mallopt(3)`.

/// Bytes of free memory that are kept, and of a piece that is kept apart and given back when it is freed.
#[cfg(target_env = "gnu")]
const KEPT: libc::c_int = 65_536;

/// Gives free memory back to the kernel from now on. Other C libraries do so by themselves.
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: it takes two numbers; one that it refuses changes nothing.
        let _ = unsafe { libc::mallopt(option, KEPT) };
    }
}
