//! The running agent: one value that owns every part, its first steps, and what each part does when interfaces change. In: events
//! from the loop (`run`). Out: datagrams, the settings file, component states. What else it does stands with the parts
//! (`polling`, `collectors`, `guests`, `tc_sampling` …). Rule: each event is handled to its end before the next, so no
//! datagram is ever made of two sets of settings.

use super::applications::Applications;
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
use super::polling::refresh_interval;
use super::tc_sampling::TcSampling;
use super::watches::Watches;
use crate::collect::host::uuid::HostUuid;
use crate::collect::interfaces::{Change, Changes, InterfaceError, Interfaces, Parts, RECEIVE_BUFFER};
use crate::config::model::{Settings, TapId};
use crate::discover::Discovery;
use crate::export::auto::AutoFile;
use crate::host::Host;
use crate::sample::address::{Election, Wish, elect};
use crate::sample::wall::Wall;
use crate::sflow::datagram::Datagrams;
use crate::status::registry::{Registry, State};
use crate::status::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

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
    pub(super) applications_refused: bool,
    /// Which object of the file asks for the tap of an interface.
    pub(super) tapped_by: BTreeMap<u32, TapId>,
    pub(super) wish: Wish,
    /// Why `agentIP` is no part of the wish, though the settings name it.
    pub(super) unresolved: Option<String>,
    pub(super) datagrams: Datagrams,
    pub(super) auto: AutoFile,
    pub(super) due: Due,
    /// A poll was given up because no collector has an address yet.
    pub(super) poll_missed: bool,
    pub(super) polled_second: u64,
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

    /// The kernel has news of interfaces or addresses.
    pub fn on_interfaces(&mut self) {
        let now = self.host.clock.now();
        let read = self.measures.interfaces.read_events(now);
        self.follow(read);
    }

    pub(super) fn follow(&mut self, read: Result<Changes, InterfaceError>) {
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
}

/// Another one in every process.
fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
