//! The packet thread: waits for all packet sources at once and reads those that have something. In: orders, and what the
//! kernel has. Out: batches for the desk, reports. Rules: an idle thread sleeps until something comes; while packets
//! come it lets them gather for 10 ms, or as long as their buffers allow, so that it wakes for many; a source that
//! fails is left alone for a while and costs the others nothing; a fault of the program in here is reported, and all
//! sources are opened anew.

mod wait;

use super::desk::{Making, SharedDesk};
use super::sources::Sources;
use super::taps::Taps;
use super::{Order, WATCH, Wanted};
use crate::agent::guard::{Panicked, guarded};
use crate::agent::worker::{REST, rest};
use crate::host::{Clock, Host};
use crate::sample::switch::vpp::Ports;
use crate::source::{Finding, Visit};
use crate::status::registry::State;
use crate::sys::SysError;
use nix::sys::eventfd::EventFd;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};
use wait::next_gather;

/// Longest time between two visits to sources that have packets; where there are only taps, they know.
const USUAL_GATHER_MS: u8 = 10;
/// Packets that come closer to each other than this are gathered.
const FREQUENT: Duration = Duration::from_millis(USUAL_GATHER_MS as u64);
/// After packets came, losses are asked for.
const CHECKING: Duration = Duration::from_secs(1);
/// While taps are still to be opened, at least.
const LOOKS_APART: Duration = Duration::from_millis(100);

/// The thread.
pub(super) struct PacketThread {
    clock: Clock,
    desk: SharedDesk,
    orders: Receiver<Order>,
    wake: Arc<EventFd>,
    taps: Taps,
    sources: Sources,
    /// Sources that cannot be read, why, and until when they rest.
    resting: BTreeMap<&'static str, (SysError, Instant)>,
    check_at: Option<Instant>,
    gather_ms: u8,
    longest_gather_ms: u8,
    /// The last visit that found packets.
    found_at: Option<Instant>,
    /// More packets are to be expected soon.
    busy: bool,
    /// A source asked for a visit.
    called: bool,
    /// More is waiting than was read.
    hurry: bool,
    /// What samples are to be made with, once all taps are as the same settings want them.
    making: Option<Making>,
    /// Sources to be opened again after a fault.
    wanted_anew: Option<Wanted>,
    ended: bool,
}

impl PacketThread {
    pub(super) fn new(
        host: &Host,
        desk: SharedDesk,
        orders: Receiver<Order>,
        wake: Arc<EventFd>,
    ) -> Result<Self, SysError> {
        Ok(Self {
            clock: host.clock.clone(),
            desk,
            orders,
            wake,
            taps: Taps::new()?,
            sources: Sources::default(),
            resting: BTreeMap::new(),
            check_at: None,
            gather_ms: USUAL_GATHER_MS,
            longest_gather_ms: USUAL_GATHER_MS,
            found_at: None,
            busy: false,
            called: false,
            hurry: false,
            making: None,
            wanted_anew: None,
            ended: false,
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        while !self.ended {
            if let Err(fault) = guarded(|| self.turn()) {
                self.begin_anew(&fault);
            }
        }
        self.desk.lock().flush(self.clock.now());
    }

    /// Waits once, and does what there is to do.
    fn turn(&mut self) {
        if self.wait() {
            // Whatever the eventfd says, the orders are in the channel.
            let _ = self.wake.read();
        }
        self.take_orders();
        let now = self.clock.now();
        if let Some(wanted) = self.wanted_anew.take() {
            self.apply_sources(wanted, now);
        }
        self.taps.retry(now);
        if self.taps.has_work() {
            self.taps.work(&self.desk, now);
            // What was sampled at the old rates leaves before there are samples at the new ones.
            self.desk.lock().flush(now);
            // A look costs what all taps cost: while more of them wait, a few a second are enough.
            let look = if self.taps.has_work() { now + LOOKS_APART } else { now };
            self.check_at = [self.check_at, Some(look)].into_iter().flatten().min();
        }
        if let Some(making) = self.making.take_if(|_| !self.taps.has_work()) {
            self.desk.lock().configure(making, now);
        }
        self.read(now);
        let mut desk = self.desk.lock();
        if desk.flush_at().is_some_and(|at| at <= now) {
            desk.flush(now);
        }
        drop(desk);
        if self.check_at.is_some_and(|at| at <= now) {
            self.check(now);
        }
    }

    /// After a fault: everything is opened again in the next turns, with the wishes as they are.
    fn begin_anew(&mut self, fault: &Panicked) {
        log::error!(target: "packets", "{fault}; all packet sources are opened anew");
        let wishes: Vec<_> = self.taps.wishes().collect();
        self.wanted_anew = Some(self.sources.wanted());
        if let Ok(taps) = Taps::new() {
            (self.taps, self.sources) = (taps, Sources::default());
            self.taps.plan(wishes);
        }
        let components = BTreeMap::from([(WATCH, State::degraded(fault))]);
        self.desk.publish(components, std::iter::empty());
        rest(&self.wake);
    }

    fn take_orders(&mut self) {
        let mut news = false;
        loop {
            match self.orders.try_recv() {
                Ok(Order::Taps(changes)) => self.taps.plan(changes),
                Ok(Order::Settings(making, taps, sources)) => {
                    self.making = Some(making);
                    self.taps.plan(taps);
                    sources.into_iter().for_each(|wanted| self.apply_sources(*wanted, self.clock.now()));
                }
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
                Err(TryRecvError::Empty) => break,
            }
            news = true;
        }
        if news {
            self.publish();
        }
    }

    fn apply_sources(&mut self, wanted: Wanted, now: Instant) {
        if wanted.vpp != self.sources.wanted().vpp {
            self.desk.lock().vpp = wanted.vpp.clone().map(Ports::new);
        }
        self.sources.apply(wanted);
        self.check_at = Some(now);
    }

    fn read(&mut self, now: Instant) {
        let resting = self.resting.len();
        self.resting.retain(|_, (_, until)| *until > now);
        let mut news = self.resting.len() < resting;
        let mut total = Visit::default();
        let mut desk = self.desk.lock();
        let each = self.taps.each().chain(self.sources.each());
        for source in each {
            let name = source.name();
            if self.resting.contains_key(name) {
                continue;
            }
            desk.begin(name, now);
            match source.read(&mut *desk) {
                Ok(visit) => {
                    total.frames += visit.frames;
                    total.fullest = total.fullest.max(visit.fullest);
                    total.more |= visit.more;
                }
                Err(error) => {
                    self.resting.insert(name, (error, now + REST));
                    news = true;
                }
            }
            desk.end();
        }
        self.sources.settle(&mut desk);
        drop(desk);
        // One packet after a pause is not worth a wait: it would cost a second wake-up.
        let soon = self.found_at.is_some_and(|at| now < at + FREQUENT);
        self.busy = total.more || total.frames > usize::from(!soon);
        if total.frames > 0 {
            self.found_at = Some(now);
        }
        self.hurry = total.more;
        self.gather_ms = next_gather(self.gather_ms, total.fullest).min(self.longest_gather_ms);
        // A source that calls and has no packets has something else to look after.
        if news || (self.called && total.frames == 0) {
            self.check_at = Some(now);
        } else if total.frames > 0 && self.check_at.is_none_or(|at| at > now + CHECKING) {
            self.check_at = Some(now + CHECKING);
        }
    }

    /// Lets the sources look after themselves, and notes what they found.
    fn check(&mut self, now: Instant) {
        self.check_at = None;
        let mut desk = self.desk.lock();
        let (mut gone, mut lost) = (Vec::new(), Vec::new());
        let each = self.taps.each().chain(self.sources.each());
        let mut again = None;
        for source in each {
            let name = source.name();
            let next = source.check(now, &mut |finding| match finding {
                Finding::Lost { if_index, added } => lost.push((name, if_index, added)),
                Finding::Gone(if_index) => gone.push(if_index),
                Finding::Malformed(count) => desk.counts.malformed += u64::from(count),
            });
            again = [again, next].into_iter().flatten().min();
        }
        for (name, if_index, added) in lost {
            desk.begin(name, now);
            match name {
                "dropmon" => desk.discards_lost(added, false),
                _ => desk.lost(if_index, if_index.map_or(1, |index| self.taps.one_in(index)), added),
            }
        }
        let next = desk.annotator.as_mut().and_then(|annotator| annotator.check(now));
        again = [again, next].into_iter().flatten().min();
        drop(desk);
        self.sources.retry();
        if self.sources.has_failed() {
            again = [again, Some(now + REST)].into_iter().flatten().min();
        }
        gone.iter().for_each(|if_index| self.taps.gone(*if_index, now));
        self.check_at = again;
        self.publish();
    }

    fn publish(&mut self) {
        let others = self.sources.each().next().is_some();
        let longest = self.taps.gather_ms().filter(|_| !others);
        self.longest_gather_ms = longest.unwrap_or(USUAL_GATHER_MS);
        let mut components: BTreeMap<_, _> = self.sources.states().into_iter().collect();
        components.extend(self.resting.iter().map(|(name, (error, _))| (*name, State::degraded(error))));
        self.desk.publish(components, self.taps.reports());
    }
}
