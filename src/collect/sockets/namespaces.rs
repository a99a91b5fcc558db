//! The network namespaces of containers, each with a socket inside that asks for its connections.
//!
//! In: numbers of namespaces as [`Place::namespace`](super::Place) has them. Out: who can be asked there; `None` until a
//! `search` on a thread of its own has found the way in, so that no sample waits for it. Rules: a socket keeps its
//! namespace, and every interface in it, alive; so it is closed within `LOOK` after the file is gone through which it was
//! found, and within `IDLE` after the last connection of a process; who was not found is looked for again after 1 s, then
//! 2 s, and so on up to `PATIENCE`. Needs CAP_SYS_ADMIN to enter, and CAP_SYS_PTRACE where only a process leads there.

use super::query::{Query, SLOT};
use super::search::{Door, Found, search};
use crate::sys::SysError;
use crate::sys::netlink::Netlink;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// A namespace in which no process's connection was seen for so long is left.
const IDLE: Duration = Duration::from_secs(60);
/// How often the files of open namespaces are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// The longest time until a namespace is looked for again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Searches begin at least this far apart, because each may look at every process; after one in vain twice as far, and so
/// on up to [`SEARCH_SELDOM`].
const SEARCH_EVERY: Duration = Duration::from_secs(1);
const SEARCH_SELDOM: Duration = Duration::from_secs(16);
/// Namespaces open at a time.
const MAX_OPEN: usize = 256;

/// Why a namespace cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It may not be entered.
    #[error("CAP_SYS_ADMIN is missing, or RestrictNamespaces= is set ({0})")]
    Enter(SysError),
    /// It has no name, and some processes may not be looked at; the error is of the first of them.
    #[error("CAP_SYS_PTRACE may be missing ({0})")]
    Look(SysError),
    /// Neither a name nor a process leads there.
    #[error("no file below /run/netns, /run/docker/netns and /proc/*/ns leads to namespace {0}")]
    NoDoor(u32),
    /// Too many are open.
    #[error("{MAX_OPEN} namespaces are open already")]
    TooMany,
    /// Anything else: memory, descriptors, threads.
    #[error(transparent)]
    Failed(SysError),
}

/// Namespaces by number.
#[derive(Debug)]
pub struct Namespaces {
    root: PathBuf,
    known: BTreeMap<u32, Entry>,
    search: Option<Receiver<Found>>,
    next_search: Option<Instant>,
    search_every: Duration,
    next_look: Option<Instant>,
    unreachable: Option<Unreachable>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// How often in vain.
    failures: u32,
}

#[derive(Debug)]
enum State {
    Wanted,
    Searched,
    Open(Box<Inside>),
    Missing { until: Instant },
}

#[derive(Debug)]
struct Inside {
    query: Query<Netlink>,
    door: Door,
    /// When it was opened, or a process's connection was last seen.
    kept: Instant,
    fruitful: bool,
}

impl Entry {
    fn miss(&mut self, now: Instant) {
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(PATIENCE);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Missing { until: now + wait };
    }

    /// Leaves it; where it was of use it is looked for at once when it is asked for again.
    fn leave(&mut self, now: Instant) {
        match &self.state {
            State::Open(inside) if inside.fruitful => {
                *self = Self { state: State::Missing { until: now }, failures: 0 };
            }
            _ => self.miss(now),
        }
    }
}

impl Namespaces {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            known: BTreeMap::new(),
            search: None,
            next_search: None,
            search_every: SEARCH_EVERY,
            next_look: None,
            unreachable: None,
        }
    }

    /// Why one could not be reached, the last time that any was looked for in vain; `None` since all were found.
    pub fn unreachable(&self) -> Option<&Unreachable> {
        self.unreachable.as_ref()
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.known.values().filter(|entry| matches!(entry.state, State::Open(_))).count()
    }

    /// Leaves and forgets those of which `known` says no: no interface leads there any more.
    pub fn retain(&mut self, known: impl Fn(u32) -> bool) {
        self.known.retain(|number, _| known(*number));
    }

    /// Who can be asked in this namespace; where nobody can yet, it is looked for.
    pub(super) fn query(&mut self, number: u32, now: Instant) -> Option<&mut Query<Netlink>> {
        let entry = self.known.entry(number).or_insert(Entry { state: State::Wanted, failures: 0 });
        if matches!(entry.state, State::Missing { until } if until <= now) {
            entry.state = State::Wanted;
        }
        if matches!(entry.state, State::Wanted) {
            self.start(now);
        }
        match &mut self.known.get_mut(&number)?.state {
            State::Open(inside) => Some(&mut inside.query),
            _ => None,
        }
    }

    /// Notes that a process's connection was found there.
    pub(super) fn keep(&mut self, number: u32, now: Instant) {
        if let Some(Entry { state: State::Open(inside), .. }) = self.known.get_mut(&number) {
            (inside.kept, inside.fruitful) = (now, true);
        }
    }

    /// Leaves a namespace whose socket fails.
    pub(super) fn close(&mut self, number: u32, now: Instant) {
        if let Some(entry) = self.known.get_mut(&number) {
            entry.miss(now);
        }
    }

    /// Leaves what is gone or of no use, and takes what a search has found.
    pub(super) fn check(&mut self, now: Instant) -> Option<Instant> {
        self.settle(now);
        self.start(now);
        if self.next_look.is_some_and(|at| at <= now) {
            for entry in self.known.values_mut() {
                let State::Open(inside) = &entry.state else { continue };
                if now.saturating_duration_since(inside.kept) >= IDLE || !inside.door.leads_there() {
                    entry.leave(now);
                }
            }
            // Whoever is not asked for any more is forgotten, and with it how often it was not found.
            self.known.retain(
                |_, entry| !matches!(entry.state, State::Missing { until } if until + PATIENCE <= now),
            );
            let looks = self.known.values().map(|entry| match entry.state {
                State::Missing { until } => until + PATIENCE,
                _ => now + LOOK,
            });
            self.next_look = looks.min();
        }
        let searching = self.search.is_some().then_some(now + SEARCH_EVERY);
        [self.next_look, searching].into_iter().flatten().min()
    }

    /// Takes what a search has found, if one is over.
    pub(super) fn settle(&mut self, now: Instant) {
        let Some(search) = &self.search else { return };
        let found = match search.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Found::default(),
        };
        self.search = None;
        self.unreachable = None;
        let in_vain = found.opened.is_empty();
        self.search_every = if in_vain { (self.search_every * 2).min(SEARCH_SELDOM) } else { SEARCH_EVERY };
        self.next_search = Some(now + self.search_every);
        for (number, door, socket) in found.opened {
            let entry = self.known.get_mut(&number).filter(|entry| matches!(entry.state, State::Searched));
            if let Some(entry) = entry {
                let query = Query::new(socket);
                entry.state = State::Open(Box::new(Inside { query, door, kept: now, fruitful: false }));
            }
        }
        for (number, entry) in &mut self.known {
            if matches!(entry.state, State::Searched) {
                entry.miss(now);
                self.unreachable = Some(found.obstacle.clone().unwrap_or(Unreachable::NoDoor(*number)));
            }
        }
        self.next_look = Some(now + LOOK);
    }

    /// Begins a search for all that are wanted.
    fn start(&mut self, now: Instant) {
        let wanted = self.known.values().any(|entry| matches!(entry.state, State::Wanted));
        if !wanted || self.search.is_some() || self.next_search.is_some_and(|at| at > now) {
            return;
        }
        let mut room = MAX_OPEN.saturating_sub(self.open());
        let mut numbers = Vec::new();
        for (number, entry) in &mut self.known {
            if !matches!(entry.state, State::Wanted) {
                continue;
            }
            if room == 0 {
                entry.miss(now);
                self.unreachable = Some(Unreachable::TooMany);
                continue;
            }
            room -= 1;
            entry.state = State::Searched;
            numbers.push(*number);
        }
        self.next_search = Some(now + SEARCH_EVERY);
        self.next_look = self.next_look.or(Some(now + LOOK));
        let (sender, receiver) = sync_channel(1);
        let root = self.root.clone();
        let work = move || _ = sender.send(search(&root, &numbers, 16 * SLOT));
        // Where no thread can be had, the channel is closed, and that is what `settle` sees.
        let _ = thread::Builder::new().name("netns".into()).spawn(work);
        self.search = Some(receiver);
    }
}
