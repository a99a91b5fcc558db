//! The state of `pcap` and `epcap`: which of their objects tap nothing, and which interfaces cannot be tapped. In: settings,
//! interfaces, the packet thread's report. Out: component states. Rule: what the file says shall not be, is no fault.

use super::daemon::Agent;
use super::ports;
use crate::config::model::{Tap, TapKind};
use crate::status::registry::State;
use std::collections::BTreeSet;

impl Agent {
    /// Notes the states of both.
    pub(super) fn report_taps(&mut self) {
        for kind in TapKind::ALL {
            let is_named = self.settings.modules.taps().any(|(object, _)| object.kind == kind);
            self.show(kind.name(), is_named.then(|| self.tap_state(kind)));
        }
    }

    fn tap_state(&self, kind: TapKind) -> State {
        if self.settings.suspended.is_some() {
            return State::unavailable(ports::SUSPENDED);
        }
        let used: BTreeSet<_> = self.tapped_by.values().collect();
        let objects =
            self.settings.modules.taps().filter(|(object, tap)| object.kind == kind && !tap.dynamic);
        let (busy, idle): (Vec<_>, Vec<_>) = objects.partition(|(object, _)| used.contains(object));
        let mut problems = self.tap_problems(kind);
        let mut unused = Vec::new();
        for (object, tap) in idle {
            let by_tc = |interface: &_| self.tc.covers(&self.settings, interface);
            match ports::unused(&self.settings, self.measures.interfaces.table(), by_tc, (object, tap)) {
                Some(why) => unused.push(why),
                None => problems.push(in_vain(kind, tap)),
            }
        }
        if problems.is_empty() && busy.is_empty() && !unused.is_empty() {
            return State::unavailable(&unused.join("; "));
        }
        State::from_problems(&problems)
    }

    fn tap_problems(&self, kind: TapKind) -> Vec<String> {
        let desk = self.packets.desk.lock();
        let table = self.measures.interfaces.table();
        let failed = desk.report.taps.iter().filter_map(|(index, tap)| {
            let problem = tap.obstacle.as_ref().or(tap.instead.as_ref())?;
            let asked = self.tapped_by.get(index).is_some_and(|object| object.kind == kind);
            Some(format!("{}: {problem}", table.get(*index).filter(|_| asked)?.name))
        });
        let unreadable = match desk.report.components.get(kind.name()) {
            Some(State::Degraded { reason }) => Some(reason.clone()),
            _ => None,
        };
        unreadable.into_iter().chain(failed).collect()
    }
}

/// What to say of an object that no interface fits.
fn in_vain(kind: TapKind, tap: &Tap) -> String {
    match (&tap.device, &tap.device_pattern) {
        (Some(device), _) => format!("no interface {device} that could be tapped"),
        (None, Some(pattern)) => format!("no interface fits dev.pattern = {}", pattern.as_str()),
        (None, None) if tap.physical => "no physical interface".to_owned(),
        (None, None) => format!("no interface fits a {} object", kind.name()),
    }
}
