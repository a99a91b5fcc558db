//! Packet samples, as the agent's loop sees them: a thread of its own reads the packet sources and sends their samples.
//!
//! In: which interfaces are to be tapped and which other sources run, whenever that changes. Out: flow samples on the
//! agent's one datagram stream; a [`Report`] of what runs and what cannot; what was sampled where. `thread` waits
//! and reads, `taps` keeps taps open, `desk` makes samples of packets. Rule: the thread is started with the first
//! source that is wanted, after the process has given up its privileges, and ends with the agent.

mod annotate;
mod desk;
mod ledger;
mod report;
mod sources;
mod taps;
mod thread;

pub use annotate::Annotator;
pub use desk::{Counts, Desk, Making, SharedDesk};
pub use ledger::Sampled;
pub use report::{Report, TapReport};
pub use sources::{Wanted, nflog_rate};
pub use taps::Wish;

use super::outlet::SharedOutlet;
use super::pace::Pace;
use super::worker::{Ended, Worker};
use crate::host::Host;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::Notify;

/// The components that packet sampling has: sources by their names in the configuration, the questions about
/// connections, and the watch over samplers.
pub const COMPONENTS: [&str; 9] =
    ["pcap", "epcap", "nflog", "ulog", "psample", "dropmon", "vpp", "tcp", WATCH];

/// The component of the watch over samplers.
pub const WATCH: &str = "packet-samples";

/// What the thread is told.
enum Order {
    /// These taps changed; `None`: no tap any more.
    Taps(Vec<(u32, Option<Wish>)>),
    /// Other settings: what samples are made with, the taps that changed, the other sources if they did. One order, so that
    /// no sample is made by half of it.
    Settings(Making, Vec<(u32, Option<Wish>)>, Option<Box<Wanted>>),
}

/// The packet thread, from outside.
pub struct Packets {
    /// What samples are made with, and what was sampled.
    pub desk: SharedDesk,
    host: Host,
    /// Rings when the report has changed.
    news: Arc<Notify>,
    making: Making,
    taps: BTreeMap<u32, Wish>,
    wanted: Wanted,
    thread: Option<Worker<Order>>,
}

impl Packets {
    /// No source is wanted, and no thread runs.
    pub fn new(host: &Host, outlet: &SharedOutlet, pace: Pace) -> Self {
        let news = Arc::default();
        Self {
            desk: SharedDesk::new(outlet, pace, Arc::clone(&news)),
            host: host.clone(),
            news,
            making: Making::default(),
            taps: BTreeMap::new(),
            wanted: Wanted::default(),
            thread: None,
        }
    }

    /// Tells the thread to end.
    pub(super) fn end(&mut self) -> Option<Ended> {
        self.thread.take().and_then(Worker::end)
    }

    /// Rings when the report has changed.
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    /// The taps that are wanted now, by ifIndex.
    pub fn taps(&self) -> &BTreeMap<u32, Wish> {
        &self.taps
    }

    /// Makes these the taps that are wanted: `None` for an interface that shall have none. Those not named stay.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn apply_taps(&mut self, wishes: impl Iterator<Item = (u32, Option<Wish>)>) -> io::Result<()> {
        let changes = self.changes(wishes);
        if !changes.is_empty() {
            self.order(Order::Taps(changes.clone()))?;
            self.note(changes);
        }
        Ok(())
    }

    /// Puts settings in force: what samples are made with, all taps, all other sources.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn apply(
        &mut self,
        making: Making,
        wishes: impl Iterator<Item = (u32, Option<Wish>)>,
        wanted: Wanted,
    ) -> io::Result<()> {
        let changes = self.changes(wishes);
        let sources = Some(&wanted).filter(|wanted| **wanted != self.wanted).cloned().map(Box::new);
        if !changes.is_empty() || sources.is_some() || (self.thread.is_some() && making != self.making) {
            self.order(Order::Settings(making, changes.clone(), sources))?;
        }
        self.note(changes);
        (self.making, self.wanted) = (making, wanted);
        Ok(())
    }

    fn changes(&self, wishes: impl Iterator<Item = (u32, Option<Wish>)>) -> Vec<(u32, Option<Wish>)> {
        wishes.filter(|(index, wish)| self.taps.get(index) != wish.as_ref()).collect()
    }

    fn note(&mut self, changes: Vec<(u32, Option<Wish>)>) {
        for (index, wish) in changes {
            match wish {
                Some(wish) => _ = self.taps.insert(index, wish),
                None => _ = self.taps.remove(&index),
            }
        }
    }

    fn order(&mut self, order: Order) -> io::Result<()> {
        let running = match &self.thread {
            Some(running) => running,
            None => {
                self.desk.lock().configure(self.making, self.host.clock.now());
                self.thread.insert(start(&self.host, &self.desk)?)
            }
        };
        running.order(order);
        Ok(())
    }
}

fn start(host: &Host, desk: &SharedDesk) -> io::Result<Worker<Order>> {
    Worker::start("packets", |orders, wake| {
        let thread = thread::PacketThread::new(host, desk.clone(), orders, wake);
        let thread = thread.map_err(|error| io::Error::from_raw_os_error(error.errno))?;
        Ok(move || thread.run())
    })
}
