//! A netlink socket: many datagrams a system call, into memory that is kept.
//!
//! In: requests as bytes. Out: [`Datagrams`], each as the kernel sent it. The socket never blocks; waiting is
//! poll(2) with the caller's limit. Truncation is counted in the batch, an overrun is the error `ENOBUFS`, once;
//! after either the caller must ask for everything again. Datagrams from other processes are dropped: only the
//! kernel's (port 0) are handed on, unless [`Netlink::hear_programs`] or [`Netlink::hear_root`] says otherwise. Spec:
//! netlink(7), recvmmsg(2), unix(7) on `SO_PASSCRED`.

use super::SysError;
use super::arena::Arena;
use super::memory_info::MemoryInfo;
use super::receive::recvmmsg;
use super::tally::{Call, count};
use netlink_sys::Socket;
use netlink_sys::protocols::{
    NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_USERSOCK,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const ARENA_BYTES: usize = 64 * 1024;
const MAX_BATCH: usize = 128;
// `size_of` is no u32, and this structure is part of the kernel's contract.
const SENDER_LEN: libc::socklen_t = 12;
const CREDENTIALS_LEN: libc::c_uint = 12;

/// Room for `SCM_CREDENTIALS`: a header and three integers, in whole words.
type Control = [u64; 4];
type Controls = [Control; MAX_BATCH];
type Senders = [libc::sockaddr_nl; MAX_BATCH];
type Blocks = [libc::iovec; MAX_BATCH];
type Headers = [libc::mmsghdr; MAX_BATCH];

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `NETLINK_ROUTE`: links, addresses, their counters.
    Route,
    /// `NETLINK_GENERIC`: families by name.
    Generic,
    /// `NETLINK_NETFILTER`: packets that firewall rules hand over.
    Netfilter,
    /// `NETLINK_SOCK_DIAG`: sockets, by their addresses.
    SocketDiag,
    /// `NETLINK_USERSOCK`: from program to program.
    Programs,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Route => "NETLINK_ROUTE",
            Self::Generic => "NETLINK_GENERIC",
            Self::Netfilter => "NETLINK_NETFILTER",
            Self::SocketDiag => "NETLINK_SOCK_DIAG",
            Self::Programs => "NETLINK_USERSOCK",
        }
    }
}

/// Whose datagrams are handed on, beside the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Nobody,
    Root,
    Programs,
}

/// An open, bound, non-blocking netlink socket.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    protocol: Protocol,
    hears: Hears,
    arena: Arena,
    lengths: Vec<usize>,
}

/// Datagrams of one receive: slices of equal distance in one block of memory.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams<'a> {
    arena: &'a [u8],
    slot: usize,
    lengths: &'a [usize],
    /// How many datagrams did not fit in a slot; what is left of them is not handed on.
    pub truncated: usize,
    /// How many came from programs of other users than root, by [`Netlink::hear_root`]; these are not handed on.
    pub refused: usize,
}

impl<'a> Datagrams<'a> {
    /// Datagrams that lie `slot` bytes apart in `arena`, of these lengths; 0 for one to be passed over.
    pub fn new(arena: &'a [u8], slot: usize, lengths: &'a [usize], truncated: usize) -> Self {
        Self { arena, slot: slot.max(1), lengths, truncated, refused: 0 }
    }

    /// True where nothing was waiting.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How many were received, with those that are passed over.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Each datagram.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let slots = self.arena.chunks(self.slot).zip(self.lengths);
        slots.filter_map(|(slot, length)| slot.get(..*length)).filter(|datagram| !datagram.is_empty())
    }
}

impl Netlink {
    /// Opens and binds a socket with room for about `receive_bytes` of unread messages (as much of it as the
    /// privileges and `net.core.rmem_max` allow).
    pub fn open(protocol: Protocol, receive_bytes: usize) -> Result<Self, SysError> {
        Self::open_with_arena(protocol, receive_bytes, ARENA_BYTES)
    }

    /// The same, with so many bytes for the datagrams of one [`Netlink::receive`] instead of 64 KiB. Memory is used
    /// only as far as datagrams fill it.
    pub fn open_with_arena(protocol: Protocol, receive_bytes: usize, arena: usize) -> Result<Self, SysError> {
        let failed =
            |operation| move |error: std::io::Error| SysError::io(operation, protocol.name(), &error);
        let number = match protocol {
            Protocol::Route => NETLINK_ROUTE,
            Protocol::Generic => NETLINK_GENERIC,
            Protocol::Netfilter => NETLINK_NETFILTER,
            Protocol::SocketDiag => NETLINK_SOCK_DIAG,
            Protocol::Programs => NETLINK_USERSOCK,
        };
        let mut socket = Socket::new(number).map_err(failed("socket"))?;
        socket.bind_auto().map_err(failed("bind"))?;
        socket.set_non_blocking(true).map_err(failed("fcntl O_NONBLOCK"))?;
        // Older kernels lack these; then requests are checked less and errors repeat the request: both are fine.
        let _ = socket.set_netlink_get_strict_chk(true);
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        let arena = Arena::new(arena);
        let lengths = Vec::with_capacity(MAX_BATCH);
        let socket = Self { socket, protocol, hears: Hears::Nobody, arena, lengths };
        socket.set_receive_buffer(receive_bytes)?;
        Ok(socket)
    }

    /// Sets the room for unread messages, in bytes.
    pub fn set_receive_buffer(&self, bytes: usize) -> Result<(), SysError> {
        setsockopt(&self.socket, sockopt::RcvBufForce, &bytes)
            .or_else(|_| setsockopt(&self.socket, sockopt::RcvBuf, &bytes))
            .map_err(|errno| SysError::new("setsockopt SO_RCVBUF", self.protocol.name(), errno))
    }

    /// Lets an overrun pass in silence: only the messages without room are lost then, and not also all that come
    /// before the last waiting one was read. For messages that are numbered.
    pub fn ignore_overruns(&self) -> Result<(), SysError> {
        self.socket
            .set_no_enobufs(true)
            .map_err(|error| SysError::io("setsockopt NETLINK_NO_ENOBUFS", self.protocol.name(), &error))
    }

    /// Hands on datagrams of other processes too. Those that send in `NETLINK_GENERIC` have `CAP_NET_ADMIN`.
    pub fn hear_programs(&mut self) {
        self.hears = Hears::Programs;
    }

    /// Hands on datagrams of root's processes too. In `NETLINK_USERSOCK` everybody may send.
    pub fn hear_root(&mut self) -> Result<(), SysError> {
        setsockopt(&self.socket, sockopt::PassCred, &true)
            .map_err(|errno| SysError::new("setsockopt SO_PASSCRED", self.protocol.name(), errno))?;
        self.hears = Hears::Root;
        Ok(())
    }

    /// Joins a multicast group.
    pub fn join(&self, group: u32) -> Result<(), SysError> {
        self.socket.add_membership(group).map_err(|error| {
            SysError::io(
                "setsockopt NETLINK_ADD_MEMBERSHIP",
                format!("{} {group}", self.protocol.name()),
                &error,
            )
        })
    }

    /// Leaves a multicast group.
    pub fn leave(&self, group: u32) -> Result<(), SysError> {
        self.socket.drop_membership(group).map_err(|error| {
            SysError::io(
                "setsockopt NETLINK_DROP_MEMBERSHIP",
                format!("{} {group}", self.protocol.name()),
                &error,
            )
        })
    }

    /// How many datagrams found no room, since the socket was opened; wraps.
    pub fn dropped(&self) -> Result<u32, SysError> {
        MemoryInfo::of(&self.socket, self.protocol.name()).map(|info| info.dropped)
    }

    /// Sends requests; the kernel works through all of them before this returns.
    pub fn send(&self, requests: &[u8]) -> Result<(), SysError> {
        loop {
            count(Call::Send);
            match self.socket.send(requests, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SysError::io("send", self.protocol.name(), &error)),
            }
        }
    }

    /// Takes what is waiting, up to the arena's bytes or 128 datagrams of at most `slot` bytes each. Where nothing is
    /// waiting, waits once, for at most `wait`; empty where still nothing came.
    pub fn receive(&mut self, slot: usize, wait: Duration) -> Result<Datagrams<'_>, SysError> {
        let mut received = self.receive_now(slot)?;
        if received.is_none() && !wait.is_zero() && self.wait_readable(wait)? {
            received = self.receive_now(slot)?;
        }
        let (truncated, refused) = received.unwrap_or_default();
        Ok(Datagrams { refused, ..Datagrams::new(&self.arena, slot, &self.lengths, truncated) })
    }

    fn wait_readable(&self, wait: Duration) -> Result<bool, SysError> {
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        count(Call::Wait);
        match poll(&mut fds, timeout) {
            Ok(count) => Ok(count > 0),
            Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(SysError::new("poll", self.protocol.name(), errno)),
        }
    }

    /// Fills `lengths`; returns how many datagrams were cut and how many refused, or `None` where nothing was waiting.
    fn receive_now(&mut self, slot: usize) -> Result<Option<(usize, usize)>, SysError> {
        self.lengths.clear();
        // SAFETY: these are arrays of structs of integers and pointers, for which all zero is a value.
        let (mut senders, mut blocks, mut headers): (Senders, Blocks, Headers) =
            unsafe { std::mem::zeroed() };
        let mut controls: Controls = [[0; 4]; MAX_BATCH];
        let slots = self.arena.chunks_exact_mut(slot.max(1));
        for (((slot, block), sender), header) in slots.zip(&mut blocks).zip(&mut senders).zip(&mut headers) {
            *block = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            header.msg_hdr.msg_iov = block;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = std::ptr::from_mut(sender).cast();
            header.msg_hdr.msg_namelen = SENDER_LEN;
        }
        if self.hears == Hears::Root {
            for (control, header) in controls.iter_mut().zip(&mut headers) {
                header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
        }
        let used = headers.iter().take_while(|header| header.msg_hdr.msg_iovlen > 0).count();
        // SAFETY: the headers point into `blocks`, `senders` and `controls`, those into the arena, and all outlive the call.
        let received = unsafe { recvmmsg(&*self, headers.get_mut(..used).unwrap_or_default()) };
        let received = received.map_err(|errno| SysError::new("recvmmsg", self.protocol.name(), errno))?;
        let Some(count) = received else { return Ok(None) };
        let (mut truncated, mut refused) = (0, 0);
        for (header, sender) in headers.iter().zip(&senders).take(count) {
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            truncated += usize::from(cut);
            let wanted = match self.hears {
                _ if sender.nl_pid == 0 => true,
                Hears::Nobody => false,
                Hears::Programs => true,
                Hears::Root => {
                    // SAFETY: the kernel has filled the header's control block, which is in `controls`.
                    let is_root = unsafe { sender_uid(&header.msg_hdr) } == Some(0);
                    refused += usize::from(!is_root);
                    is_root
                }
            };
            let wanted = wanted && !cut;
            self.lengths.push(if wanted { header.msg_len as usize } else { 0 });
        }
        Ok(Some((truncated, refused)))
    }
}

/// The user whose process has sent a datagram, by the kernel's word.
///
/// # Safety
/// The header's control block is valid for reading, as recvmsg(2) leaves it.
unsafe fn sender_uid(header: &libc::msghdr) -> Option<libc::uid_t> {
    // SAFETY: the caller vouches for the block; what is found in it is checked to be whole before it is read.
    unsafe {
        let found = libc::CMSG_FIRSTHDR(header).as_ref()?;
        let whole = found.cmsg_len as usize >= libc::CMSG_LEN(CREDENTIALS_LEN) as usize;
        let ours = (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
        (ours && whole).then(|| libc::CMSG_DATA(found).cast::<libc::ucred>().read_unaligned().uid)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests;
