//! What of this process stays in memory though nothing needs it. The heap of the C library keeps more of what was freed the
//! larger it was, and answers of engines are large where what is kept of them is small. Of the program's code and constants
//! much is only for the start, and counts as this process's until it says that it can do without.
//!
//! In: nothing. Out: nothing. Rule: what was changed in memory, by a debugger or by relocations, is in no file and
//! stays. Spec: `mallopt(3)`, `malloc_trim(3)`, `madvise(2)`, `proc_pid_smaps(5)`.

use std::ops::Range;

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

/// Gives back what the start has left: free memory between what is in use, and code. What is needed again comes from the
/// file, by a page fault for some 64 KB of it.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only looks at what is free.
    let _ = unsafe { libc::malloc_trim(0) };
    for Range { start, end } in unchanged(&std::fs::read_to_string("/proc/self/smaps").unwrap_or_default()) {
        // SAFETY: the kernel has said that these are whole pages as they are in a file, which it reads again.
        let _ = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

/// Where files are that cannot be written to and were not.
fn unchanged(smaps: &str) -> Vec<Range<usize>> {
    let (mut found, mut current) = (Vec::new(), None);
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("Anonymous:"), kib) => found.extend(current.take().filter(|_| kib == Some("0"))),
            (Some(place), Some("r-xp" | "r--p"))
                if words.nth(3).is_some_and(|path| path.starts_with('/')) =>
            {
                current = range(place);
            }
            _ => {}
        }
    }
    found
}

fn range(place: &str) -> Option<Range<usize>> {
    let (start, end) = place.split_once('-')?;
    let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).ok());
    start.zip(end).map(|(start, end)| start..end).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
5580a000-5580b000 r--p 00000000 fe:00 12 /usr/sbin/hsflowd
Anonymous:             0 kB
5580b000-5580c000 rw-p 00001000 fe:00 12 /usr/sbin/hsflowd
Anonymous:             0 kB
5580c000-55810000 r-xp 00002000 fe:00 12 /usr/sbin/hsflowd
Rss:                  12 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
7f001000-7f002000 r-xp 00000000 fe:00 13 /usr/lib/with a breakpoint.so (deleted)
Anonymous:             4 kB
7f003000-7f004000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7ffd1000-7ffd2000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_what_a_file_has_as_it_is_can_be_read_again() {
        assert_eq!(unchanged(SMAPS), [0x5580_a000..0x5580_b000, 0x5580_c000..0x5581_0000]);
        assert_eq!(
            unchanged(SMAPS.split_at(250).0).len(),
            1,
            "cut before it says whether the code was changed"
        );
        assert!(unchanged("xyz-1 r-xp 0 0 0 /x\nAnonymous: 0").is_empty());
    }

    #[test]
    fn the_program_runs_on_without_what_it_gave_back() {
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(2).unwrap().parse::<u32>().unwrap()
        };
        // All of it is there once, and not only what this test needs.
        let all = unchanged(&std::fs::read_to_string("/proc/self/smaps").unwrap());
        let read = all.iter().flat_map(|range| range.clone().step_by(4096));
        // SAFETY: the program and its libraries are readable, and stay where they are.
        let sum = read.map(|at| usize::from(unsafe { *(at as *const u8) })).fold(0, usize::wrapping_add);
        let before = resident();
        give_back();
        assert!(sum > 0 && resident() < before, "{} of {before} pages", resident());
    }
}
