//! `hsflowctl migrate`, on files as packages and operators of the C agent leave them.

use crate::{DROP_IN, Root};

/// Its package's unit.
const UNIT: &str = "[Unit]\nDescription=Host sFlow Agent\nAfter=network.target remote-fs.target nss-lookup.target\n\n[Service]\n\
    Type=simple\nExecStart=/usr/sbin/hsflowd -m %m -d\nTimeoutStopSec=10\n\n[Install]\nWantedBy=multi-user.target\n";
/// As its package ships it, with what an operator has changed.
const CONFIGURATION: &str = "# hsflowd configuration file\nsflow {\n  # agent = eth0\n  sampling = 400\n  sampling.10g = 5000\n  \
    polling = 20\n  collector { ip = 192.0.2.9 udpport = 6343 }\n  pcap { speed = 1G- }\n  tcp { }\n  docker { }\n  \
    modules = /etc/hsflowd/modules\n}\n";

fn installed() -> Root {
    let root = Root::new();
    root.write("/etc/hsflowd.conf", CONFIGURATION);
    root.write("/lib/systemd/system/hsflowd.service", UNIT);
    root.write("/etc/hsflowd/modules/mod_tcp.so", "");
    root
}

#[test]
fn an_agent_as_it_was_installed_can_be_replaced_at_once() {
    let root = installed();
    let before = root.everything();
    let ran = root.run(&["migrate"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    for words in [
        "Otherwise than with the C agent:\n",
        "  sampling.SPEED: a speed in small letters (10g) counts",
        "  docker, containerd, k8s: counters come from the kernel's cgroups",
        "Of no use any more:\n  /etc/hsflowd/modules: modules of the C agent are not loaded",
        "hsflowd.service is given:\n  CAP_NET_RAW              pcap: tapping interfaces\n",
        "  group docker             docker: the engine's socket",
    ] {
        assert!(ran.stdout.contains(words), "{words:?} in:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("To be mended"), "{}", ran.stdout);
    assert_eq!(root.everything(), before, "nothing is changed");
}

#[test]
fn applied_it_writes_the_drop_in_and_no_file_that_was_there() {
    let root = installed();
    let before = root.everything();
    assert_eq!(root.run(&["migrate", "--apply"]).status, Some(0));
    let drop_in = root.path(&format!("/etc/systemd/system/hsflowd.service.d/{DROP_IN}"));
    let mut after = root.everything();
    after.retain(|(path, _)| *path != drop_in);
    assert_eq!(after, before);
    let text = std::fs::read_to_string(drop_in).unwrap();
    assert!(text.contains("\nSupplementaryGroups=docker\n"), "{text}");
    // Its own drop-in is no finding.
    assert_eq!(root.run(&["migrate"]).status, Some(0));
}

#[test]
fn what_would_keep_it_from_starting_is_1_and_has_a_remedy() {
    let faults: [(&str, &str, &str); 9] = [
        (
            "/etc/hsflowd.conf",
            "sflow { collector { ip = 192.0.2.1 } samplng = 5 }",
            "hsflowd.conf:1:38: 'samplng' is not a key of sflow\n      -> did you mean",
        ),
        (
            "/etc/default/hsflowd",
            "DAEMON_ARGS=\"-M 20000\"",
            "DAEMON_ARGS: -M: the limit is 20000 bytes; the C agent counted kilobytes",
        ),
        (
            "/etc/default/hsflowd",
            "DAEMON_ARGS='-o /etc/hsflowd.auto'",
            "DAEMON_ARGS: -o: /etc/hsflowd.auto cannot be written",
        ),
        ("/etc/default/hsflowd", "DAEMON_ARGS=-x", "DAEMON_ARGS: refused: invalid option '-x'"),
        (
            "/etc/default/hsflowd",
            "UUID=564dd23c-453d-acd2-fa74-83da86e6e0b9",
            "-> DAEMON_ARGS=\"-u 564dd23c-453d",
        ),
        ("/etc/sysconfig/hsflowd", "DAEMON_ARGS=-dd", "the unit reads /etc/default/hsflowd alone"),
        ("/etc/systemd/system/hsflowd.service", UNIT, "it stands before the package's unit"),
        (
            "/etc/systemd/system/hsflowd.service.d/a.conf",
            "[Service]\nUser=root\n",
            "a.conf: User=root: the unit has its own user",
        ),
        (
            "/etc/hsflowd.conf",
            "sflow { collector { ip = 192.0.2.1 } kvm { } }",
            "kvm: virtual machines are asked about by a program of a package of its own, which is not installed\n      -> install hsflowd-rs-libvirt",
        ),
    ];
    for (path, text, words) in faults {
        let root = installed();
        root.write(path, text);
        let ran = root.run(&["migrate"]);
        assert_eq!(ran.status, Some(1), "{path} {text}:\n{}", ran.stdout);
        assert!(
            ran.stdout.starts_with("To be mended first:\n") && ran.stdout.contains(words),
            "{words:?} in:\n{}",
            ran.stdout
        );
    }
}

#[test]
fn a_configuration_that_only_root_may_read_is_found_out() {
    use std::os::unix::fs::PermissionsExt;
    let root = installed();
    let mode = |mode| {
        std::fs::set_permissions(root.path("/etc/hsflowd.conf"), PermissionsExt::from_mode(mode)).unwrap()
    };
    mode(0o600);
    let ran = root.run(&["migrate"]);
    assert!(ran.stdout.contains("-> chgrp hsflowd /etc/hsflowd.conf"), "{}", ran.stdout);
    mode(0o644);
    assert_eq!(root.run(&["migrate"]).status, Some(0));
}

#[test]
fn old_options_keep_working_and_those_without_an_effect_are_named() {
    let root = installed();
    root.write(
        "/etc/default/hsflowd",
        "DAEMON_ARGS=\"-dd -l /etc/hsflowd/modules -c /var/log/hsflowd.crash -p /run/hsflowd.pid\"\n",
    );
    let ran = root.run(&["migrate"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stdout);
    for option in ["-l", "-c", "-p"] {
        assert!(ran.stdout.contains(&format!("\n  DAEMON_ARGS: {option}: ")), "{option} in:\n{}", ran.stdout);
    }
}

#[test]
fn this_packages_own_unit_is_no_finding() {
    let root = installed();
    let ours =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/hsflowd.service")).unwrap();
    root.write("/lib/systemd/system/hsflowd.service", &ours);
    let ran = root.run(&["migrate"]);
    assert_eq!(ran.status, Some(0));
    assert!(
        !ran.stdout.contains("hsflowd.service: ") && !ran.stdout.contains("drop-in, if it is still"),
        "{}",
        ran.stdout
    );
}
