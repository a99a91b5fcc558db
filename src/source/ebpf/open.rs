//! One tap: its counters, its programs, and how an event of theirs becomes a frame.
//!
//! In: what is wanted, and a ring. Out: frames; losses as what was added. Rule: everything that can be refused is done before a
//! packet is counted, so a tap is attached whole or not at all.

use super::attach::{Attach, Attached};
use super::counts::{Counts, Untold};
use super::route::Route;
use crate::host::descriptors;
use crate::sample::frame::{Direction, End, Frame, LinkType, Vlan};
use crate::source::af_packet::{Tap, link_type};
use crate::sys::SysError;
use crate::sys::bpf::ring::Ring;
use crate::sys::bpf::words::Words;
use crate::sys::bpf::{MAP_CREATE, Program};
use crate::sys::packet::PacketSocket;
use crate::wire::ebpf::Hook;
use crate::wire::ebpf::event::Event;
use crate::wire::ebpf::sampler::{self, Sampler};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};

/// Where nobody says how many CPUs there are: 64 KiB for a tap.
const CPUS_AT_MOST: u32 = 1024;

/// A tap that the kernel has agreed to.
#[derive(Debug)]
pub(super) struct Loaded {
    tap: Tap,
    link: LinkType,
    counts: Counts,
    programs: Vec<(Hook, Program)>,
    /// Keeps the interface promiscuous.
    promiscuous: Option<PacketSocket>,
}

/// A tap that runs.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) tap: Tap,
    link: LinkType,
    counts: Counts,
    attached: Attached,
    _promiscuous: Option<PacketSocket>,
}

impl Loaded {
    /// `hardware` is the interface's `ARPHRD_*`.
    pub(super) fn new(tap: Tap, hardware: u16, ring: &Ring, cpus: u32) -> Result<Self, SysError> {
        descriptors::is_one_left().map_err(|errno| SysError::new(MAP_CREATE, "mapped array", errno))?;
        let (words, map) = Words::new(sampler::words(cpus))?;
        // lo would show each frame twice.
        let hooks: &[Hook] = match hardware {
            libc::ARPHRD_LOOPBACK => &[Hook::Ingress],
            _ => &[Hook::Ingress, Hook::Egress],
        };
        let load = |hook: &Hook| {
            let sampler = Sampler {
                if_index: tap.if_index,
                hook: *hook,
                snap: tap.snap,
                ring: ring.as_fd().as_raw_fd(),
                counters: map.as_raw_fd(),
                cpus,
            };
            Ok((*hook, Program::load(&sampler.program())?))
        };
        let programs = hooks.iter().map(load).collect::<Result<_, SysError>>()?;
        let promiscuous = if tap.promiscuous { Some(make_promiscuous(tap.if_index)?) } else { None };
        let counts = Counts::new(words, cpus);
        counts.write_rate(tap.one_in);
        Ok(Self { tap, link: link_type(hardware), counts, programs, promiscuous })
    }

    /// Goes on from a tap on the same interface, whose last samples this one will hand on.
    pub(super) fn inherit(&mut self, untold: Untold) {
        self.counts.inherit(untold);
    }

    /// Lets packets come.
    pub(super) fn attach(self, attach: &mut Attach, route: &mut Route) -> Result<Open, SysError> {
        Ok(Open {
            attached: attach.attach(self.tap.if_index, &self.programs, route)?,
            tap: self.tap,
            link: self.link,
            counts: self.counts,
            _promiscuous: self.promiscuous,
        })
    }
}

impl Open {
    pub(super) fn close(self, route: &mut Route) -> Untold {
        self.attached.detach(route);
        self.counts.into_untold(self.tap.one_in)
    }

    pub(super) fn set_rate(&mut self, one_in: NonZeroU32) {
        self.tap.one_in = one_in;
        self.counts.write_rate(one_in);
    }

    /// Lost samples since the last question.
    pub(super) fn lost(&mut self) -> u32 {
        self.counts.lost(self.tap.one_in)
    }

    pub(super) fn is_removed(&self, route: &mut Route) -> bool {
        self.attached.is_removed(route)
    }

    /// `visit` numbers the visits.
    pub(super) fn frame<'a>(&mut self, event: &Event<'a>, visit: u64, since_1970: i64) -> Frame<'a> {
        let seen = self.counts.take_seen(visit, self.tap.one_in);
        let tapped = End::Interface(self.tap.if_index);
        let (direction, input, output) = match (event.egress, event.ingress) {
            (false, _) => (Direction::In, tapped, End::Unknown),
            (true, 0) => (Direction::Out, End::Unknown, tapped),
            (true, came) if came == self.tap.if_index => (Direction::Out, End::Unknown, tapped),
            (true, came) => (Direction::Out, End::Interface(came), tapped),
        };
        Frame {
            if_index: self.tap.if_index,
            one_in: event.one_in,
            direction,
            input,
            output,
            link: self.link,
            protocol: event.protocol,
            bytes: event.bytes,
            wire_len: event.length.saturating_add(if event.vlan.is_some() { 4 } else { 0 }),
            vlan: event.vlan.map(|(tpid, tci)| Vlan { tpid, tci }),
            time: event.time.checked_add_signed(since_1970),
            seen: Some(seen),
            ..Frame::default()
        }
    }
}

fn make_promiscuous(if_index: u32) -> Result<PacketSocket, SysError> {
    let socket = descriptors::below_reserve(PacketSocket::open()?)
        .map_err(|errno| SysError::new("socket", "AF_PACKET", errno))?;
    socket.make_promiscuous(if_index)?;
    Ok(socket)
}

/// CPUs that there may ever be, numbered from 0.
pub(super) fn possible_cpus() -> u32 {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    parse_last(&list).map_or(CPUS_AT_MOST, |last| last.saturating_add(1))
}

/// The last number of a list like `0-3,8-11`.
fn parse_last(list: &str) -> Option<u32> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_cpus_is_that_of_the_last_and_one() {
        let lists = ["0\n", "0-3\n", "0-3,8-127\n", "", "none"];
        assert_eq!(lists.map(parse_last), [Some(0), Some(3), Some(127), None, None]);
    }
}
