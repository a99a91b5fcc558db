//! A network namespace for one test, and the programs that serve as independent witnesses in it.
//!
//! Root: the test's own thread moves into a new namespace, which the kernel removes when the thread and what it
//! opened are gone. Others: the test binary runs itself again under `unshare -rn`, for this one test. Programs
//! needed: `unshare` (util-linux), `ip` (iproute2), for some tests `ethtool`.

#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const INSIDE: &str = "HSFLOW_TEST_INSIDE_NETNS";

/// True in the user namespace of an ordinary user, where that user is the only one.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs `body` in a new network namespace with `lo` up. `name` is the test's own name. Prints `SKIP` and returns
/// where no namespace can be made.
pub(crate) fn isolated(name: &str, body: impl FnOnce()) {
    if !is_inside() && unshare(CloneFlags::CLONE_NEWNET).is_err() {
        let this = std::env::current_exe().unwrap();
        let again = Command::new("unshare")
            .arg("-rn")
            .arg(this)
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1")
            .output();
        match again {
            Ok(output) if output.status.success() => {}
            Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare failed") => {
                println!("SKIP {name}: no right to make a network namespace");
            }
            Ok(output) => panic!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat())),
            Err(error) => println!("SKIP {name}: unshare: {error}"),
        }
        return;
    }
    run("ip link set lo up");
    body();
}

/// Runs a command line without a shell; fails the test where the command fails.
pub(crate) fn run(line: &str) -> String {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs commands of `ip`, one a line, in one process.
pub(crate) fn ip_batch(lines: &str) {
    use std::io::Write;
    let mut child = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "ip -batch");
}

/// The JSON that a command prints; an empty list where it prints nothing.
pub(crate) fn json(line: &str) -> Value {
    let text = run(line);
    if text.trim().is_empty() { Value::Array(Vec::new()) } else { serde_json::from_str(&text).unwrap() }
}

/// True where this user may make tun and tap devices.
pub(crate) fn can_make_taps() -> bool {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_ok()
}

/// Another network namespace, as long as this value lives.
pub(crate) struct Elsewhere(Child);

impl Elsewhere {
    /// Makes it.
    pub(crate) fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", "echo ready; exec cat"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// What `ip link set … netns` wants.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
