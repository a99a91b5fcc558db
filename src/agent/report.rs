//! The agent's state for people: component states, the snapshot for the control socket, the service manager's line,
//! telemetry in the log. In: the running agent. Out: values and log lines. Rule: a snapshot is made when somebody asks,
//! from what is known; nothing is read for it but the process's own cost.

use super::cost;
use super::daemon::Agent;
use super::{identity, ports};
use crate::collect::host::Component;
use crate::collect::interfaces::lag;
use crate::config::Effective;
use crate::export::readers::ReaderCounts;
use crate::export::report::{CollectorStatus, State as CollectorState};
use crate::sflow::ids::DataSource;
use crate::sflow::json::hyphenated;
use crate::status::registry::State;
use crate::status::snapshot::{self, Cost, Losses, SettingsInForce, Snapshot, VERSION};
use crate::status::telemetry::Telemetry;
use crate::status::verdict;
use std::time::Instant;

const COLLECTOR: &str = "collector ";

impl Agent {
    /// Notes a component's state, with the time of day.
    pub fn set(&mut self, component: &str, state: State) {
        self.registry.set(component, state, self.host.clock.unix_secs());
    }

    /// Notes a component's state; without one there is no such component.
    pub(super) fn show(&mut self, component: &str, state: Option<State>) {
        match state {
            Some(state) => self.set(component, state),
            None => self.registry.remove(component),
        }
    }

    pub(super) fn report_host(&mut self) {
        for component in Component::ALL {
            let problems = &self.measures.sample.problems;
            let errors: Vec<_> =
                problems.iter().filter(|p| p.component == component).map(|p| &p.error).collect();
            self.set(component.name(), State::from_problems(&errors));
        }
    }

    /// Notes the collectors' states; returns all that is known of them.
    pub(super) fn report_collectors(&mut self, now: Instant) -> Vec<CollectorStatus> {
        let list = self.outlet.lock().collectors.status(self.since_start(now));
        self.registry.retain(COLLECTOR, |name| list.iter().any(|c| component_of(c) == name));
        for collector in &list {
            let state = match &collector.state {
                CollectorState::Running => State::Running,
                CollectorState::Resolving => State::unavailable("looking up its name"),
                CollectorState::StandBy => State::unavailable("stand-by"),
                CollectorState::Degraded { reason } => State::degraded(reason),
            };
            self.set(&component_of(collector), state);
        }
        list
    }

    /// One line for the service manager.
    pub fn status_line(&self) -> String {
        let degraded: Vec<_> = self.registry.degraded().collect();
        let agent = self.election.choice.as_ref().map_or("no agent address".to_owned(), |c| c.ip.to_string());
        if degraded.is_empty() && self.settings.suspended.is_some() {
            return format!("agent {agent}, {}", ports::SUSPENDED);
        }
        if degraded.is_empty() {
            return format!(
                "agent {agent}, {} sources every {} s to {} collectors",
                self.measures.sources.len(),
                self.settings.polling_secs,
                self.settings.collectors.len()
            );
        }
        format!("agent {agent}, degraded: {}", degraded.join(", "))
    }

    /// The C agent's telemetry, one name and value a line.
    pub fn log_telemetry(&self) {
        for (name, value) in self.telemetry().fields() {
            log::info!(target: "telemetry", "{name}={value}");
        }
    }

    /// True when `-M` was given and more memory is resident.
    pub fn exceeds_memory_limit(&self) -> bool {
        let Some(limit) = self.options.memory_limit else { return false };
        let peak = cost::usage().peak_rss_kib * 1024;
        if peak > limit {
            log::error!(target: "agent", "{peak} bytes are or were resident, more than -M {limit} permits");
        }
        peak > limit
    }

    /// Everything `hsflowctl status` shows. `control_clients` are those that the control socket dropped.
    pub fn snapshot(&mut self, control_clients: u64) -> Snapshot {
        self.control_clients = control_clients;
        Snapshot { cost: self.cost_now(), ..self.snapshot_without_cost() }
    }

    /// The same without what has to be asked of the kernel: what the agent costs.
    pub(super) fn snapshot_without_cost(&mut self) -> Snapshot {
        let health = self.measures.interfaces.health();
        let counts = self.packets.desk.lock().counts;
        let (datagrams_unsent, readers, refused) = self.way_out();
        let now = self.host.clock.now();
        let collectors = self.report_collectors(now);
        self.watch_clock(now);
        let mut snapshot = Snapshot {
            version: VERSION,
            healthy: true,
            findings: Vec::new(),
            agent: self.identity_in_force(now),
            settings: self.settings_in_force(now),
            collectors: collectors.into_iter().map(collector).collect(),
            readers,
            components: self.registry.list(),
            discovery: self.discovery_in_force(),
            interfaces: self.interfaces_in_force(),
            guests: self.guests.list(self.measures.interfaces.table(), &self.measures.sources),
            applications: self.applications.report(),
            open_vswitch: self.open_vswitch.report(),
            telemetry: self.telemetry(),
            losses: Losses {
                interface_overruns: health.overruns,
                interface_malformed: health.malformed + health.truncated,
                interface_resyncs: health.resyncs,
                packets_malformed: counts.malformed,
                drop_events: counts.events_lost,
                datagrams_unsent,
                control_clients: self.control_clients,
                event_clients: self.guests.listeners_dropped(),
                stream_readers: refused,
                guests_refused: self.guests.refused(),
                log_lines: crate::log::lost(),
            },
            metrics: self.metrics.report(now),
            cost: Cost::default(),
        };
        snapshot.findings = verdict::findings(&snapshot);
        snapshot.healthy = verdict::is_healthy(&snapshot.findings);
        snapshot
    }

    /// The agent's own counters as they are now.
    pub(super) fn telemetry(&self) -> Telemetry {
        let counts = self.packets.desk.lock().counts;
        let told = self.applications.counts();
        let own = self.telemetry;
        Telemetry {
            datagrams: self.outlet.lock().datagrams,
            flow_samples: counts.flow_samples + told.flow_samples,
            flow_samples_suppressed: counts.flow_samples_suppressed + told.flow_samples_suppressed,
            flow_samples_unknown: counts.flow_samples_unknown,
            counter_samples: own.counter_samples + told.counter_samples + counts.counter_samples,
            counter_samples_suppressed: own.counter_samples_suppressed + told.counter_samples_suppressed,
            rtmetric_samples: own.rtmetric_samples + told.rtmetric_samples,
            rtflow_samples: told.rtflow_samples,
            dropped_samples: counts.dropped_samples,
            event_samples: counts.event_samples,
            event_samples_suppressed: counts.event_samples_suppressed,
        }
    }

    /// Datagrams that went to no collector, the programs that read along, and how many were turned away.
    fn way_out(&self) -> (u64, Vec<snapshot::Reader>, u64) {
        let mut outlet = self.outlet.lock();
        let unsent = outlet.unsent;
        let readers = outlet.readers();
        let told = |ReaderCounts { pid, datagrams, dropped }| snapshot::Reader { pid, datagrams, dropped };
        (unsent, readers.counts().map(told).collect(), readers.refused())
    }

    fn identity_in_force(&self, now: Instant) -> snapshot::Agent {
        let choice = self.election.choice.as_ref();
        snapshot::Agent {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_secs: self.pace.uptime_secs(now),
            follows_a_crash: self.follows_a_crash,
            address: choice.map(|c| c.ip.to_string()),
            device: choice.and_then(|c| c.device.clone()),
            address_reason: self.election.explanation.clone(),
            sub_agent_id: self.settings.sub_agent(),
            uuid: hyphenated(&self.uuid.uuid),
            uuid_reason: self.uuid.origin.to_string(),
            hostname: identity::hostname(&self.host),
        }
    }

    fn settings_in_force(&self, now: Instant) -> SettingsInForce {
        let s = &self.settings;
        let file = self.file_name();
        let inactive = s.origins.inactive.iter();
        SettingsInForce {
            inactive: inactive
                .map(|i| format!("{file}:{}:{}: {}: {}", i.line, i.column, i.key, i.why))
                .collect(),
            file,
            revision: self.revision,
            in_force_secs: now.saturating_duration_since(self.changed_at).as_secs(),
            named: s.origins.opened_by_lines().map(str::to_owned).collect(),
            polling_secs: s.polling_secs,
            sampling: s.sampling,
            header_bytes: s.header_bytes,
            datagram_bytes: s.datagram_bytes,
            interface_counters: s.interface_counters.to_string(),
            auto_file: self.auto.path().display().to_string(),
            values: self.values_in_force(),
        }
    }

    /// The configuration file, or that there is none.
    fn file_name(&self) -> String {
        let path = self.options.config.display();
        match self.settings.origins.file_name.as_str() {
            "built-in" => format!("{path} (absent: built-in)"),
            _ => path.to_string(),
        }
    }

    /// Every effective value, and where it came from; also from the command line.
    fn values_in_force(&self) -> Vec<snapshot::Value> {
        let by_option = self.settings.uuid.is_none() && self.options.uuid.is_some();
        let value = |Effective { key, value, origin }| match key.as_str() {
            "uuid" if by_option => snapshot::Value {
                value: Some(hyphenated(&self.uuid.uuid)),
                origin: "option -u".to_owned(),
                key,
            },
            _ => snapshot::Value { key, value, origin },
        };
        self.settings.effective().into_iter().map(value).collect()
    }

    fn interfaces_in_force(&self) -> Vec<snapshot::Interface> {
        let table = self.measures.interfaces.table();
        let entry = |i: &crate::collect::interfaces::Interface| snapshot::Interface {
            index: i.index,
            name: i.name.clone(),
            kind: i.kind.to_string(),
            switch_port: self.settings.modules.switchport(&i.name).is_some(),
            admin_up: i.admin_up,
            oper_up: i.oper_up,
            speed_bps: i.speed_bps,
            counter_samples: self.measures.sources.get(&DataSource::interface(i.index)).copied().unwrap_or(0),
            counters_reason: self.measures.decision(&self.settings, table, i).1.to_owned(),
            alias: i.alias.clone(),
            bond: i.master.and_then(|master| lag::in_words(i, table.get(master)?)),
            optics: self.optics.explain(i.index),
            sampling: self.sampling_in_force(i),
        };
        table.iter().map(entry).chain(self.vpp_in_force()).collect()
    }
}

fn component_of(collector: &CollectorStatus) -> String {
    format!("{COLLECTOR}{}", name_of(collector))
}

fn name_of(c: &CollectorStatus) -> String {
    let mut name = format!("{} port {}", c.host, c.port);
    for (word, value) in [("dev", &c.device), ("namespace", &c.namespace)] {
        if let Some(value) = value {
            name.push_str(&format!(" {word} {value}"));
        }
    }
    name
}

fn collector(c: CollectorStatus) -> snapshot::Collector {
    let n = c.counts;
    snapshot::Collector {
        name: name_of(&c),
        datagrams: n.datagrams,
        bytes: n.bytes,
        errors: n.errors.total(),
        lost: n.lost,
        last_error: c.last_error,
        last_send_secs_ago: c.last_success_secs_ago,
        state: c.state.word().to_owned(),
        address: c.address,
        error_kinds: n.errors,
        last_error_secs_ago: c.last_error_secs_ago,
    }
}
