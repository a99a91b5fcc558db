//! Where packets become samples: one place for all packet sources, so that a data source has one sequence of samples
//! whatever samples it. In: frames and dropped packets, in batches. Out: samples in datagrams; counts by data source.
//! Rule: the desk is locked once a batch by the packet thread, and for a moment by whoever wants to know what was
//! sampled; nothing is allocated for a packet of a data source that is known.

mod sink;

use super::super::outlet::SharedOutlet;
use super::super::pace::Pace;
use super::annotate::Annotator;
use super::ledger::{Ledger, Sampled};
use super::report::{Report, TapReport};
use crate::sample::flow::discard::Discards;
use crate::sample::flow::{self, Known, Packet};
use crate::sample::guest::marks::{Marks, Socket};
use crate::sample::local::Locals;
use crate::sample::switch::thinning::{PortRate, Thinning};
use crate::sample::switch::vpp::Ports;
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::flow::socket::TcpInfo;
use crate::status::registry::State;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flow samples written.
    pub flow_samples: u64,
    /// Counter samples of VPP's interfaces.
    pub counter_samples: u64,
    /// Flow samples that fit into no datagram.
    pub flow_samples_suppressed: u64,
    /// Packets that no sample can describe.
    pub flow_samples_unknown: u64,
    /// Samples lost between kernel and agent.
    pub dropped_samples: u64,
    /// Dropped packets reported.
    pub event_samples: u64,
    /// Dropped packets held back.
    pub event_samples_suppressed: u64,
    /// Dropped packets that the kernel could not tell of.
    pub events_lost: u64,
    /// Messages of the kernel that could not be read.
    pub malformed: u64,
}

/// What samples are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Making {
    /// Most bytes of a packet in its sample.
    pub header_bytes: u32,
    /// Most bytes of a datagram.
    pub datagram_bytes: u32,
    /// Counters are sent.
    pub counters: bool,
}

/// The desk; see [`SharedDesk`].
pub struct Desk {
    outlet: SharedOutlet,
    news: Arc<Notify>,
    pace: Pace,
    queue: Datagrams,
    /// When the oldest sample in the queue has to go.
    flush_at: Option<Instant>,
    now: Instant,
    uptime_ms: u32,
    source: &'static str,
    making: Making,
    locals: Locals,
    /// What guests are known by, where packets are to be marked.
    marks: Option<Arc<Marks>>,
    ledger: Ledger,
    /// The ports of a switch that are sampled more often than is wanted.
    thinning: Thinning,
    /// Data sources that a chip or the kernel's own rules sample, since the agent's loop last asked.
    appeared: Vec<u32>,
    /// VPP's interfaces, where they are wanted.
    pub vpp: Option<Ports>,
    /// Asks for TCP's state of connections, where that is wanted.
    pub annotator: Option<Annotator>,
    /// Totals since the start.
    pub counts: Counts,
    /// What runs and what cannot.
    pub report: Report,
    discards: Discards,
}

/// The desk, as the packet thread and the agent's loop have it.
#[derive(Clone)]
pub struct SharedDesk {
    desk: Arc<Mutex<Desk>>,
    news: Arc<Notify>,
}

impl SharedDesk {
    /// An empty desk, whose samples go to `outlet`.
    pub fn new(outlet: &SharedOutlet, pace: Pace, news: Arc<Notify>) -> Self {
        let agent = outlet.lock().agent();
        let desk = Desk {
            outlet: outlet.clone(),
            news: Arc::clone(&news),
            pace,
            queue: Datagrams::new(0, agent),
            flush_at: None,
            now: pace.start(),
            uptime_ms: 0,
            source: "",
            making: Making::default(),
            locals: Locals::default(),
            marks: None,
            ledger: Ledger::default(),
            thinning: Thinning::default(),
            appeared: Vec::new(),
            vpp: None,
            annotator: None,
            counts: Counts::default(),
            report: Report::default(),
            discards: Discards::default(),
        };
        Self { desk: Arc::new(Mutex::new(desk)), news }
    }

    /// The desk for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Desk> {
        // A panic under the lock cost the batch; counts and queue are whole.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a report in the place of the last one, and rings where it differs.
    pub(super) fn publish<'a>(
        &self,
        components: BTreeMap<&'static str, State>,
        taps: impl Iterator<Item = (u32, &'a TapReport)> + Clone,
    ) {
        let mut desk = self.lock();
        let told = &desk.report.taps;
        let same = told.len() == taps.clone().count()
            && taps.clone().all(|(index, tap)| told.get(&index) == Some(tap));
        if !same || desk.report.components != components {
            desk.report =
                Report { components, taps: taps.map(|(index, tap)| (index, tap.clone())).collect() };
            self.news.notify_one();
        }
    }
}

impl Desk {
    /// What samples are made with from now on. Those that wait in the queue leave first, so that no datagram is of two
    /// settings.
    pub fn configure(&mut self, making: Making, now: Instant) {
        self.flush(now);
        self.making = making;
        self.fit_address();
    }

    /// The agent address is another one, and the headers of datagrams with it.
    pub fn fit_address(&mut self) {
        let agent = self.outlet.lock().agent();
        self.queue.set_limit(self.making.datagram_bytes as usize, agent);
    }

    /// The host's own addresses, by which the ends of a packet's way are told.
    pub fn set_locals(&mut self, locals: Locals) {
        self.locals = locals;
    }

    /// What guests are known by, from the next batch on; `None` where no packet is to be marked.
    pub fn set_marks(&mut self, marks: Option<Arc<Marks>>) {
        self.marks = marks;
    }

    /// What was sampled at a data source.
    pub fn sampled(&self, if_index: u32) -> Option<&Sampled> {
        self.ledger.get(if_index)
    }

    /// Packets that came by this source, also those that no sample can describe.
    pub fn heard(&self, source: &str) -> u64 {
        let of_it = self.ledger.iter().filter(|sampled| sampled.source == source);
        of_it.map(|sampled| sampled.sampler.samples() + sampled.unknown).sum()
    }

    /// The rate of a switch port; the default for what is none. Samples of `psample` that are more frequent than is wanted
    /// are made into fewer; those of `nflog` are taken to have the rate that was set.
    pub fn set_port_rate(&mut self, if_index: u32, rate: PortRate) {
        self.thinning.set_rate(if_index, rate);
    }

    /// Data sources of `psample` that are new since the last call.
    pub fn take_appeared(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.appeared)
    }

    /// Forgets the data sources that are no more.
    pub fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        let vpp: HashSet<u32> = self.vpp.iter().flat_map(Ports::iter).map(|port| port.index).collect();
        self.ledger.retain(|index| exists(index) || vpp.contains(&index));
    }

    /// Forgets a data source that is no more.
    pub fn forget(&mut self, if_index: u32) {
        self.ledger.forget(if_index);
        self.thinning.set_rate(if_index, PortRate::default());
    }

    /// A batch of this source begins.
    pub fn begin(&mut self, source: &'static str, now: Instant) {
        (self.source, self.now, self.uptime_ms) = (source, now, self.pace.uptime_ms(now));
    }

    /// The batch is complete.
    pub fn end(&mut self) {
        self.release_held();
        if !self.appeared.is_empty() || self.vpp.as_ref().is_some_and(Ports::has_changed) {
            self.news.notify_one();
        }
        if self.flush_at.is_none() && self.queue.queued() > 0 {
            self.flush_at = Some(self.now + self.outlet.patience());
        }
    }

    /// When [`Self::flush`] has something to do.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Sends what waits in the queue.
    pub fn flush(&mut self, now: Instant) {
        self.flush_at = None;
        let (outlet, uptime_ms) = (&self.outlet, self.pace.uptime_ms(now));
        self.queue.flush(uptime_ms, &mut |unsent: Unsent<'_>| outlet.lock().send(unsent, now));
    }

    /// Samples were lost: of this data source, sampled at this rate, where that is known.
    pub(super) fn lost(&mut self, if_index: Option<u32>, one_in: u32, added: u32) {
        self.counts.dropped_samples += u64::from(added);
        if let Some(if_index) = if_index {
            let source = self.source;
            self.ledger.entry(if_index, source, one_in).sampler.lost(added, one_in);
        }
    }

    /// Dropped packets of which no sample is sent: over the limit, or lost on the way here.
    pub(super) fn discards_lost(&mut self, added: u32, over_the_limit: bool) {
        self.discards.lost(added);
        let count = if over_the_limit {
            &mut self.counts.event_samples_suppressed
        } else {
            &mut self.counts.events_lost
        };
        *count += u64::from(added);
    }

    fn release_held(&mut self) {
        let Some(mut annotator) = self.annotator.take() else { return };
        annotator.release(self.now, |frame, state, socket| {
            if let Some(packet) = Packet::of(frame) {
                self.emit(&packet, state, socket);
            }
        });
        self.annotator = Some(annotator);
    }

    /// Makes the sample of a packet that was counted.
    fn emit(&mut self, packet: &Packet<'_>, tcp: Option<&TcpInfo>, socket: Option<Socket>) {
        let frame = packet.frame;
        let mut path = flow::path(packet, &self.locals);
        let mut known = Known { tcp, ..Known::default() };
        if let Some(marks) = &self.marks {
            let ends = marks.ends(packet, &self.locals, socket);
            (path, known.entities) = (ends.complete(path), ends.record());
        }
        let sampled = self.ledger.entry(frame.if_index, self.source, frame.one_in);
        let header = sampled.sampler.next(frame.one_in, path);
        let (outlet, now, header_bytes) = (&self.outlet, self.now, self.making.header_bytes as usize);
        let added = self.queue.add_flow(
            self.uptime_ms,
            &header,
            |out| flow::encode(packet, path, known, header_bytes, out),
            &mut |unsent: Unsent<'_>| outlet.lock().send(unsent, now),
        );
        match added {
            Ok(()) => self.counts.flow_samples += 1,
            Err(_) => self.counts.flow_samples_suppressed += 1,
        }
    }
}
