//! Keeping the settings file for sub-agents up to date. In: the running agent. Out: `hsflowd.auto`, and the state of
//! the component `settings-file`. Rule: it is written when something that it tells changed, and at no other time; a
//! failed write is tried again with each host sample.

use super::daemon::Agent;
use super::identity;
use crate::config::model::Suspension;
use crate::export::auto::{AutoCollector, AutoInfo, AutoSettings, Body, body};
use crate::status::registry::State;

impl Agent {
    /// Writes the file where its content would change.
    pub(super) fn write_auto(&mut self) {
        if self.settings.suspended == Some(Suspension::NoAnswer) {
            // A file of an earlier run is the best that is known; who reads it must not stop for a restart of this agent.
            return self.set("settings-file", State::unavailable("nothing is known yet: see dns-sd"));
        }
        let body = self.auto_body();
        let state = match self.auto.write(&body.text) {
            Err(e) => State::degraded(&e),
            Ok(_) if body.collectors_left_out > 0 => State::degraded(&format!(
                "{}: sub-agents read 10 collectors at most, {} are left out",
                self.auto.path().display(),
                body.collectors_left_out
            )),
            Ok(_) if body.lines_left_out > 0 => State::degraded(&format!(
                "{}: left out for a blank, a #, a = or its length, which no sub-agent can read: {} lines",
                self.auto.path().display(),
                body.lines_left_out
            )),
            Ok(_) => State::Running,
        };
        self.set("settings-file", state);
    }

    fn auto_body(&self) -> Body {
        let choice = self.election.choice.as_ref();
        let s = &self.settings;
        let hostname = identity::hostname(&self.host);
        let outlet = self.outlet.lock();
        body(&AutoInfo {
            settings: s.suspended.is_none().then(|| AutoSettings {
                hostname: &hostname,
                sampling: s.sampling,
                header_bytes: s.header_bytes,
                datagram_bytes: s.datagram_bytes,
                polling_secs: s.polling_secs,
                keyed: &s.keyed,
                agent_ip: self.wish.ip,
                agent_device: s.agent_device.as_deref(),
                collectors: outlet
                    .collectors
                    .destinations()
                    .filter_map(|(ip, c)| AutoCollector::of(ip, c))
                    .collect(),
            }),
            elected_ip: choice.map(|c| c.ip),
            elected_device: choice.and_then(|c| c.device.as_deref()),
            json_port: s.modules.json.as_ref().and_then(|json| json.udp_port),
        })
    }
}
