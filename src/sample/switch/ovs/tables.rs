//! What the data base has, as far as sFlow is concerned.
//!
//! In: the answer to the question to be told, and what is told from then on (RFC 7047, section 4.1.6). Out: bridges and
//! records. Rule: a row that cannot be read is left out and said, and costs no other row.

use super::message::DATABASE;
use super::record::Record;
use super::value::{lookup, optional, uuid};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The id of a row.
pub type Uuid = String;

/// The key and the value that make a record ours.
pub(super) const MARK: (&str, &str) = ("owner", "hsflowd-rs");

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// The record that it sends by.
    pub sflow: Option<Uuid>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it says; none where that cannot be read, which only one of ours is kept for.
    pub record: Option<Record>,
    /// It has our mark.
    pub ours: bool,
}

/// Bridges and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// All bridges.
    pub bridges: BTreeMap<Uuid, Bridge>,
    /// All records.
    pub records: BTreeMap<Uuid, Row>,
    /// The number of the last change that ovs-vswitchd shall take over.
    pub next_cfg: i64,
    /// That of the last which it has.
    pub cur_cfg: i64,
    /// What cannot be read, by row, or by table where that is not one of rows.
    pub odd: BTreeMap<String, String>,
}

/// Which tables and columns are to be told of.
pub(super) fn wanted() -> Value {
    json!({
        "Bridge": { "columns": ["name", "sflow"] },
        "sFlow": { "columns": ["agent", "header", "polling", "sampling", "targets", "external_ids"] },
        DATABASE: { "columns": ["next_cfg", "cur_cfg"] },
    })
}

impl Tables {
    /// Takes in what changed: for each table and row, what the row was and what it is.
    pub fn apply(&mut self, updates: &Value) {
        const UPDATE: &str = "an update";
        self.odd.remove(UPDATE);
        let Some(tables) = updates.as_object() else { return self.note(UPDATE, UPDATE, updates) };
        for (table, rows) in tables {
            self.odd.remove(table);
            let Some(rows) = rows.as_object() else {
                self.note(table, table, rows);
                continue;
            };
            rows.iter().for_each(|(uuid, change)| self.change(table, uuid, change));
        }
    }

    fn change(&mut self, table: &str, uuid: &str, change: &Value) {
        let new = change.get("new").and_then(Value::as_object);
        self.odd.remove(uuid);
        let read = match table {
            "Bridge" => {
                self.bridges.remove(uuid);
                new.map(|row| bridge(row).map(|bridge| _ = self.bridges.insert(uuid.to_owned(), bridge)))
            }
            "sFlow" => {
                self.records.remove(uuid);
                new.map(|row| record(row).map(|record| _ = self.records.insert(uuid.to_owned(), record)))
            }
            DATABASE => new.map(|row| self.follow(row)),
            _ => None,
        };
        if read == Some(None) {
            self.note(uuid, table, change);
        }
    }

    fn follow(&mut self, row: &Map<String, Value>) -> Option<()> {
        (self.next_cfg, self.cur_cfg) = (row.get("next_cfg")?.as_i64()?, row.get("cur_cfg")?.as_i64()?);
        Some(())
    }

    fn note(&mut self, id: &str, what: &str, value: &Value) {
        const LONGEST: usize = 120;
        let text: String = value.to_string().chars().take(LONGEST).collect();
        self.odd.insert(id.to_owned(), format!("{}: {text}", what.escape_debug()));
    }
}

fn bridge(row: &Map<String, Value>) -> Option<Bridge> {
    let sflow = match optional(row.get("sflow")?)? {
        None => None,
        Some(value) => Some(uuid(value)?.to_owned()),
    };
    Some(Bridge { name: row.get("name")?.as_str()?.to_owned(), sflow })
}

fn record(row: &Map<String, Value>) -> Option<Row> {
    let ours = row.get("external_ids").and_then(|ids| lookup(ids, MARK.0)) == Some(MARK.1);
    let record = Record::parse(row);
    // One of ours that cannot be read is written anew.
    (ours || record.is_some()).then_some(Row { record, ours })
}
