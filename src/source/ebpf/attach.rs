//! How programs get onto an interface: by tcx links, or as filters of a clsact qdisc.
//!
//! In: programs by hook. Out: what holds them there. Rules: they come before everybody else's, so that what others drop or
//! redirect is sampled too. A tcx link ends with this process. A filter would stay: one that a killed agent left is known by
//! its name and removed when its interface is tapped again; nobody else's filter is touched, and the qdisc is removed only where we made it and
//! nobody uses it. Two agents with clsact in one network namespace would take each other's filters for left ones.

use crate::sys::bpf::{Link, Program, Tcx};
use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::{SysError, errno};
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::{self, Filter, Place};
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::link;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// What modules may be missing for.
pub(super) const ADD_QDISC: &str = "RTM_NEWQDISC clsact";
pub(super) const ADD_FILTER: &str = "RTM_NEWTFILTER bpf";
const WAIT: Duration = Duration::from_secs(1);
const SLOT: usize = 32 * 1024;
/// Preferences that a filter of ours may have: the least that is free.
const PREFERENCES: std::ops::RangeInclusive<u16> = 1..=64;

/// How to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// By tcx, and from its first refusal on by clsact.
    Any,
    /// By tcx links (kernel 6.6).
    Tcx,
    /// By filters of the clsact qdisc.
    Clsact,
}

/// What holds the programs of a tap.
#[derive(Debug)]
pub(super) enum Attached {
    Tcx { _links: Vec<Link> },
    Clsact { filters: Vec<Place>, made_qdisc: bool },
}

impl Attach {
    /// All or none.
    pub(super) fn attach(
        &mut self,
        if_index: u32,
        programs: &[(Hook, Program)],
        route: &mut Route,
    ) -> Result<Attached, SysError> {
        if *self != Self::Clsact {
            match tcx(if_index, programs) {
                Err(error) if *self == Self::Any && error.errno == errno::EINVAL => *self = Self::Clsact,
                answer => return answer,
            }
        }
        route.attach(if_index, programs)
    }
}

impl Attached {
    /// The kernel removes what belongs to an interface that is gone, so failing is no matter.
    pub(super) fn detach(self, route: &mut Route) {
        if let Self::Clsact { filters, made_qdisc } = self {
            route.detach(&filters, made_qdisc);
        }
    }

    /// True where somebody else removed what we put there; a link nobody can.
    pub(super) fn is_removed(&self, route: &mut Route) -> bool {
        match self {
            Self::Tcx { .. } => false,
            Self::Clsact { filters, .. } => filters.iter().any(|place| route.lacks(*place)),
        }
    }
}

fn tcx(if_index: u32, programs: &[(Hook, Program)]) -> Result<Attached, SysError> {
    let link = |(hook, program): &(Hook, Program)| {
        let place = match hook {
            Hook::Ingress => Tcx::Ingress,
            Hook::Egress => Tcx::Egress,
        };
        Link::tcx(program, if_index, place)
    };
    Ok(Attached::Tcx { _links: programs.iter().map(link).collect::<Result<_, _>>()? })
}

/// A conversation with rtnetlink, in the network namespace of the thread that began it.
#[derive(Debug)]
pub(super) struct Route {
    socket: Netlink,
    sequence: u32,
    request: Vec<u8>,
}

impl Route {
    pub(super) fn open() -> Result<Self, SysError> {
        let socket = Netlink::open(Protocol::Route, 2 * SLOT)?;
        Ok(Self { socket, sequence: 0, request: Vec::new() })
    }

    /// `ARPHRD_*` of an interface; `ENODEV` where there is none.
    pub(super) fn hardware(&mut self, if_index: u32) -> Result<u16, SysError> {
        let mut hardware = None;
        // Index 0 would mean "by name", and a negative one is refused as malformed.
        let if_index = if if_index == 0 || if_index > i32::MAX.cast_unsigned() {
            i32::MAX.cast_unsigned()
        } else {
            if_index
        };
        self.ask(
            ("RTM_GETLINK", if_index),
            |buffer, sequence| link::get(buffer, sequence, if_index, false),
            |message| hardware = link::Link::parse(message.payload).ok().map(|link| link.hardware),
        )?;
        hardware.ok_or_else(|| refusal("RTM_GETLINK", if_index, errno::ENODEV))
    }

    fn attach(&mut self, if_index: u32, programs: &[(Hook, Program)]) -> Result<Attached, SysError> {
        let made_qdisc = self.make_qdisc(if_index)?;
        let mut filters = Vec::with_capacity(programs.len());
        for (hook, program) in programs {
            let added = self.free_place(if_index, *hook).and_then(|place| {
                let fd = program.as_fd().as_raw_fd();
                self.act((ADD_FILTER, if_index), |buffer, sequence| {
                    clsact::add_filter(buffer, sequence, place, fd);
                })?;
                filters.push(place);
                Ok(())
            });
            if let Err(error) = added {
                self.detach(&filters, made_qdisc);
                return Err(error);
            }
        }
        Ok(Attached::Clsact { filters, made_qdisc })
    }

    /// True where there was none before.
    fn make_qdisc(&mut self, if_index: u32) -> Result<bool, SysError> {
        let write = |buffer: &mut Vec<u8>, sequence| clsact::add_qdisc(buffer, sequence, if_index);
        match self.act((ADD_QDISC, if_index), write) {
            Err(error) if error.errno == Errno::EEXIST as i32 => {}
            answer => return answer.map(|()| true),
        }
        let mut is_clsact = false;
        self.ask(
            ("RTM_GETQDISC", if_index),
            |buffer, sequence| clsact::get_qdisc(buffer, sequence, if_index),
            |message| is_clsact = clsact::is_clsact(message.payload) == Ok(true),
        )?;
        // `ingress` has no place for programs that see what is sent.
        let taken = || refusal("an ingress qdisc is in the place of clsact", if_index, Errno::EBUSY as i32);
        is_clsact.then_some(false).ok_or_else(taken)
    }

    /// Removes what an earlier agent left at this hook, and finds the first free preference.
    fn free_place(&mut self, if_index: u32, hook: Hook) -> Result<Place, SysError> {
        let filters = self.filters(if_index, hook)?;
        let place = |preference| Place { if_index, hook, preference };
        for left in filters.iter().filter(|filter| filter.ours) {
            self.remove(place(left.preference))?;
        }
        let taken =
            |preference: &u16| filters.iter().any(|filter| !filter.ours && filter.preference == *preference);
        let free = PREFERENCES.into_iter().find(|preference| !taken(preference));
        free.map(place)
            .ok_or_else(|| refusal("no preference free for RTM_NEWTFILTER", if_index, Errno::EBUSY as i32))
    }

    fn filters(&mut self, if_index: u32, hook: Hook) -> Result<Vec<Filter>, SysError> {
        let mut filters = Vec::new();
        self.ask(
            ("RTM_GETTFILTER", if_index),
            |buffer, sequence| clsact::dump_filters(buffer, sequence, if_index, hook),
            |message| filters.extend(Filter::parse(message.payload)),
        )?;
        Ok(filters)
    }

    fn detach(&mut self, filters: &[Place], made_qdisc: bool) {
        for place in filters {
            let _ = self.remove(*place);
        }
        let Some(Place { if_index, .. }) = filters.first().copied().filter(|_| made_qdisc) else { return };
        let unused = [Hook::Ingress, Hook::Egress]
            .iter()
            .all(|hook| self.filters(if_index, *hook).is_ok_and(|filters| filters.is_empty()));
        if unused {
            let write = |buffer: &mut Vec<u8>, sequence| clsact::remove_qdisc(buffer, sequence, if_index);
            let _ = self.act(("RTM_DELQDISC", if_index), write);
        }
    }

    fn remove(&mut self, place: Place) -> Result<(), SysError> {
        let write = |buffer: &mut Vec<u8>, sequence| clsact::remove_filter(buffer, sequence, place);
        self.act(("RTM_DELTFILTER", place.if_index), write)
    }

    /// False where the kernel gives no clear answer.
    fn lacks(&mut self, place: Place) -> bool {
        let write = |buffer: &mut Vec<u8>, sequence| clsact::get_filter(buffer, sequence, place);
        let absent = [Errno::ENODEV, Errno::ENOENT, Errno::EINVAL].map(|errno| errno as i32);
        self.ask(("RTM_GETTFILTER", place.if_index), write, |_| {})
            .is_err_and(|error| absent.contains(&error.errno))
    }

    fn act(
        &mut self,
        what: (&'static str, u32),
        write: impl FnOnce(&mut Vec<u8>, u32),
    ) -> Result<(), SysError> {
        self.ask(what, write, |_| {})
    }

    /// Sends one request and hands on what answers it; the kernel has answered when the send returns.
    fn ask(
        &mut self,
        (name, if_index): (&'static str, u32),
        write: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), SysError> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.request.clear();
        write(&mut self.request, self.sequence);
        self.socket.send(&self.request)?;
        loop {
            let datagrams = self.socket.receive(SLOT, WAIT)?;
            if datagrams.is_empty() {
                return Err(refusal(name, if_index, Errno::ETIMEDOUT as i32));
            }
            for message in datagrams.iter().flat_map(messages).flatten() {
                if message.sequence != self.sequence {
                    continue;
                }
                match message.outcome() {
                    Ok(Outcome::Data) => each(&message),
                    Ok(Outcome::Done(0) | Outcome::Error(0)) => return Ok(()),
                    Ok(Outcome::Done(errno) | Outcome::Error(errno)) => {
                        return Err(refusal(name, if_index, errno));
                    }
                    _ => {}
                }
                // The only answer to a question for one object.
                if message.outcome() == Ok(Outcome::Data) && message.flags & MULTI == 0 {
                    return Ok(());
                }
            }
        }
    }
}

/// `NLM_F_MULTI`: more follows.
const MULTI: u16 = 0x2;

fn refusal(name: &'static str, if_index: u32, errno: i32) -> SysError {
    SysError::new(name, format!("ifIndex {if_index}"), Errno::from_raw(errno))
}
