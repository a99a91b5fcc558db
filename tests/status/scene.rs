//! A scene: an agent, what was broken around it, and what the status says of it.

use crate::netns;
use crate::rig::{LIMIT, Rig, ip};
use crate::support::wait_until;
use std::any::Any;
use std::net::UdpSocket;

/// An agent and what must live as long as the fault.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    /// What ends the fault when it is dropped, or is only kept.
    pub(crate) keeper: Option<Box<dyn Any>>,
}

impl From<Rig> for Scene {
    fn from(rig: Rig) -> Self {
        Self { rig, keeper: None }
    }
}

impl Scene {
    /// An agent with this configuration, beside something that must live as long.
    pub(crate) fn with(rig: Rig, keeper: impl Any) -> Self {
        Self { rig, keeper: Some(Box::new(keeper)) }
    }

    /// Waits until the status has this exit code and its page passes the test; returns the page.
    #[track_caller]
    pub(crate) fn wait_status(&self, what: &str, code: i32, test: impl Fn(&str) -> bool) -> String {
        // The agent's next attempt may be half a minute away.
        const PATIENCE: std::time::Duration = LIMIT.saturating_mul(3);
        let mut last = String::new();
        let found = || {
            let (status, page) = self.rig.ctl(&["status"]);
            last = format!("exit {status}\n{page}");
            (status == code && test(&page)).then_some(page)
        };
        // The page is worth more than the message that there was none in time.
        let found =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_until(what, PATIENCE, found)));
        found.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}; the status is\n{last}"))
    }
}

/// The blocks of a page that tell of faults: the line and its remedy.
pub(crate) fn faults(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        if line.starts_with("DEGRADED ") {
            found.push(line.to_owned());
            is_open = true;
        } else if let Some(last) = found.last_mut().filter(|_| is_open && line.starts_with("           do: "))
        {
            last.push_str(&format!("\n{line}"));
        } else {
            is_open = false;
        }
    }
    found
}

/// A wire from `a0` to `a1`, both here: what is sent to 10.9.0.2 leaves by the one and arrives at the other.
pub(crate) fn wire() {
    quiet();
    ip("link add a0 type veth peer name a1");
    ip("link set a1 up");
    connect();
}

/// The same with its far end outside, so that its packets are the host's own traffic.
pub(crate) fn wire_to(outside: &netns::Elsewhere) {
    quiet();
    ip(&format!("link add a0 type veth peer name a1 netns {}", outside.pid()));
    netns::run(&format!("nsenter -t {} -n ip link set a1 up", outside.pid()));
    connect();
}

fn quiet() {
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
}

fn connect() {
    ip("addr add 10.9.0.1/24 dev a0");
    ip("link set a0 up");
    ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:09:02 dev a0 nud permanent");
}

/// Sends so many datagrams into the wire.
pub(crate) fn send(count: usize) {
    let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
    (0..count).for_each(|_| _ = socket.send_to(&[0; 100], "10.9.0.2:9").unwrap());
}

/// The real root, who may become another user; says so where not.
pub(crate) fn is_root() -> bool {
    let root = !netns::is_inside();
    if !root {
        println!("SKIP: needs root");
    }
    root
}
