//! Applications that tell what they do, by data source of class 3. In: their counters samples. Out: rows with rates. Spec: sFlow
//! Application Structures 2202, 2203, 2206, sFlow HTTP 2201, memcached 2204.

use super::alerts::{Alerts, Of};
use super::counter::{Last, Stamp, known32};
use super::heard::Heard;
use super::host::known;
use super::limits::Metric;
use super::text::clean;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::app::{AppOperations, AppResources, AppWorkers, HttpCounters};
use serde::Serialize;
use std::ops::Add;

/// What is known of an application. Rates in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct ApplicationRow {
    /// The number of its data source.
    pub index: u32,
    pub name: String,
    /// Operations that went well.
    pub good: Option<f64>,
    /// Operations that did not.
    pub bad: Option<f64>,
    /// Of one processor, per cent.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes.
    pub memory_max: Option<u64>,
    pub connections: Option<u32>,
    pub workers: Option<u32>,
}

/// An application, and what its rates are computed from.
#[derive(Clone, Debug)]
pub struct Application {
    row: ApplicationRow,
    operations: Last<[u32; 11]>,
    http: Last<HttpCounters>,
    resources: Last<AppResources>,
    pub(super) heard: Heard,
}

impl Application {
    pub(super) fn new(index: u32) -> Self {
        Self {
            row: ApplicationRow { index, ..ApplicationRow::default() },
            operations: Last::default(),
            http: Last::default(),
            resources: Last::default(),
            heard: Heard::default(),
        }
    }

    /// What is known of it.
    pub fn row(&self) -> &ApplicationRow {
        &self.row
    }

    /// Whether records are those of an application.
    pub(super) fn is(records: &[CounterRecord]) -> bool {
        records.iter().any(|record| {
            matches!(
                record,
                CounterRecord::AppOperations(_)
                    | CounterRecord::AppResources(_)
                    | CounterRecord::AppWorkers(_)
                    | CounterRecord::HttpCounters(_)
            )
        })
    }

    pub(super) fn take(&mut self, at: Stamp, of: Of<'_>, records: &[CounterRecord], alerts: &mut Alerts) {
        self.heard.note(of.time);
        let mut over = None;
        for record in records {
            match record {
                CounterRecord::AppOperations(counts) => over = self.operations(at, counts),
                CounterRecord::HttpCounters(counts) => over = self.http(at, counts),
                CounterRecord::AppResources(resources) => self.resources(at, resources),
                CounterRecord::AppWorkers(AppWorkers { active, .. }) => {
                    self.row.workers = known32(*active);
                }
                CounterRecord::HostId(id) if self.row.name.is_empty() => self.row.name = clean(&id.hostname),
                _ => {}
            }
        }
        let of = Of { over: over.unwrap_or(0.0), ..of };
        alerts.value(of, Metric::ServiceErrors, (self.row.index, &self.row.name), self.row.bad);
    }

    fn operations(&mut self, at: Stamp, counts: &AppOperations<'_>) -> Option<f64> {
        self.row.name = clean(&counts.application);
        let new = by_status(counts);
        let (old, pace) = self.operations.next(at, &new)?;
        let rate = |(old, new): (&u32, &u32)| pace.of32(*old, *new);
        self.row.good = old.first().zip(new.first()).and_then(rate);
        self.row.bad = old.iter().zip(&new).skip(1).filter_map(rate).reduce(f64::add);
        Some(pace.secs())
    }

    fn http(&mut self, at: Stamp, new: &HttpCounters) -> Option<f64> {
        if self.row.name.is_empty() {
            "http".clone_into(&mut self.row.name);
        }
        let (old, pace) = self.http.next(at, new)?;
        self.row.good = pace.sum32([
            (old.status_1xx, new.status_1xx),
            (old.status_2xx, new.status_2xx),
            (old.status_3xx, new.status_3xx),
        ]);
        self.row.bad = pace.sum32([
            (old.status_4xx, new.status_4xx),
            (old.status_5xx, new.status_5xx),
            (old.status_other, new.status_other),
        ]);
        Some(pace.secs())
    }

    fn resources(&mut self, at: Stamp, new: &AppResources) {
        let row = &mut self.row;
        (row.memory, row.memory_max) = (known(new.mem_used), known(new.mem_max));
        row.connections = known32(new.conn_open);
        if let Some((old, pace)) = self.resources.next(at, new) {
            let times = [(old.user_time, new.user_time), (old.system_time, new.system_time)];
            row.cpu = pace.sum32(times).map(|ms| ms / 10.0);
        }
    }
}

fn by_status(counts: &AppOperations<'_>) -> [u32; 11] {
    [
        counts.success,
        counts.other,
        counts.timeout,
        counts.internal_error,
        counts.bad_request,
        counts.forbidden,
        counts.too_large,
        counts.not_implemented,
        counts.not_found,
        counts.unavailable,
        counts.unauthorized,
    ]
}
