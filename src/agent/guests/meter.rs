//! The counters of one guest. In: its cgroup and its network, as the kernel has them, or what libvirt says. Out: [`Values`] at
//! each poll. Rules: files and namespaces are found once and kept; what cannot be read keeps its last good value, so that
//! counters never go back and the last sample of all is a good one; each cause is told once.

use crate::collect::guests::cgroup::{Cgroup, Hierarchies, Place, Reading};
use crate::collect::guests::network::{Network, NetworkError, Networks, Steady, VnicCounters};
use crate::host::Host;
use crate::sample::guest::domain::Counters;
use crate::sample::guest::{Engine, Guest};
use std::collections::BTreeMap;

/// Readings for which a problem of the cgroup's files is told: some of them are looked at every sixteenth time only.
const LASTING: u32 = 16;

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
    pub(super) domain: Option<Box<Counters>>,
}

/// What is kept of one guest.
#[derive(Default)]
pub(super) struct Meter {
    /// What the following was found by.
    found_by: Option<(Option<u32>, Option<String>)>,
    pub(super) cgroup: Option<Cgroup>,
    pub(super) network: Option<Network>,
    pub(super) values: Values,
    /// Interfaces of the host that led into its network and are gone, with their names: they go before its end is told.
    pub(super) lost_ports: BTreeMap<u32, String>,
    /// How often it was read.
    pub(super) polls: u32,
    /// What of the cgroup could not be found or read, in words, and at which reading.
    cgroup_problem: Option<(String, u32)>,
    /// What of the network could not be learned or read.
    network_problem: Option<String>,
    net: Steady,
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
        // Its engine may be in a container itself, and name cgroups as they are seen from there.
        let lost = |place: &Place| guest.engine == Engine::Containerd && !place.exists();
        if let (true, Some(pid)) = (place.as_ref().is_some_and(lost), guest.pid) {
            place = hierarchies.of_guest(pid, &guest.id).ok().or(place);
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
        meters: &mut BTreeMap<u32, Box<Meter>>,
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
                Ok(counters) => {
                    meter.values.net = Some(meter.net.advance(counters));
                    meter.network_problem = None;
                }
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
    /// Whether an interface of the host leads into its network.
    pub(super) fn has_port(&self, index: u32) -> bool {
        let mut vnics = self.network.iter().flat_map(|network| &network.vnics);
        vnics.any(|vnic| vnic.host_if_index == Some(index))
    }

    /// Takes in what an engine says of the guest, and looks for what changed with it.
    pub(super) fn follow(&mut self, guest: &Guest, kernel: &mut Kernel) {
        let by = (guest.pid, guest.cgroup.clone());
        if guest.engine == Engine::Kvm || self.found_by.as_ref() == Some(&by) {
            return;
        }
        match kernel.find_cgroup(guest) {
            Ok(cgroup) => {
                self.found_by = Some(by);
                self.take_cgroup(cgroup);
            }
            Err(problem) => self.cgroup_problem = Some((problem, self.polls)),
        }
        if guest.engine != Engine::Systemd {
            self.learn_network(guest, kernel);
        }
    }

    /// A guest that started again while nobody looked is where it was, and what was counted of it goes on.
    fn take_cgroup(&mut self, cgroup: Option<Cgroup>) {
        let place = |cgroup: &Option<Cgroup>| cgroup.as_ref().map(|cgroup| cgroup.place().clone());
        if self.cgroup.is_none() || place(&self.cgroup) != place(&cgroup) {
            self.cgroup = cgroup;
        }
        self.cgroup_problem = None;
    }

    /// Looks at its network again: it has other interfaces, or addresses.
    pub(super) fn learn_network(&mut self, guest: &Guest, kernel: &mut Kernel) {
        match kernel.learn_network(guest) {
            Ok(network) => (self.network, self.network_problem) = (network, None),
            Err(error) => self.lose_network(&error),
        }
    }

    fn lose_network(&mut self, error: &NetworkError) {
        let words = format!("network: {error}");
        if self.network_problem.as_ref() != Some(&words) {
            log::debug!(target: "guests", "{words}");
            self.network_problem = Some(words);
        }
    }

    /// No process of it is left, as far as can be known.
    pub(super) fn is_dead(&self) -> bool {
        let is_empty = |place: &Place| !place.path().is_empty() && !place.has_processes();
        self.cgroup.as_ref().is_some_and(|cgroup| is_empty(cgroup.place()))
    }

    /// What there is now.
    pub(super) fn read(&mut self) {
        self.polls = self.polls.wrapping_add(1);
        if let Some(cgroup) = &mut self.cgroup {
            self.values.cgroup = cgroup.read();
            let polls = self.polls;
            match self.values.cgroup.problems.first() {
                Some(problem) => self.cgroup_problem = Some((problem.to_string(), polls)),
                None => _ = self.cgroup_problem.take_if(|(_, at)| polls.wrapping_sub(*at) > LASTING),
            }
        }
    }

    /// What cannot be found or read now, in words.
    pub(super) fn problem(&self) -> Option<&str> {
        let of_cgroup = self.cgroup_problem.as_ref().map(|(words, _)| words);
        of_cgroup.or(self.network_problem.as_ref()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    const CPU: &str = "sys/fs/cgroup/a.service/cpu.stat";

    struct Root(PathBuf);

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A machine with one service, and what is known of it after its first reading.
    fn service(name: &str) -> (Root, Kernel, Guest, Meter) {
        let root = Root(std::env::temp_dir().join(format!("hsflow-meter-{name}-{}", std::process::id())));
        let write = |path: &str, text: &str| {
            let path = root.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        write("proc/10/cgroup", "0::/a.service\n");
        write("proc/11/cgroup", "0::/a.service\n");
        write(CPU, "usage_usec 5000000\n");
        let mut kernel = Kernel::new(&Host::at(&root.0));
        let guest = Guest { pid: Some(10), ..Guest::new(Engine::Systemd, "a.service", "a.service") };
        let mut meter = Meter::default();
        meter.follow(&guest, &mut kernel);
        meter.read();
        (root, kernel, guest, meter)
    }

    #[test]
    fn counters_of_a_guest_that_started_again_in_its_old_place_do_not_fall() {
        let (root, mut kernel, guest, mut meter) = service("again");
        assert_eq!(meter.values.cgroup.cpu_ns, Some(5_000_000_000));
        fs::write(root.0.join(CPU), "usage_usec 1000\n").unwrap();
        meter.follow(&Guest { pid: Some(11), ..guest }, &mut kernel);
        meter.read();
        assert!(meter.values.cgroup.cpu_ns >= Some(5_000_000_000), "{:?}", meter.values.cgroup);
    }

    #[test]
    fn a_problem_that_is_over_is_not_told_for_ever() {
        let (root, _kernel, _guest, mut meter) = service("problem");
        fs::write(root.0.join(CPU), "usage_usec x\n").unwrap();
        meter.read();
        assert!(meter.problem().is_some_and(|words| words.contains("cpu.stat")));
        fs::write(root.0.join(CPU), "usage_usec 6000000\n").unwrap();
        (0..=LASTING).for_each(|_| meter.read());
        assert_eq!(meter.problem(), None);
        meter.lose_network(&NetworkError::Gone);
        assert_eq!(meter.problem(), Some("network: the network namespace is no more"));
    }
}
