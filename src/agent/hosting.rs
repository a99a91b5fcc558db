//! What the agent does about guests: which engines it asks, what their news mean for what is polled. In: settings, news.
//! Out: component states, polls. Rules: a guest's first sample leaves when it is known, its last one when it has ended; no
//! guest is taken in before there is an agent address, because UUIDs of services are made with it.

use super::daemon::Agent;
use super::guests::{Outcome, Treatment};
use crate::collect::guests::News;
use crate::collect::interfaces::Changes;
use crate::sample::guest::Engine;
use crate::sample::guest::roster::Maker;
use crate::sflow::ids::DataSource;
use crate::status::registry::State;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::UnixStream;

impl Agent {
    /// Asks the engines of the settings.
    pub(super) fn apply_guests(&mut self) {
        let now = self.host.clock.now();
        self.guests.age_marks(now);
        let (stopped, outcome) = self.guests.apply(&self.settings, self.measures.scene(now));
        stopped.iter().for_each(|engine| self.registry.remove(engine.name()));
        self.poll_guests(&outcome);
        self.measures.set_gpus(self.settings.modules.nvml);
        self.report_gpus(now);
        let instead = "Xen is not supported; virtual machines of libvirt are: kvm { }";
        let xen = self.settings.modules.xen.as_ref().map(|_| State::unavailable(instead));
        self.show("xen", xen);
    }

    /// Has the engines count that count themselves, and forgets guests that nobody answers for any more.
    pub(super) fn attend_guests(&mut self, now: Instant) {
        self.guests.ask_counters();
        self.report_gpus(now);
        let outcome = self.guests.forget_silent(&self.settings.modules, self.measures.scene(now));
        self.poll_guests(&outcome);
    }

    fn report_gpus(&mut self, now: Instant) {
        self.show("nvml", self.measures.gpus.as_ref().map(|gpus| gpus.state(now)));
    }

    /// An engine has news.
    pub fn on_guests(&mut self, engine: Engine, news: News) {
        let by_hostname = Treatment::of(engine, &self.settings.modules).by_hostname;
        let maker = Maker { host: self.uuid.uuid, agent: self.outlet.lock().agent(), by_hostname };
        let now = self.host.clock.now();
        let outcome = self.guests.take(engine, news, maker, self.measures.scene(now));
        if let Some(state) = &outcome.state {
            self.set(engine.name(), state.clone());
        }
        self.poll_guests(&outcome);
    }

    /// Interfaces of the host changed, and with them those of guests.
    pub(super) fn follow_guests(&mut self, changes: &Changes) {
        let now = self.host.clock.now();
        // A tap may have come or gone, by which marks know the port of a virtual machine.
        if self.settings.modules.kvm.is_some() {
            self.guests.age_marks(now);
        }
        self.guests.follow_interfaces(changes, self.measures.scene(now));
    }

    /// Hands new marks to the packet thread, if they are due.
    pub(super) fn renew_marks(&mut self, now: Instant) {
        let table = self.measures.interfaces.table();
        if let Some(marks) = self.guests.take_marks(&self.settings.modules, table, now) {
            self.packets.desk.lock().set_marks(marks.map(Arc::new));
            self.measures.port_names = self.guests.port_names(&self.settings.modules);
        }
    }

    /// Somebody wants to be told of guests.
    pub fn welcome(&mut self, client: UnixStream) {
        self.guests.welcome(client, self.measures.interfaces.table());
    }

    fn poll_guests(&mut self, outcome: &Outcome) {
        outcome.started.iter().for_each(|index| self.measures.choose(DataSource::logical(*index), true));
        outcome.counted.iter().for_each(|index| self.measures.number(DataSource::logical(*index)));
        let now = outcome.started.iter().chain(&outcome.counted).chain(&outcome.ended);
        self.poll_some(now.map(|index| DataSource::logical(*index)));
        self.guests.forget_ended();
        for index in outcome.ended.iter().filter(|index| !self.guests.is_polled(**index)) {
            self.measures.forget(DataSource::logical(*index));
        }
    }
}
