//! One agent: its host, interfaces, guests, applications, flows and drops. In: its datagrams, decoded. Out: its picture. Rules:
//! rates are by the sender's clock; a sub-agent that starts again begins anew; what has not been told of for long is gone.

mod shown;

use super::alerts::{Alerts, Of};
use super::applications::Application;
use super::counter::{Losses, Stamp};
use super::drops::Drops;
use super::flows::Flows;
use super::guests::{self, Guest};
use super::heard::Heard;
use super::host::Host;
use super::interfaces::{self, Interface};
use super::limits::Metric;
use super::{Now, Room};
use crate::sflow::counters::CounterRecord;
use crate::sflow::decode::{Datagram, Framed, Sample};
use crate::sflow::flow::FlowRecord;
use crate::sflow::sample::{CountersHeader, FlowHeader};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Sub-agents whose numbers are followed.
const MOST_SUB_AGENTS: usize = 64;
/// A second sub-agent's first datagram moves the clock by no more.
const LONGEST_GAP: Duration = Duration::from_secs(100);
/// Datagrams that are overtaken on their way come this late at most.
const LATE: (u32, u32) = (64, 5000);

#[derive(Clone, Copy, Debug)]
struct SubAgent {
    sequence: u32,
    uptime_ms: u32,
    /// The agent's time at the last datagram.
    time: Duration,
}

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent {
    address: IpAddr,
    room: Room,
    sub_agents: BTreeMap<u32, SubAgent>,
    /// A clock that runs with that of the sender.
    time: Duration,
    heard: Duration,
    host: Host,
    polled: Heard,
    interfaces: BTreeMap<u32, Interface>,
    guests: BTreeMap<u32, Guest>,
    applications: BTreeMap<u32, Application>,
    flows: Option<Flows>,
    drops: Drops,
    datagrams: u64,
    lost: u64,
    packet_samples: u64,
    lost_samples: Losses,
    left_out: u64,
}

impl Agent {
    pub(super) fn new(address: IpAddr, room: Room) -> Self {
        Self {
            address,
            room,
            sub_agents: BTreeMap::new(),
            time: Duration::ZERO,
            heard: Duration::ZERO,
            host: Host::new(room.trail),
            polled: Heard::default(),
            interfaces: BTreeMap::new(),
            guests: BTreeMap::new(),
            applications: BTreeMap::new(),
            flows: None,
            drops: Drops::default(),
            datagrams: 0,
            lost: 0,
            packet_samples: 0,
            lost_samples: Losses::default(),
            left_out: 0,
        }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// When it last said something, on the reader's clock.
    pub(super) fn heard(&self) -> Duration {
        self.heard
    }

    pub(super) fn rows(&self) -> usize {
        self.interfaces.len() + self.guests.len() + self.applications.len()
    }

    /// `free` more rows may be kept.
    pub(super) fn take(&mut self, now: Now, datagram: &Datagram, mut free: usize, alerts: &mut Alerts) {
        self.datagrams += 1;
        self.follow(now, datagram);
        let at = Stamp { uptime_ms: datagram.uptime_ms, read: now.time };
        for sample in &datagram.samples {
            match sample {
                Sample::Counters(counters) => self.counters(at, now, counters, &mut free, alerts),
                Sample::Flow(flow) => self.flow(flow),
                Sample::Discard(discard) => self.drops.take(self.time, discard),
                Sample::RtMetric(_) | Sample::RtFlow(_) | Sample::Raw(_) => {}
            }
        }
    }

    /// Numbers and time.
    fn follow(&mut self, now: Now, datagram: &Datagram) {
        let (read, first) = (now.time.saturating_sub(self.heard), self.datagrams == 1);
        self.heard = now.time;
        let Datagram { sequence, uptime_ms, .. } = *datagram;
        let Some(before) = self.sub_agents.get(&datagram.sub_agent_id).copied() else {
            if !first {
                self.time += read.min(LONGEST_GAP);
            }
            if self.sub_agents.len() < MOST_SUB_AGENTS {
                let begun = SubAgent { sequence, uptime_ms, time: self.time };
                self.sub_agents.insert(datagram.sub_agent_id, begun);
            }
            return;
        };
        let behind = (before.sequence.wrapping_sub(sequence), before.uptime_ms.wrapping_sub(uptime_ms));
        if behind.0 > 0 && behind.0 < LATE.0 && behind.1 < LATE.1 {
            // Overtaken: it is not missing.
            self.lost = self.lost.saturating_sub(1);
            return;
        }
        let missing = sequence.wrapping_sub(before.sequence).wrapping_sub(1);
        // Else it begins again.
        let is_gap = missing < 1 << 31 && sequence > before.sequence;
        self.lost += if is_gap { u64::from(missing) } else { 0 };
        let sent = uptime_ms.wrapping_sub(before.uptime_ms);
        let ran = match sent {
            0 => read,
            sent if sent < 1 << 31 => Duration::from_millis(sent.into()),
            _ => read,
        };
        self.time = self.time.max(before.time.saturating_add(ran));
        let now = SubAgent { sequence, uptime_ms, time: self.time };
        self.sub_agents.insert(datagram.sub_agent_id, now);
    }

    fn counters(
        &mut self,
        at: Stamp,
        now: Now,
        sample: &Framed<CountersHeader, CounterRecord>,
        free: &mut usize,
        alerts: &mut Alerts,
    ) {
        let (source, records) = (sample.header.source, sample.records.as_slice());
        let name = self.host.row().name.clone();
        let of = Of { agent: self.address, host: &name, time: self.time, unix: now.unix, over: 0.0 };
        match source.class {
            0 => {
                if let Some(row) = place(&mut self.interfaces, source.index, free, Interface::new) {
                    row.take(at, of, records, alerts);
                } else {
                    self.left_out += 1;
                }
                // A switch without a data source of its own.
                if records.iter().any(|record| matches!(record, CounterRecord::Processor(_))) {
                    self.host.take(at, records);
                }
            }
            3 if Application::is(records) => {
                match place(&mut self.applications, source.index, free, Application::new) {
                    Some(row) => row.take(at, of, records, alerts),
                    None => self.left_out += 1,
                }
            }
            3 if Guest::is(records) => {
                let cpus = self.host.row().cpus;
                match place(&mut self.guests, source.index, free, Guest::new) {
                    Some(row) => row.take(at, of, (records, cpus), alerts),
                    None => self.left_out += 1,
                }
            }
            2 => {
                self.host.take(at, records);
                self.host.conclude(of, alerts);
                self.polled.note(self.time);
            }
            _ => {}
        }
    }

    fn flow(&mut self, sample: &Framed<FlowHeader, FlowRecord>) {
        self.packet_samples += 1;
        let (time, places) = (self.time, self.room.places);
        self.flows.get_or_insert_with(|| Flows::new(places, time)).take(time, sample);
        self.lost_samples.note(sample.header.source, sample.header.drops);
    }

    /// Its time, when it says nothing.
    fn present(&self, now: Now) -> Duration {
        self.time.saturating_add(now.time.saturating_sub(self.heard))
    }

    /// Time goes by: what is old goes.
    pub(super) fn tick(&mut self, now: Now, alerts: &mut Alerts) {
        let time = self.present(now);
        if let Some(flows) = &mut self.flows {
            flows.advance(time);
        }
        let name = self.host.row().name.clone();
        let of = Of { agent: self.address, host: &name, time: self.time, unix: now.unix, over: 0.0 };
        // An agent that is silent says nothing of its guests, so they stay with it.
        let (now, usual) = (self.time, self.polled.every());
        self.interfaces.retain(|index, row| {
            let stays = !row.heard.is_gone(now, usual);
            if !stays {
                alerts.gone(of, (*index, &row.row().label()), &interfaces::METRICS);
            }
            stays
        });
        self.guests.retain(|index, row| {
            let stays = !row.heard.is_gone(now, usual);
            if !stays {
                alerts.gone(of, (*index, &row.row().name), &guests::metrics(row.row().kind));
            }
            stays
        });
        self.applications.retain(|index, row| {
            let stays = !row.heard.is_gone(now, usual);
            if !stays {
                alerts.gone(of, (*index, &row.row().name), &[Metric::ServiceErrors]);
            }
            stays
        });
    }
}

/// A row of a table, a new one while there is room.
fn place<'r, R>(
    rows: &'r mut BTreeMap<u32, R>,
    index: u32,
    free: &mut usize,
    new: fn(u32) -> R,
) -> Option<&'r mut R> {
    if !rows.contains_key(&index) {
        *free = free.checked_sub(1)?;
    }
    Some(rows.entry(index).or_insert_with(|| new(index)))
}
