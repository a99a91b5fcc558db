//! What is high: `/etc/hsflowd/top.toml`. In: text. Out: [`Limits`], and every fault with its place. Rules: one table says
//! which values have limits and what they are unless the file says otherwise; a faulty value costs itself. Spec: TOML 1.1,
//! hsflowctl(1).

mod file;

pub use file::{Fault, parse};

use serde::Serialize;
use std::time::Duration;

/// A value that has limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // as in `METRICS`
pub enum Metric {
    HostCpu,
    HostLoad,
    HostMemory,
    HostSwap,
    HostDisk,
    HostDrops,
    InterfaceUse,
    InterfaceErrors,
    InterfaceDrops,
    GuestCpu,
    GuestMemory,
    GuestDrops,
    ServiceCpu,
    ServiceMemory,
    ServiceErrors,
}

/// From where on a value is remarkable, and from where on it is high.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// From here on it is coloured.
    pub warn: f64,
    /// From here on it is high.
    pub high: f64,
    /// How long it is high before that is an alert.
    pub lasting: Duration,
}

/// How a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // their names say it
pub enum Level {
    #[default]
    Normal,
    Warn,
    High,
}

impl Level {
    /// What marks it where there are no colours.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Warn => "+",
            Self::High => "!",
        }
    }
}

/// A row of the table: table and key of the file, what the value is, and its limits: warn, high, seconds.
pub struct Row {
    /// Which.
    pub metric: Metric,
    /// The file's table.
    pub table: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// What is measured, in words.
    pub what: &'static str,
    limit: (f64, f64, u64),
}

impl Row {
    /// Table and key.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }
}

const fn row(
    metric: Metric,
    (table, key): (&'static str, &'static str),
    what: &'static str,
    limit: (f64, f64, u64),
) -> Row {
    Row { metric, table, key, what, limit }
}

/// Every value that has limits.
pub const METRICS: [Row; 15] = [
    row(Metric::HostCpu, ("host", "cpu"), "percent of all processors", (70.0, 90.0, 30)),
    row(Metric::HostLoad, ("host", "load"), "load of one minute, by processor", (1.0, 2.0, 60)),
    row(Metric::HostMemory, ("host", "memory"), "percent of memory in use", (80.0, 95.0, 30)),
    row(Metric::HostSwap, ("host", "swap"), "percent of swap in use", (50.0, 90.0, 60)),
    row(Metric::HostDisk, ("host", "disk"), "percent of the fullest file system", (80.0, 95.0, 60)),
    row(Metric::HostDrops, ("host", "drops"), "dropped packets a second", (1.0, 100.0, 30)),
    row(Metric::InterfaceUse, ("interface", "use"), "percent of its speed, the busier way", (50.0, 80.0, 30)),
    row(Metric::InterfaceErrors, ("interface", "errors"), "errors a second, both ways", (0.1, 10.0, 30)),
    row(
        Metric::InterfaceDrops,
        ("interface", "drops"),
        "dropped packets a second, both ways",
        (1.0, 100.0, 30),
    ),
    row(Metric::GuestCpu, ("guest", "cpu"), "percent of the processors that it may use", (60.0, 80.0, 30)),
    row(Metric::GuestMemory, ("guest", "memory"), "percent of the memory that it may use", (80.0, 95.0, 30)),
    row(Metric::GuestDrops, ("guest", "drops"), "dropped packets a second, both ways", (1.0, 100.0, 30)),
    row(
        Metric::ServiceCpu,
        ("service", "cpu"),
        "percent of the processors that it may use",
        (60.0, 80.0, 30),
    ),
    row(
        Metric::ServiceMemory,
        ("service", "memory"),
        "percent of the memory that it may use",
        (80.0, 95.0, 30),
    ),
    row(Metric::ServiceErrors, ("service", "errors"), "failed operations a second", (0.1, 10.0, 30)),
];

impl Metric {
    /// Its row.
    pub fn row(self) -> &'static Row {
        METRICS.iter().find(|row| row.metric == self).unwrap_or(&METRICS[0])
    }
}

/// All limits, in the order of [`METRICS`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits([Limit; METRICS.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(std::array::from_fn(|at| {
            let (warn, high, secs) = METRICS[at].limit;
            Limit { warn, high, lasting: Duration::from_secs(secs) }
        }))
    }
}

impl Limits {
    /// Those of a value.
    pub fn of(&self, metric: Metric) -> Limit {
        self.0.get(metric as usize).copied().unwrap_or(self.0[0])
    }

    fn set(&mut self, metric: Metric, limit: Limit) {
        if let Some(place) = self.0.get_mut(metric as usize) {
            *place = limit;
        }
    }

    /// How a value is.
    pub fn level(&self, metric: Metric, value: Option<f64>) -> Level {
        let limit = self.of(metric);
        match value {
            Some(value) if value >= limit.high => Level::High,
            Some(value) if value >= limit.warn => Level::Warn,
            _ => Level::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_metrics_and_high_is_above_warn() {
        for (at, row) in METRICS.iter().enumerate() {
            assert_eq!(row.metric as usize, at);
            let limit = Limits::default().of(row.metric);
            assert!(limit.warn <= limit.high && !limit.lasting.is_zero(), "{}.{}", row.table, row.key);
        }
    }

    #[test]
    fn a_value_is_high_from_its_limit_on_and_unknown_is_normal() {
        let limits = Limits::default();
        let level = |value| limits.level(Metric::GuestCpu, value);
        assert_eq!([level(None), level(Some(59.9))], [Level::Normal; 2]);
        assert_eq!([level(Some(60.0)), level(Some(80.0))], [Level::Warn, Level::High]);
    }
}
