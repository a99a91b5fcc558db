//! Values of columns as JSON (RFC 7047, section 5.1): atoms, sets, maps and row ids.
//!
//! In and out: JSON, and plain values. Rule: a set of one element may be written without its wrapping, so both are read.

use serde_json::{Value, json};

/// The elements of a set; none where this is something else.
pub(super) fn elements(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(kind), Value::Array(list)] if kind == "set" => Some(list.iter().collect()),
            [Value::String(kind), Value::String(_)] if kind == "uuid" => Some(vec![value]),
            _ => None,
        },
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(vec![value]),
        Value::Null | Value::Object(_) => None,
    }
}

/// A set of at most one element: `Some(None)` is the empty one.
pub(super) fn optional(value: &Value) -> Option<Option<&Value>> {
    match elements(value)?.as_slice() {
        [] => Some(None),
        [one] => Some(Some(one)),
        _ => None,
    }
}

/// The id of a row.
pub(super) fn uuid(value: &Value) -> Option<&str> {
    match value.as_array()?.as_slice() {
        [Value::String(kind), Value::String(uuid)] if kind == "uuid" => Some(uuid),
        _ => None,
    }
}

/// What a map of strings says for a key.
pub(super) fn lookup<'v>(map: &'v Value, key: &str) -> Option<&'v str> {
    let [Value::String(kind), Value::Array(pairs)] = map.as_array()?.as_slice() else { return None };
    let pairs = pairs.iter().filter(|_| kind == "map").filter_map(|pair| match pair.as_array()?.as_slice() {
        [Value::String(key), Value::String(value)] => Some((key, value)),
        _ => None,
    });
    pairs.into_iter().find_map(|(known, value)| (known == key).then_some(value.as_str()))
}

/// A set.
pub(super) fn set(elements: impl IntoIterator<Item = Value>) -> Value {
    json!(["set", elements.into_iter().collect::<Vec<_>>()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_one_is_read_with_and_without_its_wrapping() {
        for (text, expected) in [
            (json!(["set", []]), Some(None)),
            (json!(["set", [7]]), Some(Some(json!(7)))),
            (json!(7), Some(Some(json!(7)))),
            (json!(["uuid", "a"]), Some(Some(json!(["uuid", "a"])))),
            (json!(["set", [["uuid", "a"]]]), Some(Some(json!(["uuid", "a"])))),
            (json!(["set", [1, 2]]), None),
            (json!(["map", []]), None),
            (json!({}), None),
        ] {
            assert_eq!(optional(&text).map(|found| found.cloned()), expected, "{text}");
        }
    }

    #[test]
    fn a_map_is_looked_up_and_what_is_none_has_nothing() {
        let map = json!(["map", [["a", "1"], ["b", "2"]]]);
        assert_eq!((lookup(&map, "b"), lookup(&map, "c")), (Some("2"), None));
        assert_eq!(lookup(&json!(["set", [["a", "1"]]]), "a"), None);
    }
}
