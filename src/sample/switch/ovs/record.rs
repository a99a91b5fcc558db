//! A row of the table sFlow: what Open vSwitch samples by, and where it sends.
//!
//! In: settings, or the row's JSON. Out: the row's JSON. Rule: a column that is not set is `None` and is written as such,
//! so a row that is read and written is the same.

use super::value::{elements, optional, set};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A row of the table sFlow, without its `external_ids`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Device whose address is the agent address, or the address; `None`: Open vSwitch chooses by its routes.
    pub agent: Option<String>,
    /// Most bytes of a packet.
    pub header: Option<i64>,
    /// Seconds between counters of a port; 0: none.
    pub polling: Option<i64>,
    /// 1 in N packets; 0: none.
    pub sampling: Option<i64>,
    /// Collectors as [`target`] writes them; at least one.
    pub targets: BTreeSet<String>,
}

impl Record {
    /// Reads a row. `None`: a column is not what the schema says.
    pub(super) fn parse(row: &Map<String, Value>) -> Option<Self> {
        let number = |name| match optional(row.get(name)?)? {
            None => Some(None),
            Some(value) => value.as_i64().map(Some),
        };
        let agent = match optional(row.get("agent")?)? {
            None => None,
            Some(value) => Some(value.as_str()?.to_owned()),
        };
        let targets = elements(row.get("targets")?)?;
        Some(Self {
            agent,
            header: number("header")?,
            polling: number("polling")?,
            sampling: number("sampling")?,
            targets: targets
                .into_iter()
                .map(|target| target.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        })
    }

    /// Its columns.
    pub(super) fn columns(&self) -> Map<String, Value> {
        let number = |number: Option<i64>| set(number.map(Value::from));
        let columns = [
            ("agent", set(self.agent.clone().map(Value::from))),
            ("header", number(self.header)),
            ("polling", number(self.polling)),
            ("sampling", number(self.sampling)),
            ("targets", json!(["set", self.targets])),
        ];
        columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// A collector as Open vSwitch takes it: `192.0.2.1:6343`, `[2001:db8::1]:6343`, `[fe80::1%eth0]:6343`.
pub fn target(ip: IpAddr, zone: Option<&str>, port: u16) -> String {
    match (ip, zone) {
        (IpAddr::V4(ip), _) => format!("{ip}:{port}"),
        (IpAddr::V6(ip), None) => format!("[{ip}]:{port}"),
        (IpAddr::V6(ip), Some(zone)) => format!("[{ip}%{zone}]:{port}"),
    }
}
