//! The running agent: one value that owns every part, and what it does when time passes, the interfaces change or
//! the settings do. In: events from the loop (`run`). Out: datagrams, the settings file, component states. Rule:
//! each event is handled to its end before the next, so no datagram is ever made of two sets of settings.

use super::args::Options;
use super::identity;
use super::measures::{Due, Measures};
use super::pace::Pace;
use crate::collect::host::{Uuid, choose_uuid};
use crate::collect::interfaces::Change;
use crate::config::model::Settings;
use crate::export::Collectors;
use crate::export::auto::{AutoCollector, AutoFile, AutoInfo, AutoSettings, body};
use crate::host::Host;
use crate::sample::address::{Election, elect};
use crate::sflow::datagram::Datagrams;
use crate::sflow::ids::DataSource;
use crate::status::registry::{Registry, State};
use crate::status::telemetry::Telemetry;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// The agent and everything it owns.
pub struct Agent {
    /// The command line.
    pub options: Options,
    /// The machine it looks at.
    pub host: Host,
    /// Seconds, as the schedule counts them.
    pub pace: Pace,
    /// The settings in force.
    pub settings: Settings,
    /// Warnings and notes about them.
    pub remarks: Vec<String>,
    /// Rises with each accepted change.
    pub revision: u64,
    /// What is polled.
    pub measures: Measures,
    /// Where datagrams go.
    pub collectors: Collectors,
    /// The agent address in force, and why.
    pub election: Election,
    /// The host's UUID, and where it comes from.
    pub uuid: Uuid,
    /// Component states.
    pub registry: Registry,
    /// The agent's own counters.
    pub telemetry: Telemetry,
    datagrams: Datagrams,
    auto: AutoFile,
    due: Due,
    polled_second: u64,
    resync_at: Instant,
}

impl Agent {
    /// Time since the start, as the collectors count it.
    pub fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.pace.start())
    }

    /// Everything once: chooses sources, elects the address, and sends the first sample of each.
    pub fn begin(&mut self) {
        let now = self.host.clock.now();
        self.measures.choose_all(&self.settings);
        let applied = self.collectors.apply(&self.settings.collectors, self.since_start(now));
        log::debug!(target: "collectors", "{applied:?}");
        self.elect(now);
        self.polled_second = self.pace.second(now);
        if self.settings.polling_secs > 0 {
            let all = self.measures.sources.keys().copied();
            self.due.refill(all, self.pace.uptime_ms(now));
            self.poll(now);
        }
        self.write_auto(now);
    }

    /// Polls what has become due, and does what else the time asks for.
    pub fn on_time(&mut self) {
        let now = self.host.clock.now();
        let second = self.pace.second(now);
        // After a stall each source is still polled once, not once for each cycle that was missed.
        let oldest = second.saturating_sub(u64::from(self.settings.polling_secs.saturating_sub(1)));
        let missed = (self.polled_second + 1).max(oldest)..=second;
        let schedule = &self.measures.schedule;
        self.due.refill(missed.flat_map(|s| schedule.due(s)), self.pace.uptime_ms(now));
        self.polled_second = second;
        if self.due.host || !self.due.interfaces.is_empty() {
            self.poll(now);
        }
        if now >= self.resync_at {
            self.resync(now);
        }
        self.on_lookup();
    }

    /// A collector's name was resolved, or a lookup is due.
    pub fn on_lookup(&mut self) {
        let now = self.host.clock.now();
        if self.collectors.tick(self.since_start(now)) {
            self.write_auto(now);
        }
        self.report_collectors(now);
    }

    /// The kernel has news of interfaces or addresses.
    pub fn on_interfaces(&mut self) {
        let now = self.host.clock.now();
        let read = self.measures.interfaces.read_events();
        self.follow(read, now);
    }

    fn resync(&mut self, now: Instant) {
        let read = self.measures.interfaces.resync();
        self.follow(read, now);
        self.resync_at = now + Duration::from_secs(u64::from(self.settings.refresh_adaptors_secs));
    }

    fn follow(&mut self, read: Result<Changes, InterfaceError>, now: Instant) {
        let changes = match read {
            Ok(changes) => changes,
            Err(e) => return self.set("interfaces", State::degraded(e)),
        };
        self.set("interfaces", State::Running);
        if changes.is_empty() {
            return;
        }
        self.measures.choose_changed(&self.settings, &changes);
        let parts = |test: fn(&Parts) -> bool| {
            changes.iter().any(|(_, c)| if let Change::Updated(p) = c { test(p) } else { true })
        };
        if parts(|p| p.name) {
            self.collectors.interfaces_changed();
        }
        if parts(|p| p.addresses || p.admin || p.master || p.name || p.alias) {
            self.elect(now);
        }
        if changes.iter().any(|(_, c)| matches!(c, Change::Updated(p) if p.addresses)) {
            self.collectors.addresses_changed();
        }
        self.write_auto(now);
    }

    /// When the agent must wake up next for its own sake.
    pub fn next_wake(&self) -> Instant {
        let poll = self.measures.schedule.next_after(self.polled_second).map(|s| self.pace.begins(s));
        let lookup = self.collectors.next_tick().map(|at| self.pace.start() + at);
        [poll, lookup].into_iter().flatten().fold(self.resync_at, Instant::min)
    }

    fn poll(&mut self, now: Instant) {
        let Some(choice) = &self.election.choice else { return };
        let since_start = now.saturating_duration_since(self.pace.start());
        let (collectors, telemetry) = (&mut self.collectors, &mut self.telemetry);
        let mut send = |datagram: &[u8]| {
            telemetry.datagrams += 1;
            collectors.send(datagram, since_start);
        };
        self.datagrams.set_agent(choice.ip, self.due.uptime_ms, &mut send);
        let (outcome, read) = self.measures.poll(&self.due, &self.settings, &mut self.datagrams, &mut send);
        self.datagrams.flush(self.due.uptime_ms, &mut send);
        self.telemetry.counter_samples += outcome.samples;
        self.telemetry.counter_samples_suppressed += outcome.suppressed;
        self.set("interfaces", read.map_or_else(State::degraded, |()| State::Running));
        if self.due.host {
            self.report_host();
        }
        self.report_collectors(now);
    }

    fn elect(&mut self, now: Instant) {
        let wish = identity::wish(&self.settings);
        let candidates = identity::candidates(self.measures.interfaces.table());
        let election = elect(&candidates, &wish, Some(&self.election));
        if election.choice != self.election.choice {
            log::info!(target: "agent-address", "{}", election.explanation);
        }
        self.election = election;
        let state = match &self.election.choice {
            Some(_) => State::Running,
            None => State::degraded(format!("nothing is sent: {}", self.election.explanation)),
        };
        self.set("agent-address", state);
        let _ = now;
    }

    fn write_auto(&mut self, now: Instant) {
        let choice = self.election.choice.as_ref();
        let hostname = self.measures.sample.id.as_ref().map(|id| id.hostname.clone()).unwrap_or_default();
        let collector = |(ip, c): (IpAddr, &CollectorSettings)| AutoCollector {
            ip,
            port: c.port,
            device: c.device.as_deref(),
            namespace: c.namespace.as_deref(),
        };
        todo!()
    }

    /// Notes a component's state, with the time of day.
    pub fn set(&mut self, component: &str, state: State) {
        let now = unix_secs(&self.host.clock);
        self.registry.set(component, state, now);
    }
}
