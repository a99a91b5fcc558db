//! A recorded stream of another agent: our decoder against what sflowtool printed for the same bytes.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

mod names;

use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::decode::{Datagram, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::xdr::Writer;
use hsflow::wire::{pcap, udp};
use names::NAMES;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn data(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// The UDP payloads of a capture.
fn payloads(file: &[u8]) -> Vec<Vec<u8>> {
    let packets = pcap::packets(file).unwrap().map(Result::unwrap);
    packets.map(|packet| udp::parse(packet.link_type, packet.bytes).unwrap().payload.to_vec()).collect()
}

fn recording() -> Vec<Vec<u8>> {
    payloads(&data("c-agent.pcap"))
}

#[test]
fn every_datagram_is_read_to_its_last_byte_and_nothing_is_unknown() {
    let payloads = recording();
    assert_eq!(payloads.len(), 42);
    for payload in payloads {
        let datagram = decode(&payload).unwrap();
        assert!(datagram.trailing.is_empty());
        for sample in &datagram.samples {
            let understood = match sample {
                Sample::Flow(s) => s.records.iter().all(|r| !matches!(r, FlowRecord::Raw(_))),
                Sample::Discard(s) => s.records.iter().all(|r| !matches!(r, FlowRecord::Raw(_))),
                Sample::Counters(s) => s.records.iter().all(|r| !matches!(r, CounterRecord::Raw(_))),
                Sample::RtMetric(_) | Sample::RtFlow(_) => true,
                Sample::Raw(_) => false,
            };
            assert!(understood, "{sample:?}");
        }
    }
}

#[test]
fn encoding_a_decoded_datagram_gives_its_bytes_back_but_for_dirty_padding() {
    let mut dirty = 0;
    for payload in recording() {
        let datagram = decode(&payload).unwrap();
        let mut buffer = vec![0xA5; payload.len()];
        let mut out = Writer::new(&mut buffer);
        datagram.encode(&mut out).unwrap();
        assert_eq!(out.len(), payload.len());
        let changed = buffer.iter().zip(&payload).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(changed, datagram.dirty_padding, "datagram {}", datagram.sequence);
        dirty += changed;
    }
    assert!(dirty > 0, "the recording is known for its padding");
}

#[test]
fn a_recorded_datagram_cut_at_any_byte_is_an_error() {
    for payload in recording() {
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err(), "cut at {end} of {}", payload.len());
        }
    }
}

#[test]
fn a_capture_converted_by_wireshark_holds_the_same_datagrams() {
    let (classic, ng) = (data("c-agent.pcap"), data("wireshark.pcapng"));
    let packets = |file| pcap::packets(file).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(packets(&ng), packets(&classic)[..6]);
}

#[test]
fn every_value_is_the_one_that_sflowtool_printed() {
    let text = data("c-agent.json");
    let printed = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    // A last object that is cut off ends the comparison, not the test.
    let printed: Vec<Value> = printed.map_while(Result::ok).collect();
    let payloads = recording();
    assert!(printed.len() >= 40, "only {} objects", printed.len());
    let mut values = 0;
    for (payload, theirs) in payloads.iter().zip(&printed) {
        let datagram = decode(payload).unwrap();
        values += same_datagram(&datagram, payload.len(), theirs);
    }
    assert!(values > 3700, "only {values} values compared");
}

/// Compares and says how many values were compared.
fn same_datagram(datagram: &Datagram, size: usize, theirs: &Value) -> usize {
    let ours = serde_json::to_value(datagram).unwrap();
    let mut values = same_fields(
        &ours,
        theirs,
        "agent=agent sub_agent_id=agentSubId sequence=packetSequenceNo uptime_ms=sysUpTime",
    );
    assert_eq!(text(&theirs["datagramSize"]), size.to_string());
    let samples = theirs["samples"].as_array().unwrap();
    assert_eq!(text(&theirs["samplesInPacket"]), samples.len().to_string());
    assert_eq!(samples.len(), datagram.samples.len());
    for (ours, theirs) in ours["samples"].as_array().unwrap().iter().zip(samples) {
        values += same_sample(ours, theirs);
    }
    values
}

fn same_sample(ours: &Value, theirs: &Value) -> usize {
    let (kind, ours) = only_entry(ours);
    match kind {
        "rt_metric" => return same_named_values(ours, theirs, "rtmetric", "metrics"),
        "rt_flow" => return same_named_values(ours, theirs, "rtflow", "fields"),
        _ => {}
    }
    let source = format!("{}:{}", ours["source"]["class"], ours["source"]["index"]);
    assert_eq!(text(&theirs["sourceId"]), source);
    let mut values = 1 + same_fields(ours, theirs, "sequence=sampleSequenceNo");
    if kind == "flow" {
        values += same_fields(
            ours,
            theirs,
            "sampling_rate=meanSkipCount sample_pool=samplePool drops=dropEvents \
             input/value=inputPort output/value=outputPort",
        );
    }
    let (ours, theirs) = (ours["records"].as_array().unwrap(), theirs["elements"].as_array().unwrap());
    assert_eq!(ours.len(), theirs.len());
    values + ours.iter().zip(theirs).map(|(ours, theirs)| same_record(ours, theirs)).sum::<usize>()
}

fn same_record(ours: &Value, theirs: &Value) -> usize {
    let (kind, ours) = only_entry(ours);
    if kind == "adaptors" {
        return same_adaptors(ours, theirs);
    }
    let (_, tag, names) = NAMES.iter().find(|names| names.0 == kind).unwrap_or_else(|| panic!("{kind}"));
    let printed = theirs.get("counterBlock_tag").or(theirs.get("flowBlock_tag")).unwrap();
    assert_eq!(text(printed), *tag);
    let count = same_fields(ours, theirs, names);
    assert_eq!(count, leaves(ours), "the table must name every field of {kind}");
    count
}

fn same_adaptors(ours: &Value, theirs: &Value) -> usize {
    let (ours, theirs) = (ours["adaptors"].as_array().unwrap(), theirs["adaptor_list"].as_array().unwrap());
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(text(&ours["if_index"]), text(&theirs["ifIndex"]));
        let macs = ours["macs"].as_array().unwrap();
        assert_eq!(macs.len().to_string(), text(&theirs["MACs"]));
        let macs: Vec<_> = macs.iter().map(|mac| text(mac).replace(':', "")).collect();
        let printed: Vec<_> = theirs["mac_list"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(macs, printed);
    }
    ours.len() * 2
}

/// `4300:1002` and `4300:1003`: sflowtool makes type and name into one key.
fn same_named_values(ours: &Value, theirs: &Value, prefix: &str, list: &str) -> usize {
    let mut values = same_fields(ours, theirs, &format!("datasource={prefix}_datasource_name"));
    if prefix == "rtflow" {
        values +=
            same_fields(ours, theirs, "sampling_rate=rtflow_sampling_rate sample_pool=rtflow_sample_pool");
    }
    for entry in ours[list].as_array().unwrap() {
        let (kind, value) = only_entry(&entry["value"]);
        let printed = &theirs[format!("{prefix}_{kind}_{}", text(&entry["name"]))];
        assert_same(value, printed, &entry["name"].to_string());
        values += 1;
    }
    values
}

/// Compares the values that `names` pairs, as `ours=theirs`.
fn same_fields(ours: &Value, theirs: &Value, names: &str) -> usize {
    names
        .split_whitespace()
        .map(|pair| {
            let (our_name, their_name) = pair.split_once('=').unwrap();
            let our_value = ours.pointer(&format!("/{our_name}")).unwrap_or_else(|| panic!("{our_name}"));
            assert_same(our_value, &theirs[their_name], pair);
        })
        .count()
}

/// Equal as text, in the forms that sflowtool prints: fractions with some digits, percentages, words, capitals.
fn assert_same(ours: &Value, theirs: &Value, what: &str) {
    let theirs = text(theirs);
    match what {
        "direction=tcpinfo_direction" => {
            assert_eq!(
                ["unknown", "received", "sent"].iter().position(|word| *word == theirs).unwrap(),
                *ours
            )
        }
        "part_max_used=disk_partition_max_used" => {
            let percent: f64 = theirs.parse().unwrap();
            assert!((ours.as_f64().unwrap() / 100.0 - percent).abs() < 0.01, "{ours} is not {theirs} %");
        }
        "header=headerBytes" => assert_eq!(text(ours), theirs.replace('-', "").to_lowercase()),
        _ if ours.is_f64() => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.parse::<f64>().unwrap());
            assert!((ours - theirs).abs() < 0.001, "{what}: {ours} {theirs}");
        }
        _ => assert_eq!(text(ours), theirs, "{what}"),
    }
}

/// Values in a record, however deep.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(list) => list.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn only_entry(value: &Value) -> (&str, &Value) {
    let (name, value) = value.as_object().unwrap().iter().next().unwrap();
    (name, value)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}
