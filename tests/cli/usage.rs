//! The command line itself, and what needs an agent that is not there. A running agent's answers are tested with the
//! agent.

use crate::support::TempDir;
use crate::{run, text};
use std::io::Write;
use std::os::unix::net::UnixListener;

#[test]
fn a_wrong_command_line_is_2_and_told_on_stderr() {
    for line in [
        "",
        "frobnicate",
        "--frobnicate",
        "check a b",
        "config",
        "config other",
        "decode --listen nowhere",
        "decode --listen 127.0.0.1:99999",
        "decode --count many -",
        "decode --listen 127.0.0.1:0 file",
        "demo --count -1",
        "explain",
        "explain weather",
        "once -f",
        "status extra",
    ] {
        let ran = run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{line:?}");
        assert!(ran.stderr.contains("Usage: hsflowctl") || ran.stderr.contains("--help"), "{}", ran.stderr);
    }
}

#[test]
fn help_and_version_are_answers_on_stdout() {
    let help = run(&["--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    let version = run(&["--version"]);
    assert_eq!(version.stdout, format!("hsflowctl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_an_agent_the_answer_is_3() {
    let dir = TempDir::new();
    let socket = dir.path().join("control.sock");
    for command in [&["status"][..], &["status", "--json"], &["explain", "agent-address"]] {
        let ran = run(&[command, &["--socket", text(&socket)]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(3), ""), "{command:?}");
        assert!(ran.stderr.contains(text(&socket)), "{}", ran.stderr);
    }
}

#[test]
fn somebody_else_on_the_socket_is_no_agent() {
    let dir = TempDir::new();
    let socket = dir.path().join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers = [&b"hello\n"[..], b"{\"version\":1}", b"", &[b'['; 100_000]];
    let answering = std::thread::spawn(move || {
        for answer in answers {
            // The other end may have enough before it has all.
            let _ = listener.accept().unwrap().0.write_all(answer);
        }
    });
    for answer in answers {
        let ran = run(&["status", "--socket", text(&socket)]);
        assert_eq!(ran.status, Some(3), "{} bytes: {}", answer.len(), ran.stderr);
    }
    answering.join().unwrap();
}
