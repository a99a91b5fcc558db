//! Transceivers: a thread that reads them one after another, and what is known of each port's.
//!
//! In: the settings, interfaces that were just polled, news of their links. Out: record `0:10` for a port's next sample; the
//! component's state; a sentence for `hsflowctl explain`. Rules: the thread is started with the first port that is to be
//! read, and ends after the block that it is at, for which the agent's end does not wait; each new fault of a port is one
//! log line; a port that is gone takes its answer with it.

use super::daemon::Agent;
use super::guard::guarded;
use super::worker::Worker;
use crate::collect::interfaces::optics::record::{in_words, sfp};
use crate::collect::interfaces::optics::{Eeprom, Kernel, OpticsError, Port, read};
use crate::collect::interfaces::{Change, Changes, Kind};
use crate::sample::switch::transceivers::{Outcome, Transceivers};
use crate::sflow::ids::DataSource;
use crate::status::registry::{State, some_of};
use crate::sys::SysError;
use crate::wire::optics::{Block, Readings};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

type Answer = (Port, Result<Readings, OpticsError>);

/// What the thread and the agent's loop share.
#[derive(Default)]
struct Desk {
    answers: Mutex<Vec<Answer>>,
    news: Arc<Notify>,
    ending: AtomicBool,
}

/// What is known of one port.
struct Known {
    name: String,
    said: Result<String, OpticsError>,
    failures: u32,
}

/// Transceivers, as the agent's loop sees them.
#[derive(Default)]
pub(super) struct Optics {
    wanted: bool,
    /// It only reads, and a driver may hold it for ever: nobody waits for its end.
    thread: Option<Worker<Port>>,
    desk: Arc<Desk>,
    schedule: Transceivers,
    ports: BTreeMap<u32, Known>,
}

impl Drop for Optics {
    fn drop(&mut self) {
        self.desk.ending.store(true, Ordering::Relaxed);
        let _ = self.thread.take().and_then(Worker::end);
    }
}

impl Optics {
    /// Rings when there are answers.
    pub(super) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.desk.news)
    }

    /// What the port's transceiver measures, or why it does not.
    pub(super) fn explain(&self, index: u32) -> Option<String> {
        let known = self.ports.get(&index)?;
        Some(known.said.as_ref().map_or_else(ToString::to_string, Clone::clone))
    }

    fn forget(&mut self, index: u32) {
        self.schedule.forget(index);
        self.ports.remove(&index);
    }

    /// Has a port read.
    fn order(&mut self, port: Port) -> io::Result<()> {
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(start(&self.desk)?),
        };
        thread.order(port);
        Ok(())
    }

    /// Takes in an answer; the readings, where there are some of a port that still `is_there`.
    fn take(
        &mut self,
        port: &Port,
        answer: Result<Readings, OpticsError>,
        is_there: bool,
        now: Duration,
    ) -> Option<Readings> {
        if !is_there {
            self.forget(port.index);
            return None;
        }
        self.note(port, &answer, now);
        answer.ok()
    }

    /// Whether the log lacks this fault of a port; what the agent lacks is no fault of each port.
    fn is_news(&self, port: &Port, error: &OpticsError) -> bool {
        let same = |known: &Known| known.said.as_ref().err() == Some(error);
        match error {
            OpticsError::Denied => !self.ports.values().any(same),
            _ => !self.ports.get(&port.index).is_some_and(same),
        }
    }

    fn note(&mut self, port: &Port, answer: &Result<Readings, OpticsError>, now: Duration) {
        let before = self.ports.get(&port.index);
        let outcome = outcome(answer);
        let failures = match outcome {
            Outcome::Failed => before.map_or(0, |known| known.failures).saturating_add(1),
            _ => 0,
        };
        self.schedule.note(port.index, outcome, failures, now);
        let said = answer.as_ref().map(in_words).map_err(Clone::clone);
        if let (Outcome::Failed, Err(error)) = (outcome, &said)
            && self.is_news(port, error)
        {
            log::warn!(target: "optics", "the transceiver of {}: {error}", port.name);
        }
        self.ports.insert(port.index, Known { name: port.name.clone(), said, failures });
    }

    /// How all ports are together; nothing before the first answer.
    fn state(&self) -> Option<State> {
        let failed: Vec<&Known> =
            self.ports.values().filter(|k| k.said.as_ref().is_err_and(failed)).collect();
        let [first, ..] = failed.as_slice() else {
            let read = self.ports.values().any(|k| !matches!(k.said, Err(OpticsError::Unsupported)));
            let reason = "no driver of an interface that sends counters reads transceivers";
            let state = if read { State::Running } else { State::unavailable(reason) };
            return (!self.ports.is_empty()).then_some(state);
        };
        if let Err(error @ OpticsError::Denied) = &first.said {
            return Some(State::degraded(error));
        }
        let names: Vec<&str> = failed.iter().map(|known| known.name.as_str()).collect();
        let (named, name) = (some_of(&names, ", ", " and "), first.name.as_str());
        Some(State::degraded(&format!(
            "cannot be read: the transceivers of {named}; see hsflowctl explain interface {name}"
        )))
    }
}

fn outcome(answer: &Result<Readings, OpticsError>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Read,
        Err(OpticsError::Unsupported) => Outcome::Never,
        Err(OpticsError::NoOptics(_) | OpticsError::Gone) => Outcome::Nothing,
        Err(_) => Outcome::Failed,
    }
}

fn failed(error: &OpticsError) -> bool {
    !matches!(error, OpticsError::Unsupported | OpticsError::Gone | OpticsError::NoOptics(_))
}

fn start(desk: &Arc<Desk>) -> io::Result<Worker<Port>> {
    let desk = Arc::clone(desk);
    Worker::start("optics", |orders, _| Ok(move || work(&orders, &desk, Kernel::open)))
}

/// The thread: reads what it is told to, until told to end.
fn work<E: Eeprom>(orders: &Receiver<Port>, desk: &Desk, open: impl Fn() -> Result<E, SysError>) {
    let mut eeprom = None;
    for port in orders {
        if desk.ending.load(Ordering::Relaxed) {
            return;
        }
        let answer = guarded(|| {
            let opened = match eeprom.take() {
                Some(opened) => opened,
                None => Ending { eeprom: open().map_err(|e| unopened(&e))?, desk },
            };
            let answer = read(eeprom.insert(opened), &port);
            if matches!(answer, Err(OpticsError::Read { .. })) {
                // The sockets may be what is wrong.
                eeprom = None;
            }
            answer
        });
        let answer = answer.unwrap_or_else(|fault| {
            log::error!(target: "optics", "the transceiver of {}: {fault}", port.name);
            Err(OpticsError::Program)
        });
        desk.answers.lock().unwrap_or_else(PoisonError::into_inner).push((port, answer));
        desk.news.notify_one();
    }
}

fn unopened(error: &SysError) -> OpticsError {
    OpticsError::Read { block: Block::LOWER, errno: error.errno }
}

/// Refuses to read on when the agent ends.
struct Ending<'a, E> {
    eeprom: E,
    desk: &'a Desk,
}

impl<E: Eeprom> Eeprom for Ending<'_, E> {
    fn read_block(&mut self, port: &Port, block: Block) -> Result<[u8; 128], SysError> {
        if self.desk.ending.load(Ordering::Relaxed) {
            return Err(SysError::new("reading transceivers", port.name.as_str(), Errno::ECANCELED));
        }
        self.eeprom.read_block(port, block)
    }
}

impl Agent {
    /// Reads transceivers, or not, as the settings say.
    pub(super) fn apply_optics(&mut self) {
        self.optics.wanted = self.settings.wants_optics() && self.settings.suspended.is_none();
        if !self.optics.wanted {
            let indexes: Vec<u32> = self.optics.ports.keys().copied().collect();
            indexes.into_iter().for_each(|index| self.optics.forget(index));
            self.measures.optics.clear();
        }
        self.report_optics();
    }

    /// Has those of the interfaces that were just polled read whose time has come.
    pub(super) fn read_optics(&mut self, now: Instant) {
        if !self.optics.wanted {
            return;
        }
        let now = self.since_start(now);
        let table = self.measures.interfaces.table();
        for index in &self.due.interfaces {
            let Some(interface) = table.get(*index).filter(|i| i.kind == Kind::Physical) else { continue };
            if !self.optics.schedule.begin(*index, now) {
                continue;
            }
            let port = Port { index: *index, name: interface.name.clone() };
            if let Err(e) = self.optics.order(port) {
                self.optics.schedule.forget(*index);
                let state = State::degraded(&format!("its thread cannot be started: {e}"));
                return self.set("optics", state);
            }
        }
    }

    /// Takes in what the thread has read.
    pub fn on_optics(&mut self) {
        let now = self.since_start(self.host.clock.now());
        let answers =
            std::mem::take(&mut *self.optics.desk.answers.lock().unwrap_or_else(PoisonError::into_inner));
        for (port, answer) in answers {
            let polled = self.measures.sources.contains_key(&DataSource::interface(port.index));
            let same = self.measures.interfaces.table().get(port.index).is_some_and(|i| i.name == port.name);
            self.measures.optics.remove(&port.index);
            let is_there = self.optics.wanted && polled && same;
            if let Some(readings) = self.optics.take(&port, answer, is_there, now) {
                self.measures.optics.insert(port.index, sfp(port.index, &readings));
            }
        }
        self.report_optics();
    }

    /// Another module may be plugged in where a link has changed; a port that is gone has none.
    pub(super) fn follow_optics(&mut self, changes: &Changes) {
        let (now, known) = (self.since_start(self.host.clock.now()), self.optics.ports.len());
        for (index, change) in changes.iter() {
            match change {
                Change::Updated(parts) if parts.oper || parts.speed || parts.admin => {
                    self.optics.schedule.link_changed(index, now);
                    // What it measured before says nothing of now.
                    self.measures.optics.remove(&index);
                }
                Change::Removed(_) | Change::Replaced(_) => {
                    self.optics.forget(index);
                    self.measures.optics.remove(&index);
                }
                Change::Updated(_) | Change::Added => {}
            }
        }
        if known != self.optics.ports.len() {
            self.report_optics();
        }
    }

    fn report_optics(&mut self) {
        self.show("optics", self.optics.state().filter(|_| self.optics.wanted));
    }
}

#[cfg(test)]
mod tests;
