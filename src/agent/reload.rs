//! SIGHUP and `hsflowctl reload`: the configuration is read again and, if it has no error, put in force; DNS is asked again.
//! In: the file. Out: one log line for what changed, or every reason for refusal. Rule: a file with errors changes
//! nothing.

use super::configuration::{self, LoadError, Loaded};
use super::daemon::Agent;
use crate::status::command::Answer;
use crate::status::registry::State;

impl Agent {
    /// Reads the configuration again, and reopens the log.
    pub fn reload(&mut self) -> Answer {
        if let Err(e) = crate::log::reopen() {
            log::error!(target: "log", "the log file cannot be reopened: {e}");
        }
        match configuration::load_or_built_in(&self.options) {
            Ok(loaded) => self.take_file(loaded),
            Err(e) => self.refuse(&e),
        }
    }

    fn refuse(&mut self, error: &LoadError) -> Answer {
        let problems: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
        for line in &problems {
            log::error!(target: "configuration", "{line}");
        }
        let reason = format!("reload refused, the previous settings stay in force: {}", error.summary());
        self.set("configuration", State::degraded(&reason));
        Answer::Refused { problems }
    }

    fn take_file(&mut self, Loaded { settings, remarks }: Loaded) -> Answer {
        let now = self.host.clock.now();
        self.set("configuration", State::Running);
        for remark in remarks.iter().filter(|remark| !self.remarks.contains(remark)) {
            log::info!(target: "configuration", "{remark}");
        }
        self.remarks.clone_from(&remarks);
        self.file = settings;
        self.discovery.apply(self.file.modules.dns_sd.as_ref(), now);
        self.discovery.ask_now(now);
        let named = self.settings.agent_ip.clone();
        let mut changes = self.put_in_force();
        if self.settings.agent_ip == named {
            changes.extend(self.resolve_again());
        }
        self.report_discovery();
        let revision = self.revision;
        if changes.is_empty() {
            log::info!(target: "configuration", "reloaded, nothing changed");
            return Answer::Unchanged { revision, remarks };
        }
        self.log_change("reloaded", &changes);
        Answer::Changed { revision, changes, restart: self.missing_privileges(), remarks }
    }
}
