//! Applications that tell of themselves by JSON, as the agent's loop sees them: a thread of its own reads the inputs and
//! sends their samples.
//!
//! In: the settings, whenever they change. Out: samples on the agent's one datagram stream; a report of what came and
//! from whom. `thread` waits and reads, `desk` makes samples of messages, `faults` and `report` tell of them. Rule: the
//! thread is started with the first wish, after the process has given up its privileges, and ends with the agent;
//! applications and their numbers outlive a change of settings.

mod desk;
mod faults;
mod report;
mod thread;

pub use desk::Counts;

use super::daemon::Agent;
use super::outlet::SharedOutlet;
use super::pace::Pace;
use super::ports::SUSPENDED;
use super::worker::{Ended, Worker};
use crate::config::model::{Json, Settings};
use crate::host::Host;
use crate::sample::rate::ApplicationRates;
use crate::status::applications::Applications as Report;
use crate::status::registry::State;
use desk::SharedDesk;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// The component's name, which is the object's in the configuration.
pub const COMPONENT: &str = "json";

/// What the settings say of applications.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    json: Json,
    rates: ApplicationRates,
    datagram_bytes: u32,
}

impl Wanted {
    /// What the settings ask for; nothing while nothing is sent, or samples would be numbered that nobody gets.
    fn of(settings: &Settings) -> Option<Self> {
        let json = settings.modules.json.clone().filter(|_| settings.suspended.is_none())?;
        Some(Self { json, rates: ApplicationRates::of(settings), datagram_bytes: settings.datagram_bytes })
    }
}

/// What the thread is told.
enum Order {
    /// These settings hold now; none: nothing is read.
    Settings(Option<Wanted>),
}

/// The thread, from outside.
pub struct Applications {
    desk: SharedDesk,
    host: Host,
    wanted: Option<Wanted>,
    thread: Option<Worker<Order>>,
}

impl Applications {
    /// Nothing is read, and no thread runs.
    pub fn new(host: &Host, outlet: &SharedOutlet, pace: Pace) -> Self {
        Self { desk: SharedDesk::new(outlet, pace), host: host.clone(), wanted: None, thread: None }
    }

    /// Tells the thread to end.
    pub(super) fn end(&mut self) -> Option<Ended> {
        self.thread.take().and_then(Worker::end)
    }

    /// Rings when the state has changed.
    pub fn news(&self) -> Arc<Notify> {
        self.desk.news()
    }

    /// Puts settings in force; without `json { }` in them, or while nothing is sent, nothing is read, and what is known
    /// of applications is kept.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn apply(&mut self, settings: &Settings) -> io::Result<()> {
        let wanted = Wanted::of(settings);
        if wanted == self.wanted {
            return Ok(());
        }
        let running = match &self.thread {
            Some(running) => running,
            None => self.thread.insert(start(&self.host, &self.desk)?),
        };
        running.order(Order::Settings(wanted.clone()));
        self.wanted = wanted;
        Ok(())
    }

    /// Sends what waits.
    pub fn flush(&self, now: Instant) {
        self.desk.lock().flush(now);
    }

    /// The state of the inputs; none where none is wanted.
    pub fn state(&self) -> Option<State> {
        // What the thread says may be older than the settings.
        self.wanted.as_ref().and_then(|_| self.desk.lock().state.clone())
    }

    /// Totals since the start.
    pub fn counts(&self) -> Counts {
        self.desk.lock().counts
    }

    /// What came, and from whom.
    pub fn report(&self) -> Report {
        self.desk.report(self.host.clock.now())
    }
}

fn start(host: &Host, desk: &SharedDesk) -> io::Result<Worker<Order>> {
    Worker::start("applications", |orders, wake| {
        let thread = thread::ApplicationThread::new(host, desk.clone(), orders, wake);
        Ok(move || thread.run())
    })
}

impl Agent {
    /// Makes the inputs of applications those of the settings.
    pub(super) fn apply_applications(&mut self) {
        let applied = self.applications.apply(&self.settings);
        self.applications_refused = applied.is_err();
        match applied {
            Ok(()) => self.on_applications(),
            Err(e) => self.set(COMPONENT, State::degraded(&format!("its thread cannot be started: {e}"))),
        }
    }

    /// The thread of applications has news.
    pub fn on_applications(&mut self) {
        let idle = self.settings.modules.json.is_some() && self.settings.suspended.is_some();
        let told = self.applications.state();
        self.show(COMPONENT, told.or_else(|| idle.then(|| State::unavailable(SUSPENDED))));
    }
}
