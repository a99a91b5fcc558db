//! The running service: one task that takes orders, brings about what they come to, and answers.
//!
//! In: the desk's orders, the administrator's files, time, signals, news of changed rules. Out: pages, notes, a state
//! file, the log. Rules: many orders are one change; what is kept is on the disk before anything of it is in force, so
//! that whoever sweeps knows every end; nothing is tried twice within a second; what stays as it was is not said again.

mod backends;
mod changes;
mod files;
mod manager;
mod orders;
mod parts;
mod tell;
mod work;

pub use backends::Backends;
pub use files::{Files, ReadFault};

use crate::host::Clock;
use crate::policy::apply::{Runner, Watch};
use crate::policy::book::{Book, KeptPolicy};
use crate::policy::desk::{Clerk, Desk, Source};
use crate::policy::file::{Rest, Service as Settings};
use crate::policy::lines::Dialect;
use crate::policy::model::PolicyName;
use crate::policy::react::Reaction;
use crate::policy::rest::ServeError;
use crate::policy::store::{Store, StoreError};
use crate::policy::wanted::{Carrier, Hits};
use manager::Manager;
use orders::Planned;
use parts::Parts;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// Orders that become one change.
const MOST_BATCH: usize = 1000;
const COUNT: Duration = Duration::from_secs(10);
/// After news of changed rules, which come in bunches and may be our own.
const LOOK_NOW: Duration = Duration::from_millis(250);
const HOLD: Duration = Duration::from_secs(1);
/// The date may be set meanwhile.
const LONGEST: Duration = Duration::from_secs(5);

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing can be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error(transparent)]
    Files(#[from] ReadFault),
    /// Requests cannot be heard, or would be by strangers.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The kernel.
    #[error("signals: {0}")]
    Signals(io::Error),
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Of `policy.toml` and `policy.d`.
    pub folder: PathBuf,
    /// The state file.
    pub state: PathBuf,
    /// Runs the system's programs.
    pub runner: Runner,
    /// Time.
    pub clock: Clock,
    /// Whose iptables it is.
    pub dialect: Dialect,
}

/// The service.
#[derive(Debug)]
pub struct Service {
    book: Book,
    backends: Backends,
    store: Store,
    files: Files,
    clerk: Clerk,
    clock: Clock,
    manager: Manager,
    dialect: Dialect,
    settings: Settings,
    rest: Rest,
    reactions: Vec<Reaction>,
    watch: Watch,
    /// Over links and queues.
    traffic: Watch,
    hits: BTreeMap<PolicyName, Hits>,
    /// What was kept when its carrier last did all, and since.
    in_force: BTreeMap<PolicyName, KeptPolicy>,
    troubles: BTreeMap<Carrier, String>,
    /// Why what is asked for does not outlive the program.
    unkept: Option<String>,
    /// What does not work of the files as a whole, or was lost of what was kept; until the next reload.
    wrong: Vec<String>,
    plans: VecDeque<Planned>,
    sources: BTreeMap<&'static str, Source>,
    /// Both clocks at one time.
    clocks: (Instant, SystemTime),
    look_at: Instant,
    count_at: Instant,
    applied: Instant,
}

enum Event {
    Stop,
    Reload,
    Orders,
    News,
    Traffic,
    Time,
}

impl Service {
    /// With everything read and nothing applied. Belongs to a tokio runtime.
    ///
    /// # Errors
    /// It cannot be the one service of this state file, or a file cannot be read.
    pub fn open(setup: Setup, clerk: Clerk) -> Result<Self, StartError> {
        let Setup { folder, state, runner, clock, dialect } = setup;
        let (store, kept, damage) = Store::open(&state, dialect)?;
        let (wall, now) = (clock.wall(), clock.now());
        let mut book = Book::new(dialect == Dialect::Cumulus);
        let in_force = kept.there().map(|kept| (kept.said.name.clone(), kept.clone())).collect();
        let mut backends = Backends::new(&runner, dialect);
        backends.remember(kept.everywhere());
        book.restore(kept, wall);
        let mut files = Files::new(&folder, dialect);
        let wishes = files.read()?;
        let (settings, rest) = (wishes.service.clone(), wishes.rest.clone());
        let reactions = wishes.reactions.clone();
        backends.put_jumps(settings.jump);
        for told in book.replace_files(wishes, wall) {
            log::warn!("{told}");
        }
        let [(watch, why), (traffic, further)] = [Watch::new(), Watch::of_traffic()];
        for why in [why, further].into_iter().flatten() {
            log::warn!("changed rules and queues are found by looking alone, every half minute: {why}");
        }
        Ok(Self {
            book,
            backends,
            store,
            files,
            clerk,
            manager: Manager::new(now),
            clock,
            dialect,
            settings,
            rest,
            reactions,
            watch,
            traffic,
            hits: BTreeMap::new(),
            in_force,
            troubles: BTreeMap::new(),
            unkept: None,
            // Told with the first page; whoever has read it reloads.
            wrong: damage,
            plans: VecDeque::new(),
            sources: BTreeMap::new(),
            clocks: (now, wall),
            look_at: now,
            count_at: now + COUNT,
            applied: now,
        })
    }

    /// Works until it is told to stop. The desk is for those who ask.
    ///
    /// # Errors
    /// No signals can be had.
    pub async fn run(mut self, desk: Desk) -> Result<(), StartError> {
        let signal = |kind| signal(kind).map_err(StartError::Signals);
        let mut hangups = signal(SignalKind::hangup())?;
        let (mut ends, mut breaks) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        self.end();
        self.bring_about().await;
        let rest = (self.rest.clone(), self.dialect);
        let mut parts = Parts::open(desk, self.clock.clone(), rest, &self.settings.agent)?;
        parts.follow(&self.reactions, &self.settings.agent);
        self.manager.ready();
        self.say_ready();
        let mut orders = Vec::with_capacity(MOST_BATCH);
        loop {
            let pause = if self.plans.is_empty() { self.pause() } else { Duration::ZERO };
            let event = tokio::select! {
                biased;
                _ = ends.recv() => Event::Stop,
                _ = breaks.recv() => Event::Stop,
                _ = hangups.recv() => Event::Reload,
                _ = self.clerk.orders.recv_many(&mut orders, MOST_BATCH) => Event::Orders,
                () = self.watch.changed() => Event::News,
                () = self.traffic.changed() => Event::Traffic,
                never = parts.watch() => match never {},
                () = tokio::time::sleep(pause) => Event::Time,
            };
            self.follow_clocks();
            match event {
                Event::Stop => break,
                Event::Reload => self.reload(&mut parts).await,
                Event::Orders => self.serve(std::mem::take(&mut orders)).await,
                Event::News => self.look_at = self.look_at.min(self.clock.now() + LOOK_NOW),
                // Who shapes nothing has nothing to repair.
                Event::Traffic if self.backends.is_idle(Carrier::Traffic) => {}
                Event::Traffic => self.look_at = self.look_at.min(self.clock.now() + LOOK_NOW),
                Event::Time => {}
            }
            self.plan_next().await;
            self.sources = parts.sources();
            self.on_time().await;
        }
        self.stop().await;
        Ok(())
    }
}
