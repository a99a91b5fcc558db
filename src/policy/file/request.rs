//! A policy out of a request: JSON with the keys of `[policy.NAME]`.
//!
//! In: the name and the body. Out: the policy, or every fault by its JSON key. Rule: there is one reader of policies, so
//! JSON is written as TOML and read by it; groups, caps and protections are the book's to check. A fault has no line:
//! [`Fault::line`] is 0.

use super::fault::{Fault, FaultKind};
use super::{write, wrong_json};
use crate::policy::lines::Dialect;
use crate::policy::model::{Policy, PolicyName};
use serde_json::Value;

/// Reads the policy of a name.
///
/// # Errors
/// Every fault; keys are those of the body (`action.limit`), empty for the body as a whole.
pub fn from_json(name: &PolicyName, body: &Value, dialect: Dialect) -> Result<Policy, Vec<Fault>> {
    if !body.is_object() {
        return Err(vec![fault("", wrong_json(body, "an object"))]);
    }
    let mut nulls = Vec::new();
    find_nulls(body, "", &mut nulls);
    if !nulls.is_empty() {
        return Err(nulls);
    }
    let text = write::table("policy", name.as_str(), body);
    let wishes = super::gather(&[("request", &text)], dialect).finish();
    let prefix = format!("policy.{name}");
    match wishes.policies.into_iter().next() {
        Some(policy) if wishes.faults.is_empty() => Ok(policy),
        _ => Err(wishes
            .faults
            .into_iter()
            .map(|found| fault(inner(&found.key, &prefix), found.kind))
            .collect()),
    }
}

fn fault(key: &str, kind: FaultKind) -> Fault {
    Fault { file: "request".into(), line: 0, column: 0, key: key.into(), kind }
}

fn inner<'k>(key: &'k str, prefix: &str) -> &'k str {
    let rest = key.strip_prefix(prefix).unwrap_or(key);
    rest.strip_prefix('.').unwrap_or(rest)
}

fn find_nulls(value: &Value, path: &str, found: &mut Vec<Fault>) {
    match value {
        Value::Null => found.push(fault(path, wrong_json(value, "a value: leave the key out"))),
        Value::Array(values) => values.iter().for_each(|value| find_nulls(value, path, found)),
        Value::Object(keys) => {
            for (key, value) in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                find_nulls(value, &path, found);
            }
        }
        _ => {}
    }
}
