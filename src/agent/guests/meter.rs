//! The counters of one guest. In: its cgroup and its network, as the kernel has them, or what libvirt says. Out: [`Values`] at
//! each poll. Rules: files and namespaces are found once and kept; what cannot be read keeps its last good value, so that
//! counters never go back and the last sample of all is a good one; each cause is told once.

use crate::collect::guests::cgroup::{Cgroup, Hierarchies, Place, Reading};
use crate::collect::guests::network::{Network, NetworkError, Networks, VnicCounters};
use crate::host::Host;
use crate::sample::guest::domain::Counters;
use crate::sample::guest::{Engine, Guest};
use std::collections::BTreeMap;

/// What the kernel is asked through, for all guests; opened when first needed.
pub(super) struct Kernel {
    host: Host,
    hierarchies: Option<Hierarchies>,
    /// Where hierarchies are mounted has not been looked at for a while.
    mounts_are_old: bool,
    networks: Option<Networks>,
    /// Pressure is read too: three files more of each guest.
    pub(super) pressure: bool,
}

/// What was read of a guest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Of its cgroup.
    pub(super) cgroup: Reading,
    /// Of its network.
    pub(super) net: Option<VnicCounters>,
    /// What libvirt says.
    pub(super) domain: Option<Counters>,
}

/// What is kept of one guest.
#[derive(Default)]
pub(super) struct Meter {
    /// What the following was found by.
    found_by: Option<(Option<u32>, Option<String>)>,
    pub(super) cgroup: Option<Cgroup>,
    pub(super) network: Option<Network>,
    pub(super) values: Values,
    /// How often it was read.
    pub(super) polls: u32,
    /// What could not be found or read, in words.
    pub(super) problem: Option<String>,
}

impl Kernel {
    pub(super) fn new(host: &Host) -> Self {
        Self { host: host.clone(), hierarchies: None, mounts_are_old: false, networks: None, pressure: false }
    }

    /// Finds the cgroup of a guest: where its engine says, else where its first process is.
    fn find_cgroup(&mut self, guest: &Guest) -> Result<Option<Cgroup>, String> {
        let hierarchies = match &mut self.hierarchies {
            Some(hierarchies) => hierarchies,
            none => none.insert(Hierarchies::read(&self.host).map_err(|e| e.to_string())?),
        };
        let mut place = place_of(hierarchies, guest)?;
        let is_found = place.as_ref().is_none_or(Place::exists);
        // Not for each guest: engines mount something for each that they start, and the table has all of these.
        if (std::mem::take(&mut self.mounts_are_old) || !is_found)
            && hierarchies.refresh().map_err(|e| e.to_string())?
        {
            place = place_of(hierarchies, guest)?;
        }
        let Some(place) = place else { return Ok(None) };
        Ok(Some(if self.pressure { Cgroup::open(&place) } else { Cgroup::without_pressure(&place) }))
    }

    /// The next guest that comes is to be looked for where hierarchies are mounted then.
    pub(super) fn doubt_mounts(&mut self) {
        self.mounts_are_old = true;
    }

    /// Learns the network of a guest by its first process.
    fn learn_network(&mut self, guest: &Guest) -> Result<Option<Network>, NetworkError> {
        let Some(pid) = guest.pid else { return Ok(None) };
        let networks = match &mut self.networks {
            Some(networks) => networks,
            none => none.insert(Networks::open(&self.host)?),
        };
        networks.learn(pid).map(Some)
    }

    /// Looks again at a network that is known. True where it is not as it was.
    pub(super) fn refresh(&mut self, meter: &mut Meter) -> bool {
        let (Some(networks), Some(network)) = (&mut self.networks, &mut meter.network) else { return false };
        match networks.refresh(network) {
            Ok(changed) => changed,
            Err(error) => {
                meter.lose_network(&error);
                false
            }
        }
    }

    /// Reads the network counters of all guests that are due. Returns those whose network is not as it was, and how.
    pub(super) fn read_networks(
        &mut self,
        due: &[u32],
        meters: &mut BTreeMap<u32, Meter>,
    ) -> Vec<(u32, NetworkError)> {
        let mut changed = Vec::new();
        let Some(networks) = &mut self.networks else { return changed };
        let known = |index: &u32| Some((*index, meters.get(index)?.network.as_ref()?));
        let (indices, wanted): (Vec<_>, Vec<_>) = due.iter().filter_map(known).unzip();
        let mut read = Vec::with_capacity(wanted.len());
        networks.read_all(&wanted, |place, counters| read.push((place, counters)));
        for (place, counters) in read {
            let index = indices.get(place).copied();
            let Some((index, meter)) = index.and_then(|index| Some((index, meters.get_mut(&index)?))) else {
                continue;
            };
            match counters {
                Ok(counters) => meter.values.net = Some(counters),
                Err(error @ (NetworkError::Gone | NetworkError::Changed(_))) => changed.push((index, error)),
                Err(error) => meter.lose_network(&error),
            }
        }
        changed
    }
}

fn place_of(hierarchies: &Hierarchies, guest: &Guest) -> Result<Option<Place>, String> {
    match (&guest.cgroup, guest.pid) {
        (Some(path), _) => Ok(Some(hierarchies.at(path))),
        (None, Some(pid)) => hierarchies.of_guest(pid, &guest.id).map(Some).map_err(|e| e.to_string()),
        (None, None) => Ok(None),
    }
}

impl Meter {
    /// Takes in what an engine says of the guest, and looks for what changed with it.
    pub(super) fn follow(&mut self, guest: &Guest, kernel: &mut Kernel) {
        let by = (guest.pid, guest.cgroup.clone());
        if guest.engine == Engine::Kvm || self.found_by.as_ref() == Some(&by) {
            return;
        }
        self.found_by = Some(by);
        self.problem = None;
        match kernel.find_cgroup(guest) {
            Ok(cgroup) => self.cgroup = cgroup,
            Err(problem) => self.problem = Some(problem),
        }
        if guest.engine != Engine::Systemd {
            self.learn_network(guest, kernel);
        }
    }

    /// Looks for everything again.
    pub(super) fn find_again(&mut self, guest: &Guest, kernel: &mut Kernel) {
        self.found_by = None;
        self.follow(guest, kernel);
    }

    /// Looks at its network again: it has other interfaces, or addresses.
    pub(super) fn learn_network(&mut self, guest: &Guest, kernel: &mut Kernel) {
        match kernel.learn_network(guest) {
            Ok(network) => self.network = network,
            Err(error) => self.lose_network(&error),
        }
    }

    fn lose_network(&mut self, error: &NetworkError) {
        let words = format!("network: {error}");
        if self.problem.as_ref() != Some(&words) {
            log::debug!(target: "guests", "{words}");
            self.problem = Some(words);
        }
    }

    /// What there is now.
    pub(super) fn read(&mut self) {
        self.polls = self.polls.wrapping_add(1);
        if let Some(cgroup) = &mut self.cgroup {
            self.values.cgroup = cgroup.read();
            if let Some(problem) = self.values.cgroup.problems.first() {
                self.problem = Some(problem.to_string());
            }
        }
    }
}
