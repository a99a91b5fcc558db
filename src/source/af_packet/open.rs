//! One tap: a packet socket with its ring and its filter. In: what is wanted of it. Out: frames, in the order of arrival. Rule:
//! the ring is as large as the rate asks for, and the filter is the only place where packets are chosen.

use super::Tap;
use crate::host::descriptors;
use crate::sample::frame::{Direction, End, Frame, LinkType, Sink, Vlan};
use crate::sys::SysError;
use crate::sys::packet::ring::{RawFrame, Shape};
use crate::sys::packet::{Instruction, PacketSocket, Protocol};
use crate::wire::cbpf;
use nix::errno::Errno;
use std::num::NonZeroU32;

/// Slots of a ring at 1:1 for what comes in 10 ms at 6 million packets per second. One block, 157 frames of 128 bytes, then
/// is enough from 1:400 on.
const SLOTS_OF_ALL: u32 = 62_500;
/// But not more than 4 MiB: a core cannot take more than 2 million frames per second.
const MOST_SLOTS: u32 = 20_000;
const FEWEST_SLOTS: u32 = 150;
/// A reader need not let frames gather for longer, in ms: a sample is to be told while it is news.
const LONGEST_GATHER_MS: u32 = 30;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) tap: Tap,
    pub(super) socket: PacketSocket,
    link: LinkType,
    pub(super) ring_bytes: usize,
    /// Frames were read since losses were last asked for; a ring that lost some always has some to read.
    pub(super) busy: bool,
    /// The interface went down; the kernel does not say when it is removed after that.
    pub(super) down: bool,
}

impl Open {
    pub(super) fn new(tap: Tap, rich: bool) -> Result<Self, SysError> {
        let refused = |errno: Errno| SysError::new("socket", "AF_PACKET", errno);
        // To close one in vain takes as long as to close a tap.
        descriptors::is_one_left().map_err(refused)?;
        let socket = descriptors::below_reserve(PacketSocket::open()?).map_err(refused)?;
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
    pub(super) fn start(&mut self, rich: bool) -> Result<(), SysError> {
        let slots = if rich { slots(self.tap.one_in) } else { FEWEST_SLOTS };
        let shape = Shape::for_frames(slots as usize, self.tap.snap.into());
        if self.socket.ring().is_none_or(|ring| ring.shape() != shape) {
            self.socket.map(shape)?;
            self.ring_bytes = shape.bytes();
        }
        self.socket.attach(&sampler(self.tap.one_in, self.tap.snap))
    }

    /// Hands on what waits, at most a ring; returns how many frames and how full the ring was, in percent.
    pub(super) fn read(&mut self, sink: &mut dyn Sink) -> (usize, usize) {
        let (tap, link) = (self.tap, self.link);
        let Some(ring) = self.socket.ring() else { return (0, 0) };
        let slots = ring.shape().slots();
        let frames = ring.read(slots, |raw| sink.packet(&frame(&raw, tap, link)));
        self.busy |= frames > 0;
        (frames, frames * 100 / slots)
    }
}

/// Takes nothing.
pub(super) const NOTHING: [Instruction; 1] = [(0x06, 0, 0, 0)];

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
pub(in crate::source) fn link_type(hardware: u16) -> LinkType {
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

#[cfg(test)]
mod tests {
    use super::*;

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
