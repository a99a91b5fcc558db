//! Where sampling by `tc` stands, in words. In: wishes, the thread's report. Out: the component's state; a log line when the numbers
//! of ports in hardware and in the kernel change; the sampling part of an interface in the snapshot. Rule: ports with
//! one and the same problem are named together.

use super::{Agent, COMPONENT, Verdict};
use crate::agent::ports::in_words;
use crate::collect::interfaces::Interface;
use crate::sample::switch::tc::{By, Standing};
use crate::status::registry::{State, some_of};
use crate::status::snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who samples for `tc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hands {
    in_hardware: bool,
    in_kernel: bool,
    /// In the kernel, where hardware was asked first.
    refused: bool,
}

impl Hands {
    fn of<'s>(standings: impl Iterator<Item = &'s Standing>) -> Self {
        let mut hands = Self::default();
        for by in standings.filter_map(|standing| standing.by.as_ref()) {
            match by {
                By::Kernel(refusal) => {
                    (hands.in_kernel, hands.refused) = (true, hands.refused || refusal.is_some())
                }
                By::Hardware | By::Both => hands.in_hardware = true,
            }
        }
        hands
    }

    fn in_words(self) -> &'static str {
        match (self.in_hardware, self.in_kernel, self.refused) {
            (true, true, true) => "by their hardware, and where that cannot, by the kernel",
            (true, true, false) => "by their hardware, or by the kernel",
            (true, false, _) => "by their hardware",
            (false, true, true) => "by the kernel: their hardware cannot",
            (false, true, false) => "by the kernel",
            (false, false, _) => "by nobody now",
        }
    }
}

impl Agent {
    /// Notes the component's state.
    pub(super) fn report_tc(&mut self) {
        self.show(COMPONENT, self.tc_state());
        let asked = self.tc.asked.keys();
        let hands = Hands::of(asked.filter_map(|index| self.tc.standings.get(index).map(Arc::as_ref)));
        if hands != self.tc.hands {
            self.tc.hands = hands;
            log::info!(target: COMPONENT, "switch ports are sampled {}", hands.in_words());
        }
    }

    fn tc_state(&self) -> Option<State> {
        let dent = self.settings.modules.dent.as_ref()?;
        if let Some(why) = &self.tc.refused {
            return Some(State::degraded(&format!("its thread cannot be started: {why}")));
        }
        if let Some(fault) = &self.tc.report.lock().fault {
            return Some(State::degraded(fault));
        }
        let table = self.measures.interfaces.table();
        let mut problems: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for index in self.tc.asked.keys() {
            let obstacle = self.tc.standings.get(index).and_then(|standing| standing.obstacle.as_ref());
            let (Some(obstacle), Some(interface)) = (obstacle, table.get(*index)) else { continue };
            problems.entry(obstacle.to_string()).or_default().push(&interface.name);
        }
        let in_words = |(why, names): (&String, &Vec<_>)| format!("{}: {why}", some_of(names, ", ", " and "));
        let said: Vec<_> = problems.iter().map(in_words).collect();
        let (asked, idle) = (&self.tc.asked, self.tc.idle.values().next());
        Some(match idle {
            None if asked.is_empty() => {
                let pattern = dent.switchport.as_ref().map_or("", |pattern| pattern.as_str());
                State::degraded(&format!("no interface fits switchport = {pattern}"))
            }
            Some(why) if asked.is_empty() => State::unavailable(*why),
            _ => State::from_problems(&said),
        })
    }

    /// How `tc` samples an interface; true where nothing else does.
    pub(in crate::agent) fn tc_in_force(
        &self,
        interface: &Interface,
        shown: &mut snapshot::Sampling,
    ) -> bool {
        let asked = match self.tc.verdict(&self.settings, interface) {
            Verdict::NotOurs => return false,
            Verdict::Idle(why) => {
                shown.reason = Some(why.to_owned());
                return true;
            }
            Verdict::Sampled(asked) => asked,
        };
        let standing = self.tc.standing(interface.index).cloned().unwrap_or_default();
        shown.warning = standing.obstacle.map(|obstacle| format!("tc: {obstacle}"));
        (shown.source, shown.one_in, shown.reason) = (None, None, None);
        if let Some(by) = standing.by {
            (shown.source, shown.one_in) = (Some("tc".to_owned()), Some(asked.one_in));
            (shown.rate_origin, shown.reason) =
                (in_words(&asked.origin), Some(format!("tc samples them {by}")));
        } else if shown.warning.is_none() {
            shown.reason = Some("its filter is being made".to_owned());
        }
        self.tc.covers(&self.settings, interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::switch::tc::Refusal;

    #[test]
    fn hardware_that_was_not_asked_is_not_blamed() {
        let by = |by| Standing { by: Some(by), obstacle: None };
        let words = |standings: &[Standing]| Hands::of(standings.iter()).in_words();
        assert_eq!(words(&[by(By::Kernel(None))]), "by the kernel");
        let refused = by(By::Kernel(Some(Refusal { errno: 95, words: None })));
        assert_eq!(words(&[refused.clone(), by(By::Kernel(None))]), "by the kernel: their hardware cannot");
        assert_eq!(words(&[by(By::Hardware), by(By::Kernel(None))]), "by their hardware, or by the kernel");
        assert!(words(&[by(By::Both), refused]).contains("cannot"));
    }
}
