//! The vpp source: packets that VPP's sFlow plug-in sampled, and what it tells of its interfaces.
//!
//! In: two streams that the plug-in sends by netlink: packets as the kernel's psample would, in groups of its own, and
//! messages of its own. Out: frames with VPP's numbers of interfaces, and the messages. Rules: messages are totals, so one
//! that found no room is made good by the next; psample's numbers tell of packets that found none.
//!
//! `CAP_NET_ADMIN` to hear of interfaces, and for the packets as `psample` has it; the module `psample` carries
//! these. Any program of the network namespace may send messages as the plug-in does: only root's are believed, which VPP is.

use super::psample::{self, Samples};
use super::{Finding, Obstacle, Source, Visit};
use crate::sample::frame::Sink;
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::messages;
use crate::wire::netlink::vpp::{GROUP, Message, PSAMPLE_GROUP};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Room for what VPP tells of some hundred interfaces at once.
const RECEIVE_BYTES: usize = 1 << 20;
/// Room for one message.
const SLOT: usize = 2048;
const PACKETS: psample::Settings = psample::Settings { group: PSAMPLE_GROUP, ingress: true, egress: true };

/// What one VPP sends, in the network namespace of the thread that makes this.
#[derive(Debug)]
pub struct Vpp {
    told: Netlink,
    packets: Samples,
    both: Epoll,
    obstacle: Option<Obstacle>,
    forged: Option<Obstacle>,
    malformed: u32,
}

impl Vpp {
    /// Listens; [`Source::obstacle`] tells what cannot be heard.
    ///
    /// # Errors
    /// There is no netlink between programs here, or no generic netlink.
    pub fn new() -> Result<Self, SysError> {
        let mut told = Netlink::open(Protocol::Programs, RECEIVE_BYTES)?;
        told.hear_root()?;
        told.ignore_overruns()?;
        let obstacle = told.join(GROUP).err().map(|error| Obstacle::new(error, "CAP_NET_ADMIN"));
        let packets = Samples::new(PACKETS)?;
        let failed = |errno: Errno| SysError::new("epoll", "vpp", errno);
        let both = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        for (number, fd) in (0..).zip([told.as_fd(), packets.as_fd()]) {
            both.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number)).map_err(failed)?;
        }
        Ok(Self { told, packets, both, obstacle, forged: None, malformed: 0 })
    }
}

impl Source for Vpp {
    fn name(&self) -> &'static str {
        "vpp"
    }

    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let Self { told, malformed, forged, .. } = self;
        let datagrams = told.receive(SLOT, Duration::ZERO)?;
        let heard = datagrams.len();
        if datagrams.refused > 0 {
            *forged = Some(Obstacle::Forged);
        }
        *malformed += u32::try_from(datagrams.truncated).unwrap_or(u32::MAX);
        // What belongs to a packet's interface is known before the packet.
        for message in datagrams.iter().flat_map(messages) {
            match message.and_then(|message| Message::parse(message.kind, message.payload)) {
                Ok(Some(message)) => sink.vpp(&message),
                Ok(None) => {}
                Err(_) => *malformed += 1,
            }
        }
        let mut visit = self.packets.read(sink)?;
        visit.frames += heard;
        visit.more |= heard > 0;
        Ok(visit)
    }

    fn check(&mut self, now: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        match std::mem::take(&mut self.malformed) {
            0 => {}
            added => report(Finding::Malformed(added)),
        }
        self.packets.check(now, report)
    }

    fn obstacle(&self) -> Option<&Obstacle> {
        self.obstacle.as_ref().or_else(|| self.packets.obstacle()).or(self.forged.as_ref())
    }
}

impl AsFd for Vpp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.both.0.as_fd()
    }
}
