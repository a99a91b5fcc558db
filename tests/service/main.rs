//! What the service manager is told: `hsflowctl privileges` and `migrate`, the generators, the units. The real programs on roots of
//! the test's own, and systemd's own tools as judges of what they make. In a real systemd: `tests/vm/privileges.test.sh`.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

mod generator;
mod migrate;
mod privileges;
#[path = "../support/mod.rs"]
mod support;
mod units;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::TempDir;
use support::process::Process;

/// A machine under load.
const LIMIT: Duration = Duration::from_secs(30);
const DROP_IN: &str = "00-hsflowd-privileges.conf";

/// A host's files.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(TempDir::new());
        root.write("/etc/group", "root:x:0:\ndocker:x:999:\nhsflowd:x:998:\n");
        root
    }

    /// One with this configuration.
    fn with(body: &str) -> Self {
        let root = Self::new();
        root.write("/etc/hsflowd.conf", &format!("sflow {{ collector {{ ip = 192.0.2.1 }} {body} }}\n"));
        root
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.0.path().join(absolute.trim_start_matches('/'))
    }

    fn write(&self, absolute: &str, text: &str) {
        let path = self.path(absolute);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(&self, absolute: &str) -> Option<String> {
        std::fs::read_to_string(self.path(absolute)).ok()
    }

    fn argument(&self) -> String {
        self.0.path().to_str().unwrap().to_owned()
    }

    /// Runs the tool on it.
    fn run(&self, arguments: &[&str]) -> Ran {
        let root = self.argument();
        let all = [arguments, &["--root", &root]].concat();
        run(Command::new(env!("CARGO_BIN_EXE_hsflowctl")).args(all))
    }

    /// What there is below it: each file with its content.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        gather(self.0.path(), &mut found);
        found.sort();
        found
    }
}

fn gather(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => gather(&path, found),
            false => found.push((path.clone(), std::fs::read(&path).unwrap_or_default())),
        }
    }
}

/// What a run came to.
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a program to its end, which has to come.
#[track_caller]
fn run(command: &mut Command) -> Ran {
    let mut process = Process::start(command.stdin(Stdio::null()));
    let status = process.wait_exit(LIMIT).code();
    let ran = Ran { status, stdout: process.stdout(), stderr: process.stderr() };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}
