//! nfdump's collector: counts flow samples and the packets they stand for.

use crate::port;
use crate::support::TempDir;
use crate::support::process::Process;
use crate::tool;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// What it counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    /// Of whole frames, checksum included.
    pub(crate) bytes: u64,
    /// Sequence errors.
    pub(crate) failures: u64,
    /// Datagrams that it could not read.
    pub(crate) bad: u64,
}

/// Feeds it the datagrams; its last words hold the counts.
pub(crate) fn count(datagrams: &[Vec<u8>]) -> Counted {
    let dir = TempDir::new();
    let port = port::free();
    let mut command = tool("sfcapd", "nfdump-sflow");
    command.args(["-4", "-b", "127.0.0.1", "-t", "3600", "-p", &port.to_string(), "-w"]).arg(dir.path());
    let mut sfcapd = Process::start(&mut command);
    port::wait_bound(port);
    port::send(port, datagrams);
    sfcapd.stop(LIMIT);
    let summary = sfcapd.wait_line("Ident: 'none' Flows:", LIMIT);
    let number = |name: &str| {
        let (_, rest) = summary.split_once(name).unwrap_or_else(|| panic!("{name} in {summary}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    Counted {
        flows: number("Flows: "),
        packets: number("Packets: "),
        bytes: number("Bytes: "),
        failures: number("Sequence Errors: "),
        bad: number("Bad Packets: "),
    }
}
