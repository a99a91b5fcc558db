//! One tap: its counters, its programs, and how an event of theirs becomes a frame.
//!
//! In: what is wanted, and a ring. Out: frames; losses as what was added. Rule: everything that can be refused is done before a
//! packet is counted, so a tap is attached whole or not at all.

use super::attach::{Attach, Attached};
use super::route::Route;
use crate::sample::frame::{Direction, End, Frame, LinkType, Vlan};
use crate::source::af_packet::{Tap, link_type};
use crate::sys::SysError;
use crate::sys::bpf::Program;
use crate::sys::bpf::ring::Ring;
use crate::sys::bpf::words::Words;
use crate::sys::packet::PacketSocket;
use crate::wire::ebpf::Hook;
use crate::wire::ebpf::event::Event;
use crate::wire::ebpf::sampler::{self, Sampler};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering;

/// Where nobody says how many CPUs there are: 64 KiB for a tap.
const CPUS_AT_MOST: u32 = 1024;

/// A tap that the kernel has agreed to.
#[derive(Debug)]
pub(super) struct Loaded {
    tap: Tap,
    link: LinkType,
    cpus: u32,
    counters: Words,
    programs: Vec<(Hook, Program)>,
    /// Keeps the interface promiscuous.
    promiscuous: Option<PacketSocket>,
}

/// A tap that runs.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) tap: Tap,
    link: LinkType,
    cpus: u32,
    counters: Words,
    attached: Attached,
    told_lost: u64,
    /// Packets that frames told, and those that the lost samples that were told stood for.
    told_seen: u64,
    /// The visit at which packets were last counted.
    visit: u64,
    _promiscuous: Option<PacketSocket>,
}

impl Loaded {
    /// `hardware` is the interface's `ARPHRD_*`.
    pub(super) fn new(tap: Tap, hardware: u16, ring: &Ring, cpus: u32) -> Result<Self, SysError> {
        let (counters, map) = Words::new(sampler::words(cpus))?;
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
        let loaded = Self { tap, link: link_type(hardware), cpus, counters, programs, promiscuous };
        write_rate(&loaded.counters, tap.one_in);
        Ok(loaded)
    }

    /// Lets packets come.
    pub(super) fn attach(self, attach: &mut Attach, route: &mut Route) -> Result<Open, SysError> {
        Ok(Open {
            attached: attach.attach(self.tap.if_index, &self.programs, route)?,
            tap: self.tap,
            link: self.link,
            cpus: self.cpus,
            counters: self.counters,
            told_lost: 0,
            told_seen: 0,
            visit: 0,
            _promiscuous: self.promiscuous,
        })
    }
}

impl Open {
    pub(super) fn close(self, route: &mut Route) {
        self.attached.detach(route);
    }

    pub(super) fn set_rate(&mut self, one_in: NonZeroU32) {
        self.tap.one_in = one_in;
        write_rate(&self.counters, one_in);
    }

    /// Lost samples since the last question. Who is told takes each for as many packets as it stood for.
    pub(super) fn lost(&mut self) -> u32 {
        let total = self.word(sampler::LOST);
        let added = total.wrapping_sub(self.told_lost);
        self.told_seen = self.told_seen.saturating_add(self.behind(added));
        self.told_lost = total;
        u32::try_from(added).unwrap_or(u32::MAX)
    }

    /// Packets that so many lost samples stand for.
    fn behind(&self, lost: u64) -> u64 {
        lost.saturating_mul(self.tap.one_in.get().into())
    }

    pub(super) fn is_removed(&self, route: &mut Route) -> bool {
        self.attached.is_removed(route)
    }

    /// `visit` numbers the visits: packets seen are added up once in each, because other CPUs are writing there.
    pub(super) fn frame<'a>(&mut self, event: &Event<'a>, visit: u64, since_1970: i64) -> Frame<'a> {
        let seen = self.take_seen(visit);
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

    /// Packets seen that are yet to be told, and that no lost sample stands for.
    #[allow(clippy::cast_possible_truncation)] // the pool wraps
    fn take_seen(&mut self, visit: u64) -> u32 {
        if std::mem::replace(&mut self.visit, visit) == visit {
            return 0;
        }
        // In this order, because a packet is counted before its sample is lost.
        let lost = self.word(sampler::LOST).wrapping_sub(self.told_lost);
        let seen = sampler::seen(self.cpus).fold(0, |sum: u64, word| sum.saturating_add(self.word(word)));
        // Chance lets samples be lost that stand for more than there was: later packets make up for it.
        let added = seen.saturating_sub(self.told_seen.saturating_add(self.behind(lost)));
        self.told_seen += added;
        added as u32
    }

    fn word(&self, index: usize) -> u64 {
        self.counters.get(index).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

/// The program reads the first 32 bits.
fn write_rate(counters: &Words, one_in: NonZeroU32) {
    let high_half = if cfg!(target_endian = "little") { 0 } else { 32 };
    if let Some(word) = counters.get(sampler::RATE) {
        word.store(u64::from(one_in.get()) << high_half, Ordering::Relaxed);
    }
}

fn make_promiscuous(if_index: u32) -> Result<PacketSocket, SysError> {
    let socket = PacketSocket::open()?;
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
