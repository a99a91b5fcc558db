//! How the ports of a switch are, for people. In: what is wanted and what the thread reports. Out: the component's state; the
//! sampling part of an interface in the snapshot. Rule: what fails says what would mend it, where that is known.

use super::{Cumulus, SWITCHD, Table, Treatment};
use crate::collect::interfaces::Interface;
use crate::status::registry::State;
use crate::status::snapshot::Sampling;

/// The program may not write switchd's files.
const DENIED: [&str; 3] = ["ermission denied", "Errno 13", "not permitted"];
const REMEDY: &str = "the drop-in cumulus.conf of the service gives the right that it needs";

impl Cumulus {
    pub(super) fn state(&self, table: &Table) -> State {
        if let Some(why) = &self.refused {
            return State::degraded(why);
        }
        if self.missing && self.treatments.values().any(|t| matches!(t, Treatment::Set(_))) {
            return State::unavailable(&self.what_is_missing());
        }
        if self.treatments.is_empty() {
            return State::unavailable("no interface is a port of the switch (switchport)");
        }
        let faults =
            self.faulty.iter().filter(|index| self.treatments.contains_key(index)).filter_map(|index| {
                let name = &table.get(*index)?.name;
                self.fault(*index).map(|fault| format!("{name}: {fault}"))
            });
        State::from_problems(&faults.collect::<Vec<_>>())
    }

    fn what_is_missing(&self) -> String {
        format!(
            "there is no {}: the rates of the ports stay as NVUE or switchd.conf set them; hardware that Linux drives \
             itself is sampled by dent {{ }}",
            self.program.display()
        )
    }

    fn fault(&self, if_index: u32) -> Option<String> {
        let fault = self.ports.get(&if_index)?.fault.as_ref()?;
        let denied = DENIED.iter().any(|word| fault.contains(word));
        Some(if denied { format!("{fault}: {REMEDY}") } else { fault.clone() })
    }

    /// Adds what is known of a port of the switch.
    pub(in super::super) fn show(&self, interface: &Interface, shown: &mut Sampling) {
        match self.treatments.get(&interface.index) {
            None => {}
            Some(Treatment::Others(told)) if told.off => {
                shown.reason = Some(format!("{SWITCHD} switches samples of it off"));
            }
            Some(Treatment::Others(told)) => {
                shown.one_in = told.one_in.or(shown.one_in);
                shown.rate_origin = SWITCHD.to_owned();
                shown.source.get_or_insert_with(|| "the switch chip".to_owned());
                shown.reason = None;
            }
            Some(Treatment::Down(_)) if shown.source.is_none() => {
                shown.reason = Some("its link is down".to_owned());
            }
            Some(Treatment::Down(_)) => {}
            Some(Treatment::Set(set)) => {
                if let Some(fault) = self.fault(interface.index) {
                    shown.warning = Some(format!("asked for 1 in {}, not possible: {fault}", set.one_in));
                } else if set.one_in == 0 {
                    shown.reason = Some("its sampling rate is 0".to_owned());
                } else if self.is_set(interface.index) {
                    let last = shown.one_in.filter(|last| *last != set.one_in);
                    shown.reason = last.map(|last| format!("Its last sample stood for {last} packets"));
                    shown.one_in = Some(set.one_in);
                    shown.rate_origin = format!("{}, set in the chip by portsamp", set.origin);
                    shown.source.get_or_insert_with(|| "the switch chip".to_owned());
                } else if self.missing && shown.source.is_none() {
                    let chip = self.what_is_missing();
                    let tap = shown.reason.take();
                    shown.reason =
                        Some(tap.map_or(chip.clone(), |tap| format!("{tap}; of the chip, {chip}")));
                } else if self.missing {
                    shown.reason = None;
                } else if shown.source.is_none() {
                    shown.reason = Some("its rate is being set in the chip".to_owned());
                }
            }
        }
    }
}
