//! Do the sources that others feed hear anything: `nflog` by a firewall rule, `psample` by `tc` or a chip? In: the packets
//! that passed this host, beside the samples that came. Out: problems for the watch over samplers. Rule: only of a source
//! that a line of the file opens, that runs, and whose rate lets expect a hundred samples of what passed; what is preset
//! for a kind of switch need not have anybody who feeds it.

use super::daemon::Agent;
use super::packets::nflog_rate;
use crate::collect::interfaces::Kind;
use crate::sample::silence::{Hearing, Silence};
use crate::status::registry::State;
use std::collections::BTreeMap;

const NFLOG: &str = "nflog";
const PSAMPLE: &str = "psample";

/// The sources that are listened to, and those that hear nothing.
#[derive(Debug, Default)]
pub(super) struct Ears {
    of: BTreeMap<&'static str, Hearing>,
    deaf: BTreeMap<&'static str, Silence>,
}

impl Ears {
    /// True while a source is listened to.
    pub(super) fn are_open(&self) -> bool {
        !self.of.is_empty()
    }
}

impl Agent {
    /// Compares once a poll of the host, when its packets are counted.
    pub(super) fn listen_to_sources(&mut self) {
        if !self.due.host {
            return;
        }
        let Some(packets) = self.measures.traffic() else { return };
        for name in [NFLOG, PSAMPLE] {
            match self.expected_rate(name) {
                Some(one_in) => {
                    let samples = self.packets.desk.lock().heard(name);
                    let hearing = self.ears.of.entry(name).or_insert_with(|| Hearing::new(packets, samples));
                    match hearing.look(packets, samples, one_in) {
                        Some(silence) => _ = self.ears.deaf.insert(name, silence),
                        None => _ = self.ears.deaf.remove(name),
                    }
                }
                None => {
                    self.ears.of.remove(name);
                    self.ears.deaf.remove(name);
                }
            }
        }
    }

    /// What is wrong, in words.
    pub(super) fn deaf_sources(&self) -> Vec<String> {
        let words = |(name, silence): (&&str, &Silence)| {
            let Silence { packets, expected } = silence;
            let feeder = match *name {
                NFLOG => "no firewall rule sends its group packets",
                _ => "no tc filter and no switch chip samples for its group",
            };
            format!(
                "{name}: {packets} packets passed and no sample came, where {expected} were to be expected: {feeder}"
            )
        };
        self.ears.deaf.iter().map(words).collect()
    }

    /// One packet in how many is sampled at the least; `None` where there is nothing to listen to.
    fn expected_rate(&self, name: &str) -> Option<u32> {
        let is_running = self.packets.desk.lock().report.components.get(name) == Some(&State::Running);
        // A switch hears by one of the two what its chip samples, by the other what the kernel does.
        let on_switch = self.settings.modules.cumulus.is_some() || self.settings.modules.dent.is_some();
        if !is_running || on_switch || !self.settings.origins.opened_by_lines().any(|opened| opened == name) {
            return None;
        }
        match name {
            NFLOG => {
                let rate = nflog_rate(&self.settings)?;
                Some(rate.rule_one_in.get().saturating_mul(rate.skip.get()))
            }
            _ => self.rarest_rate(),
        }
    }

    /// Whoever samples for us is taken to do it no more rarely than this agent would.
    fn rarest_rate(&self) -> Option<u32> {
        let table = self.measures.interfaces.table();
        let up = table.iter().filter(|i| i.oper_up && i.kind != Kind::Loopback);
        up.map(|i| self.settings.sampling_rate(i.speed_bps).0).max().filter(|one_in| *one_in > 0)
    }
}
