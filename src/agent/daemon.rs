//! The running agent: one value that owns every part, and what it does when time passes, when the interfaces change
//! and when a collector's name is resolved. In: events from the loop (`run`). Out: datagrams, the settings file,
//! component states. Rule: each event is handled to its end before the next, so no datagram is ever made of two sets
//! of settings.

use super::applications::{Applications, COMPONENT};
use super::args::Options;
use super::asked::{Desk, Questions, desk};
use super::change::settings_of;
use super::configuration::Loaded;
use super::cost::Polls;
use super::cumulus::Cumulus;
use super::dbus::Dbus;
use super::flow_control::FlowControls;
use super::guests::Guests;
use super::hearing::Ears;
use super::identity;
use super::measures::{Due, Measures};
use super::metrics::Metrics;
use super::open_vswitch::OpenVswitch;
use super::optics::Optics;
use super::outlet::SharedOutlet;
use super::pace::Pace;
use super::packets::Packets;
use super::ports::SUSPENDED;
use super::sampling::Watches;
use super::tc_sampling::TcSampling;
use crate::collect::host::uuid::HostUuid;
use crate::collect::interfaces::{Change, Changes, InterfaceError, Interfaces, Parts, RECEIVE_BUFFER};
use crate::config::model::{Settings, TapId};
use crate::discover::Discovery;
use crate::export::Applied;
use crate::export::auto::AutoFile;
use crate::host::Host;
use crate::sample::address::{Election, Wish, elect};
use crate::sample::wall::Wall;
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::ids::DataSource;
use crate::status::registry::{Registry, State};
use crate::status::telemetry::Telemetry;
use crate::sys::tally;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// While the host boots, addresses come in any order: an IPv6 address by router announcement a second before the one by
/// DHCP. Only after that is the elected one kept as long as it lives.
const BOOTING: Duration = Duration::from_secs(120);

/// The agent and everything it owns.
pub struct Agent {
    /// The command line.
    pub options: Options,
    /// The machine it looks at.
    pub host: Host,
    /// Seconds, as the schedule counts them.
    pub pace: Pace,
    /// The settings of the file.
    pub file: Settings,
    /// What DNS says.
    pub discovery: Discovery,
    /// The settings in force: those of the file and what DNS says.
    pub settings: Settings,
    /// Warnings and notes about them.
    pub remarks: Vec<String>,
    /// Rises with each accepted change.
    pub revision: u64,
    /// When the last one was.
    pub(super) changed_at: Instant,
    pub(super) wall: Wall,
    /// What is polled.
    pub measures: Measures,
    /// Where datagrams go.
    pub outlet: SharedOutlet,
    /// The agent address in force, and why.
    pub election: Election,
    /// The host's UUID, and where it comes from.
    pub uuid: HostUuid,
    /// Virtual machines, containers, pods and services.
    pub guests: Guests,
    /// Component states.
    pub registry: Registry,
    /// The agent's own counters.
    pub telemetry: Telemetry,
    /// The packet thread.
    pub packets: Packets,
    /// The thread of applications.
    pub applications: Applications,
    /// What Open vSwitch is told.
    pub open_vswitch: OpenVswitch,
    /// The page of metrics.
    pub metrics: Metrics,
    /// The agent on the bus.
    pub dbus: Dbus,
    /// Where those who serve others put their questions, and where they arrive until the loop takes that end.
    pub(super) desk: Desk,
    pub(super) questions: Option<Questions>,
    pub(super) polls: Polls,
    /// Clients that the control socket dropped, when it last said.
    pub(super) control_clients: u64,
    /// The agent before this one was killed, or crashed.
    pub(super) follows_a_crash: bool,
    /// The thread that reads transceivers.
    pub(super) optics: Optics,
    pub(super) flow_control: FlowControls,
    /// The ports of a Cumulus Linux switch.
    pub(super) cumulus: Cumulus,
    /// Switch ports that `tc` samples.
    pub tc: TcSampling,
    pub(super) watches: Watches,
    pub(super) ears: Ears,
    /// The packet thread could not be started; tried again with the next poll.
    pub(super) thread_refused: bool,
    /// The same of the thread of applications.
    applications_refused: bool,
    /// Which object of the file asks for the tap of an interface.
    pub(super) tapped_by: BTreeMap<u32, TapId>,
    pub(super) wish: Wish,
    /// Why `agentIP` is no part of the wish, though the settings name it.
    pub(super) unresolved: Option<String>,
    pub(super) datagrams: Datagrams,
    pub(super) auto: AutoFile,
    pub(super) due: Due,
    /// A poll was given up because no collector has an address yet.
    poll_missed: bool,
    polled_second: u64,
    pub(super) refresh_at: Instant,
}

impl Agent {
    /// Reads the interfaces and makes every part; sends nothing yet.
    ///
    /// # Errors
    /// The kernel gives no interfaces, which the agent cannot do without.
    pub fn new(options: Options, loaded: Loaded) -> Result<Self, InterfaceError> {
        let host = Host::at(&options.root);
        let now = host.clock.now();
        let Loaded { settings: file, remarks } = loaded;
        let mut discovery = Discovery::new(&options.root, seed());
        discovery.apply(file.modules.dns_sd.as_ref(), now);
        let settings = settings_of(&file, discovery.verdict());
        let interfaces = Interfaces::open(RECEIVE_BUFFER, now)?;
        let uuid = identity::uuid(&host, &options, &settings);
        let mut measures = Measures::new(interfaces, &host, settings.polling_secs);
        measures.set_uuid(uuid.uuid);
        let limit = settings.datagram_bytes as usize;
        let pace = Pace::new(now);
        let outlet = SharedOutlet::new(&options.root, settings.sub_agent(), pace.start());
        let (desk, questions) = desk();
        Ok(Self {
            metrics: Metrics::default(),
            dbus: Dbus::default(),
            desk,
            questions: Some(questions),
            polls: Polls::default(),
            control_clients: 0,
            follows_a_crash: false,
            packets: Packets::new(&host, &outlet, pace),
            applications: Applications::new(&host, &outlet, pace),
            open_vswitch: OpenVswitch::default(),
            tc: TcSampling::new(&host),
            guests: Guests::new(&host),
            optics: Optics::default(),
            flow_control: FlowControls::default(),
            cumulus: Cumulus::new(&host),
            watches: Watches::default(),
            ears: Ears::default(),
            thread_refused: false,
            applications_refused: false,
            tapped_by: BTreeMap::new(),
            outlet,
            pace,
            wish: Wish::default(),
            unresolved: None,
            election: elect(&[], &Wish::default(), None),
            datagrams: Datagrams::new(limit, Ipv4Addr::UNSPECIFIED.into()),
            measures,
            auto: AutoFile::open(&options.auto_file),
            registry: Registry::default(),
            telemetry: Telemetry::default(),
            due: Due::nothing(now),
            poll_missed: false,
            polled_second: 0,
            refresh_at: now + refresh_interval(&settings),
            revision: 1,
            changed_at: now,
            wall: Wall::default(),
            options,
            host,
            file,
            discovery,
            settings,
            remarks,
            uuid,
        })
    }

    /// Time since the start, as the collectors count it.
    pub fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.pace.start())
    }

    /// Everything once: chooses sources, elects the address, and sends the first sample of each.
    pub fn begin(&mut self) {
        let now = self.host.clock.now();
        self.watch_clock(now);
        self.set("configuration", State::Running);
        (self.wish, self.unresolved) = identity::wish(&self.settings);
        self.apply_settings(now);
        self.polled_second = self.pace.second(now);
        self.poll_all();
        self.write_auto();
        self.report_collectors(now);
        self.report_discovery();
    }

    /// Polls every source, whoever's turn it is.
    pub(super) fn poll_all(&mut self) {
        if self.settings.polling_secs > 0 {
            self.due.refill(self.measures.sources.keys().copied());
            self.poll(self.host.clock.now());
        }
    }

    /// Makes the collectors those of the settings.
    pub(super) fn apply_collectors(&mut self, now: Instant) -> Applied {
        let applied = self.outlet.lock().collectors.apply(&self.settings.collectors, self.since_start(now));
        if applied.repeated > 0 {
            log::info!(target: "collectors", "{} repeat an earlier one and count once", applied.repeated);
        }
        let state = match (self.settings.suspended, self.settings.collectors.as_slice()) {
            (Some(_), _) => State::Unavailable { reason: "nothing is sent: see dns-sd".to_owned() },
            (None, []) if self.settings.modules.metrics.is_some() => State::Unavailable {
                reason: "the configuration names none: nothing is sent, metrics are asked for".to_owned(),
            },
            (None, []) => State::degraded("nothing is sent: the configuration names no collector"),
            (None, _) => State::Running,
        };
        self.set("collectors", state);
        applied
    }

    /// Makes the inputs of applications those of the settings.
    pub(super) fn apply_applications(&mut self) {
        let applied = self.applications.apply(&self.settings);
        self.applications_refused = applied.is_err();
        match applied {
            Ok(()) => self.on_applications(),
            Err(e) => self.set(COMPONENT, State::degraded(&format!("its thread cannot be started: {e}"))),
        }
    }

    /// The thread of applications has news.
    pub fn on_applications(&mut self) {
        let idle = self.settings.modules.json.is_some() && self.settings.suspended.is_some();
        let unavailable = || State::Unavailable { reason: SUSPENDED.to_owned() };
        self.show(COMPONENT, self.applications.state().or_else(|| idle.then(unavailable)));
    }

    /// Polls what has become due, and does what else the time asks for.
    pub fn on_time(&mut self) {
        let now = self.host.clock.now();
        let second = self.pace.second(now);
        self.watch_clock(now);
        // After a stall each source is polled once, not once for each cycle that was missed.
        let cycle = u64::from(self.settings.polling_secs);
        let missed = (self.polled_second + 1).max((second + 1).saturating_sub(cycle))..=second;
        let schedule = &self.measures.schedule;
        self.due.refill(missed.flat_map(|s| schedule.due(s)));
        self.polled_second = second;
        let host_is_due = self.due.host;
        if !self.due.is_nothing() {
            self.poll(now);
        }
        if host_is_due {
            self.attend_guests(now);
            self.attend_cumulus();
        }
        if now >= self.refresh_at {
            self.refresh_at = now + refresh_interval(&self.settings);
            let read = self.measures.interfaces.refresh(now);
            self.follow(read);
        } else if self.measures.interfaces.wake_at().is_some_and(|at| at <= now) {
            self.on_interfaces();
        }
        self.renew_marks(now);
        self.on_lookup();
        if self.discovery.next_tick().is_some_and(|at| at <= now) {
            self.on_discovery();
        }
    }

    /// A collector's name was resolved, or a lookup is due.
    pub fn on_lookup(&mut self) {
        let now = self.host.clock.now();
        let changed = self.outlet.lock().collectors.tick(self.since_start(now));
        if changed {
            self.write_auto();
            self.apply_open_vswitch();
        }
        if self.poll_missed && !self.outlet.lock().collectors.awaits_names() {
            self.poll_missed = false;
            self.poll_all();
        }
        self.report_collectors(now);
    }

    /// The kernel has news of interfaces or addresses.
    pub fn on_interfaces(&mut self) {
        let now = self.host.clock.now();
        let read = self.measures.interfaces.read_events(now);
        self.follow(read);
    }

    fn follow(&mut self, read: Result<Changes, InterfaceError>) {
        let changes = match read {
            Ok(changes) => changes,
            Err(e) => return self.set("interfaces", State::degraded(&e)),
        };
        self.set("interfaces", State::Running);
        if changes.is_empty() {
            return;
        }
        self.measures.choose_changed(&self.settings, &changes);
        self.follow_tc(&changes);
        self.follow_sampling(&changes);
        self.follow_cumulus(&changes);
        self.follow_guests(&changes);
        self.follow_optics(&changes);
        self.follow_flow_control(&changes);
        let any = |test: fn(&Parts) -> bool| {
            changes.iter().any(|(_, c)| if let Change::Updated(parts) = c { test(parts) } else { true })
        };
        if any(|p| p.name) {
            self.outlet.lock().collectors.interfaces_changed();
        }
        if changes.addresses() {
            self.outlet.lock().collectors.addresses_changed();
        }
        if any(|p| p.addresses || p.admin || p.master || p.mac || p.name || p.alias) {
            self.elect();
            self.write_auto();
            self.apply_open_vswitch();
        }
    }

    /// When the agent must wake up next for its own sake.
    pub fn next_wake(&self) -> Instant {
        let poll = self.measures.schedule.next_after(self.polled_second).map(|s| self.pace.begins(s));
        let lookup = self.outlet.lock().collectors.next_tick().map(|at| self.pace.start() + at);
        let resync = self.measures.interfaces.wake_at();
        let query = self.discovery.next_tick();
        let marks = self.guests.marks_due();
        [poll, lookup, resync, query, marks].into_iter().flatten().fold(self.refresh_at, Instant::min)
    }

    /// Polls these sources now, whoever's turn it is.
    pub(super) fn poll_some(&mut self, sources: impl Iterator<Item = DataSource>) {
        self.due.refill(sources);
        if self.settings.polling_secs > 0 && !self.due.is_nothing() {
            self.poll(self.host.clock.now());
        }
    }

    fn poll(&mut self, now: Instant) {
        if self.election.choice.is_none() || self.settings.suspended.is_some() {
            return;
        }
        // Collectors get what they missed when they are found; who reads along is there.
        let awaited = self.outlet.lock().collectors.awaits_names();
        self.poll_missed |= awaited;
        if awaited && !self.outlet.is_watched() && !self.metrics.are_on() {
            return;
        }
        self.take_flow_control();
        self.due.stamp(now, self.pace.uptime_ms(now));
        let before = tally::of_this_thread();
        let outlet = &self.outlet;
        let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, now);
        let polled =
            self.measures.poll(&self.due, &self.settings, &mut self.guests, &mut self.datagrams, &mut send);
        self.datagrams.flush(self.due.uptime_ms, &mut send);
        self.polls.count += 1;
        self.polls.calls += tally::of_this_thread() - before;
        self.telemetry.counter_samples += polled.outcome.samples;
        self.telemetry.rtmetric_samples += polled.outcome.metrics;
        self.telemetry.counter_samples_suppressed += polled.outcome.suppressed;
        self.set("interfaces", State::from_result(polled.interfaces));
        self.watch_samplers();
        self.read_optics(now);
        self.ask_flow_control();
        if self.applications_refused {
            self.apply_applications();
        }
        if self.due.host {
            self.set("host-counters", State::from_result(polled.host));
            self.report_host();
            // The host may have another name now, and a full disk may have room again.
            self.write_auto();
            self.keep_cost();
        }
    }

    /// Elects the agent address anew from the interfaces and wishes as they are.
    pub(super) fn elect(&mut self) {
        let candidates = identity::candidates(self.measures.interfaces.table(), &self.settings);
        let booting = self.pace.since_boot(self.host.clock.now()) < BOOTING;
        let election = elect(&candidates, &self.wish, Some(&self.election).filter(|_| !booting));
        if election.choice != self.election.choice {
            log::info!(target: "agent-address", "{}", election.explanation);
        }
        self.election = election;
        self.put_address_in_force();
        let state = match (&self.election.choice, &self.unresolved) {
            (Some(_), None) => State::Running,
            (Some(choice), Some(why)) => State::degraded(&format!("{why}; {} until then", choice.ip)),
            (None, _) => State::degraded(&format!("nothing is sent: {}", self.election.explanation)),
        };
        self.set("agent-address", state);
    }

    fn put_address_in_force(&mut self) {
        let mut outlet = self.outlet.lock();
        outlet.set_agent(self.election.choice.as_ref().map(|choice| choice.ip));
        self.datagrams.set_limit(self.settings.datagram_bytes as usize, outlet.agent());
        drop(outlet);
        self.packets.desk.lock().fit_address();
    }
}

/// Another one in every process.
fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Reading all interfaces again is only a safety net under the notifications.
pub(super) fn refresh_interval(settings: &Settings) -> Duration {
    Duration::from_secs(u64::from(settings.refresh_adaptors_secs))
}
