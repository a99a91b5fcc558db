//! What holds in every format for whatever was sent: lines are whole and only ours, values are those of the datagram.

use super::*;
use crate::config::steers;
use crate::sflow::counters::CounterRecord;
use crate::sflow::decode::Framed;
use crate::sflow::realtime::{FlowField, FlowValue, Metric, MetricValue};
use crate::sflow::record::Raw;
use crate::sflow::sample::{CountersHeader, DiscardHeader, FlowHeader};
use crate::sflow::xdr::{Entropy, Xdr};
use proptest::prelude::*;

fn datagram(samples: Vec<Sample>) -> Datagram {
    Datagram {
        agent: [192, 0, 2, 1].into(),
        sub_agent_id: 7,
        sequence: 9,
        uptime_ms: 1500,
        samples,
        dirty_padding: 0,
        trailing: Vec::new(),
    }
}

/// A sample of each kind, with every record that there is.
fn of_everything(bytes: &[u8]) -> Datagram {
    let e = &mut Entropy(bytes.iter());
    let flow = Framed { compact: false, header: FlowHeader::any(e), records: FlowRecord::any_of_each(e) };
    let counters =
        Framed { compact: true, header: CountersHeader::any(e), records: CounterRecord::any_of_each(e) };
    let discard =
        Framed { compact: false, header: DiscardHeader::any(e), records: FlowRecord::any_of_each(e) };
    datagram(vec![
        Sample::Flow(flow),
        Sample::Counters(counters),
        Sample::Discard(discard),
        Sample::RtMetric(RtMetric::any(e)),
        Sample::RtFlow(RtFlow::any(e)),
        Sample::Raw(Raw { tag: Tag::new(9, 99), bytes: vec![1, 2, 3], reason: None }),
    ])
}

fn render(format: Format, datagram: &Datagram) -> String {
    let from = Some("198.51.100.7:4711".parse().unwrap());
    format.render(&Received { datagram, from, time: Some(Duration::new(1_700_000_000, 123_456_789)) })
}

const EVIL: &str = "a\nFLOW,1 b\" c\\ ,d=e\u{1b}[2J\r\n- 1.2.3.4 x\u{2028}y";

/// The same strings wherever a sender may put one.
fn hostile() -> Datagram {
    let header = CountersHeader { sequence: 1, source: DataSource::HOST };
    let records = vec![
        CounterRecord::PortName(crate::sflow::counters::interface::PortName { name: EVIL.into() }),
        CounterRecord::HostId(crate::sflow::counters::host::HostId {
            hostname: EVIL.to_owned(),
            ..Default::default()
        }),
    ];
    let metric = RtMetric {
        datasource: EVIL.into(),
        metrics: vec![
            Metric { name: EVIL.into(), value: MetricValue::Counter32(5) },
            Metric { name: "\\".into(), value: MetricValue::String(EVIL.into()) },
        ],
    };
    let flow = RtFlow {
        datasource: "".into(),
        sampling_rate: 1,
        sample_pool: 0,
        fields: vec![FlowField { name: EVIL.into(), value: FlowValue::String(EVIL.into()) }],
    };
    datagram(vec![
        Sample::Counters(Framed { compact: false, header, records }),
        Sample::RtMetric(metric),
        Sample::RtFlow(flow),
    ])
}

#[test]
fn what_senders_write_makes_no_line_and_reaches_no_terminal() {
    let (evil, good) = (hostile(), {
        let mut good = hostile();
        let Some(Sample::Counters(counters)) = good.samples.first_mut() else { panic!("counters") };
        if let Some(CounterRecord::PortName(name)) = counters.records.first_mut() {
            name.name = "eth0".into();
        }
        good
    });
    for format in Format::ALL {
        let page = render(format, &evil);
        assert!(page.chars().all(|c| c == '\n' || !steers(c)), "{format:?}: {page:?}");
        assert_eq!(page.lines().count(), render(format, &good).lines().count(), "{format:?}: {page}");
        assert!(page.is_empty() || page.ends_with('\n'));
    }
    let json: Value = serde_json::from_str(&render(Format::Json, &evil)).unwrap();
    assert_eq!(json["samples"][0]["counters"]["records"][0]["port_name"]["name"], EVIL, "all of it is there");
}

#[test]
fn influx_escapes_what_has_a_meaning() {
    let page = render(Format::Influx, &hostile());
    let lines: Vec<_> = page.lines().collect();
    let tag = "a\u{fffd}FLOW\\,1\\ b\"\\ c/\\ \\,d\\=e\u{fffd}[2J\u{fffd}\u{fffd}-\\ 1.2.3.4\\ x\u{fffd}y";
    let string = "\"a\u{fffd}FLOW,1 b\\\" c\\\\ ,d=e\u{fffd}[2J\u{fffd}\u{fffd}- 1.2.3.4 x\u{fffd}y\"";
    assert_eq!(
        lines[0],
        format!("sflow_port_name,agent=192.0.2.1,source=2:1,name={tag} name={string} 1700000000123456789")
    );
    assert_eq!(
        lines[2],
        format!(
            "sflow_rt_metric,agent=192.0.2.1,datasource={tag} counter32_{tag}=5i,string_/={string} 1700000000123456790"
        )
    );
}

#[test]
fn grep_lines_say_where_each_value_comes_from() {
    let header = CountersHeader { sequence: 3, source: DataSource::interface(6) };
    let generic = crate::sflow::counters::interface::GenericInterface {
        if_index: 6,
        in_unknown_protos: u32::MAX,
        ..Default::default()
    };
    let records = vec![CounterRecord::GenericInterface(generic)];
    let page =
        render(Format::Grep, &datagram(vec![Sample::Counters(Framed { compact: false, header, records })]));
    let place = "1700000000.123456 192.0.2.1 7 3 0 6 0:4";
    assert!(
        page.starts_with(&format!("{place} - sequence 3\n{place} generic_interface if_index 6\n")),
        "{page}"
    );
    assert!(page.contains(&format!("{place} generic_interface in_unknown_protos unknown\n")), "{page}");
}

#[test]
fn unknown_counters_have_no_field_in_influx() {
    let header = CountersHeader { sequence: 3, source: DataSource::interface(6) };
    let vlan = crate::sflow::counters::port::Vlan { vlan_id: 5, octets: u64::MAX, ..Default::default() };
    let records = vec![CounterRecord::Vlan(vlan)];
    let page =
        render(Format::Influx, &datagram(vec![Sample::Counters(Framed { compact: false, header, records })]));
    assert_eq!(
        page,
        "sflow_vlan,agent=192.0.2.1,source=0:6 vlan_id=5i,ucast_pkts=0i,multicast_pkts=0i,broadcast_pkts=0i,discards=0i 1700000000123456789\n"
    );
}

#[test]
fn fractions_are_as_long_as_they_were() {
    let header = CountersHeader { sequence: 3, source: DataSource::HOST };
    let cpu = crate::sflow::counters::host::HostCpu { load_one: 0.91, load_five: 12.5, ..Default::default() };
    let records = vec![CounterRecord::HostCpu(cpu)];
    let page =
        render(Format::Json, &datagram(vec![Sample::Counters(Framed { compact: false, header, records })]));
    assert!(page.contains(r#""load_one":0.91,"load_five":12.5,"load_fifteen":0.0"#), "{page}");
}

#[test]
fn what_is_not_understood_is_shown_as_such() {
    let raw = Raw { tag: Tag::new(9, 99), bytes: vec![0xAB, 0xCD], reason: None };
    let page = render(Format::Text, &datagram(vec![Sample::Raw(raw)]));
    assert!(page.contains("raw tag 9:99 bytes abcd"), "{page}");
}

proptest! {
    // Each prints some hundred records five times.
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_record_has_a_form_in_every_format(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        let datagram = of_everything(&bytes);
        let received = Received { datagram: &datagram, from: None, time: None };
        for format in Format::ALL {
            let page = format.render(&received);
            prop_assert!(page.ends_with('\n'));
            prop_assert!(page.chars().all(|c| c == '\n' || !steers(c)));
        }
        let json: Value = serde_json::from_str(&Format::Json.render(&received)).unwrap();
        prop_assert_eq!(&json["sequence"], 9);
        prop_assert_eq!(json["samples"].as_array().unwrap().len(), 6);
        let csv = Format::Csv.render(&received);
        let columns: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
        prop_assert_eq!(columns, vec![20, 21]);
        prop_assert!(Format::Grep.render(&received).lines().all(|line| line.splitn(10, ' ').count() == 10));
    }
}
