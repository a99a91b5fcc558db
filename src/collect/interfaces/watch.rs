//! The shell around [`Table`]: sockets, the order of subscribing and dumping, and what to do after a loss.
//!
//! In: readiness of one descriptor, and the time. Out: [`Changes`]. Three sockets: notifications of rtnetlink,
//! notifications of ethtool (may be absent), and questions, so that an answer is never lost to a flood of
//! notifications. A queued notification may be older than the dump that was applied before it; the queue always ends
//! with the latest state, so the table does too.

use super::change::{Change, Changes};
use super::error::InterfaceError;
use super::ethtool_counts::{EthtoolCounts, EthtoolReader};
use super::model::Address;
use super::query::Query;
use super::table::{Table, address_key};
use super::transport::{Driver, Transport};
use crate::sys::errno::ENODEV;
use crate::sys::ethtool::{Ethtool, LinkSettings};
use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::ready::ReadySet;
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::link::Link;
use crate::wire::netlink::stats::LinkStats;
use crate::wire::netlink::{ParseError, address, ethtool, generic, link};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Room for unread notifications that holds the creation of some 2,000 interfaces.
pub const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const EVENT_SLOT: usize = 4096;
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
    /// The ethtool notifications and the message type of their family.
    monitor: Option<(T, u16)>,
    query: Query<T>,
    driver: D,
    table: Table,
    counts: EthtoolReader,
    ready: ReadySet,
    /// Something was lost; the earliest time to make it good.
    resync_at: Option<Instant>,
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
        let monitor = open_monitor().unwrap_or(None);
        let query = Netlink::open(Protocol::Route, RECEIVE_BUFFER)?;
        let mut interfaces = Self::with(events, monitor, query, Ethtool::open()?)?;
        interfaces.refresh(now)?;
        Ok(interfaces)
    }
}

impl<T: Transport, D: Driver> Interfaces<T, D> {
    /// Builds on given transports, already subscribed. The table stays empty until [`Self::refresh`].
    pub fn with(events: T, monitor: Option<(T, u16)>, query: T, driver: D) -> Result<Self, InterfaceError> {
        let ready = ReadySet::new()?;
        let sockets = [Some(&events), monitor.as_ref().map(|(socket, _)| socket)];
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
            resync_at: None,
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

    /// Takes in everything that is waiting, without blocking; makes losses good.
    pub fn read_events(&mut self, now: Instant) -> Result<Changes, InterfaceError> {
        let mut changes = Changes::default();
        if self.drain_events(&mut changes)? {
            self.resync_at.get_or_insert(now);
        }
        self.drain_monitor()?;
        if self.resync_at.is_some_and(|at| at <= now) {
            self.resync(now, &mut changes)?;
        }
        self.settle(&mut changes)?;
        Ok(changes)
    }

    /// Reads everything again, drivers included: the slow safety net (`refreshAdaptors`).
    pub fn refresh(&mut self, now: Instant) -> Result<Changes, InterfaceError> {
        let mut changes = Changes::default();
        self.drain_events(&mut changes)?;
        self.resync(now, &mut changes)?;
        self.measure_all();
        self.settle(&mut changes)?;
        Ok(changes)
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

    /// Multicast and broadcast counts from the driver's own statistics, where it has them; see
    /// [`super::ethtool_counts`] for how often the driver is really asked.
    pub fn read_ethtool_counts(&mut self, index: u32, now: Instant) -> Option<EthtoolCounts> {
        let interface = self.table.get(index)?;
        self.counts.read(&mut self.driver, interface, now)
    }

    /// Applies the notifications that are waiting; true where some were lost.
    fn drain_events(&mut self, changes: &mut Changes) -> Result<bool, InterfaceError> {
        let mut lost = false;
        loop {
            let datagrams = match self.events.receive(EVENT_SLOT, Duration::ZERO) {
                Err(error) if error.is_overrun() => {
                    self.health.overruns += 1;
                    lost = true;
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                return Ok(lost);
            }
            self.health.truncated += datagrams.truncated as u64;
            lost |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages) {
                let applied = message.and_then(|message| apply(&mut self.table, &message, changes));
                if applied.is_err() {
                    self.health.malformed += 1;
                    lost = true;
                }
            }
        }
    }

    fn drain_monitor(&mut self) -> Result<(), InterfaceError> {
        let Some((socket, family)) = &mut self.monitor else { return Ok(()) };
        let mut lost = false;
        loop {
            let datagrams = match socket.receive(EVENT_SLOT, Duration::ZERO) {
                Err(error) if error.is_overrun() => {
                    self.health.overruns += 1;
                    lost = true;
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                break;
            }
            lost |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages).flatten() {
                if message.kind == *family
                    && let Ok(Some(index)) = ethtool::parse_link_change(message.payload)
                {
                    self.table.measure_again(index);
                }
            }
        }
        if lost {
            self.measure_all();
        }
        Ok(())
    }

    /// Dumps links and addresses and drops what they do not mention.
    fn resync(&mut self, now: Instant, changes: &mut Changes) -> Result<(), InterfaceError> {
        self.resync_at = None;
        let mut complete = false;
        for _ in 0..DUMP_TRIES {
            let interrupted = self.dump_links(changes)? | self.dump_addresses(changes)?;
            complete = !interrupted;
            if complete {
                break;
            }
            self.health.interrupted += 1;
        }
        self.health.resyncs += 1;
        changes.resynced = true;
        if !complete {
            self.resync_at = Some(now + RESYNC_GAP);
        }
        Ok(())
    }

    fn dump_links(&mut self, changes: &mut Changes) -> Result<bool, InterfaceError> {
        let (table, health) = (&mut self.table, &mut self.health);
        let mut seen = BTreeSet::new();
        let interrupted =
            self.query.dump("RTM_GETLINK", link::dump, |message| match Link::parse(message.payload) {
                Ok(link) => {
                    seen.insert(link.index);
                    table.apply_link(&link, changes);
                }
                Err(_) => health.malformed += 1,
            })?;
        if !interrupted {
            self.table.retain(&seen, changes);
        }
        Ok(interrupted)
    }

    fn dump_addresses(&mut self, changes: &mut Changes) -> Result<bool, InterfaceError> {
        let (table, health) = (&mut self.table, &mut self.health);
        let mut seen = BTreeSet::new();
        let interrupted = self.query.dump("RTM_GETADDR", address::dump, |message| {
            match address::Address::parse(message.payload) {
                Ok(Some(address)) => {
                    seen.insert(address_key(&Address::from(&address)));
                    table.apply_address(&address, changes);
                }
                Ok(None) => {}
                Err(_) => health.malformed += 1,
            }
        })?;
        if !interrupted {
            self.table.retain_addresses(&seen, changes);
        }
        Ok(interrupted)
    }

    /// Asks for what the messages left open: links in doubt, then speeds.
    fn settle(&mut self, changes: &mut Changes) -> Result<(), InterfaceError> {
        let doubtful: Vec<u32> = self.table.take_doubtful().into_iter().collect();
        let table = &mut self.table;
        self.query.links(&doubtful, |index, answer| match answer {
            Ok(link) => table.apply_link(&link, changes),
            Err(ENODEV) => table.remove(index, changes),
            Err(_) => {}
        })?;
        // What the answers put in doubt again was changed meanwhile, and has a notification on its way.
        self.table.take_doubtful();
        self.measure(changes);
        for (index, change) in changes.iter() {
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
    fn measure(&mut self, changes: &mut Changes) {
        for index in self.table.take_unmeasured() {
            let Some(interface) = self.table.get(index) else { continue };
            let settings = self.driver.link_settings(&interface.name).ok();
            let (speed, duplex) = (settings.and_then(speed_bps), settings.and_then(duplex));
            self.table.apply_speed(index, speed, duplex, changes);
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

fn duplex(settings: LinkSettings) -> Option<super::model::Duplex> {
    match settings.duplex {
        0 => Some(super::model::Duplex::Half),
        1 => Some(super::model::Duplex::Full),
        _ => None,
    }
}

/// Finds and joins the ethtool notification group; `None` where this kernel has none (before 5.6).
fn open_monitor() -> Result<Option<(Netlink, u16)>, InterfaceError> {
    let mut socket = Netlink::open(Protocol::Generic, 1024 * 1024)?;
    let mut request = Vec::new();
    generic::get_family(&mut request, 1, ethtool::FAMILY);
    socket.send(&request)?;
    let datagrams = socket.receive(2 * EVENT_SLOT, Duration::from_secs(1))?;
    let found = datagrams.iter().flat_map(messages).flatten().find_map(|message| {
        let answer = matches!(message.outcome(), Ok(Outcome::Data));
        let family = generic::Family::parse(message.payload).ok().filter(|_| answer)?;
        Some((family.id, family.group(ethtool::GROUP)?))
    });
    let Some((family, group)) = found else { return Ok(None) };
    socket.join(group)?;
    Ok(Some((socket, family)))
}
