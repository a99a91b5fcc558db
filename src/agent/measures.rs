//! What the agent measures: the interface table, the host's counters, and which data source is due when. In: the
//! kernel, through `collect`. Out: counter samples into a datagram stream. Rule: work grows with what is due, and a
//! source that cannot be read costs only itself.

use super::ports;
use super::samples::{Outcome, SampleTo};
use crate::collect::host::{HostCounters, HostSample};
use crate::collect::interfaces::{
    Change, Changes, HostNet, InterfaceError, Interfaces, LinkStats, adaptors,
};
use crate::config::model::Settings;
use crate::sample::schedule::Schedule;
use crate::sflow::datagram::Datagrams;
use crate::sflow::ids::DataSource;
use std::collections::HashMap;

/// Everything that is polled.
pub struct Measures {
    /// The interfaces of this network namespace.
    pub interfaces: Interfaces,
    /// Counters of the host.
    pub host: HostCounters,
    /// The host sample of the last poll, kept for its buffers.
    pub sample: HostSample,
    /// Which source is due in which second.
    pub schedule: Schedule,
    /// Every source that is polled.
    pub sources: HashMap<DataSource, Source>,
    net: HostNet,
    wanted: Vec<u32>,
    stats: Vec<(u32, LinkStats)>,
}

/// A data source that is polled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source {
    /// Samples sent; the next one has this number plus one.
    pub sequence: u32,
}

impl Measures {
    /// Nothing is due yet; [`Measures::choose_all`] fills the schedule.
    pub fn new(interfaces: Interfaces, host: HostCounters, polling_secs: u32) -> Self {
        Self {
            interfaces,
            host,
            sample: HostSample::default(),
            schedule: Schedule::new(polling_secs),
            sources: HashMap::new(),
            net: HostNet::default(),
            wanted: Vec::new(),
            stats: Vec::new(),
        }
    }

    /// Decides anew for every interface whether it sends counters; the host always does.
    pub fn choose_all(&mut self, settings: &Settings) {
        self.add(DataSource::HOST);
        let table = self.interfaces.table();
        let chosen: Vec<_> = table.iter().map(|i| (i.index, ports::decide(settings, table, i).0)).collect();
        for (index, send) in chosen {
            self.choose(index, send);
        }
    }

    /// Decides anew for the interfaces that changed, and for the masters of those.
    pub fn choose_changed(&mut self, settings: &Settings, changes: &Changes) {
        for (index, change) in changes.iter() {
            if let Change::Removed(_) | Change::Replaced(_) = change {
                self.remove(DataSource::interface(index));
            }
            let master = self.interfaces.table().get(index).and_then(|i| i.master);
            for index in [Some(index), master].into_iter().flatten() {
                let table = self.interfaces.table();
                let send = table.get(index).is_some_and(|i| ports::decide(settings, table, i).0);
                self.choose(index, send);
            }
        }
    }

    fn choose(&mut self, index: u32, send: bool) {
        let source = DataSource::interface(index);
        if send { self.add(source) } else { self.remove(source) }
    }

    fn add(&mut self, source: DataSource) {
        self.sources.entry(source).or_default();
        self.schedule.insert(source);
    }

    fn remove(&mut self, source: DataSource) {
        self.sources.remove(&source);
        self.schedule.remove(source);
    }

    /// Polls the sources that are due and writes their samples. The error says that interface counters could not be
    /// read; the host sample is sent all the same.
    pub fn poll(
        &mut self,
        due: &Due,
        settings: &Settings,
        datagrams: &mut Datagrams,
        send: &mut impl FnMut(&[u8]),
    ) -> (Outcome, Result<(), InterfaceError>) {
        self.stats.clear();
        self.want(due);
        let read = self.interfaces.read_counters(&self.wanted, &mut self.stats);
        let mut writer = SampleTo::new(due.uptime_ms, datagrams, send);
        for (index, stats) in &self.stats {
            let Some(interface) = self.interfaces.table().get(*index) else { continue };
            if due.host {
                self.net.add(interface, stats);
            }
            let source = DataSource::interface(*index);
            if due.interfaces.binary_search(index).is_ok()
                && let Some(state) = self.sources.get_mut(&source)
            {
                writer.interface(interface, stats, &mut state.sequence);
            }
        }
        if due.host && let Some(state) = self.sources.get_mut(&DataSource::HOST) {
            self.host.poll(&mut self.sample);
            let table = self.interfaces.table();
            let adaptors = adaptors(table, |i| ports::is_switch_port(settings, table, i));
            writer.host(&self.sample, &adaptors, &self.net.record(), &mut state.sequence);
        }
        (writer.outcome, read)
    }

    /// The interfaces to ask about: those that are due, and for the host sample those that its net I/O sums.
    fn want(&mut self, due: &Due) {
        self.wanted.clear();
        self.wanted.extend(&due.interfaces);
        if due.host {
            self.wanted.extend(self.interfaces.table().host_net_indexes());
            self.wanted.sort_unstable();
            self.wanted.dedup();
        }
    }
}

/// What is due in a poll.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// The host sample.
    pub host: bool,
    /// Interfaces by rising ifIndex.
    pub interfaces: Vec<u32>,
    /// The datagrams' uptime.
    pub uptime_ms: u32,
}

impl Due {
    /// Refills from data sources in any order.
    pub fn refill(&mut self, sources: impl Iterator<Item = DataSource>, uptime_ms: u32) {
        (self.host, self.uptime_ms) = (false, uptime_ms);
        self.interfaces.clear();
        for source in sources {
            match source {
                DataSource::HOST => self.host = true,
                DataSource { class: 0, index } => self.interfaces.push(index),
                _ => {}
            }
        }
        self.interfaces.sort_unstable();
    }
}
