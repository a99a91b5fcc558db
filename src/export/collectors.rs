//! All collectors: every one gets every datagram, but for stand-bys.
//!
//! In: the collectors of the configuration, datagrams, news of the network, the time. Out: UDP, and a
//! [`CollectorStatus`] each. The rule kept: no collector costs another one a datagram or a wait. A reload keeps the
//! sockets and counters of collectors that stay. Two collectors with the same settings are one: the far end would
//! count every flow sample twice. Collectors of a higher rank are stand-bys: a datagram goes to the ranks in order, up to
//! and including the first that has a collector in good state, so better ones go on being tried.
//!
//! Sending is a plain call. Only host names need the agent's loop: it waits for the bell of [`Collectors::answered`] and for
//! the moment of [`Collectors::next_tick`], and after either calls [`Collectors::tick`]. `now` is the time since any
//! fixed moment, on a clock that never steps. Names are resolved in the agent's own network namespace.

use crate::config::model::CollectorSettings;
use crate::export::collector::Collector;
use crate::export::lookup::{self, Lookups, Resolve};
use crate::export::report::CollectorStatus;
use crate::export::socket::Surroundings;
use std::cmp::Ordering;
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
    /// The highest rank that gets datagrams at present.
    reach: u16,
    /// `reach` has changed since the last tick.
    moved: bool,
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
        Self {
            list: Vec::new(),
            lookups: Lookups::new(lookup::system()),
            surroundings,
            next_id: 0,
            reach: 0,
            moved: false,
        }
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
            let same = |c: &Collector| c.sends_as(settings);
            if self.list.iter().any(same) {
                applied.repeated += 1;
            } else if let Some(at) = old.iter().position(same) {
                let mut kept = old.swap_remove(at);
                kept.settings.rank = settings.rank;
                self.list.push(kept);
                applied.kept += 1;
            } else {
                self.list.push(Collector::new(self.next_id, settings.clone()));
                self.next_id += 1;
                applied.added += 1;
            }
        }
        applied.removed = old.len();
        self.reach = self.reach.max(self.lowest_rank().unwrap_or_default());
        self.tick(now);
        applied
    }

    /// True where nobody is to be sent to.
    pub fn are_none(&self) -> bool {
        self.list.is_empty()
    }

    /// True where nobody can be sent to: there is no collector, or none whose name was found yet, be it a stand-by.
    pub fn lack_addresses(&self) -> bool {
        self.list.iter().all(|c| c.address().is_none())
    }

    /// True where a datagram had better wait: the names of the best collectors are looked up, or no name has an address.
    pub fn awaits_names(&self) -> bool {
        let hopeful = self.list.iter().filter(|c| !c.is_unresolvable());
        let Some(best) = hopeful.map(|c| c.settings.rank).min() else { return !self.list.is_empty() };
        !self.list.iter().any(|c| c.settings.rank == best && c.address().is_some())
    }

    /// Sends one datagram to every collector that is no stand-by at present.
    pub fn send(&mut self, datagram: &[u8], now: Duration) {
        let mut next = self.lowest_rank();
        let mut reach = self.reach;
        while let Some(rank) = next {
            (reach, next) = (rank, None);
            let mut serves = false;
            for collector in &mut self.list {
                match collector.settings.rank.cmp(&rank) {
                    Ordering::Equal => {
                        collector.send(datagram, &self.surroundings, now);
                        serves |= collector.serves();
                    }
                    Ordering::Greater => {
                        let own = collector.settings.rank;
                        next = Some(next.map_or(own, |next| own.min(next)));
                    }
                    Ordering::Less => {}
                }
            }
            if serves {
                break;
            }
        }
        if reach != self.reach {
            (self.reach, self.moved) = (reach, true);
            self.lookups.answered().notify_one();
        }
    }

    fn lowest_rank(&self) -> Option<u16> {
        self.list.iter().map(|c| c.settings.rank).min()
    }

    /// Takes the answers of lookups, starts those that are due, opens sockets that are due. True if an address has
    /// changed, or who is a stand-by: then the settings file has to be written.
    pub fn tick(&mut self, now: Duration) -> bool {
        let mut changed = std::mem::take(&mut self.moved);
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

    /// Rings when a lookup was answered, and when stand-bys step in or back.
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

    /// The collectors whose address is known and that are no stand-bys, in order.
    pub fn destinations(&self) -> impl Iterator<Item = (IpAddr, &CollectorSettings)> {
        self.list
            .iter()
            .filter(|c| c.settings.rank <= self.reach)
            .filter_map(|c| Some((c.address()?, &c.settings)))
    }

    /// State and counters of each collector, in order.
    pub fn status(&mut self, now: Duration) -> Vec<CollectorStatus> {
        let reach = self.reach;
        self.list.iter_mut().map(|c| c.status(now, c.settings.rank > reach)).collect()
    }
}
