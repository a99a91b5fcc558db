//! What is known of an engine's containers, from one connection to the next.
//!
//! In: what the engine says now. Out: news, of what differs from what was told. Rules: only the engine's own word removes a
//! container, never a failure; one that ends is told once more, as ended, and then gone; problems are counted, and said
//! once in ten seconds.

use super::super::{Feed, News};
use super::{Fault, Listed};
use crate::host::Clock;
use crate::sample::guest::{Guest, GuestState};
use crate::status::registry::State;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

const QUIET: Duration = Duration::from_secs(10);

/// The containers as they were last described.
#[derive(Debug)]
pub(super) struct Watch {
    feed: Feed,
    clock: Clock,
    known: HashMap<String, Arc<Guest>>,
    doubted: HashSet<String>,
    told: Option<State>,
    settled: u64,
    problems: u64,
    unsaid: u64,
    said: Option<Instant>,
}

impl Watch {
    pub(super) fn new(feed: Feed, clock: Clock) -> Self {
        let (known, doubted) = Default::default();
        Self { feed, clock, known, doubted, told: None, settled: 0, problems: 0, unsaid: 0, said: None }
    }

    /// No container was ever seen, or all have ended.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How often everything was known.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.known.keys()
    }

    /// Tells how the engine is, where that is new.
    pub(super) async fn tell_state(&mut self, state: State) -> Result<(), Fault> {
        if self.told.as_ref() == Some(&state) {
            return Ok(());
        }
        self.told = Some(state.clone());
        self.tell(News::State(state)).await
    }

    /// Tells that these are all.
    pub(super) async fn tell_all(&mut self) -> Result<(), Fault> {
        self.settled += 1;
        self.tell(News::All(self.known.values().cloned().collect())).await?;
        self.tell_state(State::Running).await
    }

    /// This is how it is now; `again` where that has to be told even if nothing differs.
    pub(super) async fn found(&mut self, guest: Guest, again: bool) -> Result<(), Fault> {
        if !guest.state.is_alive() {
            return self.ended(&guest.id, guest.state).await;
        }
        self.doubted.remove(&guest.id);
        if self.known.get(&guest.id).is_some_and(|known| **known == guest) && !again {
            return Ok(());
        }
        let guest = Arc::new(guest);
        self.known.insert(guest.id.clone(), guest.clone());
        self.tell(News::One(guest)).await
    }

    /// It has ended, or is no more.
    pub(super) async fn ended(&mut self, id: &str, state: GuestState) -> Result<(), Fault> {
        self.doubted.remove(id);
        let Some(mut known) = self.known.remove(id) else { return Ok(()) };
        let guest = Arc::make_mut(&mut known);
        guest.state = if state == GuestState::Shutoff { state } else { GuestState::Shutdown };
        guest.pid = None;
        self.tell(News::One(known)).await?;
        self.tell(News::Gone(id.to_owned())).await
    }

    /// It could not be described, and stays as it was; to be asked about again.
    pub(super) fn doubt(&mut self, id: &str, why: &impl Display) {
        self.doubted.insert(id.to_owned());
        self.complain(id.get(..12).unwrap_or(id), why);
    }

    /// Those that a list gives reason to ask about: new, not as they were, not in it, or in doubt.
    pub(super) fn suspects(&self, listed: &[Listed]) -> Vec<String> {
        let differs = |entry: &&Listed| {
            self.known.get(&entry.id).is_none_or(|guest| {
                guest.state != entry.state || entry.name.as_ref().is_some_and(|name| *name != guest.name)
            })
        };
        let ids: HashSet<&str> = listed.iter().map(|entry| entry.id.as_str()).collect();
        let missing = self.known.keys().chain(&self.doubted).filter(|id| !ids.contains(id.as_str()));
        let doubted = self.doubted.iter().filter(|id| ids.contains(id.as_str()));
        let differing = listed.iter().filter(differs).map(|entry| &entry.id);
        differing.chain(missing).chain(doubted).cloned().collect()
    }

    /// Something was not as it should be, and costs only itself.
    pub(super) fn complain(&mut self, about: &str, what: &impl Display) {
        self.problems += 1;
        let now = self.clock.now();
        if self.said.is_some_and(|said| now - said < QUIET) {
            self.unsaid += 1;
            return;
        }
        self.said = Some(now);
        let (unsaid, problems) = (std::mem::take(&mut self.unsaid), self.problems);
        log::warn!(target: "docker", "{about}: {what} ({problems} problems so far, {unsaid} of them not said)");
    }

    async fn tell(&self, news: News) -> Result<(), Fault> {
        if self.feed.tell(news).await { Ok(()) } else { Err(Fault::Unheard) }
    }
}
