//! A packet socket (`AF_PACKET`, `SOCK_RAW`): copies of the frames that cross an interface.
//!
//! In: an ifIndex and a classic BPF program, whose answer is how many bytes of a frame to keep, 0 for none of it. Out:
//! frames from a [`ring`] that the kernel writes and this process reads, without a system call for a frame. Rule: a socket
//! receives nothing before it is [bound](PacketSocket::bind), so filter and ring come first and no unfiltered
//! frame is ever queued. `CAP_NET_RAW` is enough for everything here. Spec: packet(7), `linux/if_packet.h`.

pub mod ring;

use super::SysError;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket, sockopt};
use ring::{Ring, Shape};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

// As wide as the structures want them.
const AF_PACKET: u16 = 17;
const ETH_P_ALL: u16 = 3;
const PACKET_MR_PROMISC: u16 = 1;

/// One instruction of classic BPF (`struct sock_filter`): code, jump if true, jump if false, operand.
pub type Instruction = (u16, u8, u8, u32);

/// What a socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// `None` where the interface is no more.
    pub if_index: Option<u32>,
    /// Kind of hardware, `ARPHRD_*` of `linux/if_arp.h`.
    pub hardware: u16,
}

/// What frames a bound socket gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// None: it can only send.
    Nothing,
    /// `ETH_P_ALL`: received and sent.
    Everything,
}

/// Frames since the last question (`struct tpacket_stats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// That the filter took, those below included.
    pub taken: u32,
    /// For which the ring had no room.
    pub dropped: u32,
}

/// An open packet socket. It stays in the network namespace it was made in.
#[derive(Debug)]
pub struct PacketSocket {
    // Before the socket: unmapped first.
    ring: Option<Ring>,
    socket: OwnedFd,
}

impl PacketSocket {
    /// Opens a socket that receives nothing yet. `EPERM` says that `CAP_NET_RAW` is missing.
    pub fn open() -> Result<Self, SysError> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)
            .map_err(|errno| SysError::new("socket", "AF_PACKET", errno))?;
        Ok(Self { ring: None, socket })
    }

    /// Puts `program` in the place of the socket's filter, in one step: no frame passes between the two.
    pub fn attach(&self, program: &[Instruction]) -> Result<(), SysError> {
        let filter =
            |(code, jt, jf, k): &Instruction| libc::sock_filter { code: *code, jt: *jt, jf: *jf, k: *k };
        let mut program: Vec<libc::sock_filter> = program.iter().map(filter).collect();
        let program =
            libc::sock_fprog { len: u16::try_from(program.len()).unwrap_or(0), filter: program.as_mut_ptr() };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program, "setsockopt SO_ATTACH_FILTER")
    }

    /// Gives the socket a ring, in the place of one that it has; what that one holds is lost.
    pub fn map(&mut self, shape: Shape) -> Result<(), SysError> {
        // Each of these calls waits until no CPU looks at the old ring: with a thousand taps that is seconds.
        if self.ring.take().is_some() {
            self.free_ring()?;
        }
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version, "setsockopt PACKET_VERSION")?;
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &shape.request(), "setsockopt PACKET_RX_RING")?;
        let ring = Ring::map(self.socket.as_fd(), shape);
        // One that is not mapped would stand in the way of the next.
        self.ring = Some(ring.inspect_err(|_| _ = self.free_ring())?);
        Ok(())
    }

    fn free_ring(&self) -> Result<(), SysError> {
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &Shape::NONE, "setsockopt PACKET_RX_RING 0")
    }

    /// The ring, once there is one.
    pub fn ring(&mut self) -> Option<&mut Ring> {
        self.ring.as_mut()
    }

    /// Binds to an interface. `ENODEV` where there is none of this index. One that is down is taken too; its frames
    /// come when it goes up.
    pub fn bind(&self, if_index: u32, protocol: Protocol) -> Result<(), SysError> {
        let protocol = match protocol {
            Protocol::Nothing => 0,
            Protocol::Everything => ETH_P_ALL.to_be(),
        };
        let mut address = nowhere();
        address.sll_protocol = protocol;
        // Index 0 would mean every interface.
        address.sll_ifindex = i32::try_from(if_index).ok().filter(|index| *index > 0).unwrap_or(i32::MAX);
        // SAFETY: `address` outlives the call and the length is its own.
        let answer = unsafe {
            libc::bind(self.socket.as_raw_fd(), std::ptr::from_ref(&address).cast(), length_of(&address))
        };
        Errno::result(answer).map(drop).map_err(|errno| SysError::new("bind", place(if_index), errno))
    }

    /// What the socket is bound to at present.
    pub fn bound(&self) -> Result<Bound, SysError> {
        let mut address = nowhere();
        let mut length = length_of(&address);
        // SAFETY: `address` has room for `length` bytes, and both outlive the call.
        let answer = unsafe {
            libc::getsockname(
                self.socket.as_raw_fd(),
                std::ptr::from_mut(&mut address).cast(),
                &raw mut length,
            )
        };
        Errno::result(answer).map_err(|errno| SysError::new("getsockname", "AF_PACKET", errno))?;
        // -1 after the interface has gone.
        let if_index = u32::try_from(address.sll_ifindex).ok().filter(|index| *index > 0);
        Ok(Bound { if_index, hardware: address.sll_hatype })
    }

    /// Makes the interface hand on frames for other machines too, until the socket is closed.
    pub fn make_promiscuous(&self, if_index: u32) -> Result<(), SysError> {
        let membership = libc::packet_mreq {
            mr_ifindex: i32::try_from(if_index).unwrap_or(-1),
            mr_type: PACKET_MR_PROMISC,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &membership,
            "setsockopt PACKET_ADD_MEMBERSHIP",
        )
    }

    /// Leaves out what this host sends (kernel 4.20). Meant for `lo`, which shows each frame twice.
    pub fn ignore_outgoing(&self) -> Result<(), SysError> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32, "setsockopt PACKET_IGNORE_OUTGOING")
    }

    /// Counts since the last call; the kernel starts again from 0.
    pub fn statistics(&self) -> Result<Statistics, SysError> {
        let mut counts = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = length_of(&counts);
        super::tally::count(super::tally::Call::Ask);
        // SAFETY: `counts` has room for `length` bytes, and both outlive the call.
        let answer = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                std::ptr::from_mut(&mut counts).cast(),
                &raw mut length,
            )
        };
        Errno::result(answer)
            .map_err(|errno| SysError::new("getsockopt PACKET_STATISTICS", "AF_PACKET", errno))?;
        Ok(Statistics { taken: counts.tp_packets, dropped: counts.tp_drops })
    }

    /// Takes the error that waits at the socket, if there is one: `ENETDOWN` after the interface went down or away.
    pub fn take_error(&self) -> Option<i32> {
        getsockopt(&self.socket, sockopt::SocketError).ok().filter(|error| *error != 0)
    }

    fn set<T>(&self, level: i32, option: i32, value: &T, operation: &'static str) -> Result<(), SysError> {
        // SAFETY: `value` outlives the call, the length is its own, and what it may point to (the instructions of a
        // filter) lives in the caller; the kernel copies all of it.
        let answer = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast(),
                length_of(value),
            )
        };
        Errno::result(answer).map(drop).map_err(|errno| SysError::new(operation, "AF_PACKET", errno))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn place(if_index: u32) -> String {
    format!("AF_PACKET to ifIndex {if_index}")
}

fn nowhere() -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: AF_PACKET,
        sll_protocol: 0,
        sll_ifindex: 0,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn length_of<T>(_: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}
