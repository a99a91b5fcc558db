//! One file descriptor that is readable when any of several is: an epoll set.
//!
//! In: descriptors to watch. Out: one descriptor for an event loop. Watching is level-triggered, so nothing is lost
//! where a reader stops early. Spec: epoll(7).

use super::SysError;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::os::fd::{AsFd, BorrowedFd};

/// A set of descriptors behind one.
#[derive(Debug)]
pub struct ReadySet(Epoll);

impl ReadySet {
    /// An empty set.
    pub fn new() -> Result<Self, SysError> {
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map(Self)
            .map_err(|errno| SysError::new("epoll_create1", "", errno))
    }

    /// Adds a descriptor; it leaves the set when it is closed.
    pub fn add(&self, fd: impl AsFd) -> Result<(), SysError> {
        self.0
            .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))
            .map_err(|errno| SysError::new("epoll_ctl", "add", errno))
    }
}

impl AsFd for ReadySet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}
