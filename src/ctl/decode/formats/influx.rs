//! Line protocol of InfluxDB: one line a counter record, packet sample, dropped packet, set of metrics. In: a datagram.
//! Out: `measurement,tag=… field=…,… time`. Rules: a field has one type for ever, since a database refuses the second:
//! counters are integers, load is a float, names and addresses are strings; what is unknown has no field; tags are what
//! there are few of (agent, source, name, ports of a switch), so that no flood of addresses becomes one of series.
//! Spec: docs.influxdata.com, "Line protocol".

use super::plain::is_unknown;
use super::{Received, Shown, leaves};
use crate::config::steers;
use crate::sflow::decode::Sample;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Bytes that say nothing in a database.
const BULK: [&str; 2] = ["header", "bytes"];

pub(super) fn render(received: &Received<'_>) -> String {
    let mut page = String::new();
    for (number, sample) in received.datagram.samples.iter().enumerate() {
        let Some(shown) = Shown::of(sample) else { continue };
        let line = Line::new(received, &shown, number);
        match sample {
            Sample::Flow(flow) => line.packet_sample(&mut page, &shown, Some(flow.header.sampling_rate)),
            Sample::Discard(_) => line.packet_sample(&mut page, &shown, None),
            Sample::Counters(_) => {
                for (record, fields) in shown.records().filter(|(record, _)| *record != "raw") {
                    let mut fields_of_record = Fields::default();
                    fields_of_record.add_all(&[], fields);
                    line.write(&mut page, record, &fields_of_record);
                }
            }
            Sample::RtMetric(_) => line.named_values(&mut page, &shown, "metrics"),
            Sample::RtFlow(_) => line.named_values(&mut page, &shown, "fields"),
            Sample::Raw(_) => {}
        }
    }
    page
}

/// What all lines of a sample have.
struct Line {
    tags: String,
    time: String,
}

impl Line {
    fn new(received: &Received<'_>, shown: &Shown, number: usize) -> Self {
        let mut tags = String::new();
        let mut tag = |name: &str, value: &str| {
            if !value.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(tags, ",{name}={}", key(value));
            }
        };
        tag("agent", &received.datagram.agent.to_string());
        if let Some(source) = shown.source {
            tag("source", &source.to_string());
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut names = shown.records().map(|(record, fields)| match record.as_str() {
            "port_name" => text(fields.get("name")),
            "host_id" => text(fields.get("hostname")),
            "app_operations" => text(fields.get("application")),
            _ => String::new(),
        });
        tag("name", &names.find(|name| !name.is_empty()).unwrap_or_default());
        tag("datasource", &text(shown.fields.get("datasource")));
        for port in ["input", "output"] {
            let value = shown.fields.get(port).map(|port| port.get("value").unwrap_or(port));
            tag(port, &value.map(Value::to_string).unwrap_or_default());
        }
        // A series has one value a moment: samples of one datagram are a nanosecond apart.
        let time = received.time.map(|time| time.as_nanos() + number as u128);
        Self { tags, time: time.map(|time| format!(" {time}")).unwrap_or_default() }
    }

    fn write(&self, page: &mut String, measurement: &str, fields: &Fields) {
        if !fields.text.is_empty() {
            let _ = writeln!(page, "sflow_{measurement}{} {}{}", self.tags, fields.text, self.time);
        }
    }

    /// A packet with all that is known of it, and how many packets and bytes it stands for.
    fn packet_sample(&self, page: &mut String, shown: &Shown, rate: Option<u32>) {
        let mut fields = Fields::default();
        for (name, value) in shown.head().filter(|(name, _)| !["input", "output"].contains(&name.as_str())) {
            fields.add_all(&[name], value);
        }
        let mut length = None;
        for (record, value) in shown.records().filter(|(record, _)| *record != "raw") {
            if record.starts_with("sampled_") {
                let seen = value.get("frame_length").or(value.get("length"));
                length = length.or(seen.and_then(Value::as_u64));
            }
            fields.add_all(&[record], value);
        }
        if let Some(rate) = rate {
            fields.add("packets", &u64::from(rate).into());
            if let Some(length) = length {
                fields.add("bytes", &length.saturating_mul(rate.into()).into());
            }
        }
        self.write(page, &shown.kind, &fields);
    }

    /// Fields that a program named, with their type before the name, as the same name may come with another type.
    fn named_values(&self, page: &mut String, shown: &Shown, list: &str) {
        let mut fields = Fields::default();
        for named in shown.fields.get(list).and_then(Value::as_array).into_iter().flatten() {
            let name = named.get("name").and_then(Value::as_str).unwrap_or_default();
            for (kind, value) in named.get("value").and_then(Value::as_object).into_iter().flatten() {
                fields.add(&format!("{kind}_{name}"), value);
            }
        }
        self.write(page, &shown.kind, &fields);
    }
}

/// The fields of a line; the first of a name counts.
#[derive(Default)]
struct Fields {
    names: BTreeSet<String>,
    text: String,
}

impl Fields {
    fn add_all(&mut self, before: &[&str], value: &Value) {
        let mut path = before.iter().map(|name| (*name).to_owned()).collect();
        leaves(value, &mut path, &mut |path, value| {
            let bulk = path.last().is_some_and(|name| BULK.contains(&name.as_str()) && value.is_string());
            if !bulk {
                self.add(&path.join("_"), value);
            }
        });
    }

    fn add(&mut self, name: &str, value: &Value) {
        let text = match value {
            value if is_unknown(value) => return,
            Value::String(text) => quoted(text),
            Value::Bool(truth) => truth.to_string(),
            // Of more than 63 bits there is no integer; nothing counts so far.
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => format!("{integer}i"),
                (None, Some(float)) if number.is_f64() => float.to_string(),
                _ => return,
            },
            _ => return,
        };
        let name = key(name);
        let separator = if self.text.is_empty() { "" } else { "," };
        let field = format!("{separator}{name}={text}");
        if self.names.insert(name) {
            self.text += &field;
        }
    }
}

/// A tag's value or a field's name. A backslash has no escape there, and before a comma would make one.
fn key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ',' | '=' | ' ' => out.extend(['\\', c]),
            '\\' => out.push('/'),
            c if steers(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if steers(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
