//! One object a datagram, on a line of its own: the datagram's fields as the decoder names them, `time` and `from` where
//! they are known, with each sampled header a `packet`. Numbers are numbers; bytes are hexadecimal digits; an unknown
//! counter is all ones, as it was sent. Spec: hsflowctl(1), FORMATS.

use super::{Received, Shown};
use crate::config::steers;
use crate::sflow::json;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};
use std::io;
use std::net::{IpAddr, SocketAddr};

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    agent: IpAddr,
    sub_agent_id: u32,
    sequence: u32,
    uptime_ms: u32,
    samples: Vec<Map<String, Value>>,
    dirty_padding: usize,
    #[serde(serialize_with = "json::hex")]
    trailing: &'a [u8],
}

pub(super) fn render(received: &Received<'_>) -> String {
    let datagram = received.datagram;
    let samples = datagram.samples.iter().filter_map(Shown::of);
    let line = Line {
        time: received.time.map(|time| time.as_secs_f64()),
        from: received.from,
        agent: datagram.agent,
        sub_agent_id: datagram.sub_agent_id,
        sequence: datagram.sequence,
        uptime_ms: datagram.uptime_ms,
        samples: samples.map(|shown| Map::from_iter([(shown.kind, shown.fields)])).collect(),
        dirty_padding: datagram.dirty_padding,
        trailing: &datagram.trailing,
    };
    let mut text = Vec::new();
    // All names are strings, and a vector takes all: it cannot fail.
    let _ = line.serialize(&mut Serializer::with_formatter(&mut text, Harmless));
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

/// Compact, with escapes for all that a terminal or a reader of lines might take for its own.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        if !text.contains(steers) {
            return out.write_all(text.as_bytes());
        }
        text.chars().try_for_each(|c| match c {
            // All such characters have 16 bits.
            c if steers(c) => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        })
    }
}
