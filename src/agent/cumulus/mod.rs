//! `cumulus { }`: the sampling rates of a Cumulus Linux switch's ports, as the agent's loop sees them.
//!
//! In: settings, the interface table, `switchd.conf`. Out: commands, by a thread of its own (`thread`); the rates of ports at
//! the desk; the component's state, and each port's for `explain interface`. Rules: what is done about a port is decided
//! in `treatment`, which command is next in `sample::switch::port_rates`; the thread is started with the first port that
//! is to be set, after the process has given up its privileges, and ends with the agent.

mod show;
mod thread;
mod treatment;

use super::daemon::Agent;
use super::packets::SharedDesk;
use super::ports::SUSPENDED;
use super::worker::{Ended, Worker};
use crate::collect::interfaces::{Change, Changes, Interface, Table};
use crate::config::model::Settings;
use crate::host::{Host, files};
use crate::sample::switch::port_rates::PortState;
use crate::sample::switch::switchd::{PortSetting, parse_switchd};
use crate::sample::switch::thinning::PortRate;
use crate::status::registry::State;
use crate::switch::portsamp::PROGRAM;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use thread::{CumulusThread, Order};
use tokio::sync::Notify;
use treatment::Treatment;

/// The component's name, which is the object's in the configuration.
pub const COMPONENT: &str = "cumulus";
/// What Cumulus Linux has been told of single ports.
const SWITCHD: &str = "/etc/cumulus/switchd.conf";

/// What the agent's loop has not heard of yet.
#[derive(Clone, Debug, Default)]
struct SharedReport {
    report: Arc<Mutex<Report>>,
    news: Arc<Notify>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Report {
    /// Ports that are otherwise than they were; `None`: no more looked after.
    changed: BTreeMap<u32, Option<PortState>>,
    /// There is no such program.
    missing: bool,
}

/// The ports of the switch.
pub(super) struct Cumulus {
    host: Host,
    program: PathBuf,
    shared: SharedReport,
    /// How the ports are that the thread looks after, as far as was heard.
    ports: BTreeMap<u32, PortState>,
    /// Those of them that a command failed for.
    faulty: BTreeSet<u32>,
    /// There is no such program.
    missing: bool,
    treatments: BTreeMap<u32, Treatment>,
    switchd: BTreeMap<String, PortSetting>,
    switchd_of: Option<SystemTime>,
    thread: Option<Worker<Vec<Order>>>,
    refused: Option<String>,
}

impl SharedReport {
    /// Adds what has changed, and rings where that is anything.
    fn publish(&self, changed: BTreeMap<u32, Option<PortState>>, missing: bool) {
        let mut report = self.lock();
        if !changed.is_empty() || report.missing != missing {
            report.changed.extend(changed);
            report.missing = missing;
            self.news.notify_one();
        }
    }

    /// Hands over what has changed.
    fn take(&self) -> Report {
        let mut report = self.lock();
        Report { changed: std::mem::take(&mut report.changed), missing: report.missing }
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cumulus {
    /// No port is set, and no thread runs.
    pub(super) fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            program: host.path(PROGRAM),
            shared: SharedReport::default(),
            ports: BTreeMap::new(),
            faulty: BTreeSet::new(),
            missing: false,
            treatments: BTreeMap::new(),
            switchd: BTreeMap::new(),
            switchd_of: None,
            thread: None,
            refused: None,
        }
    }

    /// Tells the thread to end.
    pub(super) fn end(&mut self) -> Option<Ended> {
        self.thread.take().and_then(Worker::end)
    }

    /// Rings when the report has changed.
    pub(super) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.news)
    }

    /// Reads `switchd.conf` again where it is another one.
    fn read_switchd(&mut self) -> bool {
        let path = self.host.path(SWITCHD);
        let changed = std::fs::metadata(&path).and_then(|found| found.modified()).ok();
        if changed == self.switchd_of {
            return false;
        }
        self.switchd_of = changed;
        let text = files::read(&path).unwrap_or_default();
        let new = parse_switchd(&String::from_utf8_lossy(&text));
        let differs = new != self.switchd;
        self.switchd = new;
        differs
    }

    /// Decides anew for an interface; `None`: it has gone.
    fn treat(&mut self, settings: &Settings, if_index: u32, interface: Option<&Interface>) -> Option<Order> {
        let before = self.treatments.remove(&if_index);
        let new = interface.and_then(|i| Treatment::of(settings, &self.switchd, i, before.as_ref()));
        let order = match &new {
            None if interface.is_none() => before.map(|_| Order::Release(if_index)),
            None => before.and_then(|before| before.set().map(|_| Order::Want(if_index, None))),
            Some(Treatment::Others(_)) => Some(Order::Release(if_index)).filter(|_| new != before),
            Some(Treatment::Down(_)) => None,
            Some(Treatment::Set(set)) => {
                let same = before.as_ref().and_then(Treatment::set).is_some_and(|b| b.wish == set.wish);
                (!same).then(|| Order::Want(if_index, Some(set.wish.clone())))
            }
        };
        new.into_iter().for_each(|new| _ = self.treatments.insert(if_index, new));
        order
    }

    fn give(&mut self, orders: Vec<Order>) {
        if orders.is_empty() {
            return;
        }
        if self.thread.is_none() {
            let (clock, program, report) =
                (self.host.clock.clone(), self.program.clone(), self.shared.clone());
            let started = Worker::start("switch-ports", move |orders, wake| {
                let thread = CumulusThread::new(&clock, &program, report, orders, wake);
                Ok(move || thread.run())
            });
            self.refused = started.as_ref().err().map(|e| format!("its thread cannot be started: {e}"));
            self.thread = started.ok();
        }
        if let Some(thread) = &self.thread {
            thread.order(orders);
        }
    }

    /// The rate at which samples of a port are wanted, and come.
    fn rate_of(&self, if_index: u32) -> PortRate {
        match self.treatments.get(&if_index) {
            None => PortRate::default(),
            Some(Treatment::Others(told)) => {
                PortRate { wanted: None, set: told.one_in.and_then(NonZeroU32::new) }
            }
            Some(treatment) => {
                let wanted = treatment.set().and_then(|set| NonZeroU32::new(set.one_in));
                PortRate { wanted, set: wanted.filter(|_| self.is_set(if_index)) }
            }
        }
    }

    /// The chip has what is wanted of a port.
    fn is_set(&self, if_index: u32) -> bool {
        let wanted = self.treatments.get(&if_index).and_then(Treatment::set).map(|set| set.wish.rates);
        wanted.is_some() && self.ports.get(&if_index).and_then(|port| port.set) == wanted
    }

    /// Takes in how a port is; whether a fault came, went or is another one.
    fn take_port(&mut self, if_index: u32, port: Option<PortState>) -> bool {
        let fault = port.as_ref().and_then(|port| port.fault.clone());
        match &fault {
            Some(_) => self.faulty.insert(if_index),
            None => self.faulty.remove(&if_index),
        };
        let old = match port {
            Some(port) => self.ports.insert(if_index, port),
            None => self.ports.remove(&if_index),
        };
        old.and_then(|old| old.fault) != fault
    }

    fn tell_rates(&self, desk: &SharedDesk, ports: impl Iterator<Item = u32>) {
        let mut desk = desk.lock();
        ports.for_each(|if_index| desk.set_port_rate(if_index, self.rate_of(if_index)));
    }
}

impl Agent {
    /// Makes the rates of all ports those of the settings.
    pub(super) fn apply_cumulus(&mut self) {
        self.cumulus.read_switchd();
        let table = self.measures.interfaces.table();
        let mut indices: Vec<_> = table.iter().map(|i| i.index).collect();
        indices.extend(self.cumulus.treatments.keys());
        self.treat_ports(&indices);
        self.measures.set_asic(self.settings.modules.cumulus.is_some());
        self.report_cumulus();
    }

    /// Follows interfaces that changed.
    pub(super) fn follow_cumulus(&mut self, changes: &Changes) {
        if self.settings.modules.cumulus.is_none() {
            return;
        }
        for (if_index, change) in changes.iter() {
            if matches!(change, Change::Replaced(_)) && self.cumulus.treatments.remove(&if_index).is_some() {
                // Another interface with the same number.
                self.cumulus.give(vec![Order::Release(if_index)]);
            }
        }
        let changed: Vec<_> = changes.iter().map(|(if_index, _)| if_index).collect();
        self.treat_ports(&changed);
        self.report_cumulus();
    }

    /// With each host sample: `switchd.conf` may have been written.
    pub(super) fn attend_cumulus(&mut self) {
        if self.settings.modules.cumulus.is_some() && self.cumulus.read_switchd() {
            self.apply_cumulus();
        }
    }

    /// The thread has news.
    pub fn on_cumulus(&mut self) {
        let Report { changed, missing } = self.cumulus.shared.take();
        let ports: Vec<_> = changed.keys().copied().collect();
        let mut worth_telling = std::mem::replace(&mut self.cumulus.missing, missing) != missing;
        for (if_index, port) in changed {
            worth_telling |= self.cumulus.take_port(if_index, port);
        }
        self.cumulus.tell_rates(&self.packets.desk, ports.into_iter());
        if worth_telling {
            self.report_cumulus();
        }
    }

    fn treat_ports(&mut self, indices: &[u32]) {
        let table = self.measures.interfaces.table();
        let (cumulus, settings) = (&mut self.cumulus, &self.settings);
        let orders: Vec<_> =
            indices.iter().filter_map(|index| cumulus.treat(settings, *index, table.get(*index))).collect();
        cumulus.give(orders);
        cumulus.tell_rates(&self.packets.desk, indices.iter().copied());
    }

    fn report_cumulus(&mut self) {
        let state = |_| match self.settings.suspended {
            Some(_) => State::unavailable(SUSPENDED),
            None => self.cumulus.state(self.measures.interfaces.table()),
        };
        self.show(COMPONENT, self.settings.modules.cumulus.as_ref().map(state));
    }
}
