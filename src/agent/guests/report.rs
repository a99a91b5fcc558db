//! Guests in the words of the contract: for the status, and for who listens to events. In: the roster and the meters. Out:
//! values. Rule: labels go to listeners only.

use super::meter::Meter;
use super::{Guests, Happening, Scene};
use crate::collect::guests::cgroup::Stall;
use crate::collect::interfaces::Table;
use crate::sample::guest::roster::Member;
use crate::sflow::ids::DataSource;
use crate::sflow::json::{colons, hyphenated};
use crate::status::guests::{Event, Guest, GuestInterface, Pressure};
use std::collections::{BTreeMap, HashMap};
use tokio::net::UnixStream;

impl Guests {
    /// All guests, by data source.
    pub fn list(&self, table: &Table, sources: &HashMap<DataSource, u32>) -> Vec<Guest> {
        let with_count = |member: &Member| Guest {
            counter_samples: sources.get(&DataSource::logical(member.index)).copied().unwrap_or(0),
            labels: BTreeMap::new(),
            ..told(member, self.meters.get(&member.index).map(Box::as_ref), table)
        };
        self.roster.iter().map(with_count).collect()
    }

    /// Tells a new listener what there is, and from now on what happens.
    pub fn welcome(&mut self, client: UnixStream, table: &Table) {
        let (roster, meters) = (&self.roster, &self.meters);
        let present =
            roster.iter().map(|m| Event::Present(told(m, meters.get(&m.index).map(Box::as_ref), table)));
        let complete = Event::Complete { guests: roster.iter().count() };
        self.listeners.welcome(client, present.chain([complete]));
    }

    /// Listeners that were turned away or did not read.
    pub fn listeners_dropped(&self) -> u64 {
        self.listeners.dropped()
    }

    /// Guests that could not be taken in.
    pub fn refused(&self) -> u64 {
        self.refused.count
    }

    /// Logs what happened to a guest, and tells who listens.
    pub(super) fn tell(&mut self, member: &Member, happening: Happening, scene: Scene<'_>) {
        self.age_marks(scene.now);
        let (engine, name, index) = (member.guest.engine.name(), &member.shown, member.index);
        match happening {
            Happening::Start => log::debug!(target: "guests", "{engine} {name} is 3:{index}"),
            Happening::Stop => log::debug!(target: "guests", "{engine} {name}, 3:{index}, is gone"),
            Happening::Change => log::debug!(target: "guests", "{engine} {name}, 3:{index}, changed"),
        }
        if self.listeners.any() {
            let meter = self.meters.get(&index).or_else(|| self.resting.get(&index));
            let guest = told(member, meter.map(Box::as_ref), scene.table);
            self.listeners.tell(&match happening {
                Happening::Start => Event::Start(guest),
                Happening::Change => Event::Change(guest),
                Happening::Stop => Event::Stop(guest),
            });
        }
    }
}

fn told(member: &Member, meter: Option<&Meter>, table: &Table) -> Guest {
    let guest = &member.guest;
    Guest {
        engine: guest.engine.name().to_owned(),
        id: guest.id.clone(),
        name: member.shown.clone(),
        uuid: hyphenated(&member.uuid),
        source: DataSource::logical(member.index).to_string(),
        state: guest.state.name().to_owned(),
        image: guest.image.clone(),
        labels: guest.labels.clone(),
        cgroup: meter.and_then(|meter| Some(meter.cgroup.as_ref()?.place().path().to_owned())),
        interfaces: meter.map(|meter| interfaces(meter, table)).unwrap_or_default(),
        counter_samples: 0,
        problem: meter.and_then(Meter::problem).map(str::to_owned),
        pressure: meter.and_then(|meter| meter.values.cgroup.pressure.as_ref()).map(pressure),
    }
}

fn pressure(pressure: &crate::collect::guests::cgroup::Pressure) -> Pressure {
    let us = |stall: &Option<Stall>| stall.as_ref().map(|stall| stall.some_us);
    Pressure { cpu_us: us(&pressure.cpu), memory_us: us(&pressure.memory), io_us: us(&pressure.io) }
}

fn interfaces(meter: &Meter, table: &Table) -> Vec<GuestInterface> {
    let port = |index| table.get(index).map(|port| &port.name).or_else(|| meter.lost_ports.get(&index));
    let containers = meter.network.iter().flat_map(|network| &network.vnics).map(|vnic| GuestInterface {
        name: vnic.name.clone(),
        mac: vnic.mac.map(colons),
        addresses: vnic.ips.clone(),
        host_interface: vnic.host_if_index.and_then(port).cloned(),
        host_if_index: vnic.host_if_index,
    });
    let machines = meter.values.domain.iter().flat_map(|domain| &domain.vnics).map(|vnic| GuestInterface {
        name: vnic.tap.clone().unwrap_or_default(),
        mac: Some(colons(vnic.mac)),
        addresses: Vec::new(),
        host_interface: vnic.tap.clone(),
        host_if_index: table.iter().find(|i| Some(&i.name) == vnic.tap.as_ref()).map(|i| i.index),
    });
    containers.chain(machines).collect()
}
