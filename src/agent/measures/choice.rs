//! Which data sources are polled. In: settings, the interface table and what changed in it. Out: the schedule, and the
//! interfaces that net I/O sums. Rule: work grows with what changed; only what may be in another bond now costs a walk
//! over all interfaces.

use super::super::ports;
use super::Measures;
use crate::collect::interfaces::host_net::counted;
use crate::collect::interfaces::{Change, Changes, Interface, Table};
use crate::config::model::Settings;
use crate::sflow::ids::DataSource;
use std::collections::BTreeSet;

impl Measures {
    /// Decides anew for every interface whether it sends counters; the host always does.
    pub fn choose_all(&mut self, settings: &Settings) {
        self.choose(DataSource::HOST, true);
        let table = self.interfaces.table();
        let chosen: Vec<_> = table.iter().map(|i| (i.index, self.decide(settings, table, i))).collect();
        for (index, send) in chosen {
            self.choose(DataSource::interface(index), send);
        }
        self.net_members = counted(self.interfaces.table().iter());
    }

    /// Decides anew for the interfaces that changed, for the ports behind them, and for what they are ports of; where one
    /// may have left a bond, for all bonds.
    pub fn choose_changed(&mut self, settings: &Settings, changes: &Changes) {
        for (index, change) in changes.iter() {
            if let Change::Removed(_) | Change::Replaced(_) = change {
                self.forget(DataSource::interface(index));
                self.net.forget(index);
            }
        }
        let table = self.interfaces.table();
        let mut concerned = BTreeSet::new();
        for (index, _) in changes.iter() {
            concerned.insert(index);
            concerned.extend(table.get(index).and_then(|i| i.master));
            concerned.extend(table.members(index).map(|i| i.index));
        }
        // No flap of a port walks the whole table.
        let is_reshaped = changes.iter().any(|(_, change)| change.moves());
        if is_reshaped {
            concerned.extend(table.iter().filter(|i| i.is_bond_master).map(|i| i.index));
        }
        let decisions: Vec<_> = concerned
            .into_iter()
            .map(|index| (index, table.get(index).is_some_and(|i| self.decide(settings, table, i))))
            .collect();
        for (index, send) in decisions {
            self.choose(DataSource::interface(index), send);
        }
        if is_reshaped {
            self.net_members = counted(self.interfaces.table().iter());
        }
    }

    /// Decides anew for one interface that the table has.
    pub fn choose_one(&mut self, settings: &Settings, index: u32) {
        let table = self.interfaces.table();
        let send = table.get(index).is_some_and(|i| self.decide(settings, table, i));
        self.choose(DataSource::interface(index), send);
    }

    fn decide(&self, settings: &Settings, table: &Table, interface: &Interface) -> bool {
        self.decision(settings, table, interface).0
    }

    /// Whether an interface sends the kernel's counters, and why or why not.
    pub fn decision(
        &self,
        settings: &Settings,
        table: &Table,
        interface: &Interface,
    ) -> (bool, &'static str) {
        if self.by_vpp.contains(&interface.index) {
            return (false, "VPP tells its counters, which Linux does not see");
        }
        ports::decide(settings, table, &self.chip_sampled, interface)
    }

    /// Numbers the samples of a source that is not polled by the schedule.
    pub fn number(&mut self, source: DataSource) {
        self.sources.entry(source).or_default();
    }

    /// Polls a source from now on, or does not any more. Its numbers go on where they stopped.
    pub fn choose(&mut self, source: DataSource, send: bool) {
        if send {
            let last = self.rested.remove(&source).unwrap_or_default();
            self.sources.entry(source).or_insert(last);
            let member = self.interfaces.table().get(source.index).filter(|i| i.is_bond_slave);
            let bond =
                member.and_then(|i| i.master).filter(|_| source == DataSource::interface(source.index));
            self.schedule.insert_with(source, bond.map_or(source, DataSource::interface));
        } else {
            self.rested.extend(self.sources.remove_entry(&source));
            self.schedule.remove(source);
        }
    }

    /// A source is no more: one that gets its number begins anew.
    pub fn forget(&mut self, source: DataSource) {
        self.choose(source, false);
        self.rested.remove(&source);
    }
}
