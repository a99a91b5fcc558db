//! One line a value, each with all that says where it comes from, so that `grep` and `awk` find it: time, agent,
//! sub-agent, number of the sample, class and index of its source, tag of the sample, name of the record, name of the field, value. A
//! dash stands for what there is not. The value is the rest of the line; nothing before it has a space in it.

use super::plain::{plain, scalar};
use super::{Received, Shown, leaves};
use serde_json::Value;
use std::fmt::Write;

pub(super) fn render(received: &Received<'_>) -> String {
    let mut page = String::new();
    let datagram = received.datagram;
    let time = received
        .time
        .map_or_else(|| "-".to_owned(), |time| format!("{}.{:06}", time.as_secs(), time.subsec_micros()));
    for shown in datagram.samples.iter().filter_map(Shown::of) {
        let number = shown.fields.get("sequence").map_or_else(|| "-".to_owned(), Value::to_string);
        let (class, index) = shown
            .source
            .map_or_else(|| ("-".to_owned(), "-".to_owned()), |s| (s.class.to_string(), s.index.to_string()));
        let (agent, sub_agent) = (datagram.agent, datagram.sub_agent_id);
        let place = format!("{time} {agent} {sub_agent} {number} {class} {index} {}", shown.tag);
        let mut line = |record: &str, path: &[String], value: &Value| {
            let name = word(&path.join("."));
            // Writing to a String cannot fail.
            let _ = writeln!(page, "{place} {} {name} {}", word(record), scalar(value));
        };
        for (name, value) in shown.head() {
            leaves(value, &mut vec![name.clone()], &mut |path, value| line("-", path, value));
        }
        for (record, fields) in shown.records() {
            leaves(fields, &mut Vec::new(), &mut |path, value| line(record, path, value));
        }
    }
    page
}

/// A name that is one word.
fn word(name: &str) -> String {
    if name.is_empty() { "-".to_owned() } else { plain(name).replace(char::is_whitespace, "_") }
}
