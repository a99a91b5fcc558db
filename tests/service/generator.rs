//! The generators, called as systemd calls them: by a link of their name, with three folders. Whatever they find, they end well.

use crate::{DROP_IN, Ran, Root, run};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// Calls the program by this name; the folders are made as systemd makes them.
fn call(root: &Root, program: &str, name: &str, before: &[&str]) -> Ran {
    let link = root.path(name);
    let _ = symlink(program, &link);
    let folders = ["normal", "early", "late"].map(|folder| root.path(folder));
    for folder in &folders {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir(folder).unwrap();
    }
    run(Command::new(link).args(before).args(&folders))
}

fn generate(root: &Root) -> Ran {
    let ran = call(root, env!("CARGO_BIN_EXE_hsflowctl"), "hsflowd-rs", &["--root", &root.argument()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(root.path("early")).unwrap().count(), 0);
    ran
}

fn made(root: &Root, unit: &str) -> Option<String> {
    root.text(&format!("normal/{unit}.d/{DROP_IN}"))
}

#[test]
fn the_drop_in_follows_the_configuration() {
    let root = Root::with("pcap { } ovs { }");
    assert_eq!(generate(&root).stderr, "");
    let text = made(&root, "hsflowd.service").unwrap();
    assert!(
        text.starts_with("# Made for /etc/hsflowd.conf anew at each systemctl daemon-reload.\n"),
        "{text}"
    );
    assert!(
        text.contains("\nCapabilityBoundingSet=CAP_NET_RAW\n") && !text.contains("CAP_NET_ADMIN"),
        "{text}"
    );
    assert!(made(&root, "ovsdb-server.service").unwrap().contains("\nExecStartPost=-+/bin/chgrp hsflowd "));
    root.write("/etc/hsflowd.conf", "sflow { collector { ip = 192.0.2.1 } }");
    generate(&root);
    let text = made(&root, "hsflowd.service").unwrap();
    assert!(
        text.ends_with("[Service]\n# none but these\nCapabilityBoundingSet=\nAmbientCapabilities=\n"),
        "{text}"
    );
    assert_eq!(made(&root, "ovsdb-server.service"), None);
}

#[test]
fn another_configuration_is_looked_at_whatever_stands_in_it() {
    let root = Root::with("");
    generate(&root);
    assert_eq!(made(&root, "hsflowd-privileges.path"), None);
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=\"-f '/etc/my hsflowd.conf'\"\n");
    for text in ["sflow { collector { ip = 192.0.2.1 } }", "sflow { collectr"] {
        root.write("/etc/my hsflowd.conf", text);
        generate(&root);
        let made = made(&root, "hsflowd-privileges.path").unwrap();
        assert!(made.ends_with("\nPathChanged=/etc/my hsflowd.conf\n"), "{made}");
    }
    assert_eq!(made(&root, "hsflowd.service"), None);
    let said = root.run(&["privileges"]);
    assert_eq!(said.status, Some(1), "the mistake is said: {}", said.stderr);
}

#[test]
fn of_a_file_that_cannot_be_used_nothing_is_made_and_it_is_said_in_one_line() {
    let root = Root::with("samplng = 5 } }");
    let refuse = |words: &str| {
        let ran = generate(&root);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(
            ran.stderr.starts_with("hsflowd-rs-generator: ") && ran.stderr.contains(words),
            "{}",
            ran.stderr
        );
        assert_eq!(std::fs::read_dir(root.path("normal")).unwrap().count(), 0);
    };
    refuse("stays as it was shipped");
    let file = root.path("/etc/hsflowd.conf");
    std::fs::remove_file(&file).unwrap();
    // Reading would wait for a writer for ever, and the boot with it.
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refuse("not a regular file");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refuse("not a regular file");
    std::fs::remove_dir(&file).unwrap();
    std::fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
    refuse("longer than");
    root.write("/etc/hsflowd.conf", "sflow { collector { ip = 192.0.2.1 } }");
    root.write("/etc/default/hsflowd", "DAEMON_ARGS=\"-u nonsense\"");
    refuse("DAEMON_ARGS: -u nonsense");
}

#[test]
fn a_folder_that_cannot_be_written_and_no_folder_at_all_are_no_failure() {
    let root = Root::with("");
    let link = root.path("hsflowd-rs");
    symlink(env!("CARGO_BIN_EXE_hsflowctl"), &link).unwrap();
    let absent = root.path("/etc/hsflowd.conf/not a folder");
    let by: [(Vec<PathBuf>, &str); 3] = [
        (vec![], "no folder was named"),
        (vec![absent], "hsflowd.service.d"),
        (vec!["--banana".into()], "--banana"),
    ];
    for (arguments, words) in by {
        let ran = run(Command::new(&link).args(["--root", &root.argument()]).args(arguments));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn the_units_of_policies_have_one_of_their_own() {
    let root = Root::new();
    let folder = root.path("/etc/hsflowd");
    let generate = |policy: &str| {
        root.write("/etc/hsflowd/policy.toml", policy);
        let before = ["-c", folder.to_str().unwrap()];
        let ran = call(&root, env!("CARGO_BIN_EXE_hsflowd-policy"), "hsflowd-rs-policy", &before);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
        let units = std::fs::read_dir(root.path("normal")).unwrap();
        let mut units: Vec<_> = units.map(|unit| unit.unwrap().file_name().into_string().unwrap()).collect();
        units.sort();
        units
    };
    let rule = "[policy.a]\ndestination = \"192.0.2.1\"\naction = \"drop\"\n";
    assert_eq!(generate(rule), [] as [String; 0]);
    assert_eq!(
        generate(&format!("{rule}netns = \"blue\"\n")),
        ["hsflowd-policy-expire.service.d", "hsflowd-policy.service.d"]
    );
    let text = made(&root, "hsflowd-policy.service").unwrap();
    assert!(
        text.contains("\n# netns: entering a network namespace") && text.contains("=CAP_SYS_PTRACE\n"),
        "{text}"
    );
    let ran =
        run(Command::new(env!("CARGO_BIN_EXE_hsflowd-policy")).args(["--privileges", "-c"]).arg(&folder));
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("hsflowd-policy.service is given:\n  CAP_SYS_ADMIN "), "{}", ran.stdout);
    assert_eq!(generate("no toml"), [] as [String; 0]);
}
