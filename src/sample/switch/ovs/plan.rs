//! From what the data base has to what is wanted: one transaction.
//!
//! In: the tables and the wanted record. Out: operations (RFC 7047, section 5.2), none where nothing is to be done. Rules: a
//! bridge that another's record is attached to keeps it; of several records of ours one stays; each operation stands
//! behind a `wait` for what it was planned from.

use super::message::DATABASE;
use super::record::Record;
use super::tables::{Bridge, MARK, Row, Tables, Uuid};
use super::value::set;
use serde_json::{Map, Value, json};

/// How a bridge sends sFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding<'t> {
    /// By our record.
    Ours,
    /// By none.
    None,
    /// By a record that is not ours.
    Foreign(Option<&'t Record>),
}

/// Each bridge, in the order of their ids.
pub fn holdings(tables: &Tables) -> impl Iterator<Item = (&Uuid, &Bridge, Holding<'_>)> {
    tables.bridges.iter().map(|(uuid, bridge)| {
        let row = bridge.sflow.as_ref().map(|sflow| tables.records.get(sflow));
        let holding = match row {
            None => Holding::None,
            Some(Some(Row { ours: true, .. })) => Holding::Ours,
            // One that could not be read is somebody's, too.
            Some(row) => Holding::Foreign(row.and_then(|row| row.record.as_ref())),
        };
        (uuid, bridge, holding)
    })
}

/// The operations that make the tables what is wanted; empty where they are.
pub fn plan(tables: &Tables, wanted: Option<&Record>) -> Vec<Value> {
    let mut operations = Vec::new();
    let reference = match wanted {
        None => set([]),
        Some(wanted) => match kept(tables, wanted) {
            Some((uuid, row)) => {
                if row.record.as_ref() != Some(wanted) {
                    operations.extend(rewrite(uuid, row.record.as_ref(), wanted));
                }
                json!(["uuid", uuid])
            }
            None => json!(["named-uuid", "ours"]),
        },
    };
    let attachments: Vec<_> = holdings(tables)
        .filter(|(.., holding)| !matches!(holding, Holding::Foreign(_)))
        .filter(|(_, bridge, _)| bridge_column(bridge) != reference)
        .flat_map(|(uuid, bridge, _)| attach(uuid, bridge, &reference))
        .collect();
    if let (Some(wanted), false, "named-uuid") = (wanted, attachments.is_empty(), kind(&reference)) {
        operations.push(insert(wanted));
    }
    operations.extend(attachments);
    if !operations.is_empty() {
        operations.push(
            json!({ "op": "mutate", "table": DATABASE, "where": [], "mutations": [["next_cfg", "+=", 1]] }),
        );
        operations.push(json!({ "op": "comment", "comment": "hsflowd: sFlow as in its settings" }));
    }
    operations
}

/// Whether somebody took back, between these two, what was done: what was made of a bridge that is not another's, or what
/// a record of ours says.
pub fn is_undone(before: &Tables, now: &Tables) -> bool {
    let rewritten = now.records.iter().filter(|(_, row)| row.ours);
    let mut rewritten = rewritten.map(|(uuid, row)| before.records.get(uuid).is_some_and(|old| old != row));
    let mut bridges = holdings(now).filter(|(.., holding)| !matches!(holding, Holding::Foreign(_)));
    rewritten.any(|is| is)
        || bridges
            .any(|(uuid, bridge, _)| before.bridges.get(uuid).is_some_and(|old| old.sflow != bridge.sflow))
}

fn kind(reference: &Value) -> &str {
    reference.get(0).and_then(Value::as_str).unwrap_or_default()
}

/// Ours that stays: one that is right already, if there is one.
fn kept<'t>(tables: &'t Tables, wanted: &Record) -> Option<(&'t Uuid, &'t Row)> {
    let ours = tables.records.iter().filter(|(_, row)| row.ours);
    ours.min_by_key(|(_, row)| row.record.as_ref() != Some(wanted))
}

fn bridge_column(bridge: &Bridge) -> Value {
    bridge.sflow.as_ref().map_or_else(|| set([]), |uuid| json!(["uuid", uuid]))
}

/// The data base refuses all of the transaction where the row is another by now.
fn wait(table: &str, which: &Value, columns: &Map<String, Value>) -> Value {
    let names: Vec<_> = columns.keys().collect();
    json!({
        "op": "wait", "timeout": 0, "table": table, "where": which, "columns": names, "until": "==", "rows": [columns],
    })
}

fn mark() -> Value {
    json!(["map", [[MARK.0, MARK.1]]])
}

fn rewrite(uuid: &str, old: Option<&Record>, new: &Record) -> impl Iterator<Item = Value> {
    let still_ours = json!([["_uuid", "==", ["uuid", uuid]], ["external_ids", "includes", mark()]]);
    let update = json!({ "op": "update", "table": "sFlow", "where": still_ours, "row": new.columns() });
    // What could not be read cannot be waited for.
    old.map(|old| wait("sFlow", &still_ours, &old.columns())).into_iter().chain([update])
}

fn insert(record: &Record) -> Value {
    let mut row = record.columns();
    row.insert("external_ids".to_owned(), mark());
    json!({ "op": "insert", "table": "sFlow", "uuid-name": "ours", "row": row })
}

fn attach(uuid: &str, bridge: &Bridge, reference: &Value) -> [Value; 2] {
    let column = |value: Value| Map::from_iter([("sflow".to_owned(), value)]);
    let this = json!([["_uuid", "==", ["uuid", uuid]]]);
    let update =
        json!({ "op": "update", "table": "Bridge", "where": this, "row": column(reference.clone()) });
    [wait("Bridge", &this, &column(bridge_column(bridge))), update]
}
