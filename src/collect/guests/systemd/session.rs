//! One connection to systemd, from its first call to its end.
//!
//! In: [`Event`]s of the bus. Out: news. Rules: the first list is told when the cgroup of each of its services is known;
//! few questions are open at a time, because buses allow few; a service that is active before its first process has
//! entered its cgroup is looked at again for some seconds; whatever is not answered in time ends the session.

use super::bus::{Bus, Event, Listed, PATIENCE, group};
use super::names;
use super::tree::{AT_ONCE, MOST};
use super::trouble::Trouble;
use super::units::Units;
use crate::collect::guests::cgroup::Hierarchies;
use crate::collect::guests::{Feed, News};
use crate::status::registry::State;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// The system bus allows 128 open questions of a connection.
const OPEN: usize = 64;
/// A process enters its cgroup a moment after its service is said to be active.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LOOKS: u8 = 15;

/// Why a session is over.
pub(super) enum End {
    /// Nobody listens to the news.
    Unheard,
    /// The bus cannot be used.
    Trouble(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// What was asked.
enum Question {
    Signals,
    List,
    Group { unit: String },
}

/// An active service without processes.
struct Hopeful {
    unit: String,
    cgroup: String,
    looks: u8,
}

/// The state of a session.
pub(super) struct Session<'a> {
    bus: Bus,
    hierarchies: Hierarchies,
    units: &'a mut Units,
    feed: &'a Feed,
    open: HashMap<NonZeroU32, Question>,
    /// Services whose cgroup is to be asked for: unit and object path.
    waiting: VecDeque<(String, String)>,
    hopeful: Vec<Hopeful>,
    /// Which start of a service was looked at last: signals come for every change of it.
    invocations: HashMap<String, Vec<u8>>,
    /// The first list has come.
    listed: bool,
    refused: usize,
}

impl<'a> Session<'a> {
    pub(super) fn new(bus: Bus, hierarchies: Hierarchies, units: &'a mut Units, feed: &'a Feed) -> Self {
        Self {
            bus,
            hierarchies,
            units,
            feed,
            open: HashMap::new(),
            waiting: VecDeque::new(),
            hopeful: Vec::new(),
            invocations: HashMap::new(),
            listed: false,
            refused: 0,
        }
    }

    /// Runs until it is over.
    pub(super) async fn run(mut self, refresh: Duration) -> End {
        self.units.begin();
        match self.go(refresh).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn go(&mut self, refresh: Duration) -> Result<std::convert::Infallible, End> {
        for serial in self.bus.subscribe().await? {
            self.open.insert(serial, Question::Signals);
        }
        self.list().await?;
        let (mut refresh, mut again) = (interval(refresh), interval(LOOK_AGAIN));
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        refresh.tick().await;
        loop {
            tokio::select! {
                event = self.bus.next() => self.take(event?).await?,
                () = sleep(PATIENCE), if !self.open.is_empty() => return Err(self.unanswered().into()),
                _ = again.tick(), if !self.hopeful.is_empty() => self.look_again().await?,
                _ = refresh.tick() => self.refresh().await?,
            }
            self.ask().await?;
            self.complete().await?;
        }
    }

    async fn tell(&self, news: impl IntoIterator<Item = News>) -> Result<(), End> {
        for news in news {
            if !self.feed.tell(news).await {
                return Err(End::Unheard);
            }
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<(), End> {
        for serial in self.bus.list().await? {
            self.open.insert(serial, Question::List);
        }
        Ok(())
    }

    async fn refresh(&mut self) -> Result<(), End> {
        // Events may have kept the deadline away while the answer never came.
        if self.open.values().any(|question| matches!(question, Question::List)) {
            return Err(self.unanswered().into());
        }
        self.hierarchies.refresh().map_err(Trouble::from)?;
        self.list().await
    }

    fn unanswered(&self) -> Trouble {
        let call = match self.open.values().next() {
            Some(Question::Signals) => "Subscribe",
            Some(Question::Group { .. }) => "Get ControlGroup",
            Some(Question::List) | None => "ListUnitsByPatterns",
        };
        Trouble::NoAnswer { socket: self.bus.socket.clone(), call, secs: PATIENCE.as_secs() }
    }

    async fn take(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Answer(serial, answer) => match self.open.remove(&serial) {
                Some(Question::List) => {
                    let (services, refused) = self.bus.listed(&answer)?;
                    self.take_list(services, refused).await
                }
                Some(Question::Group { unit }) => self.take_group(unit, group(&answer)).await,
                Some(Question::Signals) | None => Ok(()),
            },
            Event::Refused(serial, reason) => self.take_refusal(serial, reason),
            Event::State { unit, active, invocation } => self.take_state(unit, &active, invocation).await,
            Event::Removed { unit } => self.take_removal(&unit).await,
            Event::Reloaded => self.list().await,
        }
    }

    fn take_refusal(&mut self, serial: NonZeroU32, reason: String) -> Result<(), End> {
        let call = match self.open.remove(&serial) {
            // The service went while it was asked about, which has signals of its own.
            Some(Question::Group { .. }) | None => return Ok(()),
            Some(Question::Signals) => "Subscribe",
            Some(Question::List) => "ListUnitsByPatterns",
        };
        Err(Trouble::Refused { socket: self.bus.socket.clone(), call, reason }.into())
    }

    async fn take_list(&mut self, services: Vec<Listed>, refused: usize) -> Result<(), End> {
        if refused > self.refused {
            log::warn!(target: "systemd", "{refused} of the services in systemd's list have names that no service can have; left out");
        }
        self.refused = refused;
        if services.len() > MOST {
            log::warn!(target: "systemd", "systemd lists {} services; the first {MOST} are told", services.len());
        }
        if !self.listed {
            self.units.forget();
        }
        let services: Vec<Listed> = services.into_iter().filter(|s| s.is_loaded).take(MOST).collect();
        let alive: BTreeSet<&str> =
            services.iter().filter(|s| s.active != "activating").map(|s| s.unit.as_str()).collect();
        let known: Vec<(String, String)> =
            self.units.names().map(|(unit, cgroup)| (unit.to_owned(), cgroup.to_owned())).collect();
        for (index, (unit, cgroup)) in known.into_iter().enumerate() {
            if index.is_multiple_of(AT_ONCE) {
                tokio::task::yield_now().await;
            }
            if !alive.contains(unit.as_str()) || !self.hierarchies.at(&cgroup).has_processes() {
                self.end(&unit).await?;
            }
        }
        for Listed { unit, path, active, .. } in services {
            if is_active(&active) && self.units.cgroup(&unit).is_none() {
                self.want(unit, path);
            }
        }
        self.listed = true;
        Ok(())
    }

    async fn take_state(
        &mut self,
        unit: String,
        active: &str,
        invocation: Option<Vec<u8>>,
    ) -> Result<(), End> {
        if matches!(active, "inactive" | "failed") {
            return self.end(&unit).await;
        }
        if active != "active" || invocation.is_some() && self.invocations.get(&unit) == invocation.as_ref() {
            return Ok(());
        }
        if let Some(invocation) = invocation.filter(|_| self.invocations.len() < MOST) {
            self.invocations.insert(unit.clone(), invocation);
        }
        let path = names::to_path(&unit);
        self.want(unit, path);
        Ok(())
    }

    /// systemd also forgets its units before it is executed anew, and while it reads its files again; their processes
    /// live on.
    async fn take_removal(&mut self, unit: &str) -> Result<(), End> {
        let cgroup = self.units.cgroup(unit);
        if cgroup.is_some_and(|cgroup| self.hierarchies.at(cgroup).has_processes()) {
            return Ok(());
        }
        self.end(unit).await
    }

    fn want(&mut self, unit: String, path: String) {
        self.forget(&unit);
        if self.waiting.len() < MOST {
            self.waiting.push_back((unit, path));
        }
    }

    /// What was asked about a service has no meaning any more.
    fn forget(&mut self, unit: &str) {
        self.waiting.retain(|(other, _)| other != unit);
        self.hopeful.retain(|hopeful| hopeful.unit != unit);
        for question in self.open.values_mut() {
            if matches!(question, Question::Group { unit: other } if other == unit) {
                *question = Question::Group { unit: String::new() };
            }
        }
    }

    async fn end(&mut self, unit: &str) -> Result<(), End> {
        self.forget(unit);
        self.invocations.remove(unit);
        let news = self.units.end(unit);
        self.tell(news).await
    }

    async fn take_group(&mut self, unit: String, cgroup: Option<String>) -> Result<(), End> {
        let Some(cgroup) = cgroup.filter(|cgroup| !unit.is_empty() && names::is_of_system(cgroup)) else {
            return Ok(());
        };
        if !self.hierarchies.at(&cgroup).has_processes() {
            self.hopeful.push(Hopeful { unit, cgroup, looks: LOOKS });
            return Ok(());
        }
        let news = self.units.start(unit, cgroup);
        self.tell(news).await
    }

    async fn look_again(&mut self) -> Result<(), End> {
        for hopeful in std::mem::take(&mut self.hopeful) {
            if self.hierarchies.at(&hopeful.cgroup).has_processes() {
                let news = self.units.start(hopeful.unit, hopeful.cgroup);
                self.tell(news).await?;
            } else if let Some(looks) = hopeful.looks.checked_sub(1) {
                self.hopeful.push(Hopeful { looks, ..hopeful });
            }
        }
        Ok(())
    }

    /// Asks as much as may be open.
    async fn ask(&mut self) -> Result<(), End> {
        let count = self.waiting.len().min(OPEN.saturating_sub(self.open.len()));
        if count == 0 {
            return Ok(());
        }
        let serials = self.bus.groups(self.waiting.iter().take(count).map(|(_, path)| path.as_str())).await?;
        for (serial, (unit, _)) in serials.into_iter().zip(self.waiting.drain(..count)) {
            self.open.insert(serial, Question::Group { unit });
        }
        Ok(())
    }

    /// Tells the first list when nothing about it is open.
    async fn complete(&mut self) -> Result<(), End> {
        if self.units.is_complete() || !self.listed || !self.open.is_empty() || !self.waiting.is_empty() {
            return Ok(());
        }
        let all = self.units.finish();
        self.tell([all, News::State(State::Running)]).await
    }
}

/// `reloading` and `refreshing` are active services that are told something.
fn is_active(state: &str) -> bool {
    matches!(state, "active" | "reloading" | "refreshing")
}
