//! Decoded datagrams as text for people. In: a decoded datagram. Out: indented lines, one field a line. The field names are
//! the decoder's own, so every record it knows prints without a word here.

use super::plain::scalar;
use super::{Received, Shown};
use serde_json::Value;
use std::fmt::Write;

/// The whole datagram.
pub(super) fn render(received: &Received<'_>) -> String {
    let datagram = received.datagram;
    let mut page = format!(
        "datagram from agent {} sub-agent {} sequence {} uptime {}.{:03} s",
        datagram.agent,
        datagram.sub_agent_id,
        datagram.sequence,
        datagram.uptime_ms / 1000,
        datagram.uptime_ms % 1000,
    );
    // Writing to a String cannot fail.
    let _ = match received.from {
        Some(from) => writeln!(page, ", received from {from}"),
        None => writeln!(page),
    };
    if datagram.dirty_padding > 0 {
        let _ = writeln!(page, "  {} bytes of padding are not zero", datagram.dirty_padding);
    }
    if !datagram.trailing.is_empty() {
        let _ = writeln!(page, "  {} bytes follow the last sample", datagram.trailing.len());
    }
    for shown in datagram.samples.iter().filter_map(Shown::of) {
        write_sample(&mut page, &shown.kind, &shown.fields);
    }
    page
}

fn write_sample(page: &mut String, kind: &str, body: &Value) {
    let _ = write!(page, "  {kind}");
    let Value::Object(fields) = body else {
        let _ = writeln!(page, " {}", scalar(body));
        return;
    };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "records" && *name != "compact") {
        let _ = match source(value) {
            Some(source) => write!(page, " {source}"),
            None if value.is_array() || value.is_object() => Ok(()),
            None => write!(page, " {name} {}", scalar(value)),
        };
    }
    let _ = writeln!(page);
    for record in fields.get("records").and_then(Value::as_array).into_iter().flatten() {
        write_value(page, 4, record);
    }
    for (name, value) in fields.iter().filter(|(name, value)| {
        *name != "records" && source(value).is_none() && (value.is_array() || value.is_object())
    }) {
        let _ = writeln!(page, "    {name}");
        write_value(page, 6, value);
    }
}

/// `class:index`, where a value is a data source.
fn source(value: &Value) -> Option<String> {
    let object = value.as_object().filter(|o| o.len() == 2)?;
    Some(format!("{}:{}", object.get("class")?, object.get("index")?))
}

fn write_value(page: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, v)| write_field(page, indent, name, v)),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                write_field(page, indent, &format!("[{i}]"), item);
            }
        }
        other => {
            let _ = writeln!(page, "{:indent$}{}", "", scalar(other));
        }
    }
}

fn write_field(page: &mut String, indent: usize, name: &str, value: &Value) {
    let flat = match value {
        Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
            Some(items.iter().map(scalar).collect::<Vec<_>>().join(" "))
        }
        Value::Array(_) | Value::Object(_) => None,
        other => Some(scalar(other)),
    };
    match flat {
        Some(text) => {
            let _ = writeln!(page, "{:indent$}{name:<28} {text}", "");
        }
        None => {
            let _ = writeln!(page, "{:indent$}{name}", "");
            write_value(page, indent + 2, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_records_are_indented_under_their_names() {
        let mut page = String::new();
        let body = json!({"compact": false, "sequence": 3, "source": {"class": 2, "index": 1},
            "records": [{"adaptors": {"adaptors": [{"if_index": 2, "macs": ["02:00:00:00:00:01"]}]}}]});
        write_sample(&mut page, "counters", &body);
        let lines: Vec<_> =
            page.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "counters sequence 3 2:1",
                "adaptors",
                "adaptors",
                "[0]",
                "if_index 2",
                "macs 02:00:00:00:00:01"
            ]
        );
    }
}
