//! What DNS says, as the agent follows it. In: verdicts of `discover`. Out: settings in force, the component `dns-sd`, the
//! part of the snapshot. Rule: what is asked and what was answered can be seen, and every change is one log line.

use super::daemon::Agent;
use crate::discover::{DiscoveryStatus, Verdict};
use crate::status::registry::State;
use crate::status::snapshot;

impl Agent {
    /// An answer is there, or a question is due.
    pub fn on_discovery(&mut self) {
        let changed = self.discovery.tick(self.host.clock.now());
        let error = self.discovery.status(self.host.clock.now()).last_error;
        // The transition of the component says it.
        let is_said = |remark: &String| error.as_ref().is_some_and(|error| remark.starts_with(error));
        for remark in self.discovery.take_remarks().iter().filter(|remark| !is_said(remark)) {
            log::warn!(target: "dns-sd", "{remark}");
        }
        if changed {
            let changes = self.put_in_force();
            if !changes.is_empty() {
                self.log_change("DNS", &changes);
            }
        }
        self.report_discovery();
    }

    pub(super) fn report_discovery(&mut self) {
        let status = self.discovery.status(self.host.clock.now());
        self.show("dns-sd", state(self.discovery.verdict(), &status));
    }

    pub(super) fn discovery_in_force(&self) -> Option<snapshot::Discovery> {
        if *self.discovery.verdict() == Verdict::Off {
            return None;
        }
        let s = self.discovery.status(self.host.clock.now());
        Some(snapshot::Discovery {
            names: s.names,
            answer: s.answer.unwrap_or_else(|| "not asked yet".to_owned()),
            ttl_secs: s.ttl_secs,
            answered_secs_ago: s.answered_secs_ago,
            next_query_secs: s.next_query_secs,
            records: s.records,
            last_error: s.last_error,
            remarks: s.remarks,
        })
    }
}

/// The state of the component; none where the settings do not name it.
fn state(verdict: &Verdict, status: &DiscoveryStatus) -> Option<State> {
    let names = status.names.join(", ");
    Some(match (verdict, status.last_error.as_ref().filter(|_| status.failing)) {
        (Verdict::Off, _) => return None,
        (Verdict::Waiting, None) => State::unavailable("nothing is sent before the first answer"),
        (Verdict::Waiting, Some(error)) => {
            State::degraded(&format!("nothing is sent: no answer yet: {error}"))
        }
        (Verdict::None | Verdict::Found(_), Some(error)) => {
            State::degraded(&format!("the last good answer stays in force: {error}"))
        }
        (Verdict::None, None) => {
            State::unavailable(&format!("nothing is sent: DNS has no collector under {names}"))
        }
        (Verdict::Found(_), None) if !status.remarks.is_empty() => State::from_problems(&status.remarks),
        (Verdict::Found(_), None) => State::Running,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_remarks_make_a_short_state() {
        let remarks = (0..17).map(|n| format!("TXT n \"{}\": unknown key {n}", "x".repeat(200))).collect();
        let status = DiscoveryStatus { remarks, ..DiscoveryStatus::default() };
        let found = Verdict::Found(crate::config::dynamic::Dynamic::default());
        let Some(State::Degraded { reason }) = state(&found, &status) else { panic!("not degraded") };
        assert!(reason.len() < 1200 && reason.ends_with("; and 13 more"), "{reason}");
    }
}
