//! Units and drop-ins that somebody made for the C agent. In: their texts. Out: what of them would keep this agent's unit from
//! working, and what has no effect. A drop-in goes on counting, because the unit keeps its name. Spec: systemd.unit(5).

use super::{Finding, Installed, TextFile, Weight};
use crate::setup::unit::{Directive, directives};
use crate::setup::words;

/// Directives of the C agent's own unit, and those that mean the same for any program.
const HARMLESS: [&str; 22] = [
    "After",
    "Before",
    "Conflicts",
    "CPUQuota",
    "CPUWeight",
    "Description",
    "Documentation",
    "ExecReload",
    "IOWeight",
    "LimitCORE",
    "LimitNOFILE",
    "LogLevelMax",
    "Nice",
    "Requires",
    "Requisite",
    "Restart",
    "RestartSec",
    "Slice",
    "SyslogIdentifier",
    "TimeoutStopSec",
    "WantedBy",
    "Wants",
];

pub(super) fn findings(installed: &Installed) -> Vec<Finding> {
    installed
        .units
        .iter()
        .flat_map(|unit| if is_drop_in(unit) { drop_in(unit) } else { whole(unit) })
        .collect()
}

fn is_drop_in(unit: &TextFile) -> bool {
    unit.path.contains(".service.d/")
}

/// A whole unit: in `/etc/systemd/system` it stands before the package's; elsewhere the package replaces it.
fn whole(unit: &TextFile) -> Vec<Finding> {
    let path = unit.path.as_str();
    if path.starts_with("/etc/systemd/") {
        let what =
            "it stands before the package's unit, which then never runs: no own user, no limits, no watchdog";
        let remedy =
            format!("move what you need of it into a drop-in (systemctl edit hsflowd) and remove {path}");
        return vec![Finding::new(Weight::Mend, path, what).remedy(remedy)];
    }
    let text = String::from_utf8_lossy(&unit.bytes);
    let what = "its own settings end when the package's unit takes its place";
    let own = directives(&text).into_iter().filter(|d| !is_known(d)).map(|d| {
        Finding::new(Weight::Differs, format!("{path}: {}={}", d.key, d.value), what)
            .remedy("put it into a drop-in, if it is still wanted: systemctl edit hsflowd")
    });
    own.collect()
}

/// As the C agent's own unit has it.
fn is_known(directive: &Directive) -> bool {
    HARMLESS.contains(&directive.key.as_str())
        || directive.key == "Type"
        || directive.key == "EnvironmentFile"
        || (directive.key == "ExecStart" && has_known_words(&directive.value))
}

fn has_known_words(command: &str) -> bool {
    words::split(command)
        .iter()
        .skip(1)
        .all(|word| matches!(word.as_str(), "-m" | "%m" | "-d" | "$DAEMON_ARGS"))
}

fn drop_in(unit: &TextFile) -> Vec<Finding> {
    let text = String::from_utf8_lossy(&unit.bytes);
    directives(&text).iter().filter_map(|d| said_of(&unit.path, d)).collect()
}

/// What a directive of a drop-in does to the unit here; none where it does what it did.
fn said_of(path: &str, directive: &Directive) -> Option<Finding> {
    let Directive { key, value, .. } = directive;
    let say = |weight, what: &str, remedy: &str| {
        Some(Finding::new(weight, format!("{path}: {key}={value}"), what).remedy(remedy))
    };
    match key.as_str() {
        "ExecStart" if value.is_empty() => None,
        "ExecStart" => say(
            Weight::Mend,
            "it replaces the command line of this agent's unit: -o and the runtime folder are lost",
            "write the options into DAEMON_ARGS in /etc/default/hsflowd",
        ),
        "User" | "Group" | "DynamicUser" => say(
            Weight::Mend,
            "the unit has its own user, whose sockets, groups and capabilities fit each other",
            "remove it; hsflowctl privileges says what the user is given",
        ),
        "Type" if value != "notify" => say(
            Weight::Mend,
            "the agent tells when it is ready, and the watchdog counts on that",
            "remove it",
        ),
        "PIDFile" => say(Weight::Obsolete, "no pid file is written", "remove it"),
        "Environment" if value.contains("LD_LIBRARY_PATH") || value.contains("LD_PRELOAD") => {
            say(Weight::Obsolete, "nothing is loaded", "remove it")
        }
        "CapabilityBoundingSet" | "AmbientCapabilities" => say(
            Weight::Differs,
            "it counts beside what is derived from the configuration",
            "remove it, unless hsflowctl privileges leaves out something that you need",
        ),
        "MemoryMax" | "MemoryLimit" if is_small(value) => {
            say(Weight::Differs, "below 32M the agent may be killed when many ports are sampled", "raise it")
        }
        "ExecStartPre" | "ExecStartPost" | "ExecStopPost" if !value.is_empty() => say(
            Weight::Differs,
            "it runs as the user hsflowd, in a system that is read-only",
            "put + in front of the path, if it needs root",
        ),
        _ => None,
    }
}

fn is_small(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match value.get(digits.len()..) {
        Some("") => 1,
        Some("K") => 1 << 10,
        Some("M") => 1 << 20,
        _ => return false,
    };
    digits.parse::<u64>().is_ok_and(|n| n.saturating_mul(unit) < 32 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<(Weight, String)> {
        let units = vec![TextFile { path: path.into(), bytes: text.into(), is_readable: true }];
        let found = findings(&Installed { units, ..Installed::default() });
        found
            .into_iter()
            .map(|f| (f.weight, f.subject.rsplit(": ").next().unwrap_or_default().to_owned()))
            .collect()
    }

    /// As its package has it.
    const THEIRS: &str = "[Unit]\nDescription=Host sFlow\nAfter=network.target\n[Service]\nType=simple\n\
        EnvironmentFile=-/etc/default/hsflowd\nExecStart=/usr/sbin/hsflowd -m %m -d\nTimeoutStopSec=10\n[Install]\n\
        WantedBy=multi-user.target\n";

    #[test]
    fn the_c_agents_own_unit_has_nothing_to_lose() {
        assert_eq!(of("/lib/systemd/system/hsflowd.service", THEIRS), []);
        let changed = THEIRS.replace("-m %m -d", "-m %m -d -f /etc/other.conf");
        assert_eq!(of("/lib/systemd/system/hsflowd.service", &changed).len(), 1);
        let found = of("/etc/systemd/system/hsflowd.service", THEIRS);
        assert_eq!(found, [(Weight::Mend, "/etc/systemd/system/hsflowd.service".to_owned())]);
    }

    #[test]
    fn a_drop_in_goes_on_counting_and_what_of_it_is_in_the_way_is_said() {
        let text = "[Unit]\nAfter=frr.service\n[Service]\nNice=-5\nUser=root\nExecStart=\nExecStart=/usr/sbin/hsflowd -ddd\n\
            PIDFile=/run/hsflowd.pid\nMemoryMax=16M\nMemoryMax=1G\n";
        let found = of("/etc/systemd/system/hsflowd.service.d/local.conf", text);
        let wanted = [
            (Weight::Mend, "User=root"),
            (Weight::Mend, "ExecStart=/usr/sbin/hsflowd -ddd"),
            (Weight::Obsolete, "PIDFile=/run/hsflowd.pid"),
            (Weight::Differs, "MemoryMax=16M"),
        ];
        assert_eq!(found, wanted.map(|(weight, subject)| (weight, subject.to_owned())));
    }
}
