//! Frames of known content, and a sender that gives a million of them a second to an interface.
//!
//! A frame is UDP in IPv4 in Ethernet, of a wanted length, with right checksums and lengths, so that every kind of source can
//! sample it. It is sent below IP by a packet socket, many a system call; the interface's own counters say how
//! many really crossed it.

#![allow(dead_code)] // each test program uses its part
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use hsflow::sys::packet::{PacketSocket, Protocol};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, send, sendmmsg};
use std::io::IoSlice;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS: usize = 14 + 20 + 8;
/// The discard service: nobody answers.
pub(crate) const PORT: u16 = 9;
const BATCH: usize = 64;

/// A UDP packet of `length` bytes on the wire, checksum of the frame excluded. Its payload counts up from `first`.
pub(crate) fn udp_frame(length: usize, macs: [[u8; 6]; 2], addresses: [Ipv4Addr; 2], first: u8) -> Vec<u8> {
    let [to, from] = macs;
    let mut frame = [&to[..], &from, &[0x08, 0x00]].concat();
    frame.extend(ipv4(length - 14, addresses, 17));
    let half = |value: usize| u16::try_from(value).unwrap().to_be_bytes();
    frame.extend([PORT.to_be_bytes(), PORT.to_be_bytes(), half(length - 34), [0, 0]].concat());
    frame.extend((0..length - HEADERS).map(|at| first.wrapping_add(at.to_le_bytes()[0])));
    frame
}

/// An IPv4 header for a packet of `length` bytes.
pub(crate) fn ipv4(length: usize, [to, from]: [Ipv4Addr; 2], protocol: u8) -> [u8; 20] {
    let mut header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    header[12..16].copy_from_slice(&from.octets());
    header[16..20].copy_from_slice(&to.octets());
    let sum: u32 = header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    header[10..12].copy_from_slice(&u16::try_from(!folded & 0xFFFF).unwrap().to_be_bytes());
    header
}

/// Puts frames on an interface of the thread's namespace.
pub(crate) struct Sender {
    socket: Box<dyn AsFd>,
    heads: MultiHeaders<SockaddrStorage>,
}

impl Sender {
    /// Onto the interface with this ifIndex.
    pub(crate) fn new(if_index: u32) -> Self {
        Self::over(Self::socket(if_index))
    }

    /// The socket of one, which a thread in another namespace can make.
    pub(crate) fn socket(if_index: u32) -> PacketSocket {
        let socket = PacketSocket::open().unwrap();
        socket.bind(if_index, Protocol::Nothing).unwrap();
        socket
    }

    /// Over such a socket.
    pub(crate) fn over(socket: PacketSocket) -> Self {
        Self { socket: Box::new(socket), heads: MultiHeaders::preallocate(BATCH, None) }
    }

    /// From a socket of UDP, through the kernel's own IP; what is sent is the payload.
    pub(crate) fn udp(from: Ipv4Addr, to: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.connect((to, PORT)).unwrap();
        Self { socket: Box::new(socket), heads: MultiHeaders::preallocate(BATCH, None) }
    }

    /// One frame; false where the kernel refuses it.
    pub(crate) fn try_send(&self, frame: &[u8]) -> bool {
        send(self.socket.as_fd().as_raw_fd(), frame, MsgFlags::empty()).is_ok()
    }

    /// The same frame `count` times.
    pub(crate) fn send(&mut self, frame: &[u8], count: usize) {
        let mut left = count;
        while left > 0 {
            let slices: Vec<_> = (0..left.min(BATCH)).map(|_| [IoSlice::new(frame)]).collect();
            let nowhere = vec![None; slices.len()];
            let fd = self.socket.as_fd();
            match sendmmsg(fd.as_raw_fd(), &mut self.heads, &slices, &nowhere, [], MsgFlags::empty()) {
                Ok(sent) => left -= sent.count(),
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::from(10u8));
                }
                Err(error) => panic!("sendmmsg: {error}"),
            }
        }
    }
}
