//! `hsflowctl web`: what it answers to whom, that the page in the program is that of its sources, and the page in a real
//! browser (Debian's chromium by its chromedriver), of a real agent.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod artefact;
mod browser;
mod client;
mod page;
mod requests;

#[path = "../support/netns.rs"]
mod netns;
#[path = "../interop/port.rs"]
mod port;
#[path = "../agent/rig.rs"]
#[allow(dead_code, unused_imports, unused_macros)] // of the agent's tests; a part is used here
mod rig;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;
use support::process::Process;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A file of this repository.
pub(crate) fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The program, serving on a free port of loopback, and where that is.
pub(crate) fn serving(arguments: &[&str]) -> (Process, SocketAddr) {
    let tool = Process::hsflowctl(&[&["web", "--listen", "127.0.0.1:0"], arguments].concat());
    let line = tool.wait_line("http://", LIMIT);
    let address = line.trim().trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    (tool, address)
}
