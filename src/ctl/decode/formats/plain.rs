//! Single values as text that can do no harm: no control character, no end of a line by any reader's rules, nothing that
//! turns the writing direction round.

use crate::config::steers;
use serde_json::Value;

/// A text with a mark in place of each character that has no place in a line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// True for all ones, which is how sFlow says that a counter is not known.
pub(super) fn is_unknown(value: &Value) -> bool {
    [u64::MAX, u64::from(u32::MAX)].map(Some).contains(&value.as_u64())
}

/// A single value.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        value if is_unknown(value) => "unknown".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_counters_are_called_unknown_and_control_characters_do_not_reach_the_terminal() {
        assert_eq!(scalar(&json!(u32::MAX)), "unknown");
        assert_eq!(scalar(&json!(u64::MAX)), "unknown");
        assert_eq!(scalar(&json!(7)), "7");
        assert_eq!(scalar(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
        assert_eq!(scalar(&json!("a\nb\u{85}c\u{2028}d\u{202e}e")), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
    }
}
