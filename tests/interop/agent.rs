//! What our agent sends about this machine.

use crate::stream::Stream;
use crate::support::TempDir;
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use std::time::Duration;

/// Starts the agent, and stops it when each of its sources has reported twice.
pub(crate) fn stream() -> Stream {
    let catcher = UdpCatcher::new();
    let dir = TempDir::new();
    let port = catcher.port();
    let configuration = dir.write(
        "hsflowd.conf",
        format!(
            "sflow {{ polling = 2 agentIP = 192.0.2.1 interfaceCounters = all collector {{ ip = 127.0.0.1 udpport = {port} }} }}"
        ),
    );
    let auto = dir.path().join("hsflowd.auto");
    let path = |p: &std::path::Path| p.to_str().unwrap().to_owned();
    let mut agent = Process::hsflowd(&["-d", "-f", &path(&configuration), "-o", &path(&auto)]);
    let twice = |datagrams: &[Vec<u8>]| {
        let interfaces = Stream::caught(datagrams.to_vec()).interfaces();
        interfaces.first().is_some_and(|first| {
            interfaces.iter().filter(|counters| counters.if_index == first.if_index).count() >= 3
        })
    };
    let limit = Duration::from_secs(30);
    let datagrams = catcher.wait_for("three samples of one interface", limit, twice);
    assert!(agent.stop(limit).success());
    Stream::caught(datagrams)
}
