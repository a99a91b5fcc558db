//! The way out: the agent's one stream of datagrams and the collectors that get it. In: datagrams without a number, from
//! the threads that make samples. Out: numbered datagrams on UDP. Rule: numbering and sending are one step under one
//! lock, taken once a datagram, so the numbers reach the wire in order; nobody waits or reads the kernel while
//! holding it.

use crate::export::Collectors;
use crate::sflow::datagram::{Stream, Unsent};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Stream and collectors.
pub struct Outlet {
    /// Where datagrams go.
    pub collectors: Collectors,
    /// Datagrams handed to the collectors, counted once whatever their number.
    pub datagrams: u64,
    stream: Stream,
    start: Instant,
}

/// The outlet, as all threads have it.
#[derive(Clone)]
pub struct SharedOutlet(Arc<Mutex<Outlet>>);

impl SharedOutlet {
    /// An outlet without collectors or an agent address, which takes datagrams and sends none. `start` is the moment
    /// that the collectors count time from.
    pub fn new(root: &Path, sub_agent_id: u32, start: Instant) -> Self {
        let stream = Stream::new(NOBODY, sub_agent_id);
        Self(Arc::new(Mutex::new(Outlet { collectors: Collectors::new(root), datagrams: 0, stream, start })))
    }

    /// The outlet for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Outlet> {
        // A panic under the lock cost a datagram; counters and sockets are whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Outlet {
    /// The agent address of the datagrams from now on; none: nothing is sent.
    pub fn set_agent(&mut self, agent: Option<IpAddr>) {
        self.stream.set_agent(agent.unwrap_or(NOBODY));
    }

    /// The agent address; unspecified while there is none.
    pub fn agent(&self) -> IpAddr {
        self.stream.agent()
    }

    /// A datagram stream is one sub-agent's: with another number it begins anew.
    pub fn restart(&mut self, sub_agent_id: u32) {
        self.stream = Stream::new(self.stream.agent(), sub_agent_id);
    }

    /// Numbers a datagram and sends it to every collector.
    pub fn send(&mut self, unsent: Unsent<'_>, now: Instant) {
        if self.stream.agent() != NOBODY {
            self.datagrams += 1;
            self.collectors.send(self.stream.complete(unsent), since(self.start, now));
        }
    }
}

fn since(start: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(start)
}
