//! Laws of plans, on a data base that does what RFC 7047 says of the operations used.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Table, row id, columns.
#[derive(Clone, Debug, PartialEq)]
struct Base(BTreeMap<&'static str, BTreeMap<String, Map<String, Value>>>);

const TABLES: [&str; 3] = ["Bridge", "Open_vSwitch", "sFlow"];

impl Base {
    fn of(bridges: &[Option<usize>], records: &[(Record, bool)]) -> Self {
        let mut base = Self(TABLES.map(|table| (table, BTreeMap::new())).into());
        let root = [("next_cfg", json!(7)), ("cur_cfg", json!(7))];
        base.put("Open_vSwitch", "root".into(), row(root));
        for (n, (record, ours)) in records.iter().enumerate() {
            let mut columns = record.columns();
            let owner = if *ours { "hsflowd-rs" } else { "somebody" };
            columns.insert("external_ids".into(), json!(["map", [["x", "y"], ["owner", owner]]]));
            base.put("sFlow", format!("r{n}"), columns);
        }
        for (n, sflow) in bridges.iter().enumerate() {
            let sflow = sflow
                .filter(|_| !records.is_empty())
                .map(|r| json!(["uuid", format!("r{}", r % records.len())]));
            let columns = [("name", json!(format!("br{n}"))), ("sflow", sflow.unwrap_or(json!(["set", []])))];
            base.put("Bridge", format!("b{n}"), row(columns));
        }
        base.collect();
        base
    }

    fn put(&mut self, table: &str, uuid: String, columns: Map<String, Value>) {
        self.0.get_mut(table).unwrap().insert(uuid, columns);
    }

    /// Rows of sFlow live as long as a bridge refers to them.
    fn collect(&mut self) {
        let used: Vec<Value> = self.0["Bridge"].values().map(|row| row["sflow"].clone()).collect();
        self.0.get_mut("sFlow").unwrap().retain(|uuid, _| used.contains(&json!(["uuid", uuid])));
    }

    fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        let updates: Map<String, Value> = self
            .0
            .iter()
            .map(|(table, rows)| {
                let rows: Map<_, _> =
                    rows.iter().map(|(uuid, row)| (uuid.clone(), json!({ "new": row }))).collect();
                ((*table).to_owned(), Value::Object(rows))
            })
            .collect();
        tables.apply(&Value::Object(updates));
        assert_eq!(tables.odd, BTreeMap::new());
        tables
    }

    /// All or nothing; false where a `wait` does not hold.
    fn transact(&mut self, operations: &[Value]) -> bool {
        let mut next = self.clone();
        let done = operations.iter().all(|operation| next.perform(operation));
        if done {
            next.collect();
            *self = next;
        }
        done
    }

    fn perform(&mut self, operation: &Value) -> bool {
        let text = |name: &str| operation[name].as_str().unwrap().to_owned();
        match text("op").as_str() {
            "wait" => {
                assert_eq!(
                    (operation["timeout"].as_i64(), operation["until"].as_str()),
                    (Some(0), Some("=="))
                );
                let rows = operation["rows"].as_array().unwrap();
                let found: Vec<_> = self.matching(operation).into_iter().map(|(_, row)| row).collect();
                let same = |(want, row): (&Value, &Map<String, Value>)| {
                    want.as_object().unwrap().iter().all(|(name, value)| row[name] == *value)
                };
                found.len() == rows.len() && rows.iter().zip(&found).all(same)
            }
            "update" => {
                for (uuid, mut row) in self.matching(operation) {
                    for (name, value) in operation["row"].as_object().unwrap() {
                        let value = if *value == json!(["named-uuid", "ours"]) {
                            json!(["uuid", "new"])
                        } else {
                            value.clone()
                        };
                        row.insert(name.clone(), value);
                    }
                    self.put(&text("table"), uuid, row);
                }
                true
            }
            "insert" => {
                assert_eq!(text("uuid-name"), "ours");
                self.put(&text("table"), "new".into(), operation["row"].as_object().unwrap().clone());
                true
            }
            "mutate" => {
                assert_eq!(
                    (text("table").as_str(), &operation["mutations"]),
                    ("Open_vSwitch", &json!([["next_cfg", "+=", 1]]))
                );
                true
            }
            "comment" => true,
            other => panic!("{other}"),
        }
    }

    fn matching(&self, operation: &Value) -> Vec<(String, Map<String, Value>)> {
        let holds = |uuid: &str, row: &Map<String, Value>| {
            operation["where"].as_array().unwrap().iter().all(|clause| {
                match (clause[0].as_str(), clause[1].as_str()) {
                    (Some("_uuid"), Some("==")) => clause[2][1] == uuid,
                    (Some("external_ids"), Some("includes")) => {
                        let has = row["external_ids"][1].as_array().unwrap();
                        clause[2][1].as_array().unwrap().iter().all(|pair| has.contains(pair))
                    }
                    _ => panic!("{clause}"),
                }
            })
        };
        let rows = self.0[operation["table"].as_str().unwrap()].iter().filter(|(uuid, row)| holds(uuid, row));
        rows.map(|(uuid, row)| (uuid.clone(), row.clone())).collect()
    }
}

fn row<const N: usize>(columns: [(&str, Value); N]) -> Map<String, Value> {
    columns.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn record() -> impl Strategy<Value = Record> {
    let number = || prop::option::of(0i64..3);
    (prop::option::of("[ab]"), number(), number(), number(), prop::collection::btree_set("[a-c]", 1..3))
        .prop_map(|(agent, header, polling, sampling, targets)| Record {
            agent,
            header,
            polling,
            sampling,
            targets,
        })
}

fn base() -> impl Strategy<Value = Base> {
    let bridges = prop::collection::vec(prop::option::of(0usize..4), 0..6);
    let records = prop::collection::vec((record(), any::<bool>()), 0..4);
    (bridges, records).prop_map(|(bridges, records)| Base::of(&bridges, &records))
}

/// Rows of others: their records, and the bridges that have them.
fn foreign(base: &Base) -> Vec<(String, Map<String, Value>)> {
    let records =
        base.0["sFlow"].iter().filter(|(_, row)| row["external_ids"].to_string().contains("somebody"));
    let records: Vec<_> = records.map(|(uuid, row)| (uuid.clone(), row.clone())).collect();
    let has =
        |row: &Map<String, Value>| records.iter().any(|(uuid, _)| row["sflow"] == json!(["uuid", uuid]));
    let bridges =
        base.0["Bridge"].iter().filter(|(_, row)| has(row)).map(|(uuid, row)| (uuid.clone(), row.clone()));
    bridges.chain(records.iter().cloned()).collect()
}

proptest! {
    #[test]
    fn one_transaction_makes_any_tables_what_is_wanted_and_leaves_others_rows(
        mut base in base(), wanted in prop::option::of(record()),
    ) {
        let (others, tables) = (foreign(&base), base.tables());
        let operations = plan(&tables, wanted.as_ref());
        prop_assert!(base.transact(&operations));
        prop_assert_eq!(foreign(&base), others);
        let after = base.tables();
        prop_assert_eq!(plan(&after, wanted.as_ref()), Vec::<Value>::new());
        let ours: Vec<_> = after.records.values().filter(|row| row.ours).collect();
        let open = holdings(&after).filter(|(.., holding)| !matches!(holding, Holding::Foreign(_)));
        let open: Vec<_> = open.map(|(.., holding)| holding).collect();
        match wanted {
            Some(wanted) => {
                prop_assert!(open.iter().all(|holding| *holding == Holding::Ours));
                prop_assert_eq!(ours.len(), usize::from(!open.is_empty()));
                prop_assert!(ours.iter().all(|row| row.record.as_ref() == Some(&wanted)));
            }
            None => prop_assert!(ours.is_empty() && open.iter().all(|holding| *holding == Holding::None)),
        }
    }

    #[test]
    fn only_what_others_change_of_what_was_done_is_undone(mut base in base(), wanted in record(), other in record()) {
        base.transact(&plan(&base.tables(), Some(&wanted)));
        let settled = base.tables();
        prop_assert!(!is_undone(&settled, &settled));
        base.put("Bridge", "late".into(), row([("name", json!("late")), ("sflow", json!(["set", []]))]));
        prop_assert!(!is_undone(&settled, &base.tables()), "a new bridge is no quarrel");
        // A second agent with other settings.
        base.transact(&plan(&base.tables(), Some(&other)));
        let had_ours = settled.records.values().any(|row| row.ours);
        prop_assert_eq!(is_undone(&settled, &base.tables()), had_ours && other != wanted);
    }

    #[test]
    fn what_another_program_changes_meanwhile_is_never_lost(
        before in base(), wanted in prop::option::of(record()), other in record(), which in 0usize..6, row_not_bridge: bool,
    ) {
        let operations = plan(&before.tables(), wanted.as_ref());
        let mut meanwhile = before.clone();
        if row_not_bridge {
            // Somebody edits our record.
            let Some(uuid) = meanwhile.0["sFlow"].keys().nth(which).cloned() else { return Ok(()) };
            let mut edited = meanwhile.0["sFlow"][&uuid].clone();
            edited.extend(other.columns());
            meanwhile.put("sFlow", uuid, edited);
        } else {
            // Somebody gives a bridge a record of his own.
            let Some(uuid) = meanwhile.0["Bridge"].keys().nth(which).cloned() else { return Ok(()) };
            let mut record = other.columns();
            record.insert("external_ids".into(), json!(["map", [["owner", "somebody"]]]));
            meanwhile.put("sFlow", "his".into(), record);
            let mut bridge = meanwhile.0["Bridge"][&uuid].clone();
            bridge.insert("sflow".into(), json!(["uuid", "his"]));
            meanwhile.put("Bridge", uuid, bridge);
            meanwhile.collect();
        }
        let others = foreign(&meanwhile);
        meanwhile.transact(&operations);
        prop_assert_eq!(foreign(&meanwhile), others);
        // Whether it was done or refused, the next plan ends where it should.
        let again = plan(&meanwhile.tables(), wanted.as_ref());
        prop_assert!(meanwhile.transact(&again));
        prop_assert!(plan(&meanwhile.tables(), wanted.as_ref()).is_empty());
    }
}

#[test]
fn a_record_that_is_right_is_adopted_without_a_word() {
    let wanted = Record { targets: ["10.0.0.1:6343".to_owned()].into(), ..Record::default() };
    let base = Base::of(&[Some(0), Some(0)], &[(wanted.clone(), true)]);
    assert!(plan(&base.tables(), Some(&wanted)).is_empty());
}

#[test]
fn a_row_that_cannot_be_read_is_said_until_it_can_and_costs_no_other() {
    let mut tables = Base::of(&[None, None], &[]).tables();
    tables.apply(&json!({ "Bridge": { "b0": { "new": { "name": "br0", "sflow": 7 } } }, "sFlow": [] }));
    assert_eq!(tables.bridges.keys().collect::<Vec<_>>(), ["b1"]);
    assert_eq!(tables.odd.keys().collect::<Vec<_>>(), ["b0", "sFlow"]);
    tables.apply(
        &json!({ "Bridge": { "b0": { "new": { "name": "br0", "sflow": ["set", []] } } }, "sFlow": {} }),
    );
    assert_eq!((tables.bridges.len(), tables.odd.len()), (2, 0));
}

#[test]
fn a_bridge_whose_record_cannot_be_read_is_anothers() {
    let mut tables = Base::of(&[Some(0)], &[(Record::default(), true)]).tables();
    tables.apply(&json!({ "sFlow": { "r0": { "new": { "targets": {} } } } }));
    assert_eq!(holdings(&tables).map(|(.., holding)| holding).collect::<Vec<_>>(), [Holding::Foreign(None)]);
    assert!(plan(&tables, None).is_empty());
}

#[test]
fn our_record_that_cannot_be_read_is_written_anew() {
    let wanted = Record { targets: ["10.0.0.1:6343".to_owned()].into(), ..Record::default() };
    let mut base = Base::of(&[Some(0)], &[(wanted.clone(), true)]);
    let mut odd = base.0["sFlow"]["r0"].clone();
    odd.insert("polling".into(), json!("often"));
    base.put("sFlow", "r0".into(), odd);
    assert!(base.transact(&plan(&base.tables(), Some(&wanted))));
    let row = base.tables().records["r0"].clone();
    assert_eq!((row.record, row.ours), (Some(wanted), true));
}

#[test]
fn targets_are_written_as_open_vswitch_reads_them() {
    assert_eq!(target("192.0.2.1".parse().unwrap(), None, 6343), "192.0.2.1:6343");
    assert_eq!(target("2001:db8::1".parse().unwrap(), None, 1), "[2001:db8::1]:1");
    assert_eq!(target("fe80::1".parse().unwrap(), Some("eth0"), 1), "[fe80::1%eth0]:1");
}
