//! One path for change: whatever says it (the file, DNS), settings become the ones in force here. In: the settings of the
//! file, and what DNS says. Out: changed parts, the words for what changed. Rule: what did not change goes on
//! undisturbed: collectors keep sockets and counters, sources keep sequence numbers and pools, the agent its uptime;
//! what was made with the old settings leaves before the new ones count.

use super::daemon::Agent;
use super::identity;
use super::polling::refresh_interval;
use crate::config::model::{Settings, Suspension};
use crate::discover::Verdict;
use crate::export::Applied;
use std::collections::BTreeMap;
use std::time::Instant;

/// Longer lists of changes are cut in the log.
const MOST_IN_LOG: usize = 8;

impl Agent {
    /// Puts in force what file and DNS say together. Nothing changed: no words.
    pub(super) fn put_in_force(&mut self) -> Vec<String> {
        let new = settings_of(&self.file, self.discovery.verdict());
        let old = std::mem::replace(&mut self.settings, new);
        if old == self.settings {
            return Vec::new();
        }
        let now = self.host.clock.now();
        // Under the old number, and to the old collectors.
        self.packets.desk.lock().flush(now);
        self.applications.flush(now);
        self.revision += 1;
        self.changed_at = now;
        self.restart_stream(&old);
        if old.uuid != self.settings.uuid {
            self.uuid = identity::uuid(&self.host, &self.options, &self.settings);
            self.measures.set_uuid(self.uuid.uuid);
        }
        self.measures.schedule.set_interval(self.settings.polling_secs);
        self.refresh_at = self.refresh_at.min(now + refresh_interval(&self.settings));
        self.renew_wish(&old);
        let applied = self.apply_settings(now);
        // Whoever asks for metrics from now on need not wait for each source's turn.
        let is_asked = old.modules.metrics.is_none() && self.settings.modules.metrics.is_some();
        if is_asked || old.suspended.is_some() && self.settings.suspended.is_none() {
            self.poll_all();
        }
        self.write_auto();
        self.report_collectors(now);
        changes(&old, &self.settings, applied)
    }

    /// Tells every part the settings in force; the collectors last, so that what was sampled before is not theirs.
    pub(super) fn apply_settings(&mut self, now: Instant) -> Applied {
        self.apply_metrics();
        self.measures.choose_all(&self.settings);
        self.elect();
        self.apply_tc();
        self.apply_sampling();
        self.apply_cumulus();
        self.apply_applications();
        self.apply_guests();
        self.apply_optics();
        self.measures.set_pfc(self.settings.wants_pfc());
        let applied = self.apply_collectors(now);
        self.apply_open_vswitch();
        self.apply_dbus();
        self.report_platforms();
        applied
    }

    /// A datagram stream is one sub-agent's: with another number it begins anew.
    fn restart_stream(&mut self, old: &Settings) {
        if self.settings.sub_agent() != old.sub_agent() {
            self.outlet.lock().restart(self.settings.sub_agent());
        }
    }

    /// Names are looked up only where they are new: that may take a while.
    fn renew_wish(&mut self, old: &Settings) {
        if old.agent_ip == self.settings.agent_ip {
            self.wish = identity::wish_with(&self.settings, self.wish.ip);
        } else {
            (self.wish, self.unresolved) = identity::wish(&self.settings);
        }
    }

    /// Looks up a name in `agentIP` that could not be resolved before; in words what came of it.
    pub(super) fn resolve_again(&mut self) -> Option<String> {
        self.unresolved.as_ref()?;
        (self.wish, self.unresolved) = identity::wish(&self.settings);
        self.elect();
        self.write_auto();
        self.apply_open_vswitch();
        let (name, ip) = (self.settings.agent_ip.as_ref()?, self.wish.ip?);
        self.revision += 1;
        Some(format!("agentIP {name} resolved to {ip}"))
    }

    /// One log line.
    pub(super) fn log_change(&self, cause: &str, changes: &[String]) {
        let more = changes.len().saturating_sub(MOST_IN_LOG);
        let mut words = changes.iter().take(MOST_IN_LOG).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            words += &format!(" and {more} more");
        }
        log::info!(target: "configuration", "{cause}, revision {}: {words}", self.revision);
    }
}

/// The settings of the file, as DNS lets them be.
pub(super) fn settings_of(file: &Settings, verdict: &Verdict) -> Settings {
    match verdict {
        Verdict::Off => file.clone(),
        Verdict::Waiting => file.suspended(Suspension::NoAnswer),
        Verdict::None => file.suspended(Suspension::NoRecord),
        Verdict::Found(records) => file.overlaid(records),
    }
}

/// What changed, one a line; collectors by their number, as they are told apart by all that is said of them.
fn changes(old: &Settings, new: &Settings, applied: Applied) -> Vec<String> {
    let values = |settings: &Settings| -> BTreeMap<String, String> {
        let list = settings.effective().into_iter().filter(|e| !e.key.starts_with("collector."));
        list.map(|e| (e.key, e.value.unwrap_or_else(|| "unset".to_owned()))).collect()
    };
    let (old_values, new_values) = (values(old), values(new));
    let mut words = Vec::new();
    match (old.suspended, new.suspended) {
        (None, Some(_)) => words.push("nothing is sent any more".to_owned()),
        (Some(_), None) => words.push("sending".to_owned()),
        (Some(_), Some(Suspension::NoRecord)) => words.push("there is nobody to send to".to_owned()),
        _ => {}
    }
    if applied.added + applied.removed > 0 {
        words.push(format!("{} collectors added, {} removed", applied.added, applied.removed));
    }
    for (key, value) in &new_values {
        match old_values.get(key) {
            None => words.push(format!("{key} {value}")),
            Some(before) if before != value => words.push(format!("{key} {before} to {value}")),
            Some(_) => {}
        }
    }
    let gone = old_values.keys().filter(|key| !new_values.contains_key(*key));
    words.extend(gone.map(|key| format!("{key} gone")));
    if words.is_empty() && old.collectors != new.collectors {
        words.push("the order or the ranks of the collectors".to_owned());
    } else if words.is_empty() {
        words.push("the order of equal settings".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn said(old: &Settings, new: &Settings) -> Vec<String> {
        changes(old, new, Applied::default())
    }

    fn file() -> Settings {
        let text = "sflow { dns-sd { } agent.cidr = 10.0.0.0/8 collector { ip = 192.0.2.1 } }";
        parse("file", text).settings.expect("a valid file")
    }

    #[test]
    fn what_dns_says_first_is_no_matter_of_order() {
        let (waiting, none) =
            (file().suspended(Suspension::NoAnswer), file().suspended(Suspension::NoRecord));
        assert_eq!(said(&waiting, &none), ["there is nobody to send to"]);
        assert_eq!(said(&file(), &waiting), ["nothing is sent any more"]);
        assert_eq!(said(&none, &file()), ["sending"]);
    }

    #[test]
    fn another_rank_is_said_to_be_one() {
        let mut ranked = file();
        ranked.collectors[0].rank = 1;
        assert_eq!(said(&file(), &ranked), ["the order or the ranks of the collectors"]);
    }
}
