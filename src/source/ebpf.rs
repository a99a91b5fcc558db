//! The eBPF source: taps on interfaces, sampled by a program of our own in the kernel, which also counts every packet.
//!
//! In: interfaces with their rates, added, changed and removed while it runs. Out: [`Frame`](crate::sample::frame::Frame)s with the
//! kernel's own packet count, the interface that a sent packet came in by, and what was lost. Rules: a packet that is
//! not sampled costs a short program and this process nothing; a sampled one costs no system call; a rate is changed by writing
//! one word, and each sample carries the rate it was chosen by. Adding a tap needs `CAP_BPF` and `CAP_NET_ADMIN`
//! (`CAP_NET_RAW` for a promiscuous one, `CAP_SYS_RESOURCE` or a large `RLIMIT_MEMLOCK` before kernel 5.11); reading, changing a rate
//! and, with tcx, removing need nothing. Spec: bpf(2), Documentation/bpf/ringbuf.rst.

mod attach;
mod counts;
mod open;
mod route;
mod watch;

pub use attach::Attach;

use super::af_packet::Tap;
use super::{Finding, Obstacle, Visit};
use crate::sample::frame::Sink;
use crate::sys::bpf::ring::Ring;
use crate::sys::bpf::{LINK_CREATE, MAP_CREATE};
use crate::sys::ready::ReadySet;
use crate::sys::{SysError, bpf};
use crate::wire::ebpf::event::Event;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use open::{Loaded, Open};
use route::{ADD_FILTER, ADD_QDISC, Route};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;
use watch::Watch;

/// Shared by all usual taps: 5900 samples of 128 bytes, 10 ms of 59 million packets per second at 1:100.
const USUAL_RING: usize = 1 << 20;
/// Shared by those that sample more often than [`USUAL_ONE_IN`]: 23,800 samples, at 1:1 10 ms of 2.4 million packets
/// per second.
const DENSE_RING: usize = 4 << 20;
const USUAL_ONE_IN: u32 = 100;
/// Two clocks are read within so many nanoseconds, or read again.
const QUICK_NS: i64 = 10_000;
const CLOCK_READINGS: u32 = 3;

/// All taps of one network namespace: that of the thread that adds the first.
#[derive(Debug)]
pub struct Taps {
    attach: Attach,
    /// Of the namespace; opened with the first tap.
    space: Option<(Route, Watch)>,
    taps: BTreeMap<u32, Open>,
    /// The usual one and the dense one, each made when first needed.
    rings: [Option<Ring>; 2],
    ready: ReadySet,
    cpus: u32,
    visits: u64,
    malformed: u32,
}

/// Whether taps can be had here; for one interface, or at all. Nothing is attached.
pub fn probe(if_index: Option<u32>) -> Result<(), Obstacle> {
    let tap = Tap { if_index: if_index.unwrap_or(1), one_in: NonZeroU32::MAX, snap: 1, promiscuous: false };
    let ring = Ring::new(0).map_err(obstacle)?;
    if let Some(if_index) = if_index {
        Route::open().and_then(|mut route| route.hardware(if_index)).map_err(obstacle)?;
    }
    Loaded::new(tap, libc::ARPHRD_ETHER, &ring, 1).map(drop).map_err(obstacle)
}

impl Taps {
    /// A source without taps, that attaches by tcx (kernel 6.6), else by clsact (kernel 5.8).
    pub fn new() -> Result<Self, SysError> {
        Self::with_attach(Attach::Any)
    }

    /// A source without taps, that attaches in this way only.
    pub fn with_attach(attach: Attach) -> Result<Self, SysError> {
        Ok(Self {
            attach,
            space: None,
            taps: BTreeMap::new(),
            rings: [None, None],
            ready: ReadySet::new()?,
            cpus: open::possible_cpus(),
            visits: 0,
            malformed: 0,
        })
    }

    /// Opens a tap, in the place of one on the same interface. One that is down is tapped too.
    pub fn add(&mut self, tap: Tap) -> Result<(), Obstacle> {
        let (route, watch) = match &mut self.space {
            Some(space) => space,
            none => {
                let space = (Route::open().map_err(obstacle)?, Watch::open().map_err(obstacle)?);
                self.ready.add(&space.1).map_err(obstacle)?;
                none.insert(space)
            }
        };
        watch.forget(tap.if_index);
        let hardware = route.hardware(tap.if_index).map_err(obstacle)?;
        let [usual, dense] = &mut self.rings;
        let (ring, bytes) = if is_dense(tap.one_in) { (dense, DENSE_RING) } else { (usual, USUAL_RING) };
        let ring = match ring {
            Some(ring) => ring,
            none => {
                let new = Ring::new(bytes).map_err(obstacle)?;
                self.ready.add(&new).map_err(obstacle)?;
                none.insert(new)
            }
        };
        let mut loaded = Loaded::new(tap, hardware, ring, self.cpus).map_err(obstacle)?;
        // Not both at a time: a packet would be sampled twice.
        if let Some(old) = self.taps.remove(&tap.if_index) {
            loaded.inherit(old.close(route));
        }
        let open = loaded.attach(&mut self.attach, route).map_err(obstacle)?;
        // Anyone may remove a filter; a link nobody can.
        if self.attach == Attach::Clsact
            && let Err(error) = watch.follow_filters()
        {
            // The caller has another source sample this interface.
            open.close(route);
            return Err(obstacle(error));
        }
        self.taps.insert(tap.if_index, open);
        Ok(())
    }

    /// Closes a tap; false where there was none. What it had not handed on is lost, and not counted.
    pub fn remove(&mut self, if_index: u32) -> bool {
        match (self.taps.remove(&if_index), &mut self.space) {
            (Some(open), Some((route, _))) => {
                open.close(route);
                true
            }
            (open, _) => open.is_some(),
        }
    }

    /// The taps, by ifIndex.
    pub fn taps(&self) -> impl Iterator<Item = Tap> {
        self.taps.values().map(|open| open.tap)
    }

    /// Changes how often a tap samples, from the next packet on. False, and nothing is changed, where there is no such
    /// tap, or one whose samples go to a ring that is not made for this rate: it is to be added again.
    pub fn set_rate(&mut self, if_index: u32, one_in: NonZeroU32) -> bool {
        let open = self.taps.get_mut(&if_index);
        let fits = open.filter(|open| is_dense(open.tap.one_in) == is_dense(one_in));
        fits.map(|open| open.set_rate(one_in)).is_some()
    }
}

impl super::Source for Taps {
    fn name(&self) -> &'static str {
        "epcap"
    }

    /// What waits in the rings now. Packets of a tap that is closed are passed over.
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let (mut visit, taps) = (Visit::default(), &mut self.taps);
        let since_1970 = since_1970()?;
        self.visits += 1;
        for ring in self.rings.iter_mut().flatten() {
            let found = ring.read(|record| match Event::parse(record) {
                Some(event) => {
                    if let Some(open) = taps.get_mut(&event.if_index) {
                        sink.packet(&open.frame(&event, self.visits, since_1970));
                        visit.frames += 1;
                    }
                }
                None => self.malformed += 1,
            });
            visit.fullest = visit.fullest.max(found.percent);
            visit.more |= found.more;
        }
        // Nothing else would have woken the reader.
        if let (0, Some((_, watch))) = (visit.frames, &mut self.space) {
            watch.look();
        }
        Ok(visit)
    }

    /// Lost samples are in shared memory and changes are announced, so this costs a system call.
    fn check(&mut self, _: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        let malformed = std::mem::take(&mut self.malformed);
        if malformed > 0 {
            report(Finding::Malformed(malformed));
        }
        let (route, watch) = self.space.as_mut()?;
        let news = watch.take();
        self.taps.retain(|if_index, open| {
            let added = open.lost();
            if added > 0 {
                report(Finding::Lost { if_index: Some(*if_index), added });
            }
            let gone = news.gone.contains(if_index)
                || news.missed && route.hardware(*if_index).is_err_and(|error| error.is_gone())
                || (news.missed || news.changed.contains(if_index)) && open.is_removed(route);
            if gone {
                report(Finding::Gone(*if_index));
            }
            !gone
        });
        None
    }
}

impl AsFd for Taps {
    /// Readable when a ring has samples, or interfaces changed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        if let Some((route, _)) = &mut self.space {
            for open in std::mem::take(&mut self.taps).into_values() {
                open.close(route);
            }
        }
    }
}

/// Which ring it needs.
fn is_dense(one_in: NonZeroU32) -> bool {
    one_in.get() < USUAL_ONE_IN
}

/// What to add to the programs' clock to have wall time, in nanoseconds. Asked at each visit, because people set the date.
/// Between two clocks the processor may be lost: of a few readings that which took least.
fn since_1970() -> Result<i64, SysError> {
    let mut best = clocks_apart()?;
    for _ in 1..CLOCK_READINGS {
        if best.0 > QUICK_NS {
            best = best.min(clocks_apart()?);
        }
    }
    Ok(best.1)
}

/// How long it took to read both clocks, and what is between them, in nanoseconds.
fn clocks_apart() -> Result<(i64, i64), SysError> {
    let now = |clock| {
        let time = clock_gettime(clock).map_err(|errno| SysError::new("clock_gettime", "", errno))?;
        Ok::<i64, SysError>(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
    };
    let before = now(ClockId::CLOCK_MONOTONIC)?;
    let wall = now(ClockId::CLOCK_REALTIME)?;
    Ok((now(ClockId::CLOCK_MONOTONIC)? - before, wall - before))
}

fn obstacle(error: SysError) -> Obstacle {
    match (Errno::from_raw(error.errno), error.operation) {
        (Errno::EPERM, MAP_CREATE) => Obstacle::Denied { capability: "CAP_BPF", error },
        // The verifier says EACCES to a program that it does not like.
        (Errno::EACCES, bpf::PROG_LOAD) => Obstacle::Failed(error),
        (Errno::ENOSYS, _) | (Errno::EINVAL, MAP_CREATE | LINK_CREATE) => Obstacle::Absent(error),
        // A module is missing: sch_ingress, cls_bpf.
        (Errno::ENOENT, ADD_QDISC | ADD_FILTER) => Obstacle::Absent(error),
        _ if error.object.starts_with("AF_PACKET") => Obstacle::new(error, "CAP_NET_RAW"),
        _ => Obstacle::new(error, "CAP_NET_ADMIN"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source is made in one thread and runs in another.
    const _: fn(Taps) -> Box<dyn Send> = |source| Box::new(source);

    #[test]
    fn an_error_says_which_privilege_is_missing_or_that_the_kernel_is_too_old() {
        let obstacle = |operation, errno| obstacle(SysError::new(operation, operation, errno));
        let denied = |obstacle| match obstacle {
            Obstacle::Denied { capability, .. } => capability,
            other => panic!("{other:?}"),
        };
        assert_eq!(denied(obstacle(MAP_CREATE, Errno::EPERM)), "CAP_BPF");
        assert_eq!(denied(obstacle(bpf::PROG_LOAD, Errno::EPERM)), "CAP_NET_ADMIN");
        assert_eq!(denied(obstacle("AF_PACKET", Errno::EPERM)), "CAP_NET_RAW");
        assert!(matches!(obstacle(MAP_CREATE, Errno::ENOSYS), Obstacle::Absent(_)));
        assert!(matches!(obstacle(MAP_CREATE, Errno::EINVAL), Obstacle::Absent(_)));
        assert!(matches!(obstacle(bpf::PROG_LOAD, Errno::EACCES), Obstacle::Failed(_)));
        assert!(matches!(obstacle(LINK_CREATE, Errno::ENODEV), Obstacle::NoInterface(_)));
    }
}
