//! Fields of an engine's JSON, taken one by one, so that a wrong one costs itself only.
//!
//! In: a JSON value and a pointer (RFC 6901). Out: what is there, in the type that is wanted, and in words what is wrong.
//! Rules: absent and `null` are nothing wrong; what is shown to people is bounded and on one line.

use serde_json::Value;
use std::fmt::Write as _;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// Another type, or a number that is too large.
    #[error("{field}: {wanted} expected, {found} found")]
    Type {
        /// Pointer to it.
        field: &'static str,
        /// What should be there.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// No id of a container.
    #[error("{field}: not 64 hexadecimal digits: {found:?}")]
    Id {
        /// Pointer to it.
        field: &'static str,
        /// What is there, cut.
        found: String,
    },
    /// More than we keep.
    #[error("{field}: {left_out} left out, because there are more than {limit} bytes")]
    TooMuch {
        /// Pointer to it.
        field: &'static str,
        /// How many.
        left_out: usize,
        /// Of all together.
        limit: usize,
    },
}

/// A JSON value whose fields are looked at, and what was found to be wrong with them.
#[derive(Debug)]
pub(super) struct Fields {
    value: Value,
    pub(super) odd: Vec<Odd>,
}

impl Fields {
    pub(super) fn new(value: Value) -> Self {
        let odd = if value.is_object() { Vec::new() } else { vec![wrong("/", "object", &value)] };
        Self { value, odd }
    }

    pub(super) fn text(&mut self, field: &'static str) -> Option<&str> {
        self.get(field, "text", |value| value.is_string())?.as_str()
    }

    pub(super) fn number(&mut self, field: &'static str) -> Option<u64> {
        self.get(field, "natural number", |value| value.is_u64())?.as_u64()
    }

    /// A number of which "none" and "without limit" are written as 0 or below.
    pub(super) fn limit(&mut self, field: &'static str) -> Option<u64> {
        let number = self.get(field, "number", |value| value.is_u64() || value.is_i64())?.as_u64();
        number.filter(|number| *number > 0)
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.get(field, "true or false", Value::is_boolean)?.as_bool()
    }

    pub(super) fn list(&mut self, field: &'static str) -> &[Value] {
        self.get(field, "list", Value::is_array).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn object(&mut self, field: &'static str) -> Option<&serde_json::Map<String, Value>> {
        self.get(field, "object", Value::is_object)?.as_object()
    }

    fn get(
        &mut self,
        field: &'static str,
        wanted: &'static str,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<&Value> {
        let value = self.value.pointer(field).filter(|value| !value.is_null())?;
        if fits(value) {
            return Some(value);
        }
        self.odd.push(wrong(field, wanted, value));
        None
    }
}

/// A field of another type than the one wanted.
pub(super) fn wrong(field: &'static str, wanted: &'static str, value: &Value) -> Odd {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "another number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    Odd::Type { field, wanted, found }
}

/// The text on one line, of no more than `limit` bytes.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        let before = shown.len();
        if c.is_control() {
            _ = write!(shown, "{}", c.escape_default())
        } else {
            shown.push(c)
        }
        if shown.len() > limit {
            shown.truncate(before);
            break;
        }
    }
    shown
}

/// The 64 hexadecimal digits that an engine calls a container by; they go into paths as they are.
pub(super) fn id(field: &'static str, text: &str) -> Result<String, Odd> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Odd::Id { field, found: shown(text, 70) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_is_said_and_one_that_is_absent_is_not() {
        let mut fields =
            Fields::new(serde_json::json!({ "State": { "Pid": "7", "Status": null }, "Name": "/a" }));
        assert_eq!(fields.number("/State/Pid"), None);
        assert_eq!(fields.text("/State/Status"), None);
        assert!(fields.list("/Config/Env").is_empty());
        assert_eq!(fields.text("/Name"), Some("/a"));
        let said: Vec<_> = fields.odd.iter().map(Odd::to_string).collect();
        assert_eq!(said, ["/State/Pid: natural number expected, text found"]);
    }

    #[test]
    fn shown_text_is_one_line_and_cut_between_characters() {
        assert_eq!(shown("a\nb\u{1b}[m", 99), "a\\nb\\u{1b}[m");
        assert_eq!(shown("ééé", 5), "éé");
        assert_eq!(shown("abc\n", 4), "abc");
    }

    #[test]
    fn only_64_hexadecimal_digits_are_an_id() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(id("/Id", &good.to_uppercase()), Ok(good.clone()));
        for bad in ["", "web", "../../../info", &good[1..], &format!("{good}0")] {
            assert!(id("/Id", bad).is_err(), "{bad}");
        }
    }
}
