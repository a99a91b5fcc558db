//! What others call themselves, as it may stand on a page. In: texts of the agent's snapshot. Out: the same with an escape in place
//! of each character that a terminal or a reader of lines would take for something else, so that no line can be forged.

use crate::config::steers;
use serde_json::Value;

/// One text.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown
}

/// Every text in a value.
pub(super) fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(steers) => *text = printable(text),
        Value::Array(items) => items.iter_mut().for_each(make_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_printable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown_and_all_else_stays() {
        assert_eq!(printable("a\n\u{1b}[2J\u{202e}\u{feff}"), "a\\n\\u{1b}[2J\\u{202e}\\u{feff}");
        assert_eq!(printable("dev-\\x2d \"ä\" 界"), "dev-\\x2d \"ä\" 界");
        let steering = (0..=0x1_0000).filter_map(char::from_u32).filter(|c| steers(*c));
        assert!(
            steering.map(|c| printable(&c.to_string())).all(|text| text.is_ascii() && !text.contains(steers))
        );
    }
}
