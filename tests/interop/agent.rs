//! Our agent, as others hear it.

#![allow(dead_code)] // each test program uses its part

use crate::stream::Stream;
use crate::support::TempDir;
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// A running agent and its collector.
pub(crate) struct Agent {
    process: Process,
    pub(crate) catcher: UdpCatcher,
    _dir: TempDir,
}

impl Agent {
    /// Starts it with these settings of `sflow { }`.
    pub(crate) fn start(settings: &str) -> Self {
        let (catcher, dir) = (UdpCatcher::new(), TempDir::new());
        let port = catcher.port();
        let configuration = dir.write(
            "hsflowd.conf",
            format!(
                "sflow {{ agentIP = 192.0.2.1 {settings} collector {{ ip = 127.0.0.1 udpport = {port} }} }}"
            ),
        );
        let path = |p: &std::path::Path| p.to_str().unwrap().to_owned();
        let auto = path(&dir.path().join("hsflowd.auto"));
        let process = Process::hsflowd(&["-d", "-f", &path(&configuration), "-o", &auto]);
        Self { process, catcher, _dir: dir }
    }

    /// Stops it, and returns all that it sent.
    pub(crate) fn stop(mut self) -> Stream {
        assert!(self.process.stop(LIMIT).success());
        Stream::caught(self.catcher.datagrams())
    }
}

/// What the agent sends about this machine until an interface has reported three times.
pub(crate) fn stream() -> Stream {
    let agent = Agent::start("polling = 2 interfaceCounters = all");
    let thrice = |datagrams: &[Vec<u8>]| {
        let interfaces = Stream::caught(datagrams.to_vec()).interfaces();
        interfaces.first().is_some_and(|first| {
            interfaces.iter().filter(|counters| counters.if_index == first.if_index).count() >= 3
        })
    };
    agent.catcher.wait_for("three samples of one interface", LIMIT, thrice);
    agent.stop()
}
