//! Where messages of applications become samples. In: messages with their senders, in batches; the time. Out: samples in
//! datagrams; counts. Rules: the desk is locked once a batch by its thread, and for a moment by whoever wants to know;
//! counters go out with their batch, everything else within 100 ms; a bad message costs itself and is told by its cause.

use super::faults::Faults;
use super::report::{known, state, told};
use super::{COMPONENT, Wanted};
use crate::agent::outlet::SharedOutlet;
use crate::agent::pace::Pace;
use crate::collect::apps::{Inputs, Sender};
use crate::sample::application::limit::Limit;
use crate::sample::application::message::{Counters, Message, Reader, Transaction};
use crate::sample::application::{Refusal, Table, encode};
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::record::Record;
use crate::sflow::sample::SampleWriter;
use crate::status::applications::{Applications, Input};
use crate::status::registry::State;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Causes of faults that are no message's own.
const OVER_LIMIT: &str = "over-limit";
const TOO_MANY: &str = "too-many-applications";
const TOO_LARGE: &str = "sample-too-large";
const PORT_TAKEN: &str = "service-port-taken";

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that came.
    pub messages: u64,
    /// Flow samples written.
    pub flow_samples: u64,
    /// Flow samples that fit into no datagram.
    pub flow_samples_suppressed: u64,
    /// Counter samples written.
    pub counter_samples: u64,
    /// Counter samples that fit into no datagram.
    pub counter_samples_suppressed: u64,
    /// Metric samples written.
    pub rtmetric_samples: u64,
    /// Event samples written.
    pub rtflow_samples: u64,
}

/// The desk; see [`SharedDesk`].
pub(super) struct Desk {
    outlet: SharedOutlet,
    pace: Pace,
    queue: Datagrams,
    datagram_bytes: u32,
    /// When the oldest sample in the queue has to go.
    flush_at: Option<Instant>,
    now: Instant,
    uptime_ms: u32,
    second: u64,
    /// Inputs are read, and counters made.
    active: bool,
    reader: Reader,
    table: Table,
    limit: Limit<Sender>,
    faults: Faults,
    inputs: Vec<Input>,
    pub(super) counts: Counts,
    pub(super) state: Option<State>,
}

/// The desk, as its thread and the agent's loop have it.
#[derive(Clone)]
pub(super) struct SharedDesk {
    desk: Arc<Mutex<Desk>>,
    news: Arc<Notify>,
}

impl SharedDesk {
    pub(super) fn new(outlet: &SharedOutlet, pace: Pace) -> Self {
        let agent = outlet.lock().agent();
        let desk = Desk {
            outlet: outlet.clone(),
            pace,
            queue: Datagrams::new(0, agent),
            datagram_bytes: 0,
            flush_at: None,
            now: pace.start(),
            uptime_ms: 0,
            second: pace.second(pace.start()),
            active: false,
            reader: Reader::default(),
            table: new_table(),
            limit: Limit::new(0),
            faults: Faults::default(),
            inputs: Vec::new(),
            counts: Counts::default(),
            state: None,
        };
        Self { desk: Arc::new(Mutex::new(desk)), news: Arc::default() }
    }

    pub(super) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    /// The desk for as long as the guard lives.
    pub(super) fn lock(&self) -> MutexGuard<'_, Desk> {
        // After a panic under the lock the thread begins anew with what could be damaged.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what became of the inputs, and rings where the state is another one.
    pub(super) fn publish(&self, inputs: &Inputs) {
        let mut desk = self.lock();
        desk.inputs = inputs.iter().map(told).collect();
        let state = desk.active.then(|| state(inputs));
        self.set_state(desk, state);
    }

    /// A fault of the program ended the work for a while.
    pub(super) fn publish_fault(&self, fault: &impl ToString) {
        let desk = self.lock();
        self.set_state(desk, Some(State::degraded(fault)));
    }

    fn set_state(&self, mut desk: MutexGuard<'_, Desk>, state: Option<State>) {
        if desk.state != state {
            desk.state = state;
            self.news.notify_one();
        }
    }
}

fn new_table() -> Table {
    Table::new(RandomState::new().hash_one(COMPONENT))
}

impl Desk {
    /// Settings from now on. Samples that wait in the queue leave first, so that no datagram is of two settings.
    pub(super) fn configure(&mut self, wanted: Option<&Wanted>, now: Instant) {
        self.flush(now);
        self.active = wanted.is_some();
        if let Some(wanted) = wanted {
            self.datagram_bytes = wanted.datagram_bytes;
            self.limit.set(wanted.json.limit);
            self.table.set_rates(wanted.rates.clone(), self.pace.second(now));
        }
    }

    /// What a panic may have damaged is made anew.
    pub(super) fn begin_anew(&mut self) {
        (self.table, self.limit) = (new_table(), Limit::new(0));
    }

    /// A batch begins.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.now, self.uptime_ms, self.second) = (now, self.pace.uptime_ms(now), self.pace.second(now));
        let agent = self.outlet.lock().agent();
        self.queue.set_limit(self.datagram_bytes as usize, agent);
    }

    /// One message.
    pub(super) fn message(&mut self, sender: Sender, bytes: &[u8]) {
        self.counts.messages += 1;
        if !self.limit.admits(sender, self.now) {
            let what = "more messages a second than the limit; the rest is thrown away";
            return self.faults.note(OVER_LIMIT, sender, what, self.second);
        }
        // Programs in C like to send the zero behind their strings.
        match self.reader.parse(bytes.strip_suffix(b"\0").unwrap_or(bytes)) {
            Ok(message) => self.tell(sender, &message),
            Err(fault) => self.faults.note(fault.cause(), sender, &fault, self.second),
        }
    }

    fn tell(&mut self, sender: Sender, message: &Message<'_>) {
        let written = message.flow.as_ref().map_or(Ok(()), |told| self.transaction(told));
        let counted = message.counters.as_ref().map_or(Ok(()), |told| self.counters(told));
        if written.and(counted) == Err(Refusal::TooMany) {
            let what = "a new application, and there are too many";
            self.faults.note(TOO_MANY, sender, what, self.second);
        }
        if let Some(taken) = self.table.take_conflict() {
            self.faults.note(PORT_TAKEN, sender, &taken, self.second);
        }
        if let Some(metrics) = &message.metrics
            && self.add(sender, metrics)
        {
            self.counts.rtmetric_samples += 1;
        }
        if let Some(event) = &message.event
            && self.add(sender, event)
        {
            self.counts.rtflow_samples += 1;
        }
    }

    fn transaction(&mut self, told: &Transaction<'_>) -> Result<(), Refusal> {
        let Self { table, queue, outlet, uptime_ms, now, .. } = self;
        let written = table.transaction(told, self.second, |header| {
            let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, *now);
            queue.add_flow(*uptime_ms, header, |out| encode::transaction(told, out), &mut send)
        });
        match written {
            Ok(written) => self.counts.flow_samples += u64::from(written),
            Err(Refusal::Full) => self.counts.flow_samples_suppressed += 1,
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    fn counters(&mut self, told: &Counters<'_>) -> Result<(), Refusal> {
        let Self { table, queue, outlet, uptime_ms, now, .. } = self;
        let written = table.counters(told, self.second, |header, tallied| {
            let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, *now);
            let (source, sequence) = (header.source, header.sequence);
            let write = |out: &mut SampleWriter<'_, '_>| encode::counters(told, tallied, out);
            queue.add_counters(*uptime_ms, source, sequence, write, &mut send)
        });
        match written {
            Ok(()) => self.counts.counter_samples += 1,
            Err(Refusal::Full) => self.counts.counter_samples_suppressed += 1,
            Err(refused) => return Err(refused),
        }
        // Counters wait for nobody.
        self.flush_at = Some(self.now);
        Ok(())
    }

    /// A sample without sequence or data source.
    fn add<R: Record>(&mut self, sender: Sender, sample: &R) -> bool {
        let (outlet, now) = (&self.outlet, self.now);
        let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, now);
        let added = self.queue.add(self.uptime_ms, R::TAG, |out| sample.encode(out), &mut send);
        if added.is_err() {
            self.faults.note(TOO_LARGE, sender, "more values than a sample can have", self.second);
        }
        added.is_ok()
    }

    /// The batch is complete: what cannot wait goes out, and counters that are due are made.
    pub(super) fn end(&mut self, inputs: &Inputs) {
        for (told, input) in self.inputs.iter_mut().zip(inputs.iter()) {
            (told.messages, told.dropped) = (input.messages(), input.dropped());
        }
        if self.active && self.table.next_poll().is_some_and(|second| second <= self.second) {
            self.poll();
        }
        if self.flush_at.is_none() && self.queue.queued() > 0 {
            self.flush_at = Some(self.now + self.outlet.patience());
        }
        if self.flush_at.is_some_and(|at| at <= self.now) {
            self.flush(self.now);
        }
    }

    fn poll(&mut self) {
        let Self { table, queue, outlet, uptime_ms, now, counts, .. } = self;
        let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, *now);
        let suppressed = table.poll(self.second, |header, operations| {
            let (source, sequence) = (header.source, header.sequence);
            let write = |out: &mut SampleWriter<'_, '_>| out.record(operations);
            let added = queue.add_counters(*uptime_ms, source, sequence, write, &mut send);
            counts.counter_samples += u64::from(added.is_ok());
            added
        });
        self.counts.counter_samples_suppressed += suppressed;
        self.flush_at = Some(self.now);
    }

    /// Sends what waits in the queue.
    pub(super) fn flush(&mut self, now: Instant) {
        self.flush_at = None;
        let (outlet, uptime_ms) = (&self.outlet, self.pace.uptime_ms(now));
        self.queue.flush(uptime_ms, &mut |unsent: Unsent<'_>| outlet.lock().send(unsent, now));
    }

    /// When the desk has something to do of its own accord.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let poll = self.table.next_poll().filter(|_| self.active).map(|second| self.pace.begins(second));
        [self.flush_at, poll].into_iter().flatten().min()
    }
}

impl SharedDesk {
    /// What came, and from whom.
    pub(super) fn report(&self, now: Instant) -> Applications {
        let desk = self.lock();
        Applications {
            inputs: desk.inputs.clone(),
            known: known(&desk.table, desk.pace.second(now)),
            messages: desk.counts.messages,
            limited: desk.faults.count(OVER_LIMIT),
            faults: desk.faults.iter().filter(|fault| fault.cause != OVER_LIMIT).collect(),
        }
    }
}
