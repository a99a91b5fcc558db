//! `--influx` and `--grep`: every value of the datagrams is in them once, under its own name.

use crate::line_protocol::{Field, Point, parse};
use crate::{decode, objects, recorded, tshark};
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::counters::host::HostId;
use hsflow::sflow::decode::{Datagram, Framed, Sample};
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::CountersHeader;
use hsflow::sflow::xdr::Writer;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn points(page: &str) -> Vec<Point> {
    page.lines().map(|line| parse(line).unwrap_or_else(|e| panic!("{e} in {line}"))).collect()
}

#[test]
fn influx_points_have_the_values_of_the_counters() {
    let (points, objects) = (points(&recorded(&["--influx"])), objects(&recorded(&["--json"])));
    let samples = objects.iter().flat_map(|object| object["samples"].as_array().unwrap());
    let counters = samples.filter_map(|sample| sample.get("counters"));
    let records: Vec<_> = counters.flat_map(|sample| sample["records"].as_array().unwrap()).collect();
    let (mut left, mut values) =
        (points.iter().filter(|p| !p.tags.contains_key("datasource") && p.measurement != "sflow_flow"), 0);
    for record in records {
        let (name, fields) = record.as_object().unwrap().iter().next().unwrap();
        // A container without adaptors has nothing to say.
        if leaves(fields) == 0 {
            continue;
        }
        let point = left.next().unwrap_or_else(|| panic!("a point for {name}"));
        assert_eq!(point.measurement, format!("sflow_{name}"));
        for (name, value) in fields.as_object().unwrap().iter().filter(|(_, value)| value.is_number()) {
            let unknown = [u64::from(u32::MAX), u64::MAX].map(Some).contains(&value.as_u64());
            let expected = match value.as_i64() {
                _ if unknown => None,
                Some(integer) => Some(Field::Integer(integer)),
                None => value.as_f64().map(Field::Float),
            };
            assert_eq!(point.fields.get(name), expected.as_ref(), "{name} of {point:?}");
            values += 1;
        }
    }
    assert_eq!((left.count(), values > 1400), (0, true), "{values} values");
}

#[test]
fn influx_points_of_samples_name_packets_bytes_and_addresses_and_none_replaces_another() {
    let all = points(&recorded(&["--influx"]));
    let flows: Vec<_> = all.iter().filter(|point| point.measurement == "sflow_flow").collect();
    assert_eq!(flows.len(), 103);
    let sum = |name: &str| {
        flows
            .iter()
            .map(|point| match point.fields[name] {
                Field::Integer(number) => number,
                ref other => panic!("{other:?}"),
            })
            .sum::<i64>()
    };
    // What nfdump counts, too: tests/interop.
    assert_eq!((sum("packets"), sum("bytes")), (2060, 13_313_980));
    assert!(flows.iter().all(
        |p| matches!(&p.fields["sampled_header_packet_src_ip"], Field::Text(ip) if ip.starts_with("10.99."))
    ));
    let series: BTreeSet<_> =
        all.iter().map(|point| (&point.measurement, &point.tags, point.time.unwrap())).collect();
    assert_eq!(series.len(), all.len(), "two points of one series at one moment");
    let mut types: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for point in &all {
        for (name, value) in &point.fields {
            types
                .entry((&point.measurement, name))
                .or_default()
                .insert(std::mem::discriminant(value) == std::mem::discriminant(&Field::Text(String::new())));
        }
    }
    assert!(types.values().all(|kinds| kinds.len() == 1), "a field of two types");
}

/// Values in a sample or record, however deep.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(list) => list.iter().map(leaves).sum(),
        _ => 1,
    }
}

#[test]
fn grep_has_a_line_for_each_value_with_what_it_belongs_to() {
    let page = recorded(&["--grep"]);
    let objects = objects(&recorded(&["--json"]));
    let samples = objects.iter().flat_map(|object| object["samples"].as_array().unwrap());
    // What is in the words before the value: compact or not, and the two numbers of the source.
    let beside = |body: &Value| body.get("source").map_or(0, |_| 3);
    let bodies = samples.map(|sample| sample.as_object().unwrap().values().next().unwrap());
    let expected: usize = bodies.map(|body| leaves(body) - beside(body)).sum();
    assert_eq!(page.lines().count(), expected);
    assert!(page.lines().all(|line| line.split(' ').nth(1) == Some("192.0.2.2")));
    let of_port = page.lines().filter(|line| line.contains(" 0 6 0:4 generic_interface in_octets "));
    let octets: Vec<u64> = of_port.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(octets.len() >= 5 && octets.is_sorted(), "{octets:?}");
}

#[test]
fn a_name_with_the_end_of_a_line_in_it_makes_no_second_line() {
    let hostname = "web\n- 192.0.2.9 1 1 2 1 0:4 host_cpu load_one 99\r,x=\"1\" y\\".to_owned();
    let records = vec![CounterRecord::HostId(HostId { hostname: hostname.clone(), ..HostId::default() })];
    let header = CountersHeader { sequence: 1, source: DataSource::HOST };
    let datagram = Datagram {
        agent: [192, 0, 2, 1].into(),
        sub_agent_id: 0,
        sequence: 1,
        uptime_ms: 0,
        samples: vec![Sample::Counters(Framed { compact: false, header, records })],
        dirty_padding: 0,
        trailing: Vec::new(),
    };
    let mut buffer = vec![0; 2000];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).unwrap();
    let dir = crate::support::TempDir::new();
    let file = dir.write("evil.pcap", tshark::capture(&[out.written().to_vec()]));
    let page = |format: &str| {
        let decoded = decode(&[format, "-r", file.to_str().unwrap()]);
        assert_eq!(decoded.status, Some(0));
        decoded.text().to_owned()
    };
    assert_eq!(page("--csv"), "");
    assert_eq!(page("--grep").lines().count(), 6);
    assert!(page("--grep").lines().all(|line| line.contains(" 192.0.2.1 0 1 2 1 0:4 ")));
    let points = points(&page("--influx"));
    assert_eq!(points.len(), 1);
    assert!(matches!(&points[0].fields["hostname"], Field::Text(text) if text.contains("x=\"1\" y\\")));
    assert_eq!(
        objects(&page("--json"))[0]["samples"][0]["counters"]["records"][0]["host_id"]["hostname"],
        hostname
    );
}
