//! Generic netlink for packet sources: being in a multicast group of a family whose module may come and go.
//!
//! In: the name of a family and of its group. Out: the messages of that family, and why there are none. Two sockets: one
//! that only hears (the group, and the controller's "notify", which tells when a family appears or goes), one that only
//! asks; the kernel has answered when a request was sent, so nothing here waits. Rules: a family that is not loaded costs
//! nothing until the controller names it; what was missed in an overrun is asked for again; a datagram that did not
//! fit gives the later ones more room.
//!
//! Privileges: none to ask and for "notify"; to join, what the family wants, at the moment of the join; `CAP_NET_ADMIN`
//! for a large receive buffer. Spec: `linux/genetlink.h`.

pub(super) mod link;

use super::control::Control;
use super::{Obstacle, Visit};
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::attribute::Attributes;
use crate::wire::netlink::generic::{Family, HEADER_LEN, get_family};
use crate::wire::netlink::header::messages;
use nix::errno::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Room for what comes while the reader is away, as far as it may be had.
const RECEIVE_BYTES: usize = 8 << 20;
/// Room for one datagram at first: 32 of them a system call.
const FIRST_SLOT: usize = 2048;
/// Where that is too little. Whole packets then come four, and at last one, a system call.
const SLOT_GROWTH: usize = 8;
/// All that a receive can take.
const LARGEST_SLOT: usize = 64 * 1024;
/// Receives a visit.
const RECEIVES: usize = 8;
/// The controller's messages, and its group "notify": both numbers are fixed.
const CONTROLLER: u16 = 16;
const NOTIFY: u32 = 16;
const NEW_FAMILY: u8 = 1;
const DELETED_FAMILY: u8 = 2;
const FAMILY_NAME: u16 = 2;
/// The controller tells at once when a family appears: this is for what it cannot tell, such as a privilege.
const RETRY: Duration = Duration::from_mins(5);

/// A group that is to be joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Name of the family.
    pub(super) family: &'static str,
    /// Name of the group.
    pub(super) group: &'static str,
    /// Another group, joined where that is possible.
    pub(super) side_group: Option<&'static str>,
    /// Programs may send to the group as the kernel does.
    pub(super) programs: bool,
    /// What joining the group needs on newer kernels.
    pub(super) capability: &'static str,
}

/// A socket in a multicast group, whenever there is such a group.
#[derive(Debug)]
pub(super) struct Membership {
    wanted: Wanted,
    hears: Netlink,
    /// For requests to the family.
    pub(super) control: Control,
    joined: Option<u16>,
    group: Option<u32>,
    obstacle: Option<Obstacle>,
    slot: usize,
    /// Messages were lost, perhaps the controller's.
    overrun: bool,
    retry: Option<Instant>,
    malformed: u32,
    cut: u32,
}

impl Membership {
    /// Joins the group if it is there. Asking for a family that announces itself as a module's alias loads that module.
    ///
    /// # Errors
    /// There can be no such sockets here at all.
    pub(super) fn new(wanted: Wanted) -> Result<Self, SysError> {
        let mut hears = Netlink::open(Protocol::Generic, RECEIVE_BYTES)?;
        if wanted.programs {
            hears.hear_programs();
        }
        // Before the first question, so that no answer is out of date.
        hears.join(NOTIFY)?;
        let mut membership = Self {
            wanted,
            hears,
            control: Control::open(Protocol::Generic)?,
            joined: None,
            group: None,
            obstacle: None,
            slot: FIRST_SLOT,
            overrun: false,
            retry: None,
            malformed: 0,
            cut: 0,
        };
        membership.join();
        Ok(membership)
    }

    /// Whether the group can be joined now; it is left again.
    pub(super) fn probe(wanted: Wanted) -> Result<(), Obstacle> {
        let membership = Self::new(wanted).map_err(|error| Obstacle::new(error, wanted.capability))?;
        membership.obstacle.map_or(Ok(()), Err)
    }

    /// The number of the family, while its group is joined.
    pub(super) fn joined(&self) -> Option<u16> {
        self.joined
    }

    /// Why it is not joined.
    pub(super) fn obstacle(&self) -> Option<&Obstacle> {
        self.obstacle.as_ref()
    }

    /// Messages that could not be read, since this was last asked.
    pub(super) fn take_malformed(&mut self) -> u32 {
        std::mem::take(&mut self.malformed)
    }

    /// Datagrams that were too large and are lost, since this was last asked.
    pub(super) fn take_cut(&mut self) -> u32 {
        std::mem::take(&mut self.cut)
    }

    /// Datagrams that found no room, since the socket was opened; wraps.
    pub(super) fn dropped(&self) -> Result<u32, SysError> {
        self.hears.dropped()
    }

    /// Hands on the payload of each waiting message of the family; `each` says whether it could be read. All these count
    /// as frames, and so does news of the family itself: each is a reason for a check.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8]) -> bool) -> Result<Visit, SysError> {
        let mut visit = Visit { more: true, ..Visit::default() };
        let mut appeared = false;
        for _ in 0..RECEIVES {
            let datagrams = match self.hears.receive(self.slot, Duration::ZERO) {
                Err(error) if error.is_overrun() => {
                    self.overrun = true;
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                visit.more = false;
                break;
            }
            for message in datagrams.iter().flat_map(messages) {
                match message {
                    Ok(message) if Some(message.kind) == self.joined => {
                        visit.frames += 1;
                        self.malformed += u32::from(!each(message.payload));
                    }
                    Ok(message) if message.kind == CONTROLLER => {
                        let news = news(message.payload, self.wanted.family);
                        visit.frames += usize::from(news.is_some());
                        match news {
                            Some(NEW_FAMILY) => appeared = true,
                            Some(DELETED_FAMILY) => {
                                (appeared, self.joined) = (false, None);
                                self.obstacle = Some(absent(self.wanted.family));
                            }
                            _ => {}
                        }
                    }
                    Ok(_) => {}
                    Err(_) => self.malformed += 1,
                }
            }
            if datagrams.truncated > 0 {
                self.cut = self.cut.saturating_add(u32::try_from(datagrams.truncated).unwrap_or(u32::MAX));
                self.slot = LARGEST_SLOT.min(self.slot * SLOT_GROWTH);
            }
        }
        if appeared {
            self.join();
        }
        Ok(visit)
    }

    /// Looks whether the family is still the one that was joined, where that may have been missed, or is there by now.
    pub(super) fn check(&mut self, now: Instant) -> Option<Instant> {
        let due = self.joined.is_none() && self.retry.is_some_and(|retry| now >= retry);
        if std::mem::take(&mut self.overrun) || due {
            self.join();
            self.retry = None;
        }
        if self.joined.is_some() {
            self.retry = None;
        } else if self.retry.is_none() {
            self.retry = now.checked_add(RETRY);
        }
        self.retry
    }

    /// Leaves all groups, for good: what waits can still be read, and nothing more comes.
    pub(super) fn leave(&mut self) -> Result<(), SysError> {
        self.hears.leave(NOTIFY)?;
        self.group.take().map_or(Ok(()), |group| self.hears.leave(group))
    }

    fn join(&mut self) {
        match self.try_join() {
            Ok(family) => (self.joined, self.obstacle) = (Some(family), None),
            Err(obstacle) => (self.joined, self.obstacle) = (None, Some(obstacle)),
        }
    }

    /// Nothing is joined twice: after an overrun the family is most often the same.
    fn try_join(&mut self) -> Result<u16, Obstacle> {
        let Wanted { family: name, group, side_group, capability, .. } = self.wanted;
        let (mut family, mut numbers) = (0, [None; 2]);
        let read = |payload: &[u8]| {
            if let Ok(found) = Family::parse(payload) {
                family = found.id;
                numbers = [found.group(group), side_group.and_then(|side| found.group(side))];
            }
        };
        let ask = |request: &mut Vec<u8>, sequence| get_family(request, sequence, name);
        self.control.ask(("CTRL_CMD_GETFAMILY", &name), ask, read).map_err(|error| match error.errno {
            libc::ENOENT => Obstacle::Absent(error),
            _ => Obstacle::Failed(error),
        })?;
        if self.joined == Some(family) {
            return Ok(family);
        }
        let [Some(group), side] = numbers else { return Err(absent(name)) };
        if let Some(side) = side {
            // It only makes things more exact.
            let _ = self.hears.join(side);
        }
        self.hears.join(group).map_err(|error| Obstacle::new(error, capability))?;
        self.group = Some(group);
        Ok(family)
    }
}

impl AsFd for Membership {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.hears.as_fd()
    }
}

/// The controller's command, where it is about this family.
fn news(payload: &[u8], family: &str) -> Option<u8> {
    let name = Attributes::after(payload, HEADER_LEN, "genlmsghdr").ok()?.find(FAMILY_NAME).ok()??;
    payload.first().copied().filter(|_| name.text() == family)
}

fn absent(family: &str) -> Obstacle {
    Obstacle::Absent(SysError::new("CTRL_CMD_GETFAMILY", family, Errno::ENOENT))
}
