//! Interfaces, by ifIndex. In: counters samples of class 0. Out: rows with rates. Spec: sFlow v5 section 5.4, sFlow Port Name.

use super::alerts::{Alerts, Of};
use super::counter::{Last, Stamp, known32};
use super::heard::Heard;
use super::limits::Metric;
use super::text::clean;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::interface::GenericInterface;
use serde::Serialize;
use std::ops::Add;

/// What is known of an interface. Rates in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct InterfaceRow {
    pub index: u32,
    /// Empty where the agent does not say.
    pub name: String,
    /// Carries traffic.
    pub up: Option<bool>,
    /// Bits a second.
    pub speed: Option<u64>,
    pub in_bits: Option<f64>,
    pub out_bits: Option<f64>,
    pub in_packets: Option<f64>,
    pub out_packets: Option<f64>,
    /// Per cent of its speed, the busier way.
    pub busy: Option<f64>,
    pub in_errors: Option<f64>,
    pub out_errors: Option<f64>,
    pub in_drops: Option<f64>,
    pub out_drops: Option<f64>,
    /// Dropped since the counters began.
    pub dropped: Option<u64>,
}

impl InterfaceRow {
    /// Its name, or its number.
    pub fn label(&self) -> String {
        if self.name.is_empty() { format!("if#{}", self.index) } else { self.name.clone() }
    }

    /// Both ways.
    pub fn errors(&self) -> Option<f64> {
        both(self.in_errors, self.out_errors)
    }

    /// Both ways.
    pub fn drops(&self) -> Option<f64> {
        both(self.in_drops, self.out_drops)
    }
}

/// The sum of what is known.
pub(super) fn both(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::add)
}

/// An interface, and what its rates are computed from.
#[derive(Clone, Debug)]
pub struct Interface {
    row: InterfaceRow,
    last: Last<GenericInterface>,
    /// When it last said something, on the agent's clock.
    pub(super) heard: Heard,
}

impl Interface {
    pub(super) fn new(index: u32) -> Self {
        let row = InterfaceRow { index, ..InterfaceRow::default() };
        Self { row, last: Last::default(), heard: Heard::default() }
    }

    /// What is known of it.
    pub fn row(&self) -> &InterfaceRow {
        &self.row
    }

    pub(super) fn take(&mut self, at: Stamp, of: Of<'_>, records: &[CounterRecord], alerts: &mut Alerts) {
        self.heard.note(of.time);
        for record in records {
            match record {
                CounterRecord::PortName(port) => self.row.name = clean(&port.name),
                CounterRecord::GenericInterface(counters) => {
                    if let Some(secs) = self.counters(at, counters) {
                        self.conclude(Of { over: secs, ..of }, alerts);
                    }
                }
                _ => {}
            }
        }
    }

    /// The time that the rates are over.
    fn counters(&mut self, at: Stamp, new: &GenericInterface) -> Option<f64> {
        let row = &mut self.row;
        row.up = known32(new.if_status).map(|status| status & 3 == 3);
        row.speed = Some(new.if_speed).filter(|speed| *speed != 0 && *speed != u64::MAX);
        let drops = [new.in_discards, new.out_discards].into_iter().filter_map(known32);
        row.dropped = drops.map(u64::from).reduce(u64::add);
        let (old, pace) = self.last.next(at, new)?;
        row.in_bits = pace.of64(old.in_octets, new.in_octets).map(|bytes| bytes * 8.0);
        row.out_bits = pace.of64(old.out_octets, new.out_octets).map(|bytes| bytes * 8.0);
        row.in_packets = pace.sum32([
            (old.in_ucast_pkts, new.in_ucast_pkts),
            (old.in_multicast_pkts, new.in_multicast_pkts),
            (old.in_broadcast_pkts, new.in_broadcast_pkts),
        ]);
        row.out_packets = pace.sum32([
            (old.out_ucast_pkts, new.out_ucast_pkts),
            (old.out_multicast_pkts, new.out_multicast_pkts),
            (old.out_broadcast_pkts, new.out_broadcast_pkts),
        ]);
        row.in_errors = pace.of32(old.in_errors, new.in_errors);
        row.out_errors = pace.of32(old.out_errors, new.out_errors);
        row.in_drops = pace.of32(old.in_discards, new.in_discards);
        row.out_drops = pace.of32(old.out_discards, new.out_discards);
        row.busy = busy(row, new.if_direction);
        Some(pace.secs())
    }

    fn conclude(&self, of: Of<'_>, alerts: &mut Alerts) {
        let (row, label) = (&self.row, self.row.label());
        for (metric, value) in METRICS.into_iter().zip([row.busy, row.errors(), row.drops()]) {
            alerts.value(of, metric, (row.index, &label), value);
        }
    }
}

/// Per cent of the speed: of half duplex both ways together, else the busier.
fn busy(row: &InterfaceRow, direction: u32) -> Option<f64> {
    let (one, other) = (row.in_bits, row.out_bits);
    let bits =
        if direction == 2 { both(one, other)? } else { one.into_iter().chain(other).reduce(f64::max)? };
    Some(bits / row.speed? as f64 * 100.0)
}

/// Which limits hold: use, errors, drops.
pub(super) const METRICS: [Metric; 3] =
    [Metric::InterfaceUse, Metric::InterfaceErrors, Metric::InterfaceDrops];
