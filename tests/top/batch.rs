//! Lines for a log.

use crate::golden::compare;
use crate::recorded::{Recorded, words};
use crate::support::TempDir;
use crate::support::process::Process;
use crate::terminal::LIMIT;
use crate::{recording, repository};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut tool = Process::hsflowctl(&[&["top"], arguments].concat());
    let status = tool.wait_exit(LIMIT).code();
    (status, tool.stdout(), tool.stderr())
}

#[test]
fn a_recording_is_printed_by_its_own_time() {
    let recorded = Recorded::new();
    let arguments = recorded.arguments();
    let (status, text, _) = run(&[&["--batch", "-d", "8"], words(&arguments).as_slice()].concat());
    assert_eq!(status, Some(0));
    compare("batch", &text);
    let (status, one, _) = run(&[&["--batch", "-n", "1"], words(&arguments).as_slice()].concat());
    assert_eq!((status, one.matches("=== ").count()), (Some(0), 1));
    let end = one.lines().nth(1).unwrap();
    assert!(text.contains(end), "the last one is the end of the recording: {one}");
}

#[test]
fn no_agent_is_said_and_is_status_3() {
    let dir = TempDir::new();
    let socket = dir.path().join("control.sock");
    let (status, text, _) = run(&["--batch", "-n", "2", "-d", "0.2", "--socket", socket.to_str().unwrap()]);
    assert_eq!((status, text.matches("no agent at ").count()), (Some(3), 2), "{text}");
    assert!(text.contains("stream.sock") && text.contains("is hsflowd running?"), "{text}");
}

#[test]
fn alerts_go_to_a_file() {
    let dir = TempDir::new();
    let limits = dir.write("top.toml", "[host]\nmemory = { warn = 0, high = 0, for = \"1s\" }\n");
    let file = dir.path().join("alerts");
    let arguments = ["--limits", limits.to_str().unwrap(), "--alerts", file.to_str().unwrap()];
    for _ in 0..2 {
        let (status, text, _) = run(&[&["--batch", "-d", "5", &recording()][..], &arguments].concat());
        assert_eq!(status, Some(0));
        assert_eq!(text.matches("alert 20").count(), 1, "once: {text}");
    }
    let log = std::fs::read_to_string(&file).unwrap();
    assert_eq!(log.matches(" high: ").count(), 2, "it is appended to: {log}");
    assert!(log.contains("Z high: ") && log.contains(": host.memory "), "{log}");
}

#[test]
fn every_fault_of_the_limits_is_said_with_its_place() {
    let dir = TempDir::new();
    let limits = dir.write("top.toml", "[host]\ncpuu = { warn = 1 }\nload = { warn = \"x\" }\n");
    let name = limits.to_str().unwrap();
    let (status, _, said) = run(&["--batch", "--limits", name, &recording()]);
    assert_eq!(status, Some(2));
    assert!(said.contains(&format!("{name}:2:1: unknown key 'cpuu', did you mean 'cpu'?")), "{said}");
    assert!(said.contains(&format!("{name}:3:17: a number from 0 on")), "{said}");
    let shipped = repository("etc/top.toml");
    assert_eq!(run(&["--batch", "--limits", &shipped, &recording()]).0, Some(0));
    assert_eq!(run(&["--batch", "--limits", "/nonexistent/top.toml", &recording()]).0, Some(2));
    assert_eq!(run(&["--batch", "/nonexistent/capture"]).0, Some(2));
}
