//! Counters for those who ask: the page of metrics, scraped by Prometheus and read by other programs; the agent on a bus of
//! the test's own; what the agent says that it costs, against what the kernel says.
//!
//! The agent runs in a network namespace of each test. Programs needed: Debian's prometheus with promtool, python3 with
//! prometheus_client, dbus-daemon, gdbus, dockerd, strace.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod cost;
mod dbus;
mod examples;
mod http;
mod prometheus;
mod server;

#[path = "../support/dockerd.rs"]
mod dockerd;
#[path = "../support/netns.rs"]
mod netns;
#[allow(dead_code, unused_imports, unused_macros)] // a part of it is used here
#[path = "../agent/rig.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;

use rig::{Rig, ip};
use std::collections::BTreeMap;

/// Where the page is asked for, in the namespace of each test.
const AT: &str = "127.0.0.1:9036";

/// An agent with a page and further settings.
fn metered(body: &str) -> Rig {
    Rig::running(&format!("polling = 1\nmetrics {{ listen = {AT} }}\n{body}"))
}

/// A pair of interfaces that are up, the near one with an address.
fn pair() {
    ip("link add a0 type veth peer name a1");
    ip("addr add 192.0.2.1/24 dev a0");
    ip("link set a0 up");
    ip("link set a1 up");
}

/// A page, series by series: value, and the time that stands behind it.
fn series(page: &str) -> BTreeMap<String, (f64, Option<f64>)> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let parsed = lines.map(|line| {
        let end = line.rfind('}').map_or_else(|| line.find(' ').unwrap(), |brace| brace + 1);
        let (name, rest) = line.split_at(end);
        let mut numbers = rest.split_whitespace().map(|number| number.parse().unwrap());
        (name.to_owned(), (numbers.next().unwrap(), numbers.next()))
    });
    parsed.collect()
}
