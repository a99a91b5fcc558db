//! What only system calls tell: constants of the running kernel, its names, and the space of a file system.
//! In: a path at most. Out: plain numbers in bytes and ticks per second. No caching, no decisions.
//! Sources: `sysconf(3)`, `uname(2)`, `statvfs(3)`.

use super::ReadError;
use crate::sys::tally::{Call, count};
use nix::sys::statvfs::statvfs;
use nix::unistd::{SysconfVar, sysconf};
use std::io;
use std::path::Path;

/// Asks the space of the file system mounted at a path; the errno where the kernel refuses.
/// A function pointer, because recorded hosts have no file systems to ask.
pub type SpaceOf = fn(&Path) -> Result<Space, i32>;

/// The size of a file system in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// Not used by anything (`f_bfree`).
    pub free: u64,
    /// Free for users without privilege (`f_bavail`).
    pub available: u64,
}

pub(super) fn user_hz() -> u64 {
    positive(SysconfVar::CLK_TCK).unwrap_or(100)
}

pub(super) fn page_size() -> u64 {
    positive(SysconfVar::PAGE_SIZE).unwrap_or(4096)
}

fn positive(variable: SysconfVar) -> Option<u64> {
    sysconf(variable).ok().flatten().and_then(|v| u64::try_from(v).ok()).filter(|&v| v > 0)
}

/// The kernel counts in fragments (`f_frsize`); `f_bsize` is only the preferred size of a read.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, trivial_numeric_casts)] // 32 or 64 bits by platform
pub(super) fn space_of(path: &Path) -> Result<Space, i32> {
    count(Call::Ask);
    let s = statvfs(path).map_err(|errno| errno as i32)?;
    let bytes = |fragments: u64| fragments.saturating_mul(s.fragment_size() as u64);
    Ok(Space {
        total: bytes(s.blocks() as u64),
        free: bytes(s.blocks_free() as u64),
        available: bytes(s.blocks_available() as u64),
    })
}

pub(super) fn uname(hostname: &mut String, release: &mut String) -> Result<(), ReadError> {
    count(Call::Ask);
    let names = nix::sys::utsname::uname().map_err(|errno| {
        ReadError::kernel("uname", Path::new("/proc/sys/kernel"), &io::Error::from(errno))
    })?;
    for (into, name) in [(hostname, names.nodename()), (release, names.release())] {
        into.clear();
        into.push_str(&name.to_string_lossy());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_gives_its_errno() {
        assert_eq!(space_of(Path::new("/no/such/place")), Err(libc::ENOENT));
    }

    #[test]
    fn free_for_users_never_exceeds_free_or_total() {
        let space = space_of(Path::new("/")).unwrap();
        assert!(space.available <= space.free && space.free <= space.total && space.total > 0);
    }
}
