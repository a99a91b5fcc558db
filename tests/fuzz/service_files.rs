//! The files that a migration reads: three texts, parted by NUL bytes. Whatever they hold, the report is plain text, and what is made
//! for systemd has no directive but those of the shipped drop-ins and no value that systemd would take apart.

use hsflow::config::{self, Platform};
use hsflow::setup::migration::{Arguments, Installed, TextFile, page, report};
use hsflow::setup::{AGENT, Facts, What, drop_ins, unit, words};

pub(super) fn law(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default().to_vec();
    let (configuration, defaults, unit_text) = (next(), next(), next());
    let file =
        |path: &str, bytes: &[u8]| TextFile { path: path.into(), bytes: bytes.into(), is_readable: true };
    let text = String::from_utf8_lossy(&defaults);
    let log_file = words::variable(&text, "DAEMON_ARGS").and_then(|said| words::split(&said).pop());
    for (key, value) in words::environment(&text) {
        assert!(!key.contains('=') && value.len() <= text.len());
    }
    let installed = Installed {
        configuration: Some(file("/etc/hsflowd.conf", &configuration)),
        arguments: Arguments { log_file: log_file.clone(), ..Arguments::default() },
        defaults: vec![file("/etc/default/hsflowd", &defaults)],
        units: vec![
            file("/lib/systemd/system/hsflowd.service", &unit_text),
            file("/etc/systemd/system/hsflowd.service.d/a.conf", &unit_text),
        ],
        present: Vec::new(),
    };
    let report = report(&installed, Platform::Host, &Facts { groups: None, log_file });
    assert!(!page(&report).contains(|c: char| c.is_control() && c != '\n'));
    let refused = config::parse_bytes("f", &configuration).0.settings.is_none();
    assert_eq!(report.plan.is_none(), refused);
    let Some(plan) = report.plan else { return };
    for made in drop_ins(&plan.grants, &[AGENT], "") {
        for directive in unit::directives(&made.text) {
            let known = [
                "After",
                "PartOf",
                "CapabilityBoundingSet",
                "AmbientCapabilities",
                "SupplementaryGroups",
                "ReadWritePaths",
                "DeviceAllow",
                "DevicePolicy",
                "PrivateDevices",
                "PrivateTmp",
                "RestrictNamespaces",
                "ExecStartPre",
                "ExecStartPost",
                "ExecStopPost",
            ];
            assert!(known.contains(&directive.key.as_str()), "{directive:?}");
            let is_ours = directive.key != "ExecStopPost";
            assert!(!is_ours || !directive.value.contains(['%', '$', '"', '\'']), "{directive:?}");
            assert!(What::of(directive).iter().all(|what| !what.to_string().is_empty()));
        }
    }
}
