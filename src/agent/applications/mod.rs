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

use super::outlet::SharedOutlet;
use super::pace::Pace;
use crate::config::model::{Json, Settings};
use crate::host::Host;
use crate::sample::rate::ApplicationRates;
use crate::status::applications::Applications as Report;
use crate::status::registry::State;
use desk::SharedDesk;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
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
    /// End.
    Stop,
}

/// The thread, from outside.
pub struct Applications {
    desk: SharedDesk,
    host: Host,
    wanted: Option<Wanted>,
    thread: Option<Running>,
}

struct Running {
    orders: Sender<Order>,
    wake: Arc<EventFd>,
    thread: JoinHandle<()>,
}

impl Applications {
    /// Nothing is read, and no thread runs.
    pub fn new(host: &Host, outlet: &SharedOutlet, pace: Pace) -> Self {
        Self { desk: SharedDesk::new(outlet, pace), host: host.clone(), wanted: None, thread: None }
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
        // It only ends when told to.
        let _ = running.orders.send(Order::Settings(wanted.clone()));
        let _ = running.wake.write(1);
        self.wanted = wanted;
        Ok(())
    }

    /// Sends what waits for company.
    pub fn flush(&self) {
        self.desk.lock().flush(self.host.clock.now());
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

impl Drop for Applications {
    fn drop(&mut self) {
        let Some(Running { orders, wake, thread }) = self.thread.take() else { return };
        let _ = orders.send(Order::Stop);
        let _ = wake.write(1);
        // What it has queued goes out, and its socket goes away, before the agent ends.
        let _ = thread.join();
    }
}

fn start(host: &Host, desk: &SharedDesk) -> io::Result<Running> {
    let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let (orders, received) = channel();
    let thread = thread::ApplicationThread::new(host, desk.clone(), received, Arc::clone(&wake));
    let thread = std::thread::Builder::new().name("applications".to_owned()).spawn(move || thread.run())?;
    Ok(Running { orders, wake, thread })
}
