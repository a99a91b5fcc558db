//! What else of the C agent lies on the host. In: which of the known places are there, and the settings. Out: what of it has no
//! effect any more, and what is missing here.

use super::{Finding, Installed, Weight};
use crate::config::model::Settings;
use crate::setup::words;

const HELPER: &str = "/usr/libexec/hsflowd/hsflowd-libvirt";

/// Places, what they mean for this agent, and what to do; no words: only their absence can matter.
const PLACES: [(&str, &str, &str); 7] = [
    ("/etc/hsflowd/modules", "modules of the C agent are not loaded: features are built in", "remove it"),
    (
        "/etc/init.d/hsflowd",
        "systemd uses the unit of the same name instead, and DAEMON_ARGS of /etc/default/hsflowd",
        "remove it, unless this host boots without systemd",
    ),
    (
        "/etc/systemd/system/hsflowd@.service",
        "instances of it run the program with the C agent's unit: one agent with collector { dev } or { namespace } does their work",
        "systemctl disable --now its instances, then remove it",
    ),
    ("/etc/logrotate.d/hsflowd", "the journal has the log, unless -D names a file", "remove it"),
    ("/etc/cron.d/hsflowd", "the service manager restarts the agent", "remove it"),
    (
        "/etc/monit/conf.d/hsflowd",
        "the service manager restarts the agent, and a watchdog one that hangs",
        "remove it",
    ),
    (HELPER, "", ""),
];

/// The places that are looked for.
pub const LOOKED_FOR: [&str; 7] = {
    let mut paths = [""; 7];
    let mut place = 0;
    while place < PLACES.len() {
        paths[place] = PLACES[place].0;
        place += 1;
    }
    paths
};

pub(super) fn findings(installed: &Installed, settings: Option<&Settings>) -> Vec<Finding> {
    let is_there = |path: &str| installed.present.contains(&path);
    let mut found: Vec<_> = PLACES
        .iter()
        .filter(|(path, what, _)| !what.is_empty() && is_there(path))
        .map(|(path, what, remedy)| Finding::new(Weight::Obsolete, *path, *what).remedy(*remedy))
        .collect();
    let wants_helper = settings.is_some_and(|settings| settings.modules.kvm.is_some());
    if wants_helper && !is_there(HELPER) {
        let what =
            "virtual machines are asked about by a program of a package of its own, which is not installed";
        found.push(Finding::new(Weight::Mend, "kvm", what).remedy("install hsflowd-rs-libvirt"));
    }
    for file in &installed.defaults {
        let text = String::from_utf8_lossy(&file.bytes);
        for (name, value) in words::environment(&text) {
            found.extend(variable(&file.path, &name, &value));
        }
    }
    found
}

/// The init scripts of the C agent read more than one variable, and another file on Red Hat's systems.
fn variable(path: &str, name: &str, value: &str) -> Option<Finding> {
    let subject = format!("{path}: {name}={value}");
    match name {
        "DAEMON_ARGS" if path.starts_with("/etc/default/") || value.is_empty() => None,
        "DAEMON_ARGS" => Some(
            Finding::new(Weight::Mend, subject, "the unit reads /etc/default/hsflowd alone")
                .remedy("write it there"),
        ),
        "UUID" if !value.is_empty() => Some(
            Finding::new(
                Weight::Mend,
                subject,
                "only the C agent's init script gives it to the agent: collectors would see another host",
            )
            .remedy(format!(
                "DAEMON_ARGS=\"-u {value}\" in /etc/default/hsflowd, or uuid = {value} in hsflowd.conf"
            )),
        ),
        "UUID" => None,
        "LD_LIBRARY_PATH" | "LD_PRELOAD" => {
            Some(Finding::new(Weight::Obsolete, subject, "nothing is loaded"))
        }
        _ => Some(Finding::new(Weight::Obsolete, subject, "nothing here reads it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::migration::TextFile;

    #[test]
    fn a_uuid_of_the_init_script_is_not_lost_silently() {
        let defaults = |path: &str, text: &str| Installed {
            defaults: vec![TextFile { path: path.into(), bytes: text.into(), is_readable: true }],
            ..Installed::default()
        };
        let text = "UUID=564dd23c-453d-acd2-fa74-83da86e6e0b9\nDAEMON_ARGS=\"-dd\"\nOTHER=1\n";
        let found = findings(&defaults("/etc/default/hsflowd", text), None);
        assert_eq!(found.iter().map(|f| f.weight).collect::<Vec<_>>(), [Weight::Mend, Weight::Obsolete]);
        assert!(found[0].remedy.as_deref().is_some_and(|r| r.contains("-u 564dd23c")));
        let found = findings(&defaults("/etc/sysconfig/hsflowd", "DAEMON_ARGS=-dd"), None);
        assert_eq!(found[0].weight, Weight::Mend);
    }

    #[test]
    fn what_lies_there_is_obsolete_and_a_missing_helper_is_not() {
        let installed = Installed { present: vec!["/etc/hsflowd/modules"], ..Installed::default() };
        let settings = |body: &str| {
            let text = format!("sflow {{ collector {{ ip = ::1 }} {body} }}");
            crate::config::parse("f", &text).settings
        };
        let subjects = |settings: Option<Settings>| -> Vec<_> {
            findings(&installed, settings.as_ref()).into_iter().map(|f| f.subject).collect()
        };
        assert_eq!(subjects(settings("")), ["/etc/hsflowd/modules"]);
        assert_eq!(subjects(settings("kvm { }")), ["/etc/hsflowd/modules", "kvm"]);
    }
}
