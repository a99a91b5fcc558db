//! An agent as a line and as a picture.

use super::Agent;
use crate::view::Now;
use crate::view::drops::DropRow;
use crate::view::guests::Guest;
use crate::view::interfaces::Interface;
use crate::view::picture::{AgentPicture, HostLine};
use std::ops::Add;
use std::time::Duration;

/// An agent that said nothing for so long, and for so many polls, is silent.
const SILENT_SECS: f64 = 60.0;
const SILENT_POLLS: f64 = 2.5;

impl Agent {
    fn silent_secs(&self, now: Now) -> u64 {
        now.time.saturating_sub(self.heard).as_secs()
    }

    /// It said nothing for longer than its polls explain.
    fn is_silent(&self, now: Now) -> bool {
        let rows = self.interfaces.values().filter_map(|row| row.heard.every()).reduce(f64::max);
        let usual = self.polled.every().or(rows).map_or(0.0, |secs| secs * SILENT_POLLS);
        now.time.saturating_sub(self.heard).as_secs_f64() >= usual.max(SILENT_SECS)
    }

    /// In a line; its alerts are others' to count.
    pub(in crate::view) fn line(&self, now: Now) -> HostLine {
        let host = self.host.row();
        let sum = |field: fn(&Interface) -> Option<f64>| {
            self.interfaces.values().filter_map(field).reduce(f64::add)
        };
        HostLine {
            address: self.address,
            name: host.name.clone(),
            cpu: host.cpu,
            load: host.load.map(|[one, ..]| one.into()),
            memory: host.memory(),
            in_bits: host.in_bits.or_else(|| sum(|row| row.row().in_bits)),
            out_bits: host.out_bits.or_else(|| sum(|row| row.row().out_bits)),
            drops: host.drops.or_else(|| sum(|row| row.row().drops())),
            interfaces: self.interfaces.len(),
            guests: self.guests.len(),
            alerts: 0,
            silent_secs: self.silent_secs(now),
            is_silent: self.is_silent(now),
        }
    }

    pub(in crate::view) fn picture(&self, now: Now) -> AgentPicture {
        let time = self.present(now);
        AgentPicture {
            address: self.address,
            time: self.time.as_secs_f64(),
            silent_secs: self.silent_secs(now),
            is_silent: self.is_silent(now),
            polling: self.polled.every(),
            datagrams: self.datagrams,
            lost: self.lost,
            packet_samples: self.packet_samples,
            lost_samples: self.lost_samples.total(),
            unseen_drops: self.drops.unseen(),
            left_out: self.left_out,
            host: self.host.row().clone(),
            trail: self.host.trail().clone(),
            interfaces: self.interfaces.values().map(|row| row.row().clone()).collect(),
            guests: self.guests.values().map(|row| row.row().clone()).collect(),
            applications: self.applications.values().map(|row| row.row().clone()).collect(),
            flows: self.flows.as_ref().map(|flows| flows.rows(time)).unwrap_or_default(),
            drops: self.all_drops(time),
        }
    }

    /// What was told, and what counters say.
    fn all_drops(&self, time: Duration) -> Vec<DropRow> {
        let mut rows = self.drops.rows(time);
        let mut counter = |reason: String, rate: Option<f64>, total: Option<u64>| {
            if rate.is_some_and(|rate| rate > 0.0) || total.is_some_and(|total| total > 0) {
                rows.push(DropRow { reason, rate, total, counted: true, ..DropRow::default() });
            }
        };
        let host = self.host.row();
        counter("host, network devices".to_owned(), host.drops, None);
        counter("host, UDP buffers full".to_owned(), host.udp_drops, None);
        for row in self.interfaces.values().map(Interface::row) {
            counter(format!("interface {}", row.label()), row.drops(), row.dropped);
        }
        for row in self.guests.values().map(Guest::row) {
            counter(format!("{} {}", row.kind.name(), row.name), row.drops, None);
        }
        rows
    }
}
