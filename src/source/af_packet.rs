//! The AF_PACKET source: taps on interfaces, sampled by the kernel.
//!
//! In: interfaces with their rates, added, changed and removed while it runs. Out: frames; losses and
//! vanished interfaces. Rules: a frame that is not sampled costs the kernel a short filter and this process nothing; a
//! sampled one costs no system call, because the kernel writes it to a ring of the tap. A ring has room for 10 ms at
//! 6 million packets per second: so long may a reader let frames gather. Spec: packet(7), epoll(7).

mod open;

pub use open::gather_ms;
pub(super) use open::link_type;

use super::{Finding, Obstacle, Visit};
use crate::sample::frame::Sink;
use crate::sys::SysError;
use crate::sys::packet::{PacketSocket, Protocol};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use open::{NOTHING, Open};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

const CAPABILITY: &str = "CAP_NET_RAW";
/// Memory of all rings together above which a further one gets the fewest slots: a thousand taps at 1:1 shall not take
/// 4 GiB.
const BUDGET_BYTES: usize = 64 << 20;
const MAX_EVENTS: usize = 64;
/// Taps closed at a time at the end.
const CLOSED_AT_ONCE: usize = 64;

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
}

impl Drop for Taps {
    /// One after the other, thousands of them outlast what a service manager waits for.
    fn drop(&mut self) {
        let all: Vec<_> = self.taps.keys().copied().collect();
        for some in all.chunks(CLOSED_AT_ONCE) {
            self.remove_all(some);
        }
    }
}

impl AsFd for Taps {
    /// Readable when a tap has frames.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.0.as_fd()
    }
}

fn obstacle(error: SysError) -> Obstacle {
    Obstacle::new(error, CAPABILITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source is made in one thread and runs in another.
    const _: fn(Taps) -> Box<dyn Send> = |source| Box::new(source);
}
