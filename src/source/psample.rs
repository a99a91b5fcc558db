//! The psample source: packets that `tc … action sample`, a switch chip's driver or a user-space data path chose.
//!
//! In: the numbers of the sampling groups to listen to. Out: [`Frame`]s with the rate that the message tells. Rules: an
//! arriving packet belongs to the interface it came in by, a leaving one to the one it goes out by; a sample of no
//! interface, without a rate or without data is not usable and counted; samples are lost in the kernel only, and a gap
//! in a group's numbers says how many. The whole of what the kernel kept is handed on: `trunc` of `tc` limits it,
//! and without it there is a system call for each large packet.
//!
//! Of a VLAN-tagged packet the kernel gives neither the tag nor its 4 bytes in the length. Numbers of interfaces are cut
//! to 16 bits by the kernel.
//!
//! Needs the module `psample`, which nothing loads by itself but who samples; `CAP_NET_ADMIN` at each join, that is at
//! start and when the module is loaded again. Spec: `linux/psample.h`, tc-sample(8).

mod sequence;

use super::generic::link::link_type;
use super::generic::{Membership, Wanted};
use super::{Finding, Obstacle, Source, Visit};
use crate::sample::frame::{Direction, End, Frame, Sink};
use crate::sys::SysError;
use crate::wire::netlink::psample::{CONFIG_GROUP, FAMILY, GROUP, Sample, new_group};
use sequence::Sequence;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

const WANTED: Wanted = Wanted {
    family: FAMILY,
    group: GROUP,
    side_group: Some(CONFIG_GROUP),
    programs: true,
    capability: "CAP_NET_ADMIN",
};

/// What to listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sampling group of arriving packets; leaving ones are in the next.
    pub group: u32,
    /// Take arriving packets.
    pub ingress: bool,
    /// Take leaving packets.
    pub egress: bool,
}

/// Samples of two sampling groups of one network namespace: that of the thread that makes this.
#[derive(Debug)]
pub struct Samples {
    membership: Membership,
    feeds: [Option<Feed>; 2],
    /// The family whose numbers are counted.
    counted: Option<u16>,
}

/// One sampling group.
#[derive(Debug)]
struct Feed {
    group: u32,
    direction: Direction,
    sequence: Sequence,
    /// Lost before the next frame that can be handed on.
    lost: u32,
}

/// Whether samples can be heard here.
pub fn probe() -> Result<(), Obstacle> {
    Membership::probe(WANTED)
}

impl Samples {
    /// Listens, now or as soon as the module is there; [`Source::obstacle`] tells.
    ///
    /// # Errors
    /// There is no generic netlink here at all.
    pub fn new(settings: Settings) -> Result<Self, SysError> {
        let feed = |group, direction| Feed { group, direction, sequence: Sequence::default(), lost: 0 };
        let Settings { group, ingress, egress } = settings;
        let feeds = [
            ingress.then(|| feed(group, Direction::In)),
            egress.then(|| feed(group.wrapping_add(1), Direction::Out)),
        ];
        Ok(Self { membership: Membership::new(WANTED)?, feeds, counted: None })
    }
}

impl Source for Samples {
    fn name(&self) -> &'static str {
        "psample"
    }

    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let Self { membership, feeds, counted } = self;
        if *counted != membership.joined() {
            *counted = membership.joined();
            feeds.iter_mut().flatten().for_each(|feed| feed.sequence = Sequence::default());
        }
        membership.read(|payload| match Sample::parse(payload) {
            Ok(Some(sample)) => {
                let feed = feeds.iter_mut().flatten().find(|feed| Some(feed.group) == sample.group);
                let Some(feed) = feed else { return true };
                feed.frame(&sample).map(|frame| sink.packet(&frame)).is_some()
            }
            Ok(None) => restart(feeds, payload),
            Err(_) => false,
        })
    }

    fn check(&mut self, now: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        // A sample that was too large is missing in the numbers already.
        let _ = self.membership.take_cut();
        match self.membership.take_malformed() {
            0 => {}
            added => report(Finding::Malformed(added)),
        }
        self.membership.check(now)
    }

    fn obstacle(&self) -> Option<&Obstacle> {
        self.membership.obstacle()
    }
}

impl AsFd for Samples {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.membership.as_fd()
    }
}

impl Feed {
    /// The frame of a sample of this group, where it can be used.
    fn frame<'a>(&mut self, sample: &Sample<'a>) -> Option<Frame<'a>> {
        let lost = sample.sequence.map_or(0, |number| self.sequence.lost_before(number));
        self.lost = self.lost.saturating_add(lost);
        let end = |index: Option<u32>| index.filter(|index| *index != 0);
        let (input, output) = (end(sample.in_index), end(sample.out_index));
        let if_index = if self.direction == Direction::In { input } else { output }?;
        let one_in = sample.sampling()?;
        let bytes = sample.data.filter(|data| !data.is_empty())?;
        let wire_len = sample.original_size.filter(|size| *size != 0)?;
        let protocol = sample.protocol.unwrap_or(0);
        let interface = |index: Option<u32>| index.map_or(End::Unknown, End::Interface);
        Some(Frame {
            if_index,
            one_in,
            direction: self.direction,
            input: interface(input),
            output: interface(output),
            link: link_type(protocol, bytes, wire_len),
            protocol,
            bytes,
            wire_len,
            time: sample.timestamp,
            lost: std::mem::take(&mut self.lost),
            queue: sample.out_class.map(u32::from),
            queue_depth: sample.out_occupancy,
            latency: sample.latency,
            tunnel: sample.tunnel,
            ..Frame::default()
        })
    }
}

/// Numbers of a group that was made begin again; false where the message could not be read.
fn restart(feeds: &mut [Option<Feed>; 2], payload: &[u8]) -> bool {
    let made = new_group(payload);
    if let Ok(Some(group)) = made {
        let feed = feeds.iter_mut().flatten().find(|feed| feed.group == group);
        feed.into_iter().for_each(|feed| feed.sequence = Sequence::made());
    }
    made.is_ok()
}

#[cfg(test)]
mod tests;
