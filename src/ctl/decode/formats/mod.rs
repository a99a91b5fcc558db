//! How a datagram reads: for people, as JSON, in columns, in lines for `grep`, for InfluxDB, as a capture of the packets
//! in it. In: a decoded datagram, and when and from whom it came. Out: text or bytes, one file a format. Pure. Rules:
//! whatever a sender put into its strings, it cannot make a line that is not of its own record, nor reach the terminal;
//! what is not known is never a number; names are the decoder's own, so that every record it knows comes out without a
//! word here. Spec: hsflowctl(1), FORMATS.

mod csv;
mod grep;
mod influx;
mod json;
mod packet;
pub mod pcap;
mod plain;
mod text;

use crate::sflow::decode::{Datagram, Framed, Sample};
use crate::sflow::flow::FlowRecord;
use crate::sflow::ids::{DataSource, Tag};
use crate::sflow::realtime::{RtFlow, RtMetric};
use crate::sflow::record::Record;
use crate::sflow::sample;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// A datagram that was understood.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What was in it.
    pub datagram: &'a Datagram,
    /// Its sender on the network.
    pub from: Option<SocketAddr>,
    /// When, since 1970.
    pub time: Option<Duration>,
}

/// A way to print datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Indented, for people.
    Text,
    /// One object a datagram.
    Json,
    /// One line a sample, in columns.
    Csv,
    /// One line a value.
    Grep,
    /// One line a record.
    Influx,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Csv, Self::Grep, Self::Influx];

    /// One datagram; empty where nothing in it has a form in this format.
    pub fn render(self, received: &Received<'_>) -> String {
        match self {
            Self::Text => text::render(received),
            Self::Json => json::render(received),
            Self::Csv => csv::render(received),
            Self::Grep => grep::render(received),
            Self::Influx => influx::render(received),
        }
    }
}

/// A sample as all formats that name their values have it: its kind, and its fields as the decoder names them. With each
/// sampled header stands what it shows of its packet.
struct Shown {
    kind: String,
    tag: Tag,
    source: Option<DataSource>,
    fields: Value,
}

impl Shown {
    fn of(sample: &Sample) -> Option<Self> {
        let Ok(Value::Object(one)) = serde_json::to_value(sample) else { return None };
        let (kind, mut fields) = one.into_iter().next()?;
        shorten(&mut fields);
        let (tag, source) = match sample {
            Sample::Flow(flow) => {
                show_packets(&mut fields, flow);
                let tag = if flow.compact { sample::FLOW_COMPACT } else { sample::FLOW };
                (tag, Some(flow.header.source))
            }
            Sample::Discard(discard) => {
                show_packets(&mut fields, discard);
                (sample::DISCARD, Some(discard.header.source))
            }
            Sample::Counters(counters) => {
                let tag = if counters.compact { sample::COUNTERS_COMPACT } else { sample::COUNTERS };
                (tag, Some(counters.header.source))
            }
            Sample::RtMetric(_) => (RtMetric::TAG, None),
            Sample::RtFlow(_) => (RtFlow::TAG, None),
            Sample::Raw(raw) => (raw.tag, None),
        };
        Some(Self { kind, tag, source, fields })
    }

    /// The records by name; those that were not understood are called `raw`.
    fn records(&self) -> impl Iterator<Item = (&String, &Value)> {
        let records = self.fields.get("records").and_then(Value::as_array).into_iter().flatten();
        records.filter_map(Value::as_object).flatten()
    }

    /// The sample's own fields, without records.
    fn head(&self) -> impl Iterator<Item = (&String, &Value)> {
        let fields = self.fields.as_object().into_iter().flatten();
        fields.filter(|(name, _)| *name != "records" && *name != "compact" && *name != "source")
    }
}

/// A number of 32 bits as it was before it became one of 64: 0.1, not 0.10000000149011612.
#[allow(clippy::cast_possible_truncation)] // what is lost shows in the comparison
fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Number(number) if number.is_f64() => {
            let Some(wide) = number.as_f64() else { return };
            let narrow = wide as f32;
            if f64::from(narrow).to_bits() == wide.to_bits()
                && let Ok(short) = narrow.to_string().parse::<f64>()
            {
                *value = short.into();
            }
        }
        _ => {}
    }
}

/// Adds to each sampled header what it shows.
fn show_packets<H>(fields: &mut Value, sample: &Framed<H, FlowRecord>) {
    let records = fields.get_mut("records").and_then(Value::as_array_mut).into_iter().flatten();
    for (shown, record) in records.zip(&sample.records) {
        if let FlowRecord::SampledHeader(header) = record
            && let Some(Value::Object(shown)) = shown.get_mut("sampled_header")
            && let Ok(Value::Object(packet)) = serde_json::to_value(packet::Packet::of_header(header))
            && !packet.is_empty()
        {
            shown.insert("packet".to_owned(), Value::Object(packet));
        }
    }
}

/// Every single value in another, with the names that lead to it.
fn leaves<'v>(value: &'v Value, path: &mut Vec<String>, leaf: &mut impl FnMut(&[String], &'v Value)) {
    let mut below = |name: String, value: &'v Value| {
        path.push(name);
        leaves(value, path, leaf);
        path.pop();
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| below(i.to_string(), value)),
        Value::Null => {}
        _ => leaf(path, value),
    }
}

#[cfg(test)]
mod tests;
