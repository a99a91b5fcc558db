//! One poll of guests. In: which are due. Out: their samples. Rules: the networks of all that are due are read in one go; a guest
//! that cannot be read sends what is known of it; one that has ended sends its last good counters once.

use super::super::samples::SampleTo;
use super::meter::Meter;
use super::records::{pressure, records};
use super::{Guests, Happening, Scene};
use crate::collect::gpu::Gpus;
use crate::collect::guests::cgroup::Cgroup;
use crate::collect::guests::network::NetworkError;
use crate::collect::interfaces::{Change, Changes};
use crate::sample::guest::roster::Member;
use crate::sflow::counters::host::HostId;
use crate::sflow::datagram::Unsent;
use crate::sflow::ids::DataSource;
use std::collections::{BTreeSet, HashMap};

/// Polls of a guest after which its interfaces and addresses are looked at again: the kernel tells of interfaces that have an
/// end on this host, and of no others.
const LOOK_EVERY: u32 = 15;

/// What samples of guests say of the host.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Its interfaces, and when the poll began.
    pub scene: Scene<'a>,
    /// Its identity, of which guests that share its kernel have machine, system and release.
    pub id: Option<&'a HostId>,
    /// Bytes of its memory: what a guest may use that is not limited.
    pub memory: Option<u64>,
    /// Its GPUs.
    pub gpus: Option<&'a Gpus>,
    /// Pressure is sent too.
    pub pressure: bool,
}

impl Guests {
    /// Whether a data source is one of a guest that lives.
    pub fn is_polled(&self, index: u32) -> bool {
        self.meters.contains_key(&index)
    }

    /// Reads the guests that are due and writes their samples.
    pub fn poll<S: FnMut(Unsent<'_>)>(
        &mut self,
        due: &[u32],
        facts: Facts<'_>,
        sources: &mut HashMap<DataSource, u32>,
        writer: &mut SampleTo<'_, S>,
    ) {
        let scene = facts.scene;
        for (index, error) in self.kernel.read_networks(due, &mut self.meters) {
            match error {
                NetworkError::Changed(_) => self.look_again(index, scene),
                _ => _ = self.learn_network(index),
            }
            self.kernel.read_networks(&[index], &mut self.meters);
        }
        let mut looks = Vec::new();
        for index in due {
            let Some(sequence) = sources.get_mut(&DataSource::logical(*index)) else { continue };
            let source = DataSource::logical(*index);
            if let Some((member, meter)) = self.leaving.remove(index) {
                writer.guest(source, &records(&member, &meter, facts), sequence);
                // If it is there again, its counters began anew.
                *sequence = 0;
                self.rest(*index, &member, meter);
            }
            if let (Some(member), Some(meter)) = (self.roster.get(*index), self.meters.get_mut(index)) {
                meter.read();
                writer.guest(source, &records(member, meter, facts), sequence);
                let pressure = facts.pressure.then(|| pressure(member, meter)).flatten();
                pressure.iter().for_each(|metrics| writer.metrics(metrics));
                if meter.polls % LOOK_EVERY == 0 {
                    looks.push(*index);
                }
            }
        }
        for index in looks {
            self.look_again(index, scene);
        }
    }

    /// Looks again at the networks that these interfaces of the host lead to, or led to.
    pub fn follow_interfaces(&mut self, changes: &Changes, scene: Scene<'_>) {
        let led = |change: &Change| match change {
            Change::Removed(old) | Change::Replaced(old) => old.link_namespace,
            Change::Added | Change::Updated(_) => None,
        };
        let leads = |index| scene.table.get(index).and_then(|interface| interface.link_namespace);
        for (index, change) in changes.iter() {
            if let Change::Removed(old) | Change::Replaced(old) = change {
                let known = self.meters.values_mut().chain(self.resting.values_mut());
                let led = known.filter(|meter| meter.has_port(index));
                led.for_each(|meter| _ = meter.lost_ports.insert(index, old.name.clone()));
            }
        }
        let namespaces: BTreeSet<u32> =
            changes.iter().flat_map(|(index, change)| [led(change), leads(index)]).flatten().collect();
        if namespaces.is_empty() {
            return;
        }
        let is_concerned =
            |meter: &Meter| meter.network.as_ref()?.nsid.filter(|nsid| namespaces.contains(nsid));
        let concerned: Vec<u32> = self
            .meters
            .iter()
            .filter(|(_, meter)| is_concerned(meter).is_some())
            .map(|(index, _)| *index)
            .collect();
        for index in concerned {
            self.look_again(index, scene);
        }
    }

    /// Looks again at the interfaces and addresses of a guest; tells where they are not as they were.
    pub(super) fn look_again(&mut self, index: u32, scene: Scene<'_>) {
        let (Some(member), Some(meter)) = (self.roster.get(index), self.meters.get_mut(&index)) else {
            return;
        };
        // What could not be found may be there now.
        meter.follow(&member.guest, &mut self.kernel);
        let changed = match meter.network {
            // Its interfaces go before its engine tells of its end, which shall still say what they were.
            Some(_) => !meter.is_dead() && self.kernel.refresh(meter),
            None => self.learn_network(index),
        };
        if changed && let Some(member) = self.roster.get(index).cloned() {
            self.tell(&member, Happening::Change, scene);
        }
    }

    /// Looks for the network of a guest by its first process, as at the start. True where it is known then.
    fn learn_network(&mut self, index: u32) -> bool {
        let (Some(member), Some(meter)) = (self.roster.get(index), self.meters.get_mut(&index)) else {
            return false;
        };
        // Its number may be that of another's process by now.
        if meter.is_dead() {
            return false;
        }
        meter.learn_network(&member.guest, &mut self.kernel);
        meter.network.is_some()
    }

    /// Forgets guests that have ended and whose last sample could not be sent.
    pub fn forget_ended(&mut self) {
        for (index, (member, meter)) in std::mem::take(&mut self.leaving) {
            self.rest(index, &member, meter);
        }
    }

    /// Of a guest that has ended and that its engine has not forgotten yet, what it was known by is kept until then.
    fn rest(&mut self, index: u32, member: &Member, mut meter: Box<Meter>) {
        if self.roster.find(member.guest.engine, &member.guest.id).is_some() && !self.is_polled(index) {
            meter.cgroup.iter_mut().for_each(Cgroup::close);
            self.resting.insert(index, meter);
        }
    }
}
