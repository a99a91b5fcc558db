//! Packet sources: where sampled frames come from. One file a source; each runs in a thread of its own.
//!
//! In: which interfaces, and how often. Out: [`Frame`]s, borrowed for the time of a call, and how many were lost on
//! the way. Rules: no allocation, lock or system call for a single frame; losses are handed on as what was
//! added since the last question, never as totals; a source says what it needs and lacks ([`Obstacle`]) and
//! decides nothing about samples.

pub mod af_packet;

use crate::sys::SysError;
use nix::errno::Errno;

/// Which way a frame crossed its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received, for this host or for many.
    In,
    /// Sent by this host, or forwarded.
    Out,
    /// Received, and addressed to another machine: seen on the ports of a bridge and in promiscuous mode.
    Other,
}

/// What the first byte of a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// An IPv4 or IPv6 header: tunnels without a link layer.
    Ip,
    /// Hardware of this kind, `ARPHRD_*` of `linux/if_arp.h`.
    Other(u16),
}

/// A VLAN tag that the hardware or the kernel took out of the frame; it stood after the two MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Identifier, such as 0x8100.
    pub tpid: u16,
    /// Priority, drop eligibility and VLAN number.
    pub tci: u16,
}

/// A sampled frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The interface it was seen on.
    pub if_index: u32,
    /// It stands for this many frames.
    pub one_in: u32,
    /// Which way it went.
    pub direction: Direction,
    /// What `bytes` begins with.
    pub link: LinkType,
    /// EtherType, in host order.
    pub protocol: u16,
    /// Its beginning, as much as was asked for.
    pub bytes: &'a [u8],
    /// Bytes on the wire, `vlan` included, checksum excluded. More than the MTU where the network card cuts or
    /// joins frames.
    pub wire_len: u32,
    /// A tag that belongs to the frame and is not in `bytes`.
    pub vlan: Option<Vlan>,
    /// Wall time of its arrival in nanoseconds since 1970, where the source knows.
    pub time: Option<u64>,
}

/// Sampled frames that an interface lost for want of room, since this was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops {
    /// The interface.
    pub if_index: u32,
    /// More of them.
    pub added: u32,
}

/// Why a source cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A privilege is missing.
    #[error("{capability} is missing ({error})")]
    Denied {
        /// Its name.
        capability: &'static str,
        /// The kernel's words.
        error: SysError,
    },
    /// This kernel has no such thing, or a sandbox (`RestrictAddressFamilies=`) hides it.
    #[error("not in this kernel, or hidden by a sandbox ({0})")]
    Absent(SysError),
    /// The interface does not exist.
    #[error("no such interface ({0})")]
    NoInterface(SysError),
    /// Anything else: memory, descriptors.
    #[error(transparent)]
    Failed(SysError),
}

impl Obstacle {
    /// What an error means to a source that needs `capability`.
    fn new(error: SysError, capability: &'static str) -> Self {
        match Errno::from_raw(error.errno) {
            Errno::EPERM | Errno::EACCES => Self::Denied { capability, error },
            Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::ENOPROTOOPT => Self::Absent(error),
            _ if error.is_gone() => Self::NoInterface(error),
            _ => Self::Failed(error),
        }
    }
}
