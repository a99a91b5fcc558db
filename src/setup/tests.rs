//! What is given for which settings: by a table, and by laws that hold for all of them together.

use super::migration::{Arguments, Installed, TextFile, Weight, page as migration_page, report};
use super::*;
use crate::config::Platform;
use crate::config::model::Settings;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn settings(body: &str) -> Settings {
    let text = format!("sflow {{ collector {{ ip = ::1 }} {body} }}");
    crate::config::parse("f", &text).settings.expect("a valid file").with_presets(Platform::Host).0
}

fn given(body: &str, facts: &Facts) -> Vec<String> {
    let grants = plan(&settings(body), facts).grants;
    grants.iter().filter(|grant| grant.unit == AGENT).map(|grant| grant.what.to_string()).collect()
}

#[test]
fn each_setting_is_given_what_it_needs_and_no_more() {
    let table: [(&str, &[&str]); 13] = [
        ("", &[]),
        ("json { } systemd { } nlroute { } kvm { }", &[]),
        ("pcap { }", &["CAP_NET_RAW"]),
        ("nflog { group = 5 probability = 0.5 }", &["CAP_NET_ADMIN"]),
        ("optics = on", &["CAP_NET_ADMIN"]),
        ("dropmon { }", &["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]),
        ("collector { ip = ::2 namespace = blue }", &["CAP_SYS_ADMIN", "RestrictNamespaces=net"]),
        ("docker { }", &["CAP_NET_ADMIN", "group docker"]),
        ("k8s { }", &["CAP_NET_ADMIN", "group root"]),
        ("tcp { }", &[]),
        (
            "tcp { } docker { }",
            &["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "RestrictNamespaces=net", "group docker"],
        ),
        (
            "ovs { }",
            &[
                "ExecStartPre=-+/bin/chgrp hsflowd /run/openvswitch/db.sock",
                "ExecStartPre=-+/bin/chmod 0770 /run/openvswitch/db.sock",
            ],
        ),
        ("json { fifo = /tmp/hsflowd.fifo }", &["PrivateTmp=no"]),
    ];
    for (body, wanted) in table {
        assert_eq!(given(body, &Facts::default()), wanted, "{body}");
    }
    let devices = given("nvml { }", &Facts::default());
    assert!(devices.contains(&"device char-nvidia rw".to_owned()), "{devices:?}");
    assert!(given("cumulus { }", &Facts::default()).contains(&"path /cumulus/switchd".to_owned()));
}

#[test]
fn open_vswitch_s_own_unit_lets_the_agent_in_at_the_place_that_the_file_names() {
    let made = drop_ins(
        &plan(&settings("ovs { unixsock = /run/my/db.sock }"), &Facts::default()).grants,
        &[AGENT],
        "",
    );
    assert_eq!(made.iter().map(|d| d.unit).collect::<Vec<_>>(), [AGENT, "ovsdb-server.service"]);
    assert!(
        made[1].text.contains("\nExecStartPost=-+/bin/chgrp hsflowd /run/my/db.sock\n"),
        "{}",
        made[1].text
    );
}

#[test]
fn a_group_that_is_not_there_would_keep_the_unit_from_starting() {
    let facts = Facts { groups: Some(BTreeSet::from(["root".to_owned()])), ..Facts::default() };
    assert_eq!(given("docker { } containerd { }", &facts), ["CAP_NET_ADMIN", "group root"]);
    let left_out = plan(&settings("docker { }"), &facts).left_out;
    assert_eq!(left_out.iter().map(|l| l.what.as_str()).collect::<Vec<_>>(), ["group docker"]);
}

#[test]
fn a_log_file_is_made_and_its_folder_opened() {
    let facts = |log: &str| Facts { log_file: Some(log.to_owned()), ..Facts::default() };
    assert_eq!(
        given("", &facts("/var/log/hsflowd.log")),
        [
            "path /var/log",
            "ExecStartPre=-+/usr/bin/touch -a /var/log/hsflowd.log",
            "ExecStartPre=-+/bin/chown -h hsflowd: /var/log/hsflowd.log"
        ]
    );
    for odd in ["log", "/log", "/var/log/my log", "/var/%n/x", "/var/$HOME/x"] {
        assert_eq!(given("", &facts(odd)), [] as [String; 0], "{odd}");
    }
}

#[test]
fn the_drop_in_resets_and_says_why() {
    let text = |body: &str| {
        drop_ins(&plan(&settings(body), &Facts::default()).grants, &[AGENT], "Made.").remove(0).text
    };
    let none = "# Made.\n[Service]\n# none but these\nCapabilityBoundingSet=\nAmbientCapabilities=\n";
    assert_eq!(text(""), none);
    assert_eq!(
        text("pcap { } psample { } dent { switchport = ^x$ }"),
        format!(
            "{none}# pcap: tapping interfaces\nCapabilityBoundingSet=CAP_NET_RAW\nAmbientCapabilities=CAP_NET_RAW\n\
             # psample: its group\n# dent: the tc filters of its ports\n# optics: reading transceivers\n\
             CapabilityBoundingSet=CAP_NET_ADMIN\nAmbientCapabilities=CAP_NET_ADMIN\n"
        )
    );
    let cumulus = text("cumulus { }");
    let (unit, service) = cumulus.split_once("[Service]\n").expect("two sections");
    assert!(
        unit.ends_with("PartOf=switchd.service\n") && service.starts_with("# none but these\n"),
        "{cumulus}"
    );
}

/// Every object that a unit could have to give something for.
const BODIES: [&str; 18] = [
    "pcap { }",
    "epcap { }",
    "nflog { group = 1 rule = on probability = 0.1 }",
    "psample { }",
    "dropmon { }",
    "tcp { }",
    "docker { }",
    "containerd { }",
    "k8s { }",
    "kvm { }",
    "systemd { }",
    "ovs { }",
    "nvml { }",
    "cumulus { }",
    "dent { }",
    "vpp { }",
    "optics = on",
    "collector { ip = ::2 namespace = n dev = d }",
];

proptest! {
    #[test]
    fn what_is_vital_is_given_with_a_reason_and_systemd_reads_it(which in prop::collection::vec(0..BODIES.len(), 0..6)) {
        let names: BTreeSet<_> = which.into_iter().collect();
        let settings = settings(&names.iter().map(|n| BODIES[*n]).collect::<Vec<_>>().join(" "));
        let plan = plan(&settings, &Facts::default());
        prop_assert!(plan.grants.iter().all(|grant| !grant.reason.is_empty()));
        let made = drop_ins(&plan.grants, &[AGENT], "Made.");
        let read: BTreeSet<_> = unit::directives(&made[0].text).into_iter().flat_map(What::of).collect();
        let meant: BTreeSet<_> =
            plan.grants.iter().filter(|grant| grant.unit == AGENT).map(|grant| grant.what.clone()).collect();
        prop_assert_eq!(&read, &meant);
        for need in needed(&settings).into_iter().filter(|need| need.vital) {
            prop_assert!(read.contains(&What::Capability(need.capability.to_string())), "{:?}", need);
        }
    }

    #[test]
    fn no_text_of_an_operator_becomes_a_directive(log in "/[ -~\n%$\"]{0,30}", socket in "/[!-<>-z|~%$]{1,20}") {
        let text = format!("sflow {{ collector {{ ip = ::1 }} ovs {{ unixsock = {socket} }} }}");
        let Some(settings) = crate::config::parse("f", &text).settings else { return Ok(()) };
        let facts = Facts { log_file: Some(log), ..Facts::default() };
        for made in drop_ins(&plan(&settings, &facts).grants, &[AGENT], "") {
            for directive in unit::directives(&made.text) {
                let keys = ["CapabilityBoundingSet", "AmbientCapabilities", "ReadWritePaths", "ExecStartPre", "ExecStartPost"];
                prop_assert!(keys.contains(&directive.key.as_str()), "{:?}", directive);
                prop_assert!(!directive.value.contains(['%', '$', '"', '\'', ';']), "{:?}", directive);
            }
        }
    }
}

#[test]
fn a_migration_says_what_must_be_done_first_then_what_differs_then_what_can_go() {
    let file =
        |path: &str, text: &str, is_readable| TextFile { path: path.into(), bytes: text.into(), is_readable };
    let installed = Installed {
        configuration: Some(file(
            "/etc/hsflowd.conf",
            "sflow { collector { ip = 192.0.2.1 } docker { } xen { } }",
            false,
        )),
        arguments: Arguments { ignored: vec!["-l: features are built in"], ..Arguments::default() },
        ..Installed::default()
    };
    let report = report(&installed, Platform::Host, &Facts::default());
    let weights: Vec<_> = report.findings.iter().map(|finding| finding.weight).collect();
    assert!(
        weights.is_sorted()
            && weights.first() == Some(&Weight::Mend)
            && weights.last() == Some(&Weight::Obsolete)
    );
    assert!(!report.is_ready());
    let page = migration_page(&report);
    for words in [
        "To be mended first:\n  /etc/hsflowd.conf: only root may read it",
        "-> chgrp hsflowd /etc/hsflowd.conf && chmod g+r /etc/hsflowd.conf\nOtherwise than with the C agent:\n",
        "/etc/hsflowd.conf:1:49: xen: ",
        "Of no use any more:\n  DAEMON_ARGS: -l: features are built in\nhsflowd.service is given:\n  CAP_NET_ADMIN ",
    ] {
        assert!(page.contains(words), "{words:?} in:\n{page}");
    }
}

#[test]
fn a_refused_file_has_no_plan_and_no_file_is_dns() {
    let refused = Installed {
        configuration: Some(TextFile {
            path: "f".into(),
            bytes: b"sflow { banana }".into(),
            is_readable: true,
        }),
        ..Installed::default()
    };
    let report_of = |installed: &Installed| report(installed, Platform::Host, &Facts::default());
    assert!(report_of(&refused).plan.is_none() && !report_of(&refused).is_ready());
    let none = report_of(&Installed::default());
    assert!(none.is_ready());
    let plan = none.plan.expect("the built-in configuration");
    assert_eq!(plan.grants.iter().map(|g| g.what.to_string()).collect::<Vec<_>>(), ["CAP_NET_RAW"]);
}
