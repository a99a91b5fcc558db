//! What hosts are doing, by their sFlow: the model behind `hsflowctl top` and `hsflowctl web`.
//!
//! In: datagrams of any agent, with the time of their coming ([`View::feed`]). Out: [`picture::Picture`]s, which are values:
//! rows of hosts, interfaces, guests, services, flows and drops with rates. `sheets` makes tables of text of them, `limits`
//! says what is high, `alerts` keeps a log of it. Rules: pure, time is an argument; whatever comes, memory is bounded by
//! [`Room`]; what is not known is `None` and no 0; counters that wrap or begin again give no false rate. Spec: sFlow v5,
//! sFlow Host Structures, top.toml in hsflowctl(1).

pub mod agent;
pub mod alerts;
pub mod applications;
pub mod counter;
pub mod drops;
pub mod flows;
pub mod guests;
pub mod host;
pub mod interfaces;
pub mod limits;
pub mod number;
pub mod picture;
pub mod sheet;
pub mod sheets;
pub mod summary;
pub mod text;
pub mod trail;

use crate::sflow::decode::{Datagram, decode};
use agent::Agent;
use alerts::Alerts;
use limits::Limits;
use picture::{HostLine, Picture};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Agents.
    pub hosts: usize,
    /// Interfaces, guests and services of all agents together.
    pub rows: usize,
    /// Flows that are followed, by agent.
    pub places: usize,
    /// Points of a host's history.
    pub trail: usize,
}

impl Room {
    /// For one host, which is this one.
    pub const ONE: Self = Self { hosts: 8, rows: 10_000, places: 512, trail: 120 };
    /// For whoever sends.
    pub const MANY: Self = Self { hosts: 512, rows: 20_000, places: 64, trail: 60 };
}

/// The time at which something came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// On a clock that does not go back.
    pub time: Duration,
    /// Seconds since 1970, for people.
    pub unix: u64,
}

/// An agent that has been silent for so long makes room for another.
const SILENT: Duration = Duration::from_secs(60);

/// All that is known.
#[derive(Clone, Debug)]
pub struct View {
    room: Room,
    limits: Limits,
    agents: BTreeMap<IpAddr, Agent>,
    rows: usize,
    alerts: Alerts,
    broken: u64,
    refused: u64,
}

impl View {
    /// Nothing is known yet.
    pub fn new(room: Room, limits: Limits) -> Self {
        let alerts = Alerts::new(limits.clone());
        Self { room, limits, agents: BTreeMap::new(), rows: 0, alerts, broken: 0, refused: 0 }
    }

    /// Takes a datagram in. False where it is no sFlow, or of an agent for which there is no room.
    pub fn feed(&mut self, now: Now, bytes: &[u8]) -> bool {
        match decode(bytes) {
            Ok(datagram) => self.take(now, &datagram),
            Err(_) => {
                self.broken += 1;
                false
            }
        }
    }

    fn take(&mut self, now: Now, datagram: &Datagram) -> bool {
        let room = self.room;
        if !self.agents.contains_key(&datagram.agent) && !self.make_room(now) {
            self.refused += 1;
            return false;
        }
        let address = datagram.agent;
        let free = room.rows.saturating_sub(self.rows);
        let agent = self.agents.entry(address).or_insert_with(|| Agent::new(address, room));
        let before = agent.rows();
        agent.take(now, datagram, free, &mut self.alerts);
        self.rows = self.rows + agent.rows() - before;
        true
    }

    /// Room for one more agent: of those that are silent, the one that has been so for the longest time goes.
    fn make_room(&mut self, now: Now) -> bool {
        if self.agents.len() < self.room.hosts {
            return true;
        }
        let oldest = self.agents.iter().min_by_key(|(_, agent)| agent.heard());
        let silent = oldest.filter(|(_, agent)| now.time.saturating_sub(agent.heard()) > SILENT);
        let Some(address) = silent.map(|(address, _)| *address) else { return false };
        self.forget(address);
        true
    }

    fn forget(&mut self, address: IpAddr) {
        if let Some(agent) = self.agents.remove(&address) {
            self.rows -= agent.rows();
            self.alerts.forget(address);
        }
    }

    /// Time goes by: rates of what says nothing fall, and what is gone goes.
    pub fn tick(&mut self, now: Now) {
        for agent in self.agents.values_mut() {
            let before = agent.rows();
            agent.tick(now, &mut self.alerts);
            self.rows -= before - agent.rows();
        }
    }

    /// How things are now, with all of one agent: this one, or the one that was heard last.
    pub fn picture(&self, now: Now, shown: Option<IpAddr>) -> Picture {
        let of = |address: IpAddr| self.agents.get(&address);
        let shown = shown.map_or_else(|| self.latest(), of);
        Picture {
            unix: now.unix,
            hosts: self.agents.values().map(|agent| self.line(now, agent)).collect(),
            shown: shown.map(|agent| agent.picture(now)),
            alerts: self.alerts.lines().cloned().collect(),
            current: self.alerts.current(),
            broken: self.broken,
            refused: self.refused,
        }
    }

    fn latest(&self) -> Option<&Agent> {
        self.agents.values().max_by_key(|agent| agent.heard())
    }

    fn line(&self, now: Now, agent: &Agent) -> HostLine {
        HostLine { alerts: self.alerts.count(agent.address()), ..agent.line(now) }
    }

    /// What is high.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The log of what was high.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Interfaces, guests and services that are kept.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests;
