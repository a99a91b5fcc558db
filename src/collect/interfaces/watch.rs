//! The shell around [`Table`]: sockets, the order of subscribing and dumping, and what to do after a loss.
//!
//! In: readiness of one descriptor, and the time. Out: [`Changes`]. Three sockets: notifications of rtnetlink,
//! notifications of ethtool (may be absent), and questions, so that an answer is never lost to a flood of
//! notifications. A queued notification may be older than the dump that was applied before it; the queue always ends
//! with the latest state, so the table does too.

use super::change::{Change, Changes};
use super::error::InterfaceError;
use super::ethtool_counts::{EthtoolCounts, EthtoolReader};
use super::model::{Address, Duplex};
use super::notify::{self, Monitor};
use super::query::Query;
use super::table::{Table, address_key};
use super::transport::{Driver, Transport};
use crate::sys::errno::ENODEV;
use crate::sys::ethtool::{Ethtool, LinkSettings};
use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::ready::ReadySet;
use crate::wire::netlink::bond_stats::LacpCounts;
use crate::wire::netlink::header::Message;
use crate::wire::netlink::link::Link;
use crate::wire::netlink::stats::LinkStats;
use crate::wire::netlink::{ParseError, address, link};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Room for unread notifications that holds the creation of some 2,000 interfaces.
pub const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
/// Full dumps after a loss are no closer than this, so that a flood of changes costs no flood of dumps.
const RESYNC_GAP: Duration = Duration::from_millis(500);
const DUMP_TRIES: u32 = 3;

/// What went wrong and was made good, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Times that the kernel threw notifications away because the socket was full.
    pub overruns: u64,
    /// Notifications that were longer than any known one.
    pub truncated: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Dumps that were disturbed by changes and repeated.
    pub interrupted: u64,
    /// Full dumps, the first included.
    pub resyncs: u64,
}

/// The interfaces of this network namespace.
#[derive(Debug)]
pub struct Interfaces<T = Netlink, D = Ethtool> {
    events: T,
    monitor: Option<Monitor<T>>,
    query: Query<T>,
    driver: D,
    table: Table,
    counts: EthtoolReader,
    ready: ReadySet,
    /// What happened and was not handed on yet.
    pending: Changes,
    /// Something was lost; when to make it good.
    resync_at: Option<Instant>,
    last_resync: Option<Instant>,
    health: Health,
}

impl Interfaces {
    /// Subscribes, then reads everything. `receive_buffer` in bytes, usually [`RECEIVE_BUFFER`]. Needs no
    /// privilege (a large buffer needs `CAP_NET_ADMIN` or a large `net.core.rmem_max`). The table is complete
    /// afterwards.
    pub fn open(receive_buffer: usize, now: Instant) -> Result<Self, InterfaceError> {
        let events = Netlink::open(Protocol::Route, receive_buffer)?;
        for group in [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
            events.join(group)?;
        }
        // Without the ethtool family, speed is followed at link changes and at each refresh only.
        let monitor = Monitor::open().unwrap_or(None);
        let query = Netlink::open(Protocol::Route, RECEIVE_BUFFER)?;
        let mut interfaces = Self::with(events, monitor, query, Ethtool::open()?)?;
        interfaces.refresh(now)?;
        Ok(interfaces)
    }
}

impl<T: Transport, D: Driver> Interfaces<T, D> {
    /// Builds on given transports, already subscribed. The table stays empty until [`Self::refresh`].
    pub fn with(events: T, monitor: Option<Monitor<T>>, query: T, driver: D) -> Result<Self, InterfaceError> {
        let ready = ReadySet::new()?;
        let sockets = [Some(&events), monitor.as_ref().map(|monitor| &monitor.socket)];
        for fd in sockets.into_iter().flatten().filter_map(Transport::fd) {
            ready.add(fd)?;
        }
        Ok(Self {
            events,
            monitor,
            query: Query::new(query),
            driver,
            table: Table::default(),
            counts: EthtoolReader::default(),
            ready,
            pending: Changes::default(),
            resync_at: None,
            last_resync: None,
            health: Health::default(),
        })
    }

    /// The current state.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What went wrong and was made good.
    pub fn health(&self) -> Health {
        self.health
    }

    /// When [`Self::read_events`] must be called even if nothing is readable: a resync was put off.
    pub fn wake_at(&self) -> Option<Instant> {
        self.resync_at
    }

    /// Takes in everything that is waiting, without blocking; makes losses good. What happened before an error is
    /// told by the next call that succeeds.
    pub fn read_events(&mut self, now: Instant) -> Result<Changes, InterfaceError> {
        if self.drain_events()? {
            let at = self.last_resync.map_or(now, |last| now.max(last + RESYNC_GAP));
            self.resync_at.get_or_insert(at);
        }
        self.drain_monitor()?;
        if self.resync_at.is_some_and(|at| at <= now) {
            self.resync(now)?;
        }
        self.settle()?;
        Ok(std::mem::take(&mut self.pending))
    }

    /// Reads everything again, drivers included: the slow safety net (`refreshAdaptors`).
    pub fn refresh(&mut self, now: Instant) -> Result<Changes, InterfaceError> {
        self.drain_events()?;
        self.resync(now)?;
        self.measure_all();
        self.settle()?;
        Ok(std::mem::take(&mut self.pending))
    }

    /// Appends the kernel's totals of these interfaces to `out`, in the order asked; one that is gone is left out.
    /// 128 interfaces cost two system calls.
    pub fn read_counters(
        &mut self,
        indexes: &[u32],
        out: &mut Vec<(u32, LinkStats)>,
    ) -> Result<(), InterfaceError> {
        self.query.counters(indexes, out)
    }

    /// Reads anew how these members of bonds and their bonds are, because the kernel tells of few changes of LACP by itself;
    /// notes what the members have exchanged.
    pub fn read_lag(
        &mut self,
        members: &[u32],
        out: &mut HashMap<u32, LacpCounts>,
    ) -> Result<(), InterfaceError> {
        let bonds: BTreeSet<u32> =
            members.iter().filter_map(|index| self.table.get(*index)?.master).collect();
        let both: Vec<u32> = bonds.into_iter().chain(members.iter().copied()).collect();
        self.read_links(&both)?;
        self.query.lacp_counts(members, out)
    }

    fn read_links(&mut self, indexes: &[u32]) -> Result<(), InterfaceError> {
        let (table, changes) = (&mut self.table, &mut self.pending);
        self.query.links(indexes, |index, answer| match answer {
            Ok(link) => table.apply_link(&link, changes),
            Err(ENODEV) => table.remove(index, changes),
            Err(_) => {}
        })
    }

    /// Multicast and broadcast counts from the driver's own statistics, where it has them; see
    /// [`super::ethtool_counts`] for how often the driver is really asked.
    pub fn read_ethtool_counts(&mut self, index: u32, now: Instant) -> Option<EthtoolCounts> {
        let interface = self.table.get(index)?;
        self.counts.read(&mut self.driver, interface, now)
    }

    /// Drivers are asked for priority flow control too from now on, or are not any more.
    pub fn set_pfc(&mut self, wanted: bool) {
        self.counts.set_pfc(wanted);
    }

    /// Applies the notifications that are waiting; true where some were lost.
    fn drain_events(&mut self) -> Result<bool, InterfaceError> {
        let (table, pending) = (&mut self.table, &mut self.pending);
        notify::drain(&mut self.events, &mut self.health, |message| apply(table, message, pending))
    }

    fn drain_monitor(&mut self) -> Result<(), InterfaceError> {
        let Some(monitor) = &mut self.monitor else { return Ok(()) };
        let table = &mut self.table;
        if monitor.drain(&mut self.health, |index| table.measure_again(index))? {
            self.measure_all();
        }
        Ok(())
    }

    /// Dumps links and addresses and drops what they do not mention.
    fn resync(&mut self, now: Instant) -> Result<(), InterfaceError> {
        // Stays so where the dump fails, or is disturbed each time.
        self.resync_at = Some(now + RESYNC_GAP);
        self.last_resync = Some(now);
        self.health.resyncs += 1;
        self.pending.resynced = true;
        for _ in 0..DUMP_TRIES {
            if !(self.dump_links()? | self.dump_addresses()?) {
                self.resync_at = None;
                break;
            }
            self.health.interrupted += 1;
        }
        Ok(())
    }

    fn dump_links(&mut self) -> Result<bool, InterfaceError> {
        let (table, changes, health) = (&mut self.table, &mut self.pending, &mut self.health);
        let mut seen = Vec::new();
        let interrupted =
            self.query.dump("RTM_GETLINK", link::dump, |message| match Link::parse(message.payload) {
                Ok(link) => {
                    seen.push(link.index);
                    table.apply_link(&link, changes);
                }
                Err(_) => health.malformed += 1,
            })?;
        if !interrupted {
            seen.sort_unstable();
            self.table.retain(&seen, &mut self.pending);
        }
        Ok(interrupted)
    }

    fn dump_addresses(&mut self) -> Result<bool, InterfaceError> {
        let (table, changes, health) = (&mut self.table, &mut self.pending, &mut self.health);
        let mut seen = Vec::new();
        let interrupted = self.query.dump("RTM_GETADDR", address::dump, |message| {
            match address::Address::parse(message.payload) {
                Ok(Some(address)) => {
                    seen.push(address_key(&Address::from(&address)));
                    table.apply_address(&address, changes);
                }
                Ok(None) => {}
                Err(_) => health.malformed += 1,
            }
        })?;
        if !interrupted {
            seen.sort_unstable();
            self.table.retain_addresses(&seen, &mut self.pending);
        }
        Ok(interrupted)
    }

    /// Asks for what the messages left open: links in doubt, then speeds.
    fn settle(&mut self) -> Result<(), InterfaceError> {
        let doubtful: Vec<u32> = self.table.take_doubtful().into_iter().collect();
        self.read_links(&doubtful)?;
        // What the answers put in doubt again was changed meanwhile, and has a notification on its way.
        self.table.take_doubtful();
        self.measure();
        for (index, change) in self.pending.iter() {
            if matches!(change, Change::Removed(_) | Change::Replaced(_)) {
                self.counts.forget(index);
            }
        }
        Ok(())
    }

    fn measure_all(&mut self) {
        let indexes: Vec<u32> = self.table.iter().map(|interface| interface.index).collect();
        for index in indexes {
            self.table.measure_again(index);
        }
    }

    /// Asks the drivers. One that does not answer (no such operation, interface just gone) has no known speed.
    fn measure(&mut self) {
        for index in self.table.take_unmeasured() {
            let Some(interface) = self.table.get(index) else { continue };
            let settings = self.driver.link_settings(&interface.name).ok();
            let (speed, duplex) = (settings.and_then(speed_bps), settings.and_then(duplex));
            self.table.apply_speed(index, speed, duplex, &mut self.pending);
        }
    }
}

impl<T, D> AsFd for Interfaces<T, D> {
    /// Readable when [`Self::read_events`] has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

fn apply(table: &mut Table, message: &Message<'_>, changes: &mut Changes) -> Result<(), ParseError> {
    match message.kind {
        link::NEW_LINK => table.apply_link(&Link::parse(message.payload)?, changes),
        link::DEL_LINK => table.apply_unlink(&Link::parse(message.payload)?, changes),
        address::NEW_ADDRESS => {
            if let Some(address) = address::Address::parse(message.payload)? {
                table.apply_address(&address, changes);
            }
        }
        address::DEL_ADDRESS => {
            if let Some(address) = address::Address::parse(message.payload)? {
                table.apply_unaddress(&address, changes);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Drivers say 65535 (16 bits) or all ones (32 bits) where they do not know, some say 0 without a link.
fn speed_bps(settings: LinkSettings) -> Option<u64> {
    let known = !matches!(settings.speed_mbps, 0 | 0xffff | u32::MAX);
    known.then(|| u64::from(settings.speed_mbps) * 1_000_000)
}

fn duplex(settings: LinkSettings) -> Option<Duplex> {
    match settings.duplex {
        0 => Some(Duplex::Half),
        1 => Some(Duplex::Full),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
