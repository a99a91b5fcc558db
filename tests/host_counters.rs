//! Host counters as a whole: on recorded hosts, on damaged ones, and on the kernel that runs this test.
#![allow(clippy::unwrap_used)] // a test ends where it fails

#[path = "host_counters/damage.rs"]
mod damage;
#[path = "host_counters/live.rs"]
mod live;
#[path = "host_counters/recorded.rs"]
mod recorded;

use hsflow::collect::host::{CollectError, HostCounters, HostSample};
use hsflow::host::{Host, SpaceOf};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/root").join(name)
}

/// A recorded host: the constants of its kernel are not those of ours.
fn recorded_host(root: impl Into<PathBuf>, space_of: SpaceOf) -> Host {
    Host { user_hz: 100, page_size: 4096, space_of, ..Host::at(root) }
}

/// One poll, repeated while a file system on the helper thread has not answered yet.
fn poll(host: &Host) -> HostSample {
    let (mut counters, mut sample) = (HostCounters::new(host), HostSample::default());
    let deadline = host.clock.now() + Duration::from_secs(20);
    loop {
        counters.poll(&mut sample);
        let waiting = sample.problems.iter().any(|p| matches!(p.error, CollectError::NoAnswer(_)));
        if !waiting || host.clock.now() > deadline {
            return sample;
        }
        std::thread::yield_now();
    }
}
