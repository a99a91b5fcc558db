//! The way out: the agent's one stream of datagrams and the collectors that get it. In: datagrams without a number, from
//! the threads that make samples. Out: numbered datagrams on UDP. Rule: numbering and sending are one step under one
//! lock, taken once a datagram, so the numbers reach the wire in order. What takes longer than a send is done under it
//! only where a collector's socket has to be opened (again).

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
    /// Datagrams thrown away for want of an agent address, or of collectors.
    pub unsent: u64,
    /// There is no agent address now.
    mute: bool,
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
        Self(Arc::new(Mutex::new(Outlet {
            collectors: Collectors::new(root),
            datagrams: 0,
            unsent: 0,
            mute: true,
            stream,
            start,
        })))
    }

    /// The outlet for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Outlet> {
        // A panic under the lock cost a datagram; counters and sockets are whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Outlet {
    /// The agent address of the datagrams from now on; none: nothing is sent, and the numbers go on when the same address
    /// is back.
    pub fn set_agent(&mut self, agent: Option<IpAddr>) {
        self.mute = agent.is_none();
        if let Some(agent) = agent {
            self.stream.set_agent(agent);
        }
    }

    /// The agent address, the last one while there is none; unspecified before the first.
    pub fn agent(&self) -> IpAddr {
        self.stream.agent()
    }

    /// A datagram stream is one sub-agent's: with another number it begins anew.
    pub fn restart(&mut self, sub_agent_id: u32) {
        self.stream = Stream::new(self.stream.agent(), sub_agent_id);
    }

    /// Numbers a datagram and sends it to every collector.
    pub fn send(&mut self, unsent: Unsent<'_>, now: Instant) {
        if self.mute || self.collectors.is_empty() {
            self.unsent += 1;
            return;
        }
        self.datagrams += 1;
        self.collectors.send(self.stream.complete(unsent), since(self.start, now));
    }
}

fn since(start: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(start)
}
