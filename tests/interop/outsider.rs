//! Another decoder in Rust, the crate `sflow-parser`: every record of a stream read by both. Both sides are printed as
//! JSON and the values compared in order, because the fields of both stand in wire order.

use crate::stream::Stream;
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::decode::Sample;
use serde::Serialize;
use serde_json::Value;
use sflow_parser::models::SampleData;

/// Compares every counter record; returns how many there were.
pub(crate) fn compare(stream: &Stream) -> usize {
    let mut compared = 0;
    for (bytes, ours) in stream.datagrams().iter().zip(stream.decoded()) {
        let theirs = sflow_parser::parse_datagram(bytes).unwrap();
        assert_eq!(theirs.samples.len(), ours.samples.len());
        assert_eq!((theirs.sequence_number, theirs.uptime), (ours.sequence, ours.uptime_ms));
        for (ours, theirs) in ours.samples.iter().zip(&theirs.samples) {
            let (Sample::Counters(ours), SampleData::CountersSampleExpanded(theirs)) =
                (ours, &theirs.sample_data)
            else {
                panic!("{ours:?}\n{theirs:?}")
            };
            assert_eq!(theirs.counters.len(), ours.records.len());
            for (ours, theirs) in ours.records.iter().zip(&theirs.counters) {
                assert_eq!(expected(ours), leaves(&theirs.counter_data), "{ours:?}");
                compared += 1;
            }
        }
    }
    compared
}

/// What the other decoder should print for our record.
fn expected(record: &CounterRecord) -> Vec<String> {
    let mut ours = leaves(record);
    match record {
        // It prints loads as their words, and knows the form without guest time only.
        CounterRecord::HostCpu(cpu) => {
            let loads = [cpu.load_one, cpu.load_five, cpu.load_fifteen];
            ours.splice(..3, loads.map(|load| load.to_bits().to_string()));
            ours.truncate(17);
        }
        // It prints these numbers as words; one processor is enough to see that they are read.
        CounterRecord::HostId(id) if id.machine_type == 3 => {
            ours.splice(17..19, ["X86_64", "Linux"].map(str::to_owned));
        }
        _ => {}
    }
    ours
}

/// All values in the order in which they stand, addresses and UUIDs byte by byte.
fn leaves(value: &impl Serialize) -> Vec<String> {
    let mut found = Vec::new();
    gather(&serde_json::to_value(value).unwrap(), &mut found);
    found
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::String(text) => match octets(text) {
            Some(octets) => found.extend(octets.iter().map(u8::to_string)),
            None => found.push(text.clone()),
        },
        other => found.push(other.to_string()),
    }
}

/// The bytes of a MAC address or UUID.
fn octets(text: &str) -> Option<Vec<u8>> {
    let shape: String = text.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
    let known = ["xx:xx:xx:xx:xx:xx", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"].contains(&shape.as_str());
    let hex = text.replace([':', '-'], "");
    known.then(|| {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    })
}
