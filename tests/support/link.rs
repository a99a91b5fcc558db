//! A veth pair between a test and the packet source under test, and frames that nothing else sends.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use crate::netns::{json, run};
use crate::support::send_frame;
use crate::visit::visit;
use hsflow::sample::frame::Frame;
use hsflow::source::Source;
use hsflow::source::af_packet::Tap;
use hsflow::sys::packet::{PacketSocket, Protocol};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// IEEE's EtherType for experiments: nothing else on these links has it.
pub(crate) const OURS: u16 = 0x88B5;
/// How long to wait for a packet that may come.
pub(crate) const STEP: Duration = Duration::from_millis(20);
const NEAR_MAC: &str = "02:00:00:00:00:01";
pub(crate) const FAR_MAC: &str = "02:00:00:00:00:02";
/// The far end's address.
pub(crate) const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// The pair, and a sender into its near end.
pub(crate) struct Link {
    pub(crate) near: u32,
    pub(crate) far: u32,
    sender: PacketSocket,
}

impl Link {
    pub(crate) fn new() -> Self {
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        run(&format!("ip link add near address {NEAR_MAC} type veth peer name far address {FAR_MAC}"));
        // In this order the near end has its carrier, and sends, when the command returns.
        run("ip link set far up");
        run("ip link set near up");
        let near = index("near");
        let sender = PacketSocket::open().unwrap();
        sender.bind(near, Protocol::Nothing).unwrap();
        Self { near, far: index("far"), sender }
    }

    /// The ifIndexes in order; kernels differ in which end comes first.
    pub(crate) fn both(&self) -> [u32; 2] {
        [self.near.min(self.far), self.near.max(self.far)]
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        send_frame(&self.sender, frame);
    }

    pub(crate) fn send_many(&self, count: usize) {
        let frame = frame_of(64, FAR);
        (0..count).for_each(|_| self.send(&frame));
    }

    /// Frames that the far end got since it was made; under load the kernel may lose some on the way to it.
    pub(crate) fn delivered(&self) -> usize {
        let packets = json("ip -s -j link show near")[0]["stats64"]["tx"]["packets"].as_u64();
        usize::try_from(packets.unwrap()).unwrap()
    }

    pub(crate) fn sender_fd(&self) -> i32 {
        self.sender.as_fd().as_raw_fd()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A test may have removed it, or its namespace.
        let _ = std::process::Command::new("ip").args(["link", "del", "near"]).output();
    }
}

pub(crate) fn index(name: &str) -> u32 {
    u32::try_from(json(&format!("ip -j link show {name}"))[0]["ifindex"].as_u64().unwrap()).unwrap()
}

/// An Ethernet frame of `length` bytes whose payload counts up.
pub(crate) fn frame_of(length: usize, to: [u8; 6]) -> Vec<u8> {
    let mut frame = [&to[..], &[2, 0, 0, 0, 0, 1], &OURS.to_be_bytes()].concat();
    frame.extend((14..length).map(|at| at.to_le_bytes()[0]));
    frame
}

pub(crate) fn tap(if_index: u32, one_in: u32) -> Tap {
    Tap { if_index, one_in: NonZeroU32::new(one_in).unwrap(), snap: 128, promiscuous: false }
}

/// Reads until nothing has come for a tenth of a second.
pub(crate) fn drain(source: &mut dyn Source, mut each: impl FnMut(&Frame<'_>)) {
    let mut quiet = 0;
    while quiet < 10 {
        let found = visit(source, STEP, &mut each).unwrap();
        quiet = if found.frames == 0 { quiet + 1 } else { 0 };
    }
}
