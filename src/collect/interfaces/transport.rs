//! The two ways to the kernel that interfaces need, as traits: a test puts a script in their place.

use crate::sys::SysError;
use crate::sys::ethtool::{Ethtool, LinkSettings, NAME_LEN};
use crate::sys::netlink::{Datagrams, Netlink};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A netlink socket.
pub trait Transport {
    /// Sends one or more requests.
    fn send(&mut self, requests: &[u8]) -> Result<(), SysError>;
    /// Takes what is waiting, in pieces of at most `slot` bytes; waits for at most `wait` where nothing is.
    fn receive(&mut self, slot: usize, wait: Duration) -> Result<Datagrams<'_>, SysError>;
    /// For an event loop; `None` for a script.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Questions to a network driver, by interface name.
pub trait Driver {
    /// Speed and duplex.
    fn link_settings(&mut self, name: &str) -> Result<LinkSettings, SysError>;
    /// The names of its own statistics.
    fn stats_names(&mut self, name: &str) -> Result<Vec<[u8; NAME_LEN]>, SysError>;
    /// Their values, in the same order.
    fn stats(&mut self, name: &str, out: &mut Vec<u64>) -> Result<(), SysError>;
}

impl Transport for Netlink {
    fn send(&mut self, requests: &[u8]) -> Result<(), SysError> {
        Self::send(self, requests)
    }

    fn receive(&mut self, slot: usize, wait: Duration) -> Result<Datagrams<'_>, SysError> {
        self.receive(slot, wait)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl Driver for Ethtool {
    fn link_settings(&mut self, name: &str) -> Result<LinkSettings, SysError> {
        self.link_settings(name)
    }

    fn stats_names(&mut self, name: &str) -> Result<Vec<[u8; NAME_LEN]>, SysError> {
        Self::stats_names(self, name)
    }

    fn stats(&mut self, name: &str, out: &mut Vec<u64>) -> Result<(), SysError> {
        Self::stats(self, name, out)
    }
}
