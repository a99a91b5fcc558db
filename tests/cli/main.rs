//! `hsflowctl` as people and scripts use it: the real program, its exit status and what it prints. In: files, pipes,
//! datagrams, signals. hsflowctl(1) is what is tested.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

mod configuration;
mod demo;
mod live;
mod once;
#[path = "../interop/port.rs"]
mod port;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
mod usage;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a run of the tool came to.
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the tool to its end, with `stdin`.
#[track_caller]
fn run_with(stdin: Stdio, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_hsflowctl")).args(arguments).stdin(stdin).output().unwrap();
    let ran = Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// Runs the tool to its end, with empty input.
#[track_caller]
fn run(arguments: &[&str]) -> Ran {
    run_with(Stdio::null(), arguments)
}

/// A file of this repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// As an argument.
fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// Each line as JSON.
fn objects(lines: &str) -> Vec<serde_json::Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A pipe that nobody reads any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    File::from(writer).into()
}
