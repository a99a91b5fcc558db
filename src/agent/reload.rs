//! SIGHUP: the configuration is read again and, if it has no error, put in force. In: the file. Out: changed parts,
//! one log line for what changed, or every reason for refusal. Rule: what did not change goes on undisturbed:
//! collectors keep sockets and counters, sources keep sequence numbers, the agent keeps its uptime.

use super::configuration::{self, LoadError, Loaded};
use super::daemon::{Agent, refresh_interval};
use super::identity;
use crate::config::model::Settings;
use crate::export::Applied;
use crate::status::registry::State;

impl Agent {
    /// Reads the configuration again, and reopens the log.
    pub fn reload(&mut self) {
        if let Err(e) = crate::log::reopen() {
            log::error!(target: "log", "the log file cannot be reopened: {e}");
        }
        match configuration::load(&self.options.config) {
            Ok(loaded) => self.put_in_force(loaded),
            Err(e) => self.refuse(&e),
        }
    }

    fn refuse(&mut self, error: &LoadError) {
        for line in error.to_string().lines() {
            log::error!(target: "configuration", "{line}");
        }
        let reason = format!("reload refused, the previous settings stay in force: {}", error.summary());
        self.set("configuration", State::degraded(&reason));
    }

    fn put_in_force(&mut self, Loaded { settings, remarks }: Loaded) {
        let now = self.host.clock.now();
        self.set("configuration", State::Running);
        for remark in remarks.iter().filter(|remark| !self.remarks.contains(remark)) {
            log::info!(target: "configuration", "{remark}");
        }
        self.remarks = remarks;
        if settings == self.settings {
            log::info!(target: "configuration", "reloaded, nothing changed");
            return;
        }
        let old = std::mem::replace(&mut self.settings, settings);
        self.revision += 1;
        self.restart_stream(&old);
        self.uuid = identity::uuid(&self.host, &self.options, &self.settings);
        self.measures.set_uuid(self.uuid.uuid);
        self.measures.schedule.set_interval(self.settings.polling_secs);
        self.refresh_at = self.refresh_at.min(now + refresh_interval(&self.settings));
        self.measures.choose_all(&self.settings);
        self.wish = identity::wish(&self.settings);
        self.elect();
        self.apply_sampling();
        self.apply_applications();
        let applied = self.apply_collectors(now);
        self.write_auto();
        self.report_collectors(now);
        log::info!(target: "configuration", "reloaded, revision {}: {}", self.revision, changes(&old, &self.settings, applied));
    }

    /// A datagram stream is one sub-agent's: with another number it begins anew.
    fn restart_stream(&mut self, old: &Settings) {
        let new = &self.settings;
        let mut outlet = self.outlet.lock();
        if new.sub_agent() != old.sub_agent() {
            outlet.restart(new.sub_agent());
        }
        self.datagrams.set_limit(new.datagram_bytes as usize, outlet.agent());
    }
}

/// What changed, in a few words.
fn changes(old: &Settings, new: &Settings, applied: Applied) -> String {
    let mut words = Vec::new();
    if old.polling_secs != new.polling_secs {
        words.push(format!("polling {} to {}", old.polling_secs, new.polling_secs));
    }
    if applied.added + applied.removed > 0 {
        words.push(format!("{} collectors added, {} removed", applied.added, applied.removed));
    }
    if old.interface_counters != new.interface_counters {
        words.push(format!("interfaceCounters {}", new.interface_counters));
    }
    if old.datagram_bytes != new.datagram_bytes {
        words.push(format!("datagramBytes {} to {}", old.datagram_bytes, new.datagram_bytes));
    }
    if words.is_empty() {
        words.push("other settings".to_owned());
    }
    words.join(", ")
}
