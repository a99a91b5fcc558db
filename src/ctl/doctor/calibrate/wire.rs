//! A pair of veth devices, frames that nothing else sends, and a sampler at the far end. In: the namespace of the calling
//! thread, which must be its own. Out: what the sampler had of the frames. `ip` and `tc` make the devices.

use super::super::read::run;
use super::law::Counted;
use crate::host::Clock;
use crate::sample::frame::Frame;
use crate::source::{Finding, Source};
use crate::sys::SysError;
use crate::sys::packet::{PacketSocket, Protocol};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// IEEE's EtherType for experiments.
const OURS: u16 = 0x88B5;
const LENGTH: usize = 100;
const NEAR: &str = "near";
const FAR: &str = "far";
/// Frames between two readings of the sampler, which its buffers have room for.
const BATCH: u32 = 250;
/// How long packets may be under way.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no traffic.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// No namespace.
    #[error("a network namespace: {0}")]
    Namespace(std::io::Error),
    /// `ip` or `tc` failed.
    #[error("{0}")]
    Command(String),
    /// A system call failed.
    #[error(transparent)]
    System(#[from] SysError),
    /// Frames do not arrive.
    #[error("only {arrived} of {sent} frames arrived at the far end")]
    Lossy {
        /// That arrived.
        arrived: u64,
        /// That were sent.
        sent: u32,
    },
}

/// The pair.
pub(super) struct Wire {
    far: u32,
    sender: PacketSocket,
    frame: Vec<u8>,
}

/// A filter of `tc`, until it is dropped.
pub(super) struct Filter;

impl Drop for Filter {
    fn drop(&mut self) {
        let _ = tool("tc", &["qdisc", "del", "dev", FAR, "clsact"]);
    }
}

fn tool(program: &str, arguments: &[&str]) -> Result<(), WireError> {
    run(program, arguments).map(drop).map_err(|e| WireError::Command(e.to_string()))
}

fn index(name: &str) -> Result<u32, WireError> {
    let found = nix::net::if_::if_nametoindex(name);
    found.map_err(|errno| SysError::new("if_nametoindex", name, errno).into())
}

impl Wire {
    /// Makes the pair.
    pub(super) fn new() -> Result<Self, WireError> {
        // No word of the kernel's own on them; where this cannot be said, its few packets are no matter.
        let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        tool("ip", &["link", "add", NEAR, "type", "veth", "peer", "name", FAR])?;
        for device in [NEAR, FAR] {
            tool("ip", &["link", "set", device, "up"])?;
        }
        let sender = PacketSocket::open()?;
        sender.bind(index(NEAR)?, Protocol::Nothing)?;
        let mut frame = [&[0xFF; 6][..], &[2, 0, 0, 0, 0, 1], &OURS.to_be_bytes()].concat();
        frame.resize(LENGTH, 0);
        Ok(Self { far: index(FAR)?, sender, frame })
    }

    /// ifIndex of the far end.
    pub(super) fn far(&self) -> u32 {
        self.far
    }

    /// Has `tc` sample what arrives at the far end.
    pub(super) fn sample_by_tc(&self, one_in: u32, group: u32) -> Result<Filter, WireError> {
        tool("tc", &["qdisc", "add", "dev", FAR, "clsact"])?;
        let filter = Filter;
        let (rate, group) = (one_in.to_string(), group.to_string());
        let words = [
            "filter", "add", "dev", FAR, "ingress", "matchall", "action", "sample", "rate", &rate, "group",
            &group,
        ];
        tool("tc", &words)?;
        Ok(filter)
    }

    /// Sends so many frames and counts what the sampler has of them.
    pub(super) fn try_on(
        &mut self,
        source: &mut dyn Source,
        packets: u32,
        one_in: u32,
    ) -> Result<Counted, WireError> {
        let before = arrived();
        let mut counted = Counted { packets, one_in, ..Counted::default() };
        let mut left = packets;
        while left > 0 {
            let now = left.min(BATCH);
            (0..now).try_for_each(|_| self.send())?;
            left -= now;
            read(source, &mut counted)?;
        }
        let clock = Clock::system();
        let end = clock.now() + PATIENCE;
        while arrived() - before < u64::from(packets) {
            if clock.now() >= end {
                return Err(WireError::Lossy { arrived: arrived() - before, sent: packets });
            }
            read(source, &mut counted)?;
            let _ = poll(&mut [PollFd::new(source.as_fd(), PollFlags::POLLIN)], PollTimeout::from(10_u8));
        }
        // What has arrived was sampled; it may lie in a buffer that is handed on by time.
        for _ in 0..20 {
            let _ = poll(&mut [], PollTimeout::from(10_u8));
            read(source, &mut counted)?;
        }
        source.check(clock.now(), &mut |finding| {
            if let Finding::Lost { added, .. } = finding {
                counted.lost = counted.lost.saturating_add(added);
            }
        });
        Ok(counted)
    }

    fn send(&self) -> Result<(), WireError> {
        loop {
            match send(self.sender.as_fd().as_raw_fd(), &self.frame, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => {
                    let mut room = [PollFd::new(self.sender.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut room, PollTimeout::from(100_u8));
                }
                Err(errno) => return Err(SysError::new("send", NEAR, errno).into()),
            }
        }
    }
}

fn read(source: &mut dyn Source, counted: &mut Counted) -> Result<(), WireError> {
    let one_in = counted.one_in;
    let mut sink = |frame: &Frame<'_>| {
        if frame.protocol == OURS || frame.bytes.get(12..14) == Some(&OURS.to_be_bytes()[..]) {
            counted.samples += 1;
            counted.lost = counted.lost.saturating_add(frame.lost);
            let is_right = frame.one_in == one_in && frame.wire_len as usize == LENGTH;
            counted.wrong += u32::from(!is_right);
        }
    };
    while source.read(&mut sink)?.more {}
    Ok(())
}

/// Frames that arrived at the far end, by its own counter.
fn arrived() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim().strip_prefix(FAR)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
