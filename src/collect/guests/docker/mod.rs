//! Containers of Docker and Podman, by the Engine API on a unix socket.
//!
//! In: `/var/run/docker.sock`, and where there is none `/run/podman/podman.sock`. Out: news of containers. Rules: an
//! event says only that a container may have changed, and what it is now is always asked of the engine (`inspect`), so
//! that events that are lost, doubled, out of order or of a future version do no harm; the stream of events is opened
//! before the list is read; every question has a deadline; what cannot be read costs its own container only.
//! The client is ours and lenient because one that decodes strictly fails on states that only Podman has.
//! Spec: Docker Engine API 1.24 to 1.52, Podman's compatible API.

mod body;
mod event;
mod fault;
mod field;
mod http;
mod inspect;
mod lines;
mod list;
mod pending;
mod session;
mod version;
mod watch;

pub use body::Body;
pub use event::{Hint, parse_event};
pub use fault::Fault;
pub use field::Odd;
pub use inspect::parse_inspect;
pub use lines::Lines;
pub use list::{Listed, parse_list};
pub use version::{Api, Version, parse_version};

use super::Feed;
use crate::config::model::Docker;
use crate::host::Host;
use crate::sample::backoff::Backoff;
use crate::status::registry::State;
use std::time::Duration;
use watch::Watch;

/// Where an engine listens, the likelier first.
pub const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For the answer to a question.
    pub deadline: Duration,
    /// Between two questions whether the engine is there, because a stream without events may be a dead one.
    pub ping: Duration,
    /// Between two readings of the list, for events that never came.
    pub recheck: Duration,
    /// Before the first attempt to connect again; doubled until it is `longest`.
    pub shortest: Duration,
    /// Between two attempts to connect.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { deadline: secs(10), ping: secs(30), recheck: secs(120), shortest: secs(1), longest: secs(30) }
    }
}

/// Tells of the containers for as long as somebody listens.
pub async fn run(host: Host, settings: Docker, feed: Feed) {
    // Never more often than the C agent, which does not look at the setting.
    let mut pace = Pace::default();
    pace.recheck = pace.recheck.max(Duration::from_secs(settings.refresh_vms_secs.into()));
    run_at(host, feed, pace).await;
}

/// As [`run`], at another pace.
pub async fn run_at(host: Host, feed: Feed, pace: Pace) {
    let mut watch = Watch::new(feed, host.clock.clone());
    let mut backoff = Backoff::new(pace.shortest, pace.longest);
    loop {
        let settled = watch.settled();
        let Err(fault) = session::hold(&host, &mut watch, pace).await;
        let absent = matches!(fault, Fault::Absent { .. }) && watch.is_empty();
        let state = match fault {
            Fault::Unheard => return,
            fault if absent => State::unavailable(&fault),
            fault => State::degraded(&fault),
        };
        if watch.tell_state(state).await.is_err() {
            return;
        }
        if watch.settled() > settled {
            backoff.reset();
        }
        tokio::time::sleep(backoff.advance()).await;
    }
}
