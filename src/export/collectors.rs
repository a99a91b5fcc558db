//! All collectors: every one gets every datagram.
//!
//! In: the collectors of the configuration, datagrams, news of the network, the time. Out: UDP, and a
//! [`CollectorStatus`] each. The rule kept: no collector costs another one a datagram or a wait. A reload keeps the
//! sockets and counters of collectors that stay. Two collectors with the same settings are one: the far end would
//! count every flow sample twice.
//!
//! Sending is a plain call. Only host names need the agent's loop: it waits for the bell of [`Collectors::answered`] and for
//! the moment of [`Collectors::next_tick`], and after either calls [`Collectors::tick`]. `now` is the time since any
//! fixed moment, on a clock that never steps. Names are resolved in the agent's own network namespace.

use crate::config::model::CollectorSettings;
use crate::export::collector::Collector;
use crate::export::lookup::{self, Lookups, Resolve};
use crate::export::report::CollectorStatus;
use crate::export::socket::Surroundings;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What the C agent asks for.
const SEND_BUFFER_BYTES: usize = 2_000_000;

/// The collectors in use.
pub struct Collectors {
    list: Vec<Collector>,
    lookups: Lookups,
    surroundings: Surroundings,
    next_id: u64,
}

/// What a change of settings came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Collectors that went on undisturbed.
    pub kept: usize,
    /// New ones.
    pub added: usize,
    /// Those no longer wanted.
    pub removed: usize,
    /// Settings that repeat an earlier one word for word; ignored.
    pub repeated: usize,
}

impl Collectors {
    /// No collectors yet; `root` is the prefix of /run/netns.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let surroundings = Surroundings { root: root.into(), send_buffer_bytes: SEND_BUFFER_BYTES };
        Self { list: Vec::new(), lookups: Lookups::new(lookup::system()), surroundings, next_id: 0 }
    }

    /// Asks for another socket send buffer, in bytes.
    pub fn with_send_buffer(mut self, bytes: usize) -> Self {
        self.surroundings.send_buffer_bytes = bytes;
        self
    }

    /// Resolves names by another way than the system's.
    pub fn with_resolver(mut self, resolve: Resolve) -> Self {
        self.lookups = Lookups::new(resolve);
        self
    }

    /// Makes the collectors those of `wanted`, in that order, and opens the sockets of the new ones.
    pub fn apply(&mut self, wanted: &[CollectorSettings], now: Duration) -> Applied {
        let mut old = std::mem::take(&mut self.list);
        let mut applied = Applied::default();
        for settings in wanted {
            if self.list.iter().any(|c| c.settings == *settings) {
                applied.repeated += 1;
            } else if let Some(at) = old.iter().position(|c| c.settings == *settings) {
                self.list.push(old.swap_remove(at));
                applied.kept += 1;
            } else {
                self.list.push(Collector::new(self.next_id, settings.clone()));
                self.next_id += 1;
                applied.added += 1;
            }
        }
        applied.removed = old.len();
        self.tick(now);
        applied
    }

    /// Sends one datagram to every collector.
    pub fn send(&mut self, datagram: &[u8], now: Duration) {
        for collector in &mut self.list {
            collector.send(datagram, &self.surroundings, now);
        }
    }

    /// Takes the answers of lookups, starts those that are due, opens sockets that are due. True if an address has
    /// changed: then the settings file has to be written.
    pub fn tick(&mut self, now: Duration) -> bool {
        let mut changed = false;
        while let Some(answer) = self.lookups.next_answer() {
            let asker = self.list.iter_mut().find(|c| c.id == answer.id);
            changed |= asker.is_some_and(|c| c.answer(answer.found, now));
        }
        for collector in &mut self.list {
            collector.tick(&self.lookups, now);
            collector.prepare(&self.surroundings, now);
        }
        changed
    }

    /// When to call [`Self::tick`] at the latest; `None` if no collector is a name. Never for the sake of a
    /// socket: that is seen to when there is something to send.
    pub fn next_tick(&self) -> Option<Duration> {
        self.list.iter().filter_map(Collector::next_tick).min()
    }

    /// Rings when a lookup was answered.
    pub fn answered(&self) -> Arc<Notify> {
        self.lookups.answered()
    }

    /// A network device came, went or was renamed.
    pub fn interfaces_changed(&mut self) {
        self.list.iter_mut().filter(|c| c.depends_on_devices()).for_each(Collector::reopen);
    }

    /// An address or route of this host changed: sockets are opened anew, so that none keeps an old source address.
    pub fn addresses_changed(&mut self) {
        self.list.iter_mut().for_each(Collector::reopen);
    }

    /// The collectors whose address is known, in order.
    pub fn destinations(&self) -> impl Iterator<Item = (IpAddr, &CollectorSettings)> {
        self.list.iter().filter_map(|c| Some((c.address()?, &c.settings)))
    }

    /// State and counters of each collector, in order.
    pub fn status(&mut self, now: Duration) -> Vec<CollectorStatus> {
        self.list.iter_mut().map(|c| c.status(now)).collect()
    }
}
