//! What is kept, as TOML.
//!
//! In: [`Kept`]. Out: a text, and back. Policies stand as files say them (`said`), with the end as milliseconds since
//! 1970 beside it. Rule: what cannot be read costs itself and is named; only what is no TOML at all costs everything.

use crate::policy::book::{Kept, KeptPolicy, Stage};
use crate::policy::desk::Origin;
use crate::policy::file::{from_json, write};
use crate::policy::lines::Dialect;
use crate::policy::model::{GroupName, Policy, PolicyName, Prefix};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use toml::de::{DeTable, DeValue};

const HEAD: &str = "# Written by hsflowd-policy, and read when it starts. Do not edit.\n";

/// The beginning, with namespaces and groups; policies follow.
pub(super) fn head(kept: &Kept) -> String {
    let mut out = HEAD.to_owned();
    if !kept.namespaces.is_empty() {
        let all: Vec<_> = kept.namespaces.iter().map(ToString::to_string).collect();
        out.push_str(&format!("namespaces = {}\n", json!(all)));
    }
    for (kind, groups) in [("group", &kept.groups), ("guests", &kept.guests)] {
        for (name, addresses) in groups {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            out.push_str(&write::table(kind, name.as_str(), &json!({ "addresses": addresses })));
        }
    }
    out
}

/// A policy.
pub(super) fn encode(kept: &KeptPolicy, now: SystemTime) -> String {
    write::table("policy", kept.said.name.as_str(), &one(kept, now))
}

fn one(kept: &KeptPolicy, now: SystemTime) -> Value {
    let origin = match kept.origin {
        Origin::File => "file",
        Origin::Asked => "asked",
        Origin::Reaction => "reaction",
    };
    let mut keys = Map::new();
    keys.insert("origin".into(), origin.into());
    keys.insert("by".into(), kept.by.clone().into());
    keys.extend(kept.end.map(|end| ("end".into(), millis(end))));
    if let Some((until, before)) = &kept.confirm {
        keys.insert("confirm".into(), millis(*until));
        keys.extend(before.as_ref().map(|before| ("before".into(), one(before, now))));
    }
    let stage = match kept.stage {
        Stage::Wanted => None,
        Stage::Leaving => Some("leaving"),
        Stage::Spent => Some("spent"),
    };
    keys.extend(stage.map(|stage| ("stage".into(), stage.into())));
    keys.insert("said".into(), write::json(&kept.said, now));
    Value::Object(keys)
}

/// A moment earlier rather than later; none before 1970.
fn millis(at: SystemTime) -> Value {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // TOML's integers have 63 bits.
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX).into()
}

/// Out of a text; with everything that could not be read.
///
/// # Errors
/// It is not TOML; the parser's words.
pub(super) fn decode(text: &str, dialect: Dialect) -> Result<(Kept, Vec<String>), String> {
    let root = DeTable::parse(text).map_err(|error| error.message().replace(char::is_control, " "))?;
    let root = object(root.get_ref());
    let (mut kept, mut faults) = (Kept::default(), Vec::new());
    let tables = |kind: &str| root.get(kind).and_then(Value::as_object).into_iter().flatten();
    for (kind, groups) in [("group", &mut kept.groups), ("guests", &mut kept.guests)] {
        for (name, keys) in tables(kind) {
            match group(name, keys) {
                Some((name, members)) => drop(groups.insert(name, members)),
                None => faults.push(format!("group {name} is damaged and was not kept")),
            }
        }
    }
    let namespaces = root.get("namespaces").and_then(Value::as_array).into_iter().flatten();
    kept.namespaces = namespaces.filter_map(|name| name.as_str()?.parse().ok()).collect();
    for (name, keys) in tables("policy") {
        match policy(name, keys, dialect) {
            Ok(policy) => kept.policies.push(policy),
            Err(why) => faults.push(format!("policy {name} is damaged and was not kept: {why}")),
        }
    }
    Ok((kept, faults))
}

fn group(name: &str, keys: &Value) -> Option<(GroupName, BTreeSet<Prefix>)> {
    let addresses = keys.get("addresses")?.as_array()?;
    let read = addresses.iter().map(|address| address.as_str()?.parse().ok());
    Some((name.parse().ok()?, read.collect::<Option<_>>()?))
}

fn policy(name: &str, keys: &Value, dialect: Dialect) -> Result<KeptPolicy, String> {
    let name: PolicyName = name.parse().map_err(|why| format!("{why}"))?;
    let origin = match keys.get("origin").and_then(Value::as_str) {
        Some("file") => Origin::File,
        Some("asked") => Origin::Asked,
        Some("reaction") => Origin::Reaction,
        _ => return Err("origin".to_owned()),
    };
    let said: Policy = from_json(&name, keys.get("said").unwrap_or(&Value::Null), dialect)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let before = keys.get("before").map(|before| policy(name.as_str(), before, dialect).map(Box::new));
    let before = before.transpose()?;
    Ok(KeptPolicy {
        said,
        end: at(keys, "end")?,
        origin,
        by: keys.get("by").and_then(Value::as_str).unwrap_or_default().to_owned(),
        confirm: at(keys, "confirm")?.map(|until| (until, before)),
        stage: match keys.get("stage").and_then(Value::as_str) {
            None => Stage::Wanted,
            Some("leaving") => Stage::Leaving,
            Some("spent") => Stage::Spent,
            Some(_) => return Err("stage".to_owned()),
        },
    })
}

/// What should end and does not say when must not last for ever.
fn at(keys: &Value, key: &str) -> Result<Option<SystemTime>, String> {
    let Some(value) = keys.get(key) else { return Ok(None) };
    let since = value.as_u64().map(Duration::from_millis);
    since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)).map(Some).ok_or_else(|| key.to_owned())
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect()
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).map_or(Value::Null, Into::into)
        }
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Array(values) => values.iter().map(|value| plain(value.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(object(table)),
        // Never written.
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Null,
    }
}
