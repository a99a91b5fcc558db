//! What packets are known by as their guests'. In: the guests whose engines have `markTraffic`. Out: [`Marks`] for the packet
//! thread, and the names of pods for the interfaces that lead to them. Rule: made anew when a guest came, went or moved,
//! once for all that happens in [`GATHERING`].

use super::meter::Meter;
use super::{Guests, Treatment};
use crate::collect::guests::cgroup::Cgroup;
use crate::collect::guests::network::Network;
use crate::collect::interfaces::Table;
use crate::config::model::Modules;
use crate::sample::guest::Engine;
use crate::sample::guest::marks::{Marked, MarkedLink, Marks};
use crate::sample::guest::roster::Member;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A hundred guests that start together cost one new table.
const GATHERING: Duration = Duration::from_millis(50);

impl Guests {
    /// Something that marks are made of has changed.
    pub fn age_marks(&mut self, now: Instant) {
        self.marks_due.get_or_insert(now + GATHERING);
    }

    /// When to ask for [`Self::take_marks`].
    pub fn marks_due(&self) -> Option<Instant> {
        self.marks_due
    }

    /// New marks, if they are due; none in them where no engine is to mark.
    pub fn take_marks(&mut self, modules: &Modules, table: &Table, now: Instant) -> Option<Option<Marks>> {
        self.marks_due.take_if(|due| *due <= now)?;
        let marking: Vec<Engine> =
            Engine::ALL.into_iter().filter(|engine| Treatment::of(*engine, modules).mark_traffic).collect();
        if marking.is_empty() {
            return Some(None);
        }
        let members = self.roster.iter().filter(|member| marking.contains(&member.guest.engine));
        let marked: Vec<Marked> = members
            .filter_map(|member| {
                let meter = self.meters.get(&member.index)?;
                let links = links(meter, table);
                Some(Marked {
                    index: member.index,
                    engine: member.guest.engine,
                    links,
                    cgroups: cgroups(meter, member.guest.engine),
                })
            })
            .collect();
        Some(Some(Marks::new(&marked)))
    }

    /// Names of this host's interfaces that lead to pods, if they shall go by those of the pods: by ifIndex.
    pub fn port_names(&self, modules: &Modules) -> HashMap<u32, String> {
        let wanted = modules.k8s.as_ref().is_some_and(|k8s| k8s.set_if_alias && k8s.set_if_name);
        let pods = self.roster.iter().filter(|member| wanted && member.guest.engine == Engine::K8s);
        let of = |pod: &Member| self.meters.get(&pod.index).and_then(|meter| meter.network.as_ref());
        let vnics = pods
            .flat_map(|pod| of(pod).into_iter().flat_map(move |net| net.vnics.iter().map(move |v| (pod, v))));
        vnics.filter_map(|(pod, vnic)| Some((vnic.host_if_index?, pod.shown.clone()))).collect()
    }
}

/// The sockets of a pod lie in the cgroups of its containers.
fn cgroups(meter: &Meter, engine: Engine) -> Vec<u64> {
    let Some(place) = meter.cgroup.as_ref().map(Cgroup::place) else { return Vec::new() };
    let below = if engine == Engine::K8s { place.ids_below() } else { Vec::new() };
    place.id().into_iter().chain(below).collect()
}

fn links(meter: &Meter, table: &Table) -> Vec<MarkedLink> {
    let containers = meter.network.iter().flat_map(Network::links);
    let taps = meter.values.domain.iter().flat_map(|domain| &domain.vnics);
    let machines = taps.map(|vnic| MarkedLink {
        mac: Some(vnic.mac),
        port: table.iter().find(|i| Some(&i.name) == vnic.tap.as_ref()).map(|i| i.index),
        ..MarkedLink::default()
    });
    containers.chain(machines).collect()
}
