//! A reserve of descriptors. What a process keeps open for each interface or each guest of a host grows with the host; what
//! takes all that the process may have leaves none to answer with, to read a file with or to ask a name server with.
//!
//! In: what was just opened. Out: the same, or the kernel's own refusal, `EMFILE`. Rule: the kernel gives the lowest number that
//! is free, and those that grow keep none of the last numbers below the limit, so these are always there for all else,
//! whoever is first. Spec: getrlimit(2), `RLIMIT_NOFILE`.

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, rlim_t};
use std::os::fd::{AsFd, AsRawFd};

/// As many as may come: 88 clients of all the agent's sockets, and what a poll, a reload and a question to DNS open at a time.
const RESERVE: rlim_t = 96;
/// But no more than this part of the limit: where it is low, the agent is still to sample something. After a start a dozen is
/// of use before anybody comes, as files are opened with the first poll and taps at once.
const AT_MOST_ONE_IN: rlim_t = 3;

/// Refuses while only the reserve is left. For what is dear to open in vain; it may be gone a moment later.
pub fn is_one_left() -> Result<(), Errno> {
    below_reserve(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?).map(drop)
}

/// Hands back what was opened, or closes it where it took one of the reserve.
pub fn below_reserve<T: AsFd>(opened: T) -> Result<T, Errno> {
    // Asked each time: an operator may raise it for a process that runs (prlimit).
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let number = rlim_t::try_from(opened.as_fd().as_raw_fd()).map_err(|_| Errno::EBADF)?;
    if number < first_of_reserve(limit) { Ok(opened) } else { Err(Errno::EMFILE) }
}

fn first_of_reserve(limit: rlim_t) -> rlim_t {
    limit - RESERVE.min(limit / AT_MOST_ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::resource::RLIM_INFINITY;

    #[test]
    fn the_reserve_is_there_for_all_clients_and_leaves_most_of_a_low_limit() {
        let firsts = [0, 3, 40, 63, 288, 1024, 65_536].map(first_of_reserve);
        assert_eq!(firsts, [0, 2, 27, 42, 192, 928, 65_440]);
        assert!(first_of_reserve(RLIM_INFINITY) > rlim_t::from(i32::MAX.unsigned_abs()));
    }

    #[test]
    fn numbers_below_the_reserve_are_handed_back() {
        assert_eq!(is_one_left(), Ok(()), "this process has few open");
        let file = std::fs::File::open("/dev/null").unwrap();
        let number = file.as_raw_fd();
        assert_eq!(below_reserve(file).unwrap().as_raw_fd(), number);
    }
}
