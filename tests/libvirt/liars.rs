//! Helpers that are absent, lie, fall silent or die: said once, started again, and no domain lost.

use crate::rig::Rig;
use crate::support::TempDir;
use hsflow::collect::guests::News;
use hsflow::sample::guest::GuestState;
use hsflow::status::registry::State;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const DOMAIN: &str = r#"{"domain":{"uuid":"6695eb01-f6a4-8304-79aa-97f2502e193f","name":"a","counters":{"state":"running","cpu_ms":7}}}"#;

/// A root with a helper in it: a shell script, of which each start is counted in `$runs`.
fn root(script: &str) -> (TempDir, PathBuf) {
    let root = TempDir::new();
    let folder = root.path().join("usr/libexec/hsflowd");
    std::fs::create_dir_all(&folder).unwrap();
    let start = format!("#!/bin/sh\ncd {}\necho $$ >>runs\nruns=$(wc -l <runs)\n", folder.display());
    let helper = folder.join("hsflowd-libvirt");
    let text = root.write("script", format!("{start}{script}"));
    // Another process writes it: a file that a fork of this one has open for writing cannot be started.
    let copied = Command::new("install").arg("-m755").args([&text, &helper]).status().unwrap();
    assert!(copied.success());
    (root, folder)
}

/// A helper that answers its first question well, and the second, in its first run, with `lie`.
fn liar(lie: &str) -> (TempDir, PathBuf) {
    root(&format!(
        "echo '{{\"connected\":\"x\"}}'\nread word; echo '{DOMAIN}'; echo '{{\"end\":1}}'\n\
         if [ $runs = 1 ]; then read word; {lie}; fi\nwhile read word; do echo '{DOMAIN}'; echo '{{\"end\":1}}'; done\n"
    ))
}

fn assert_recovers(lie: &str, expected: &str) {
    let (root, folder) = liar(lie);
    let mut rig = Rig::start(root.path());
    rig.wait_running();
    rig.poll();
    let reason = rig.wait_degraded();
    assert!(reason.contains(expected), "{reason}");
    rig.wait_running();
    let faults = rig.heard.iter().filter(|news| matches!(news, News::State(State::Degraded { .. }))).count();
    assert_eq!(faults, 1, "{:#?}", rig.heard);
    let lost = |news: &News| match news {
        News::Gone(_) => true,
        News::One(guest) => guest.state != GuestState::Running,
        News::All(guests) => guests.len() != 1,
        _ => false,
    };
    assert!(!rig.heard.iter().any(lost), "{:#?}", rig.heard);
    assert_eq!(
        std::fs::read_to_string(folder.join("runs")).unwrap().lines().count(),
        2,
        "started again once"
    );
}

#[test]
fn garbage_is_said_with_its_column_and_the_helper_is_started_again() {
    assert_recovers(
        "echo '{\"domain\":{\"uuid\":7}}'; read word",
        "invalid type: integer `7`, expected a string at line 1",
    );
}

#[test]
fn a_line_without_an_end_is_said() {
    assert_recovers("printf '{\"domain\":{\"uu'; exit 0", "it ended within a line, after 14 bytes");
}

#[test]
fn a_line_that_does_not_end_is_cut() {
    assert_recovers("head -c 10000000 /dev/zero | tr '\\0' x; read word", "a line of more than 262144 bytes");
}

#[test]
fn an_end_is_said_with_its_status() {
    assert_recovers("exit 3", "it ended: exit status: 3");
}

#[test]
fn half_a_list_takes_no_domain_away() {
    assert_recovers("echo '{\"end\":1}'; read word", "a list of 0 domains that ends as one of 1");
}

#[test]
fn a_reason_is_passed_on() {
    assert_recovers("echo '{\"failed\":\"no libvirt today\"}'; exit 1", "no libvirt today");
}

#[test]
fn silence_is_said_and_the_silent_one_is_killed() {
    let (root, folder) = liar("exec sleep 1000");
    let mut rig = Rig::start(root.path());
    rig.wait_running();
    let before = rig.heard.len();
    rig.poll();
    assert_eq!(rig.wait_degraded(), "libvirt does not answer within 10 s");
    let counters = |news: &&News| matches!(news, News::Counters(_));
    assert_eq!(rig.heard.iter().skip(before).filter(counters).count(), 0, "old counters are not told as new");
    rig.wait_running();
    let runs = std::fs::read_to_string(folder.join("runs")).unwrap();
    let silent = PathBuf::from("/proc").join(runs.lines().next().unwrap());
    assert!(!silent.exists(), "{} lives", silent.display());
}

#[test]
fn each_wish_is_answered_and_many_at_once_by_one_answer() {
    let (root, folder) = root(&format!(
        "echo '{{\"connected\":\"x\"}}'\nwhile read word; do echo $word >>words; echo '{DOMAIN}'; echo '{{\"end\":1}}'; done\n"
    ));
    let mut rig = Rig::start(root.path());
    rig.wait_running();
    (0..100).for_each(|_| rig.poll());
    rig.wait("counters", |news| matches!(news, News::Counters(_)).then_some(()));
    rig.wait_running();
    assert_eq!(std::fs::read_to_string(folder.join("words")).unwrap(), "poll\npoll\n");
}

#[test]
fn an_absent_helper_is_no_fault_and_one_that_cannot_start_is() {
    let empty = TempDir::new();
    let reason = Rig::start(empty.path()).wait("unavailable", |news| match news {
        News::State(State::Unavailable { reason }) => Some(reason.clone()),
        _ => None,
    });
    let place = format!("{}/usr/libexec/hsflowd/hsflowd-libvirt", empty.path().display());
    assert!(reason.contains("install hsflowd-rs-libvirt") && reason.contains(&place), "{reason}");

    let (root, folder) = root("");
    let helper = folder.join("hsflowd-libvirt");
    std::fs::set_permissions(&helper, PermissionsExt::from_mode(0o644)).unwrap();
    let reason = Rig::start(root.path()).wait_degraded();
    assert!(
        reason.contains("Permission denied") && reason.contains(&helper.display().to_string()),
        "{reason}"
    );
}

#[test]
fn the_helper_ends_when_nobody_listens() {
    let (root, folder) = liar(":");
    let mut rig = Rig::start(root.path());
    rig.wait_running();
    let pid = std::fs::read_to_string(folder.join("runs")).unwrap();
    let path = PathBuf::from("/proc").join(pid.trim());
    rig.stop_listening("the helper's end", || (!path.exists()).then_some(()));
}
