//! Packet sources: where sampled frames come from. One file a source, all behind [`Source`].
//!
//! In: which interfaces, and how often. Out: [`crate::sample::frame`]s, borrowed for the time of a call, and how many
//! were lost on the way. Rules: no allocation, lock or system call for a single frame; losses are handed on as what was
//! added since the last question, never as totals; a source says what it needs and lacks ([`Obstacle`]) and
//! decides nothing about samples.

pub mod af_packet;
mod control;
pub mod drop_monitor;
pub mod ebpf;
mod generic;
pub mod nflog;
pub mod psample;
pub mod vpp;

use crate::sample::frame::Sink;
use crate::sys::SysError;
use nix::errno::Errno;
use std::os::fd::AsFd;
use std::time::Instant;

/// What a visit to a source found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Packets handed on.
    pub frames: usize,
    /// How full the fullest of the kernel's buffers was, in percent, where that can be seen.
    pub fullest: usize,
    /// More is waiting already.
    pub more: bool,
}

/// What a source found out about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Samples were lost for want of room, since this was last told; of this interface, where that is known.
    Lost {
        /// ifIndex of the data source.
        if_index: Option<u32>,
        /// More of them.
        added: u32,
    },
    /// The interface with this ifIndex was removed, and its tap with it. A new one of the same name has another
    /// ifIndex and is added as any other.
    Gone(u32),
    /// Messages that could not be read, since this was last told.
    Malformed(u32),
}

/// A packet source, as the packet thread drives it. Nothing here waits.
pub trait Source: AsFd + Send {
    /// The word for it in the configuration, the log and the status.
    fn name(&self) -> &'static str;

    /// Hands on what waits, up to a limit of its own that keeps the other sources alive.
    ///
    /// # Errors
    /// The kernel refuses to be read; the source has closed what it can open again, in [`Source::check`].
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError>;

    /// Looks after itself: asks for losses, tries again what failed. To be called about a second after a read that
    /// found something, and at the moment that it returned the last time, if any.
    fn check(&mut self, now: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant>;

    /// What keeps all of it from running now; where each tap may fail alone, adding it tells.
    fn obstacle(&self) -> Option<&Obstacle> {
        None
    }
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
    /// Another process has what only one can have.
    #[error("{what} is taken by another process ({error})")]
    Taken {
        /// What it is.
        what: &'static str,
        /// The kernel's words.
        error: SysError,
    },
    /// The firewall rule that it needs cannot be set.
    #[error("no sampling rule: {0}")]
    Rule(nflog::rule::RuleError),
    /// The interface does not exist.
    #[error("no such interface ({0})")]
    NoInterface(SysError),
    /// It was too much, and was stopped for good.
    #[error("stopped: more than {most} events a second, {seconds} seconds in a row")]
    Flood {
        /// Events a second that are allowed.
        most: u32,
        /// Seconds in a row that are too many.
        seconds: u32,
    },
    /// Somebody who is not root tells lies.
    #[error("messages in VPP's name from programs that are not root's were refused")]
    Forged,
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
