//! A conversation with rtnetlink: what kind an interface is, and programs as filters of its clsact qdisc.
//!
//! In: an ifIndex, programs. Out: filters, or the kernel's refusal. Rules: a filter outlives its process, so one that a killed
//! agent left is known by its name and removed, on all interfaces, before our first; nobody else's filter is touched, and
//! the qdisc is removed only where we made it and nobody uses it. Two agents with clsact in one network namespace would take each
//! other's filters for left ones. Needs `CAP_NET_ADMIN` but for questions. Spec: rtnetlink(7), `linux/pkt_cls.h`.

use super::attach::Attached;
use crate::source::control::Control;
use crate::sys::bpf::Program;
use crate::sys::netlink::Protocol;
use crate::sys::{SysError, errno};
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::{self, Filter, Place};
use crate::wire::netlink::link;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// What modules may be missing for.
pub(super) const ADD_QDISC: &str = "RTM_NEWQDISC clsact";
pub(super) const ADD_FILTER: &str = "RTM_NEWTFILTER bpf";
/// Preferences that a filter of ours may have: the least that is free.
const PREFERENCES: std::ops::RangeInclusive<u16> = 1..=64;

const HOOKS: [Hook; 2] = [Hook::Ingress, Hook::Egress];

/// A conversation with rtnetlink, in the network namespace of the thread that began it.
#[derive(Debug)]
pub(super) struct Route {
    control: Control,
    /// Nothing is left of an earlier agent.
    swept: bool,
}

impl Route {
    pub(super) fn open() -> Result<Self, SysError> {
        Ok(Self { control: Control::open(Protocol::Route)?, swept: false })
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
            |payload| hardware = link::Link::parse(payload).ok().map(|link| link.hardware),
        )?;
        hardware.ok_or_else(|| refusal("RTM_GETLINK", if_index, errno::ENODEV))
    }

    pub(super) fn attach(
        &mut self,
        if_index: u32,
        programs: &[(Hook, Program)],
    ) -> Result<Attached, SysError> {
        if !std::mem::replace(&mut self.swept, true) {
            self.sweep()?;
        }
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
            |payload| is_clsact = clsact::is_clsact(payload) == Ok(true),
        )?;
        // `ingress` has no place for programs that see what is sent.
        let taken = || refusal("an ingress qdisc is in the place of clsact", if_index, Errno::EBUSY as i32);
        is_clsact.then_some(false).ok_or_else(taken)
    }

    /// Removes what an earlier agent left. The qdisc stays: nobody says who made it.
    fn sweep(&mut self) -> Result<(), SysError> {
        let mut interfaces = Vec::new();
        self.ask(("RTM_GETQDISC", 0), clsact::dump_qdiscs, |payload| {
            if clsact::is_clsact(payload) == Ok(true) {
                interfaces.extend(clsact::interface(payload));
            }
        })?;
        for (if_index, hook) in interfaces.into_iter().flat_map(|index| HOOKS.map(|hook| (index, hook))) {
            // One that vanishes meanwhile takes its filters with it.
            for filter in self.filters(if_index, hook).unwrap_or_default() {
                if filter.ours {
                    let _ = self.remove(Place { if_index, hook, preference: filter.preference });
                }
            }
        }
        Ok(())
    }

    /// The first free preference.
    fn free_place(&mut self, if_index: u32, hook: Hook) -> Result<Place, SysError> {
        let filters = self.filters(if_index, hook)?;
        let place = |preference| Place { if_index, hook, preference };
        let taken = |preference: &u16| filters.iter().any(|filter| filter.preference == *preference);
        let free = PREFERENCES.into_iter().find(|preference| !taken(preference));
        free.map(place)
            .ok_or_else(|| refusal("no preference free for RTM_NEWTFILTER", if_index, Errno::EBUSY as i32))
    }

    fn filters(&mut self, if_index: u32, hook: Hook) -> Result<Vec<Filter>, SysError> {
        let mut filters = Vec::new();
        self.ask(
            ("RTM_GETTFILTER", if_index),
            |buffer, sequence| clsact::dump_filters(buffer, sequence, if_index, hook),
            |payload| filters.extend(Filter::parse(payload)),
        )?;
        Ok(filters)
    }

    pub(super) fn detach(&mut self, filters: &[Place], made_qdisc: bool) {
        for place in filters {
            let _ = self.remove(*place);
        }
        let Some(Place { if_index, .. }) = filters.first().copied().filter(|_| made_qdisc) else { return };
        let unused =
            HOOKS.iter().all(|hook| self.filters(if_index, *hook).is_ok_and(|filters| filters.is_empty()));
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
    pub(super) fn lacks(&mut self, place: Place) -> bool {
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

    fn ask(
        &mut self,
        (command, if_index): (&'static str, u32),
        write: impl FnOnce(&mut Vec<u8>, u32),
        each: impl FnMut(&[u8]),
    ) -> Result<(), SysError> {
        self.control.ask((command, &format_args!("ifIndex {if_index}")), write, each)
    }
}

fn refusal(name: &'static str, if_index: u32, errno: i32) -> SysError {
    SysError::new(name, format!("ifIndex {if_index}"), Errno::from_raw(errno))
}
