//! A UDP port on a loopback address. Rule: only programs of this host reach it, whatever the firewall.

use super::place::Obstacle;
use crate::sys::SysError;
use crate::sys::memory_info::MemoryInfo;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// Room for unread messages, as far as privileges and `net.core.rmem_max` allow: what the C agent asks for.
const RECEIVE_BYTES: usize = 2_000_000;

#[derive(Debug)]
pub(super) struct Udp {
    socket: UdpSocket,
    object: String,
    memory: MemoryInfo,
    dropped: u64,
}

impl Udp {
    pub(super) fn open(address: SocketAddr) -> Result<Self, Obstacle> {
        let object = address.to_string();
        let socket =
            UdpSocket::bind(address).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT) => Obstacle::NoAddress(address.ip()),
                errno => SysError::new("bind", &object, errno.unwrap_or(Errno::UnknownErrno)).into(),
            })?;
        // Less room is no obstacle: what is lost for want of it is counted.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BYTES)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BYTES));
        Ok(Self { socket, object, memory: MemoryInfo::default(), dropped: 0 })
    }

    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// Looks how full the room is, in percent, and how much was lost for want of it.
    pub(super) fn percent_full(&mut self) -> usize {
        // Unchanged, on kernels that do not tell.
        let memory = MemoryInfo::of(&self.socket, &self.object).unwrap_or(self.memory);
        // The kernel counts in 32 bits, which a flood that drops a million a second fills within 72 minutes.
        self.dropped += u64::from(memory.dropped.wrapping_sub(self.memory.dropped));
        self.memory = memory;
        memory.percent()
    }

    /// Messages that found no room, when last looked.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
