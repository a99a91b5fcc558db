//! What a socket holds unread. In: any socket. Out: bytes, and datagrams that found no room. Spec: `SK_MEMINFO_*` of
//! `linux/sock_diag.h`, SO_MEMINFO in socket(7); since Linux 4.12.

use super::SysError;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// The values that the kernel has, and the places of those that matter.
const VALUES: usize = 9;
const VALUES_LEN: libc::socklen_t = 36;
const USED: usize = 0;
const ROOM: usize = 1;
const DROPPED: usize = 8;

/// The receiving side of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Bytes that unread datagrams take, as the kernel reckons them: more than they carry.
    pub used: u32,
    /// Bytes that they may take.
    pub room: u32,
    /// Datagrams that found no room, since the socket was opened; wraps.
    pub dropped: u32,
}

impl MemoryInfo {
    /// Of this socket; `object` names it in errors.
    pub fn of(socket: impl AsFd, object: &str) -> Result<Self, SysError> {
        let mut values = [0_u32; VALUES];
        let mut length = VALUES_LEN;
        let (fd, to) = (socket.as_fd().as_raw_fd(), values.as_mut_ptr().cast());
        super::tally::count(super::tally::Call::Ask);
        // SAFETY: `to` is where `length` bytes may be written, and both outlive the call.
        let answer = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, to, &raw mut length) };
        Errno::result(answer).map_err(|errno| SysError::new("getsockopt SO_MEMINFO", object, errno))?;
        Ok(Self { used: values[USED], room: values[ROOM], dropped: values[DROPPED] })
    }

    /// How full the room is, in percent.
    pub fn percent(&self) -> usize {
        let percent = u64::from(self.used) * 100 / u64::from(self.room).max(1);
        usize::try_from(percent.min(100)).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_socket_that_nobody_reads_fills_and_then_drops() {
        let (to, from) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        nix::sys::socket::setsockopt(&to, nix::sys::socket::sockopt::RcvBuf, &20_000).unwrap();
        let empty = MemoryInfo::of(&to, "").unwrap();
        assert_eq!((empty.used, empty.percent(), empty.dropped), (0, 0, 0));
        let send = |count| (0..count).for_each(|_| _ = from.send_to(&[0; 1000], to.local_addr().unwrap()));
        send(1);
        assert!(MemoryInfo::of(&to, "").unwrap().used >= 1000);
        send(1000);
        let full = MemoryInfo::of(&to, "").unwrap();
        assert!(full.percent() > 80 && full.dropped > 900, "{full:?}");
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(MemoryInfo::of(file, "a file").unwrap_err().errno, libc::ENOTSOCK);
    }
}
