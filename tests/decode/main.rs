//! `hsflowctl decode` in all its formats: what it prints, captures and sends on against what Wireshark, pmacct and nfdump
//! read in the same datagrams. In: the recording of another agent, and our own agent's stream. hsflowctl(1) is what is tested.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

#[path = "../interop/agent.rs"]
mod agent;
mod anonymised;
mod captured;
mod columns;
#[path = "../interop/flows.rs"]
mod flows;
mod forwarded;
#[path = "../support/traffic.rs"]
mod generator;
mod line_protocol;
mod lines;
mod live;
#[path = "../support/netns.rs"]
mod netns;
mod packets;
#[path = "../interop/port.rs"]
mod port;
#[path = "../interop/sfacctd.rs"]
mod sfacctd;
#[path = "../interop/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
mod support;
#[path = "../interop/tshark.rs"]
mod tshark;

use std::process::{Command, Stdio};
use stream::Stream;

/// The recording, see tests/data/README.md.
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/c-agent.pcap");

/// A command whose program must be there.
fn tool(program: &str, package: &str) -> Command {
    let there = Command::new("which").arg(program).output().is_ok_and(|found| found.status.success());
    assert!(there, "{program} is missing: apt-get install {package} (make test does so)");
    Command::new(program)
}

/// What `hsflowctl decode` prints, and says on stderr.
struct Decoded {
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Decoded {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Runs it to its end.
#[track_caller]
fn decode(arguments: &[&str]) -> Decoded {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
    let output = command.arg("decode").args(arguments).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Decoded { status: output.status.code(), stdout: output.stdout, stderr }
}

/// The same, of the recording, without a complaint.
#[track_caller]
fn recorded(arguments: &[&str]) -> String {
    let decoded = decode(&[arguments, &["-r", RECORDING]].concat());
    assert_eq!((decoded.status, decoded.stderr.as_str()), (Some(0), ""));
    String::from_utf8(decoded.stdout).unwrap()
}

/// Lines of comma-separated columns that begin with a word, without it.
fn rows(page: &str, first: &str) -> Vec<Vec<String>> {
    let lines = page.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|columns| columns[0] == first).map(|columns| columns[1..].to_vec()).collect()
}

/// The recording's JSON, a value a datagram.
fn objects(page: &str) -> Vec<serde_json::Value> {
    page.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All datagrams of the recording.
fn payloads() -> Vec<Vec<u8>> {
    Stream::recorded().datagrams().to_vec()
}
