//! A [`Discovery`] with a resolv.conf and a clock of its own.

use crate::support::TempDir;
use hsflow::config::dynamic::Dynamic;
use hsflow::config::model::DnsSd;
use hsflow::discover::{Discovery, DiscoveryStatus, Verdict};
use hsflow::host::Clock;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A round has its own deadline of 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Rig {
    pub(crate) discovery: Discovery,
    pub(crate) now: Instant,
    runtime: Runtime,
    root: TempDir,
}

impl Rig {
    /// Wishes for this domain; nothing is asked yet.
    pub(crate) fn new(resolv_conf: &str, domain: Option<&str>) -> Self {
        let root = TempDir::new();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let now = Clock::system().now();
        let mut discovery = Discovery::new(root.path(), 7);
        discovery.apply(Some(&wish(domain)), now);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let rig = Self { discovery, now, runtime, root };
        rig.resolv_conf(resolv_conf);
        rig
    }

    /// For `.example.org`, of one server that has two chances of a second.
    pub(crate) fn example() -> Self {
        Self::new("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n", Some(".example.org"))
    }

    pub(crate) fn resolv_conf(&self, text: impl AsRef<[u8]>) {
        self.root.write("etc/resolv.conf", text);
    }

    /// Jumps to the next question, asks it, takes the answer. True if the verdict has changed.
    #[track_caller]
    pub(crate) fn round(&mut self) -> bool {
        let due = self.discovery.next_tick().expect("something is due");
        self.now = self.now.max(due);
        let Self { discovery, now, runtime, .. } = self;
        let bell = discovery.answered();
        runtime.block_on(async {
            let mut changed = discovery.tick(*now);
            while discovery.next_tick().is_none() {
                tokio::time::timeout(PATIENCE, bell.notified()).await.expect("every round ends");
                changed |= discovery.tick(*now);
            }
            changed
        })
    }

    /// Asks the next question, and leaves it there once it is `asked`.
    pub(crate) fn begin(&mut self, asked: impl Fn() -> bool) {
        self.now = self.now.max(self.discovery.next_tick().expect("something is due"));
        let Self { discovery, now, runtime, .. } = self;
        runtime.block_on(async {
            discovery.tick(*now);
            let under_way = async {
                while !asked() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, under_way).await.expect("the question is asked");
        });
    }

    /// Time to the next question.
    pub(crate) fn wait(&self) -> Duration {
        self.discovery.next_tick().expect("something is due").saturating_duration_since(self.now)
    }

    pub(crate) fn status(&self) -> DiscoveryStatus {
        self.discovery.status(self.now)
    }

    /// The settings found.
    #[track_caller]
    pub(crate) fn found(&self) -> &Dynamic {
        match self.discovery.verdict() {
            Verdict::Found(dynamic) => dynamic,
            other => panic!("{other:?}: {:?}", self.status()),
        }
    }

    /// Hosts of the collectors found.
    #[track_caller]
    pub(crate) fn hosts(&self) -> Vec<&str> {
        self.found().collectors.iter().map(|collector| collector.host.as_str()).collect()
    }
}

pub(crate) fn wish(domain: Option<&str>) -> DnsSd {
    DnsSd { domain: domain.map(String::from), srv_priority: false }
}
