//! VPP's interfaces, as the agent's loop sees them. In: what the packet thread has learned of them. Out: which interfaces of
//! the kernel send no counters because VPP tells them; the interfaces in the snapshot. Rule: one data source has one
//! teller.

use super::daemon::Agent;
use super::measures::Measures;
use crate::status::snapshot;
use std::collections::HashSet;

const SHARES: &str = "another one of VPP's goes by the number of the same Linux interface";

impl Agent {
    /// Takes over by which numbers VPP's interfaces go now.
    pub(super) fn follow_vpp(&mut self) {
        let now = self.host.clock.now();
        let mut desk = self.packets.desk.lock();
        let told: HashSet<u32> = match &mut desk.vpp {
            None if self.measures.by_vpp.is_empty() => return,
            None => HashSet::new(),
            Some(ports) => {
                ports.forget_silent(now);
                if !ports.take_changed() {
                    return;
                }
                ports.iter().map(|port| port.index).collect()
            }
        };
        drop(desk);
        let Measures { by_vpp, .. } = &mut self.measures;
        let before = std::mem::replace(by_vpp, told);
        let changed: Vec<u32> = before.symmetric_difference(by_vpp).copied().collect();
        changed.into_iter().for_each(|index| self.measures.choose_one(&self.settings, index));
    }

    /// VPP's interfaces, for the snapshot.
    pub(super) fn vpp_in_force(&self) -> Vec<snapshot::Interface> {
        let desk = self.packets.desk.lock();
        let mut ports: Vec<_> = desk.vpp.iter().flat_map(|ports| ports.iter().cloned()).collect();
        drop(desk);
        ports.sort_unstable_by_key(|port| port.index);
        let reason = if self.settings.polling_secs > 0 { "VPP tells them" } else { "polling = 0" };
        let entry = |port: crate::sample::switch::vpp::Port| snapshot::Interface {
            index: port.index,
            kind: "vpp".to_owned(),
            admin_up: port.admin_up,
            oper_up: port.oper_up,
            speed_bps: port.speed_bps,
            counter_samples: port.samples,
            counters_reason: if port.shares { format!("{reason}; {SHARES}") } else { reason.to_owned() },
            sampling: self.vpp_sampling(port.index),
            name: port.name,
            ..snapshot::Interface::default()
        };
        ports.into_iter().map(entry).collect()
    }

    fn vpp_sampling(&self, index: u32) -> snapshot::Sampling {
        let desk = self.packets.desk.lock();
        let Some(sampled) = desk.sampled(index) else {
            let reason = Some("VPP has sampled none yet".to_owned());
            return snapshot::Sampling { reason, ..snapshot::Sampling::default() };
        };
        let sampler = &sampled.sampler;
        snapshot::Sampling {
            source: Some(sampled.source.to_owned()),
            one_in: Some(sampled.one_in),
            rate_origin: "VPP, told with each sample".to_owned(),
            samples: sampler.samples(),
            pool: sampler.pool(),
            drops: sampler.drops(),
            unknown: sampled.unknown,
            ..snapshot::Sampling::default()
        }
    }
}
