//! The guests of this host, as the agent's loop sees them: who lives, what is read of each, and who is told of it.
//!
//! In: the settings, the news of engines. Out: counter samples of guests; events for other programs; what the status says.
//! `engines` has the tasks, `meter` reads one guest's counters, `records` makes them a sample, `polling` sends it, `events` is
//! the socket. Rules: a guest is polled from the moment it is known, and sends one last sample with the last good
//! counters when it ends; an engine that fails costs no guest.

mod engines;
pub mod events;
mod marking;
mod meter;
mod polling;
mod records;
mod report;

pub(super) use engines::Treatment;
pub use polling::Facts;

use crate::collect::guests::{News, Receiver, channel};
use crate::collect::interfaces::Table;
use crate::config::model::{Modules, Settings};
use crate::host::Host;
use crate::sample::guest::domain::Counters;
use crate::sample::guest::roster::{Change, Maker, Member, Refusal, Roster};
use crate::sample::guest::{Engine, Guest, GuestState};
use crate::status::registry::State;
use engines::Engines;
use events::Listeners;
use meter::{Kernel, Meter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// What news mean for the rest of the agent.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How the engine is.
    pub state: Option<State>,
    /// Data sources that are polled from now on, the first time at once.
    pub started: Vec<u32>,
    /// Data sources whose engine counts for them: they send when it has.
    pub counted: Vec<u32>,
    /// Data sources that send one last sample at once.
    pub ended: Vec<u32>,
}

/// What is so when news come.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The interfaces of this host.
    pub table: &'a Table,
    /// The time.
    pub now: Instant,
}

/// All guests.
pub struct Guests {
    engines: Engines,
    receiver: Option<Receiver>,
    roster: Roster,
    kernel: Kernel,
    /// Of each guest that is polled, by data source.
    meters: BTreeMap<u32, Box<Meter>>,
    /// Guests that have ended, until their last sample.
    leaving: BTreeMap<u32, (Member, Box<Meter>)>,
    /// Of guests that do not run and that their engine still has: what listeners are told of their end.
    resting: BTreeMap<u32, Box<Meter>>,
    listeners: Listeners,
    refused: Refused,
    /// Engines that do not answer, and since when.
    silent: BTreeMap<Engine, Instant>,
    /// Marks of packets are older than what they are made of; when to make new ones.
    marks_due: Option<Instant>,
}

/// Guests that could not be taken in.
#[derive(Debug, Default)]
struct Refused {
    count: u64,
    /// Why the last one was, which is said once.
    last: Option<(Engine, Refusal)>,
}

/// Which event a change is.
#[derive(Clone, Copy)]
enum Happening {
    Start,
    Change,
    Stop,
}

impl Guests {
    /// No engine is asked yet.
    pub fn new(host: &Host) -> Self {
        let (feed, receiver) = channel();
        Self {
            engines: Engines::new(host, feed),
            receiver: Some(receiver),
            roster: Roster::default(),
            kernel: Kernel::new(host),
            meters: BTreeMap::new(),
            leaving: BTreeMap::new(),
            resting: BTreeMap::new(),
            listeners: Listeners::default(),
            refused: Refused::default(),
            silent: BTreeMap::new(),
            marks_due: None,
        }
    }

    /// Where the news of the engines come out; the loop takes it once.
    pub fn receiver(&mut self) -> Option<Receiver> {
        self.receiver.take()
    }

    /// Asks the engines that the settings name, and no others: their guests are forgotten, without a last sample, as they may
    /// well live on. Returns the latter, and what is not polled any more.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn apply(&mut self, settings: &Settings, scene: Scene<'_>) -> (Vec<Engine>, Outcome) {
        self.set_pressure(settings.guest_pressure);
        let stopped = self.engines.apply(&settings.modules);
        let mut outcome = Outcome::default();
        stopped.iter().for_each(|engine| _ = self.silent.remove(engine));
        stopped.iter().for_each(|engine| self.keep(*engine, &BTreeSet::new(), scene, &mut outcome));
        self.forget_ended();
        (stopped, outcome)
    }

    fn set_pressure(&mut self, wanted: bool) {
        if std::mem::replace(&mut self.kernel.pressure, wanted) != wanted {
            let cgroups = self.meters.values_mut().filter_map(|meter| meter.cgroup.as_mut());
            cgroups.for_each(|cgroup| cgroup.want_pressure(wanted));
        }
    }

    /// Takes in what an engine tells.
    pub fn take(&mut self, engine: Engine, news: News, maker: Maker, scene: Scene<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        match news {
            // It was told before the engine was stopped.
            _ if !self.engines.has(engine) => {}
            News::State(state) => {
                match state {
                    State::Running => _ = self.silent.remove(&engine),
                    _ => _ = self.silent.entry(engine).or_insert(scene.now),
                }
                outcome.state = Some(state);
            }
            News::All(mut guests) => {
                // As they came, as far as that is known: of two that have one hash, the first has the data source of it.
                guests.sort_by(|a, b| (a.pid, &a.id).cmp(&(b.pid, &b.id)));
                let ids = guests.iter().map(|guest| guest.id.as_str()).collect();
                self.keep(engine, &ids, scene, &mut outcome);
                guests.into_iter().for_each(|guest| self.put(guest, maker, scene, &mut outcome));
            }
            News::Counters(counters) => self.take_counters(engine, counters, scene, &mut outcome),
            News::One(guest) => {
                // What the engine itself does not tell of may have changed: its interfaces, or the cgroup under the same name.
                let known = self.roster.find(engine, &guest.id).map(|member| member.index);
                self.put(guest, maker, scene, &mut outcome);
                if let Some(index) = known {
                    self.look_again(index, scene);
                    self.age_marks(scene.now);
                }
            }
            News::Gone(id) => {
                let change = self.roster.remove(engine, &id);
                change.into_iter().for_each(|change| self.follow(change, scene, &mut outcome));
            }
        }
        outcome
    }

    /// Once a cycle: forgets guests that their engine has not answered for in so long, which are virtual machines, of which
    /// there is nothing else to know by, and containers whose cgroup is gone.
    pub fn forget_silent(&mut self, modules: &Modules, scene: Scene<'_>) -> Outcome {
        self.kernel.doubt_mounts();
        let mut outcome = Outcome::default();
        for (engine, since) in self.silent.clone() {
            let Some(patience) = Treatment::of(engine, modules).forget_after else { continue };
            if scene.now.saturating_duration_since(since) >= patience {
                let lives = |member: &&Member| engine != Engine::Kvm && self.has_cgroup(member.index);
                let kept = self.roster.iter().filter(|member| member.guest.engine == engine).filter(lives);
                let kept: BTreeSet<String> = kept.map(|member| member.guest.id.clone()).collect();
                self.keep(engine, &kept.iter().map(String::as_str).collect(), scene, &mut outcome);
            }
        }
        outcome
    }

    fn has_cgroup(&self, index: u32) -> bool {
        self.meters.get(&index).is_some_and(|meter| !meter.values.cgroup.gone)
    }

    /// Whose guests `virt_node` counts, and how many there are.
    pub fn counted(&self) -> Option<u32> {
        let count = self.roster.count(self.engines.counted()?);
        u32::try_from(count).ok()
    }

    fn take_counters(
        &mut self,
        engine: Engine,
        counters: Vec<(String, Counters)>,
        scene: Scene<'_>,
        outcome: &mut Outcome,
    ) {
        for (id, counters) in counters {
            let Some(index) = self.roster.find(engine, &id).map(|member| member.index) else { continue };
            if let Some(meter) = self.meters.get_mut(&index) {
                let same = meter.values.domain.as_ref().is_some_and(|old| old.vnics == counters.vnics);
                meter.values.domain = Some(Box::new(counters));
                outcome.counted.push(index);
                // Its interfaces come with its counters, after listeners were told that it is there.
                if let Some(member) = self.roster.get(index).filter(|_| !same).cloned() {
                    self.tell(&member, Happening::Change, scene);
                }
            }
        }
    }

    /// Has the engines count that count themselves.
    pub fn ask_counters(&self) {
        self.engines.ask_counters();
    }

    /// Ends all guests of this engine but these.
    fn keep(&mut self, engine: Engine, ids: &BTreeSet<&str>, scene: Scene<'_>, outcome: &mut Outcome) {
        for id in self.roster.others(engine, ids) {
            let change = self.roster.remove(engine, &id);
            change.into_iter().for_each(|change| self.follow(change, scene, outcome));
        }
    }

    fn put(&mut self, guest: Arc<Guest>, maker: Maker, scene: Scene<'_>, outcome: &mut Outcome) {
        let (engine, id) = (guest.engine, guest.id.clone());
        // An engine that was away tells of the end of what was forgotten meanwhile.
        if !is_polled(&guest) && self.roster.find(engine, &id).is_none() {
            return;
        }
        if self.was_restarted(&guest) {
            let change = self.roster.remove(engine, &id);
            change.into_iter().for_each(|change| self.follow(change, scene, outcome));
        }
        match self.roster.put(guest, maker) {
            Ok(change) => change.into_iter().for_each(|change| self.follow(change, scene, outcome)),
            Err(refusal) => {
                self.refused.count += 1;
                let why = Some((engine, refusal.clone()));
                if self.refused.last != why {
                    log::warn!(target: "guests", "left out {} {id:.64}, and others perhaps: {refusal}", engine.name());
                    self.refused.last = why;
                }
            }
        }
    }

    /// A container that has another first process than before has ended and counts from the beginning, though nobody
    /// was there to tell of its end. So does a pod in another cgroup, as its name may be given again.
    fn was_restarted(&self, guest: &Guest) -> bool {
        let Some(Member { guest: before, .. }) = self.roster.find(guest.engine, &guest.id) else {
            return false;
        };
        match guest.engine {
            Engine::Docker | Engine::Containerd => {
                before.pid.zip(guest.pid).is_some_and(|(before, now)| before != now)
            }
            Engine::K8s => {
                before.cgroup.as_ref().zip(guest.cgroup.as_ref()).is_some_and(|(before, now)| before != now)
            }
            Engine::Kvm | Engine::Systemd => false,
        }
    }

    fn follow(&mut self, change: Change, scene: Scene<'_>, outcome: &mut Outcome) {
        match change {
            Change::Started(index) => self.follow_one(index, Happening::Start, scene, outcome),
            Change::Changed(index) => self.follow_one(index, Happening::Change, scene, outcome),
            Change::Ended(mut member) => {
                self.tell(&member, Happening::Stop, scene);
                self.resting.remove(&member.index);
                Arc::make_mut(&mut member.guest).state = match member.guest.engine {
                    Engine::Kvm | Engine::Systemd => GuestState::Shutoff,
                    Engine::Docker | Engine::Containerd | Engine::K8s => GuestState::Shutdown,
                };
                self.end(*member, outcome);
            }
        }
    }

    fn follow_one(&mut self, index: u32, happening: Happening, scene: Scene<'_>, outcome: &mut Outcome) {
        let Some(member) = self.roster.get(index).cloned() else { return };
        if !is_polled(&member.guest) {
            self.tell(&member, happening, scene);
            return self.end(member, outcome);
        }
        self.resting.remove(&index);
        if let Some(meter) = self.meters.get_mut(&index) {
            meter.follow(&member.guest, &mut self.kernel);
        } else {
            let mut meter = Box::<Meter>::default();
            meter.follow(&member.guest, &mut self.kernel);
            self.meters.insert(index, meter);
            if member.guest.engine != Engine::Kvm {
                outcome.started.push(index);
            }
        }
        self.tell(&member, happening, scene);
    }

    /// It is not polled any more.
    fn end(&mut self, member: Member, outcome: &mut Outcome) {
        if let Some(meter) = self.meters.remove(&member.index) {
            outcome.started.retain(|index| *index != member.index);
            outcome.ended.push(member.index);
            self.leaving.insert(member.index, (member, meter));
        }
    }
}

/// A container that does not run has no counters; a virtual machine that is off has its disks.
fn is_polled(guest: &Guest) -> bool {
    guest.engine == Engine::Kvm || guest.state.is_alive()
}

#[cfg(test)]
mod tests;
