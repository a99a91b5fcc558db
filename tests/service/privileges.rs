//! `hsflowctl privileges`.

use crate::support::script_file;
use crate::{DROP_IN, Root, run};
use std::process::Command;

const KEPT: &str = "/etc/systemd/system/hsflowd.service.d";
const GENERATED: &str = "/run/systemd/generator/hsflowd.service.d";

#[test]
fn each_privilege_is_told_with_its_reason_and_nothing_is_written() {
    let root = Root::with("pcap { } docker { } dropmon { } tcp { }");
    let before = root.everything();
    let ran = root.run(&["privileges"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    for line in [
        "hsflowd.service is given:",
        "  CAP_NET_RAW              pcap: tapping interfaces",
        "  CAP_NET_ADMIN            dropmon: starting the monitor",
        "                           docker, containerd, k8s: the interfaces of containers",
        "  CAP_SYS_ADMIN            dropmon: joining the group of its events since Linux 6.7",
        "                           tcp: sockets in the network namespaces of containers",
        "  CAP_SYS_PTRACE           tcp: sockets in the network namespaces of containers",
        "  group docker             docker: the engine's socket",
    ] {
        assert!(ran.stdout.lines().any(|said| said == line), "{line:?} in:\n{}", ran.stdout);
    }
    assert!(ran.stdout.contains("not so: hsflowctl privileges --apply"), "{}", ran.stdout);
    assert_eq!(root.everything(), before);
}

#[test]
fn applied_it_is_written_once_and_known_to_be_so_until_the_configuration_changes() {
    let root = Root::with("pcap { }");
    let ran = root.run(&["privileges", "--apply"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let file = format!("{KEPT}/{DROP_IN}");
    let text = root.text(&file).unwrap();
    assert!(
        text.contains(
            "\nAmbientCapabilities=\n# pcap: tapping interfaces\nCapabilityBoundingSet=CAP_NET_RAW\n"
        ),
        "{text}"
    );
    assert_eq!(root.everything().len(), 3, "nothing else is left behind");
    assert!(
        ran.stdout.contains(&format!("{DROP_IN}: written")) && ran.stdout.contains("systemctl daemon-reload")
    );
    assert!(root.run(&["privileges", "--apply"]).stdout.contains("is so already"));
    assert!(root.run(&["privileges"]).stdout.contains("hsflowd.service: so it is, by "));
    root.write("/etc/hsflowd.conf", "sflow { collector { ip = 192.0.2.1 } psample { } }");
    let ran = root.run(&["privileges"]);
    assert!(ran.stdout.contains("says otherwise: hsflowctl privileges --apply"), "{}", ran.stdout);
}

#[test]
fn where_the_generator_is_installed_it_is_left_to_it() {
    let root = Root::with("pcap { }");
    root.write("/usr/lib/systemd/system-generators/hsflowd-rs", "");
    assert!(root.run(&["privileges"]).stdout.contains("hsflowd.service: not yet: systemctl daemon-reload"));
    let before = root.everything();
    assert!(root.run(&["privileges", "--apply"]).stdout.contains("the generator makes its drop-in"));
    assert_eq!(root.everything(), before);
    root.write(&format!("{GENERATED}/{DROP_IN}"), "# Made.\n[Service]\nCapabilityBoundingSet=\n");
    assert!(root.run(&["privileges"]).stdout.contains("is older than the configuration"));
}

#[test]
fn whether_another_configuration_is_looked_at_is_told_where_somebody_would_look() {
    let root = Root::with("");
    root.write("/etc/other.conf", "sflow { collector { ip = 192.0.2.1 } }");
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=\"-f /etc/other.conf\"\n");
    let said = || root.run(&["privileges"]).stdout;
    assert!(!said().contains("hsflowd-privileges.path"), "{}", said());
    root.write("/usr/lib/systemd/system-generators/hsflowd-rs", "");
    assert!(said().contains("hsflowd-privileges.path: not yet: systemctl daemon-reload"), "{}", said());
    root.write(
        &format!("/run/systemd/generator/hsflowd-privileges.path.d/{DROP_IN}"),
        "# Made.\n[Path]\n# -f in DAEMON_ARGS: this is the configuration, and no other\nPathChanged=\n\
         PathChanged=/etc/default/hsflowd\nPathChanged=/etc/other.conf\n",
    );
    assert!(said().contains("hsflowd-privileges.path: so it is, by "), "{}", said());
}

/// In the place of systemctl: puts the next of the waiting configurations in force while it runs, if there is one.
const CHANGES_MEANWHILE: &str = "#!/bin/sh
root=${0%/bin/*}
echo \"$@\" >> $root/asked
for next in $root/next/*; do [ ! -e $next ] || { mv $next $root/etc/other.conf; break; }; done
";

#[test]
fn units_are_read_until_no_file_changes_meanwhile() {
    let root = Root::new();
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=\"-f /etc/other.conf\"\n");
    std::fs::create_dir_all(root.path("/bin")).unwrap();
    let systemctl = root.path("/bin/systemctl");
    script_file(&systemctl, CHANGES_MEANWHILE);
    let refresh = || {
        let path = format!("{}:/usr/bin:/bin", root.path("/bin").display());
        let arguments = ["privileges", "--refresh", "--root", &root.argument()];
        run(Command::new(env!("CARGO_BIN_EXE_hsflowctl")).args(arguments).env("PATH", path))
    };
    let asked = |waiting: usize| {
        (0..waiting).for_each(|n| root.write(&format!("/next/{n}"), "pcap { }"));
        let _ = std::fs::remove_file(root.path("/asked"));
        let ran = refresh();
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
        root.text("/asked").unwrap()
    };
    assert_eq!(asked(0), "daemon-reload\n");
    assert_eq!(asked(2), "daemon-reload\n".repeat(3));
    // Who changes it each time also has it looked at each time.
    assert_eq!(asked(9), "daemon-reload\n".repeat(5));
    script_file(&systemctl, "#!/bin/sh\nexit 3\n");
    let ran = refresh();
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("systemctl daemon-reload: exit status: 3"), "{}", ran.stderr);
}

#[test]
fn the_command_line_of_the_unit_decides_which_configuration_it_is() {
    let root = Root::with("pcap { }");
    root.write(
        "/etc/other.conf",
        "sflow { collector { ip = 192.0.2.1 } nflog { group = 1 probability = 1 } }",
    );
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=\"-dd -f '/etc/other.conf' -D /var/log/hsflowd.log\"\n");
    let ran = root.run(&["privileges"]);
    assert!(ran.stdout.contains("CAP_NET_ADMIN") && !ran.stdout.contains("CAP_NET_RAW"), "{}", ran.stdout);
    assert!(ran.stdout.contains("path /var/log            -D: the log file"), "{}", ran.stdout);
    let named = root.path("/etc/hsflowd.conf");
    let ran = root.run(&["privileges", "-f", named.to_str().unwrap()]);
    assert!(ran.stdout.contains("CAP_NET_RAW") && !ran.stdout.contains("CAP_NET_ADMIN"), "{}", ran.stdout);
}

#[test]
fn a_refused_configuration_is_1_with_the_place_and_without_any_dns_is_asked() {
    let root = Root::with("pcap { dev = }");
    let ran = root.run(&["privileges"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("hsflowd.conf:1:"), "{}", ran.stderr);
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=--frobnicate");
    let ran = root.run(&["privileges"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("DAEMON_ARGS: ") && ran.stderr.contains("frobnicate"), "{}", ran.stderr);
    let ran = Root::new().run(&["privileges"]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stdout.contains("CAP_NET_RAW              pcap"), "{}", ran.stdout);
}
