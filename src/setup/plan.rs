//! From settings to what the units are given. In: settings, and the few facts of the host that decide too. Out: grants with
//! their reasons, and what is left out with its own. Rules: the agent's unit has the capabilities of its settings and no
//! others; what could make a unit fail to start (a group that there is not) is left out; a path is told to systemd only where
//! no letter of it means something there.

use super::feature::{AGENT as UNIT, FEATURES};
use super::grant::{Grant, What, page};
use super::need::wished;
use super::unit::directives;
use crate::config::model::Settings;
use caps::Capability;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The agent's unit.
pub const AGENT: &str = UNIT;
/// Where Open vSwitch's data base listens unless the settings say otherwise.
const OVSDB_SOCKET: &str = "/run/openvswitch/db.sock";

/// What decides beside the settings.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The groups that there are; `None` where that is not known, and any may be.
    pub groups: Option<BTreeSet<String>>,
    /// The file of `-D` in the command line.
    pub log_file: Option<String>,
}

/// What the units are given for a configuration.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In the order of the tables.
    pub grants: Vec<Grant>,
    /// What is not given though a setting could do with it.
    pub left_out: Vec<LeftOut>,
}

/// Something that is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The thing.
    pub what: String,
    /// Why not, and what to do for it.
    pub why: String,
}

/// What the units are given for these settings.
pub fn plan(settings: &Settings, facts: &Facts) -> Plan {
    let mut plan = Plan::default();
    // These let their owner become root or read everything: they come by the drop-ins below, where they are wanted.
    let weighty = [Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_OVERRIDE];
    for need in wished(settings).into_iter().filter(|need| !weighty.contains(&need.capability)) {
        plan.give(What::Capability(need.capability.to_string()), need.reason);
    }
    for feature in FEATURES.iter().filter(|feature| (feature.is_wanted)(settings)) {
        for what in directives(feature.text).into_iter().flat_map(What::of) {
            plan.give_to(feature.unit, located(what, settings), feature.reason);
        }
    }
    if settings.modules.tcp.is_some() && !settings.modules.has_containers() {
        let why = "tcp: only connections of containers need them, and no engine of containers is configured; if there are \
            any, copy container-sockets.conf";
        plan.leave_out("CAP_SYS_ADMIN, CAP_SYS_PTRACE", why);
    }
    plan.let_into_open_vswitch(settings);
    plan.uncover_pipe(settings);
    plan.open_log(facts);
    plan.without_absent_groups(facts);
    plan
}

impl Plan {
    /// All of it as text: what each unit is given, and what is left out.
    pub fn page(&self) -> String {
        let mut text = page(&self.grants);
        if self.grants.is_empty() {
            text = format!("{AGENT} needs nothing beyond its own user.\n");
        }
        for LeftOut { what, why } in &self.left_out {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "not given: {}: {why}", plain(what));
        }
        text
    }

    fn give(&mut self, what: What, reason: &str) {
        self.give_to(AGENT, what, reason);
    }

    fn give_to(&mut self, unit: &'static str, what: What, reason: &str) {
        self.grants.push(Grant { unit, what, reason: reason.to_owned() });
    }

    fn leave_out(&mut self, what: &str, why: &str) {
        self.left_out.push(LeftOut { what: what.to_owned(), why: why.to_owned() });
    }

    fn set(&mut self, key: &str, value: String, reason: &str) {
        self.give(What::Setting { section: "Service".into(), key: key.into(), value }, reason);
    }

    /// The data base may run already when the agent first starts; its own unit takes care of every later start.
    fn let_into_open_vswitch(&mut self, settings: &Settings) {
        let Some(ovs) = &settings.modules.ovs else { return };
        let socket = ovs.unix_socket.as_deref().unwrap_or(OVSDB_SOCKET);
        if !is_plain(socket) {
            return self.leave_out(socket, "ovs: systemd would not take this path as it is; open it by hand");
        }
        let reason = "ovs: the socket of Open vSwitch's data base, if it is there first";
        self.set("ExecStartPre", format!("-+/bin/chgrp hsflowd {socket}"), reason);
        self.set("ExecStartPre", format!("-+/bin/chmod 0770 {socket}"), reason);
    }

    /// In the unit /tmp is another one than that of whoever writes to the pipe.
    fn uncover_pipe(&mut self, settings: &Settings) {
        let Some(json) = &settings.modules.json else { return };
        let paths = [("json fifo", &json.fifo), ("json socket", &json.socket)];
        for (key, path) in paths.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?))) {
            if path.starts_with("/tmp/") || path.starts_with("/var/tmp/") {
                self.set("PrivateTmp", "no".into(), &format!("{key}: it is in the host's own /tmp"));
            }
        }
    }

    /// The agent's user may neither make nor write a file in /var/log.
    fn open_log(&mut self, facts: &Facts) {
        let Some(log) = facts.log_file.as_deref() else { return };
        let Some((folder, _)) = log.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) else {
            return self.leave_out(
                log,
                "-D: a log file wants a whole path; the unit's journal has the log without it",
            );
        };
        if !is_plain(log) {
            return self.leave_out(
                log,
                "-D: systemd would not take this path as it is; leave -D out, the journal has the log",
            );
        }
        let reason = "-D: the log file";
        self.give(What::Path(format!("-{folder}")), reason);
        self.set("ExecStartPre", format!("-+/usr/bin/touch -a {log}"), reason);
        self.set("ExecStartPre", format!("-+/bin/chown -h hsflowd: {log}"), reason);
    }

    /// A unit that names a group which there is not does not start.
    fn without_absent_groups(&mut self, facts: &Facts) {
        let Some(groups) = &facts.groups else { return };
        let is_absent = |what: &What| matches!(what, What::Group(name) if !groups.contains(name));
        let (absent, given): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.grants).into_iter().partition(|grant| is_absent(&grant.what));
        self.grants = given;
        for Grant { what, reason, .. } in absent {
            self.leave_out(&what.to_string(), &format!("{reason}: there is no such group here"));
        }
    }
}

/// With the socket that the settings name.
fn located(what: What, settings: &Settings) -> What {
    let named = settings.modules.ovs.as_ref().and_then(|ovs| ovs.unix_socket.as_deref());
    match (what, named.filter(|socket| is_plain(socket))) {
        (What::Setting { section, key, value }, Some(socket)) => {
            What::Setting { section, key, value: value.replace(OVSDB_SOCKET, socket) }
        }
        (what, _) => what,
    }
}

/// Files may hold what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A whole path in which systemd sees neither a specifier nor a variable, a quote or the end of a word.
fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@,".contains(c))
}
