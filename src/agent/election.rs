//! The agent address. In: the interface table, the wishes of the settings. Out: the address in force, in every part that sends;
//! the component's state. What is the better address is decided in `sample::address`.

use super::daemon::Agent;
use super::identity;
use crate::sample::address::elect;
use crate::status::registry::State;
use std::time::Duration;

/// While the host boots, addresses come in any order: an IPv6 address by router announcement a second before the one by
/// DHCP. Only after that is the elected one kept as long as it lives.
const BOOTING: Duration = Duration::from_secs(120);

impl Agent {
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
