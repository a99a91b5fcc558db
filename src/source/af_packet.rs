//! The AF_PACKET source: taps on interfaces, sampled by the kernel.
//!
//! In: interfaces with their rates, added, changed and removed while it runs. Out: [`Frame`]s; losses and
//! vanished interfaces. Rules: a frame that is not sampled costs the kernel a short filter and this process nothing; a
//! sampled one costs no system call, because the kernel writes it to a ring of the tap. A ring has room for 10 ms at
//! 6 million packets per second: so long may a reader let frames gather. Spec: packet(7), epoll(7).

use super::{Finding, Obstacle, Visit};
use crate::sample::frame::{Direction, End, Frame, LinkType, Sink, Vlan};
use crate::sys::SysError;
use crate::sys::packet::ring::{RawFrame, Shape};
use crate::sys::packet::{Instruction, PacketSocket, Protocol};
use crate::wire::cbpf;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

const CAPABILITY: &str = "CAP_NET_RAW";
/// Slots of a ring at 1:1 for what comes in 10 ms at 6 million packets per second. One block, 157 frames of 128 bytes, then
/// is enough from 1:400 on.
const SLOTS_OF_ALL: u32 = 62_500;
/// But not more than 4 MiB: a core cannot take more than 2 million frames per second.
const MOST_SLOTS: u32 = 20_000;
const FEWEST_SLOTS: u32 = 150;
/// A reader need not let frames gather for longer, in ms: a sample is to be told while it is news.
const LONGEST_GATHER_MS: u32 = 30;
/// Memory of all rings together above which a further one gets the fewest slots: a thousand taps at 1:1 shall not take
/// 4 GiB.
const BUDGET_BYTES: usize = 64 << 20;
const MAX_EVENTS: usize = 64;

/// A tap that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The interface.
    pub if_index: u32,
    /// Sample one frame in this many.
    pub one_in: NonZeroU32,
    /// Bytes of a frame to keep, 1 to 4096.
    pub snap: u16,
    /// See frames for other machines too.
    pub promiscuous: bool,
}

#[derive(Debug)]
struct Open {
    tap: Tap,
    socket: PacketSocket,
    link: LinkType,
    ring_bytes: usize,
    /// Frames were read since losses were last asked for; a ring that lost some always has some to read.
    busy: bool,
    /// The interface went down; the kernel does not say when it is removed after that.
    down: bool,
}

/// All taps of one network namespace: that of the thread that adds them.
#[derive(Debug)]
pub struct Taps {
    taps: BTreeMap<u32, Open>,
    ready: Epoll,
    events: [EpollEvent; MAX_EVENTS],
}

/// Whether taps can be had here; for one interface, or at all.
pub fn probe(if_index: Option<u32>) -> Result<(), Obstacle> {
    let socket = PacketSocket::open().map_err(obstacle)?;
    if_index.map_or(Ok(()), |if_index| socket.bind(if_index, Protocol::Nothing)).map_err(obstacle)
}

impl Taps {
    /// A source without taps.
    pub fn new() -> Result<Self, SysError> {
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|errno| SysError::new("epoll_create1", "", errno))?;
        let events = [EpollEvent::empty(); MAX_EVENTS];
        Ok(Self { taps: BTreeMap::new(), ready, events })
    }

    /// Opens a tap, in the place of one on the same interface. One that is down is tapped too.
    pub fn add(&mut self, tap: Tap) -> Result<(), Obstacle> {
        let open = Open::new(tap, self.is_rich()).map_err(obstacle)?;
        self.keep(open)
    }

    /// Opens several at once, each as [`Self::add`]: for each the kernel waits some ten milliseconds for all its
    /// processors, and for many it waits no longer.
    pub fn add_all(&mut self, taps: &[Tap]) -> Vec<Result<(), Obstacle>> {
        let rich = self.is_rich();
        let opened = std::thread::scope(|scope| {
            let open = |tap: &Tap| {
                let tap = *tap;
                let thread = std::thread::Builder::new().name("tap".to_owned());
                (tap, thread.spawn_scoped(scope, move || Open::new(tap, rich)))
            };
            let opening: Vec<_> = taps.iter().map(open).collect();
            let opened = opening.into_iter().map(|(tap, thread)| match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // There may be no more threads.
                Err(_) => Open::new(tap, rich),
            });
            opened.collect::<Vec<_>>()
        });
        opened.into_iter().map(|open| open.map_err(obstacle).and_then(|open| self.keep(open))).collect()
    }

    fn keep(&mut self, open: Open) -> Result<(), Obstacle> {
        let tap = open.tap;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, tap.if_index.into());
        self.ready
            .add(&open.socket, event)
            .map_err(|errno| obstacle(SysError::new("epoll_ctl", "add", errno)))?;
        self.taps.insert(tap.if_index, open);
        Ok(())
    }

    /// True while the rings take less memory than they may.
    fn is_rich(&self) -> bool {
        self.taps.values().map(|open| open.ring_bytes).sum::<usize>() < BUDGET_BYTES
    }

    /// Closes a tap; false where there was none. What it had not handed on is lost, and not counted.
    pub fn remove(&mut self, if_index: u32) -> bool {
        self.remove_all(&[if_index]) > 0
    }

    /// Closes several at once, for which the kernel waits as in [`Self::add_all`]; returns how many there were.
    pub fn remove_all(&mut self, if_indexes: &[u32]) -> usize {
        let closing: Vec<_> = if_indexes.iter().filter_map(|if_index| self.taps.remove(if_index)).collect();
        let count = closing.len();
        std::thread::scope(|scope| {
            for open in closing {
                // One that gets no thread is closed here and now.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || drop(open));
            }
        });
        count
    }

    /// The taps, by ifIndex.
    pub fn taps(&self) -> impl Iterator<Item = Tap> {
        self.taps.values().map(|open| open.tap)
    }

    /// Changes how often a tap samples. Frames taken at the old rate go to `sink` as such; for the
    /// microseconds of the change none is taken. False where there is no such tap.
    pub fn set_rate(
        &mut self,
        if_index: u32,
        one_in: NonZeroU32,
        sink: &mut dyn Sink,
    ) -> Result<bool, SysError> {
        let rich = self.is_rich();
        let Some(open) = self.taps.get_mut(&if_index) else { return Ok(false) };
        if open.tap.one_in != one_in || open.socket.ring().is_none() {
            open.socket.attach(&NOTHING)?;
            open.read(sink);
            open.tap.one_in = one_in;
            open.start(rich)?;
        }
        Ok(true)
    }
}

impl super::Source for Taps {
    fn name(&self) -> &'static str {
        "pcap"
    }

    /// At most a ring of each tap.
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let ready = match self.ready.wait(&mut self.events, EpollTimeout::ZERO) {
            Err(Errno::EINTR) => 0,
            answer => answer.map_err(|errno| SysError::new("epoll_wait", "", errno))?,
        };
        // Where there are more taps than events, the others wait already.
        let mut visit = Visit { more: ready == MAX_EVENTS, ..Visit::default() };
        for event in self.events.iter().take(ready) {
            let tap = u32::try_from(event.data()).ok().and_then(|if_index| self.taps.get_mut(&if_index));
            let Some(open) = tap else { continue };
            // Level-triggered: an error that stayed would wake this thread for ever.
            open.down |= event.events().contains(EpollFlags::EPOLLERR) && open.socket.take_error().is_some();
            let (frames, percent) = open.read(sink);
            visit.frames += frames;
            visit.fullest = visit.fullest.max(percent);
        }
        Ok(visit)
    }

    /// Asks only those taps that had frames or went down since.
    fn check(&mut self, _: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        self.taps.retain(|if_index, open| {
            if std::mem::take(&mut open.busy) {
                let added = open.socket.statistics().map_or(0, |counts| counts.dropped);
                if added > 0 {
                    report(Finding::Lost { if_index: Some(*if_index), added });
                }
            }
            let gone = open.down && open.socket.bound().is_ok_and(|bound| bound.if_index.is_none());
            if gone {
                report(Finding::Gone(*if_index));
            }
            !gone
        });
        None
    }

    /// Each tap has its own, which [`Taps::add`] tells.
    fn obstacle(&self) -> Option<&Obstacle> {
        None
    }
}

impl AsFd for Taps {
    /// Readable when a tap has frames.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.0.as_fd()
    }
}

impl Open {
    fn new(tap: Tap, rich: bool) -> Result<Self, SysError> {
        let socket = PacketSocket::open()?;
        socket.bind(tap.if_index, Protocol::Nothing)?;
        let hardware = socket.bound()?.hardware;
        if hardware == libc::ARPHRD_LOOPBACK {
            // Kernels before 4.20 lack it and show each frame twice.
            let _ = socket.ignore_outgoing();
        }
        if tap.promiscuous {
            socket.make_promiscuous(tap.if_index)?;
        }
        let mut open =
            Self { tap, socket, link: link_type(hardware), ring_bytes: 0, busy: false, down: false };
        open.start(rich)?;
        open.socket.bind(tap.if_index, Protocol::Everything)?;
        Ok(open)
    }

    /// Sets ring and filter for the rate, in this order: with the filter frames begin to come.
    fn start(&mut self, rich: bool) -> Result<(), SysError> {
        let slots = if rich { slots(self.tap.one_in) } else { FEWEST_SLOTS };
        let shape = Shape::for_frames(slots as usize, self.tap.snap.into());
        if self.socket.ring().is_none_or(|ring| ring.shape() != shape) {
            self.socket.map(shape)?;
            self.ring_bytes = shape.bytes();
        }
        self.socket.attach(&sampler(self.tap.one_in, self.tap.snap))
    }

    /// Hands on what waits, at most a ring; returns how many frames and how full the ring was, in percent.
    fn read(&mut self, sink: &mut dyn Sink) -> (usize, usize) {
        let (tap, link) = (self.tap, self.link);
        let Some(ring) = self.socket.ring() else { return (0, 0) };
        let slots = ring.shape().slots();
        let frames = ring.read(slots, |raw| sink.packet(&frame(&raw, tap, link)));
        self.busy |= frames > 0;
        (frames, frames * 100 / slots)
    }
}

/// Takes nothing.
const NOTHING: [Instruction; 1] = [(0x06, 0, 0, 0)];

/// The program that takes `snap` bytes of one frame in `one_in`, both directions.
fn sampler(one_in: NonZeroU32, snap: u16) -> Vec<Instruction> {
    let program = cbpf::program(one_in, u32::from(snap), cbpf::Direction::Both);
    program.into_iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect()
}

fn slots(one_in: NonZeroU32) -> u32 {
    (SLOTS_OF_ALL / one_in).clamp(FEWEST_SLOTS, MOST_SLOTS)
}

/// How long a reader may let frames gather in a ring of this rate, in ms: 10, and longer where the least ring has room
/// for more than that.
pub fn gather_ms(one_in: NonZeroU32) -> u8 {
    let room = slots(one_in).saturating_mul(one_in.get());
    u8::try_from((room / (SLOTS_OF_ALL / 10)).clamp(10, LONGEST_GATHER_MS)).unwrap_or(10)
}

fn frame<'a>(raw: &RawFrame<'a>, tap: Tap, link: LinkType) -> Frame<'a> {
    let vlan = raw.vlan.map(|(tpid, tci)| Vlan { tpid, tci });
    let (seconds, nanoseconds) = raw.time;
    let tapped = End::Interface(tap.if_index);
    let (direction, input, output) = match raw.kind {
        libc::PACKET_OUTGOING => (Direction::Out, End::Unknown, tapped),
        _ => (Direction::In, tapped, End::Unknown),
    };
    Frame {
        if_index: tap.if_index,
        one_in: tap.one_in.get(),
        direction,
        input,
        output,
        link,
        protocol: raw.protocol,
        bytes: raw.bytes,
        wire_len: raw.length.saturating_add(if vlan.is_some() { 4 } else { 0 }),
        vlan,
        time: Some(u64::from(seconds) * 1_000_000_000 + u64::from(nanoseconds)),
        ..Frame::default()
    }
}

/// What packets of such hardware (`ARPHRD_*`) begin with.
pub(super) fn link_type(hardware: u16) -> LinkType {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkType::Ethernet,
        libc::ARPHRD_NONE | ARPHRD_RAWIP | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 | libc::ARPHRD_SIT => {
            LinkType::Ip
        }
        // Their own headers are added behind the tap and taken off before it. Where GRE has no fixed remote end, the
        // packet begins with the IP header of the tunnel.
        libc::ARPHRD_IPGRE | ARPHRD_IP6GRE | libc::ARPHRD_PPP => LinkType::Ip,
        other => LinkType::Other(other),
    }
}

/// `linux/if_arp.h`: mobile modems, and tunnels of some drivers.
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;

fn obstacle(error: SysError) -> Obstacle {
    Obstacle::new(error, CAPABILITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source is made in one thread and runs in another.
    const _: fn(Taps) -> Box<dyn Send> = |source| Box::new(source);

    #[test]
    fn a_ring_holds_ten_milliseconds_of_a_fast_port_and_is_small_at_usual_rates() {
        let bytes = |one_in| Shape::for_frames(slots(NonZeroU32::new(one_in).unwrap()) as usize, 128).bytes();
        assert_eq!([400, 1000, 100_000, u32::MAX].map(bytes), [32 * 1024; 4]);
        assert!(bytes(1) < 5 << 20 && bytes(10) < 2 << 20);
    }

    #[test]
    fn frames_gather_no_longer_than_their_ring_has_room_at_six_million_a_second() {
        for one_in in
            [10, 100, 400, 500, 1000, 10_000, u32::MAX].map(|one_in| NonZeroU32::new(one_in).unwrap())
        {
            let packets = u64::from(gather_ms(one_in)) * 6_000;
            assert!(packets / u64::from(one_in.get()) <= u64::from(slots(one_in)), "1:{one_in}");
        }
        let gathers = [1, 400, 1000, 10_000].map(|one_in| gather_ms(NonZeroU32::new(one_in).unwrap()));
        assert_eq!(gathers, [10, 10, 24, 30]);
    }

    #[test]
    fn an_empty_frame_of_an_unknown_kind_is_still_a_frame() {
        let tap = Tap { if_index: 7, one_in: NonZeroU32::MIN, snap: 128, promiscuous: false };
        let raw = RawFrame {
            bytes: &[],
            length: u32::MAX,
            kind: 77,
            protocol: 0,
            hardware: 9,
            vlan: Some((0x88A8, 5)),
            time: (1, 2),
        };
        let frame = frame(&raw, tap, link_type(801));
        assert_eq!((frame.wire_len, frame.link), (u32::MAX, LinkType::Other(801)));
        assert_eq!((frame.direction, frame.time), (Direction::In, Some(1_000_000_002)));
    }
}
