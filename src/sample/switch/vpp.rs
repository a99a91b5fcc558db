//! The interfaces of VPP: by which numbers collectors know them, and what is told of them.
//!
//! In: the plug-in's messages, and sampled packets with VPP's numbers. Out: packets with the numbers that collectors know;
//! counter records; samples that VPP has lost. Rules: an interface goes by the number of the Linux interface that stands
//! for it, else by VPP's own and an offset, or all by VPP's own (`osIndex = off`); a packet of an interface that VPP has not
//! described since it started has no number yet, and is no sample; VPP tells its losses as a total, of which each is
//! counted once; interfaces are bounded in number, and one that is silent is forgotten. A number that is claimed
//! twice stays the first one's; the second goes by VPP's own and the offset, and where that is taken, by none.

use crate::config::model::Vpp;
use crate::sample::frame::{End, Frame};
use crate::sflow::counters::interface::GenericInterface;
use crate::sflow::unknown::{counter32, counter64, gauge32, gauge64};
use crate::wire::netlink::vpp::{Counts, Interface, Status};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Interfaces that are remembered.
const MOST: usize = 8192;
/// Counters of one interface are not sent at shorter distances, however often they are told.
const CLOSEST: Duration = Duration::from_millis(900);
/// VPP tells of each interface every 20 s, unless it was told otherwise.
const SILENT: Duration = Duration::from_mins(15);
const IANA_ETHERNET: u64 = 6;

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The number that collectors know.
    pub index: u32,
    /// VPP's name.
    pub name: String,
    /// Bits per second.
    pub speed_bps: Option<u64>,
    /// Switched on by the operator.
    pub admin_up: bool,
    /// The link is up.
    pub oper_up: bool,
    /// Another one has the number of its Linux interface.
    pub shares: bool,
    /// Counter samples so far.
    pub samples: u32,
    /// Described since VPP started.
    current: bool,
    heard: Instant,
    /// When its counters were last sent.
    sent: Option<Instant>,
}

impl Port {
    /// The number of the next counter sample, if there is to be one now.
    pub fn next_sample(&self, now: Instant) -> Option<u32> {
        let waits = self.sent.is_some_and(|sent| now.saturating_duration_since(sent) < CLOSEST);
        (!waits).then(|| self.samples.wrapping_add(1))
    }

    /// That sample was made.
    pub fn sampled(&mut self, now: Instant) {
        (self.samples, self.sent) = (self.samples.wrapping_add(1), Some(now));
    }
}

/// All of them, by VPP's number.
#[derive(Clone, Debug)]
pub struct Ports {
    settings: Vpp,
    known: HashMap<u32, Port>,
    /// Number of the last message.
    sequence: u64,
    /// Total of losses that VPP told last.
    drops: Option<u64>,
    /// Losses that no packet was told with yet.
    lost: u32,
    changed: bool,
}

impl Ports {
    /// None is known yet.
    pub fn new(settings: Vpp) -> Self {
        Self { settings, known: HashMap::new(), sequence: 0, drops: None, lost: 0, changed: true }
    }

    /// Collectors know VPP's own numbers, so that no other interface can be told of.
    pub fn are_alone(&self) -> bool {
        !self.settings.os_index
    }

    /// Each that is known.
    pub fn iter(&self) -> impl Iterator<Item = &Port> {
        self.known.values()
    }

    /// Whether [`Self::take_changed`] has something.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether their numbers are others than when this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes the plug-in's word on itself.
    pub fn note(&mut self, status: &Status) {
        self.follow(status.sequence);
        if let Some(drops) = status.drops {
            // What it lost before it was first heard was not lost here.
            let before = self.drops.replace(drops).unwrap_or(drops);
            let added = drops.checked_sub(before).unwrap_or(drops);
            self.lost = self.lost.saturating_add(u32::try_from(added).unwrap_or(u32::MAX));
        }
    }

    /// Takes what is told of an interface; `None` where it lacks name or number, or where there are too many.
    pub fn learn(&mut self, told: &Interface<'_>, now: Instant) -> Option<&mut Port> {
        self.follow(told.sequence);
        let own = told.index.and_then(|index| u32::try_from(index).ok()).filter(|index| *index != 0)?;
        let name = told.name.as_deref().filter(|name| !name.is_empty())?;
        let mut index = self.number(own, told.os_index)?;
        let goes_by = |ports: &Self, index| ports.known.get(&own).is_some_and(|port| port.index == index);
        let shares = !goes_by(self, index) && self.is_taken(index, own);
        if shares {
            index = self.number(own, None)?;
            if !goes_by(self, index) && self.is_taken(index, own) {
                return None;
            }
        }
        if self.known.len() >= MOST && !self.known.contains_key(&own) {
            return None;
        }
        if !goes_by(self, index) {
            self.known.retain(|_, port| port.index != index);
            self.changed = true;
        }
        let same = self.known.get(&own).filter(|port| port.index == index);
        let (samples, sent) = same.map_or((0, None), |port| (port.samples, port.sent));
        let yes = |flag: Option<u64>| flag.is_some_and(|flag| flag != 0);
        let new = Port {
            index,
            name: name.to_owned(),
            speed_bps: told.speed_bps.filter(|speed| *speed != 0),
            admin_up: yes(told.admin_up),
            oper_up: yes(told.oper_up),
            shares,
            samples,
            sent,
            current: true,
            heard: now,
        };
        Some(self.known.entry(own).insert_entry(new).into_mut())
    }

    /// The packet with the numbers that collectors know; `None` while its interface has none.
    pub fn place<'a>(&mut self, frame: &Frame<'a>) -> Option<Frame<'a>> {
        let lost = std::mem::take(&mut self.lost).saturating_add(frame.lost);
        let Some(if_index) = self.of(frame.if_index) else {
            self.lost = lost;
            return None;
        };
        let end = |end: End| match end {
            End::Interface(own) => self.of(own).map_or(End::Unknown, End::Interface),
            end => end,
        };
        Some(Frame { if_index, input: end(frame.input), output: end(frame.output), lost, ..*frame })
    }

    /// Forgets those that have not been told of for long.
    pub fn forget_silent(&mut self, now: Instant) {
        let before = self.known.len();
        self.known.retain(|_, port| now.saturating_duration_since(port.heard) < SILENT);
        self.changed |= self.known.len() < before;
    }

    fn of(&self, own: u32) -> Option<u32> {
        self.known.get(&own).filter(|port| port.current).map(|port| port.index)
    }

    /// Another interface goes by this number now.
    fn is_taken(&self, index: u32, own: u32) -> bool {
        self.known.iter().any(|(other, port)| *other != own && port.current && port.index == index)
    }

    fn number(&self, own: u32, os_index: Option<u64>) -> Option<u32> {
        if self.are_alone() {
            return Some(own);
        }
        match os_index.filter(|index| *index != 0).map(u32::try_from) {
            Some(index) => index.ok(),
            None => self.settings.if_offset.checked_add(own),
        }
    }

    /// Where the numbers of messages start again, VPP has: its interfaces may be others, and its losses start from 0.
    fn follow(&mut self, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        if sequence <= self.sequence {
            self.known.values_mut().for_each(|port| port.current = false);
            self.drops = Some(0);
        }
        self.sequence = sequence;
    }
}

/// `0:1` of an interface that collectors know by this number.
pub fn generic_interface(told: &Interface<'_>, index: u32) -> GenericInterface {
    let bit = |flag: Option<u64>, bit: u32| u32::from(flag.is_some_and(|flag| flag != 0)) << bit;
    let (rx, tx) = (&told.rx, &told.tx);
    GenericInterface {
        if_index: index,
        if_type: gauge32(told.if_type.or(Some(IANA_ETHERNET))),
        if_speed: gauge64(told.speed_bps),
        if_direction: gauge32(told.direction),
        if_status: bit(told.admin_up, 0) | bit(told.oper_up, 1),
        in_octets: counter64(rx.octets),
        in_ucast_pkts: unicast(rx),
        in_multicast_pkts: counter32(rx.multicasts),
        in_broadcast_pkts: counter32(rx.broadcasts),
        in_discards: counter32(rx.discards),
        in_errors: counter32(rx.errors),
        in_unknown_protos: counter32(None),
        out_octets: counter64(tx.octets),
        out_ucast_pkts: unicast(tx),
        out_multicast_pkts: counter32(tx.multicasts),
        out_broadcast_pkts: counter32(tx.broadcasts),
        out_discards: counter32(tx.discards),
        out_errors: counter32(tx.errors),
        promiscuous: 0,
    }
}

/// What is left of all packets after those for more than one.
fn unicast(counts: &Counts) -> u32 {
    let others = counts.multicasts.unwrap_or(0).saturating_add(counts.broadcasts.unwrap_or(0));
    counter32(counts.packets.map(|packets| packets.saturating_sub(others)))
}

#[cfg(test)]
mod tests;
