//! dnsmasq with the records of a test.
#![allow(dead_code)] // each test program uses its part

use crate::support::process::Process;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

pub(crate) struct Dnsmasq(Process);

impl Dnsmasq {
    /// Serves these records (`srv-host=…`, `txt-record=…`, `address=…`) with a TTL of 20 s, and knows nothing else of
    /// example.org and example.net. `None`, and a line saying so, where it is not installed.
    pub(crate) fn start(records: &[&str]) -> Option<Self> {
        Self::start_with_ttl(20, records)
    }

    /// The same with another TTL, in seconds.
    pub(crate) fn start_with_ttl(ttl: u32, records: &[&str]) -> Option<Self> {
        let fixed = "--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.1 \
                     --bind-interfaces --log-facility=- --log-queries --user=root --group=root --pid-file \
                     --local=/example.org/ --local=/example.net/";
        let mut command = Command::new("dnsmasq");
        command.arg(format!("--local-ttl={ttl}"));
        command.args(fixed.split_whitespace()).args(records.iter().map(|record| format!("--{record}")));
        if Command::new("dnsmasq").arg("--version").output().is_err() {
            println!("SKIP: dnsmasq is not installed");
            return None;
        }
        let process = Process::start(&mut command);
        process.wait_line("started, version", Duration::from_secs(30));
        Some(Self(process))
    }

    /// Waits until it has been asked about so many names with questions of this kind, and not more.
    #[track_caller]
    pub(crate) fn wait_asked(&self, kind: &str, names: usize) {
        let question = format!("query[{kind}] ");
        let asked = self.0.wait_for("questions", Duration::from_secs(30), |said| {
            let asked = said.stderr.iter().filter_map(|line| line.split_once(&question)?.1.split(' ').next());
            let asked: BTreeSet<_> = asked.map(String::from).collect();
            (asked.len() >= names).then_some(asked)
        });
        assert_eq!(asked.len(), names, "{asked:?}");
    }

    pub(crate) fn stop(mut self) {
        self.0.stop(Duration::from_secs(30));
    }
}
