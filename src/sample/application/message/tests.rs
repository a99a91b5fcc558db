//! What is taken, what is refused, and how a refusal reads.

use super::*;
use crate::sflow::realtime::MetricValue;

fn ok(message: &str) -> Message<'_> {
    Reader::default().parse(message.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {message}"))
}

/// The cause and the line of a refusal.
fn fault(message: impl AsRef<[u8]>) -> (&'static str, String) {
    let fault = Reader::default().parse(message.as_ref()).expect_err("it is to be refused");
    (fault.cause(), fault.to_string())
}

/// A flow sample with these members beside the ones that it needs.
fn flow(members: &str) -> String {
    format!(r#"{{"flow_sample":{{"app_name":"a",{members}"app_operation":{{}}}}}}"#)
}

/// An operation with these members.
fn operation(members: &str) -> String {
    format!(r#"{{"flow_sample":{{"app_name":"a","app_operation":{{{members}}}}}}}"#)
}

/// A metric of this type and value.
fn metric(kind: &str, value: &str) -> String {
    format!(r#"{{"rtmetric":{{"m":{{"type":"{kind}","value":{value}}}}}}}"#)
}

#[test]
fn what_a_reader_has_read_before_makes_no_difference() {
    let metric = metric("gauge32", "1");
    let all = [
        &*metric,
        r#"{"rtmetric":{"m":{"type":"\u0067auge32","value":2}}"#,
        &flow(""),
        "[1,[2,",
        "7",
        &metric,
        "{}",
    ];
    let mut reader = Reader::default();
    for text in all {
        let (used, new) = (reader.parse(text.as_bytes()), Reader::default().parse(text.as_bytes()));
        assert_eq!(used.map_err(|fault| fault.to_string()), new.map_err(|fault| fault.to_string()));
    }
}

#[test]
fn members_may_come_in_any_order() {
    let texts = [
        r#""a":0,"timeout":3,"unauthorized":4,"SUCCESS":1,"other":2,"success":9"#,
        r#""other":2,"success":1,"TIMEOUT":3,"other":8,"x":{"other":7},"unauthorized":4"#,
    ];
    for text in texts {
        let text = format!(r#"{{"counter_sample":{{"app_operations":{{{text}}},"app_name":"a"}}}}"#);
        let operations = ok(&text).counters.unwrap().operations.unwrap();
        let AppOperations { success, other, timeout, unauthorized, not_found, .. } = operations;
        assert_eq!((success, other, timeout, unauthorized, not_found), (1, 2, 3, 4, u32::MAX));
    }
}

#[test]
fn keys_match_in_any_case_and_the_first_match_counts() {
    let text = r#"{"x":[{}],"FLOW_SAMPLE":{"App_Name":"a","app_name":"b","app_operation":{"US":5,"uS":6,"us":7},"y":{}}}"#;
    let flow = ok(text).flow.unwrap();
    assert_eq!((&*flow.app_name, flow.operation.duration), ("a", 5));
    let first = ok(r#"{"flow_sample":null,"Flow_Sample":{},"rtmetric":{"m":{"type":"gauge32","value":1}}}"#);
    assert_eq!(first.flow, None);
}

#[test]
fn a_data_source_and_a_rate_of_named_values_match_in_their_case_only() {
    let text = r#"{"rtflow":{"Datasource":{"type":"int32","value":1},"datasource":"d","Sampling_Rate":{"type":"int32","value":2},"sampling_rate":3,"sampling_rate":4}}"#;
    let event = ok(text).event.unwrap();
    assert_eq!((&*event.datasource, event.sampling_rate), ("d", 3));
    let names: Vec<_> = event.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["Datasource", "Sampling_Rate"]);
}

#[test]
fn null_is_as_if_absent() {
    let members = r#""service_port":null,"client":null,"sampling_rate":null,"app_parent_context":null,"app_initiator":{"actor":null},"app_target":null,"extended_socket_ipv4":null,"#;
    assert_eq!(ok(&flow(members)), ok(&flow("")));
    let counters =
        r#"{"counter_sample":{"app_name":"a","app_operations":{"success":null},"app_workers":null}}"#;
    let counters = ok(counters).counters.unwrap();
    assert_eq!((counters.operations.unwrap().success, counters.workers), (u32::MAX, None));
}

#[test]
fn a_message_may_have_white_space_around_it_and_a_byte_order_mark_before_it() {
    let text = metric("gauge32", "1");
    assert_eq!(ok(&format!("\u{feff}\r\n {text}\t\n")), ok(&text));
    assert_eq!(fault(format!("{text}\u{feff}")).0, "not-json");
}

#[test]
fn more_than_one_value_is_refused() {
    let text = metric("gauge32", "1");
    for after in [&*text, "x", "\0", ","] {
        assert_eq!(fault(format!("{text}{after}")).0, "not-json", "{after:?}");
    }
}

#[test]
fn a_message_of_ten_thousand_bytes_is_taken_and_a_longer_one_is_not() {
    let text = metric("gauge32", "1");
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert!(Reader::default().parse(padded(MAX_MESSAGE).as_bytes()).is_ok());
    let (cause, line) = fault(padded(MAX_MESSAGE + 1));
    assert_eq!((cause, &*line), ("too-long", "10001 bytes, more than 10000"));
}

#[test]
fn deep_nesting_is_refused_whatever_member_it_is_in() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let depth = 9000 / (open.len() + close.len());
        let bomb = format!("{}0{}", open.repeat(depth), close.repeat(depth));
        for text in [bomb.clone(), open.repeat(9000 / open.len()), flow(&format!(r#""x":{bomb},"#))] {
            let (cause, line) = fault(&text);
            assert_eq!(cause, "not-json");
            assert!(line.starts_with("not JSON: recursion limit exceeded"), "{line}");
        }
    }
    let modest = format!(r#""x":{}{},"#, "[".repeat(100), "]".repeat(100));
    assert!(ok(&flow(&modest)).flow.is_some());
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_their_place() {
    assert_eq!(fault(b"{\"x\":\"\xff\"}"), ("not-utf8", "not UTF-8 at byte 6".to_owned()));
    assert_eq!(fault(br#"{"x":"\ud800"}"#).0, "not-json");
}

#[test]
fn a_message_that_reports_nothing_is_refused() {
    for text in ["{}", r#"{"rtmetrics":{}}"#, r#"{"flow_sample":null}"#, "[]", "null", "7", "\"flow_sample\""]
    {
        assert_eq!(fault(text).0, "nothing-known", "{text}");
    }
    for text in
        ["", " ", "{", "flow_sample", "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "// x\n{}", "{\"a\":NaN}"]
    {
        assert_eq!(fault(text).0, "not-json", "{text}");
    }
}

#[test]
fn strings_are_cut_between_characters() {
    let long = "é".repeat(200);
    let text = format!(
        r#"{{"flow_sample":{{"app_name":"x{long}","app_operation":{{"operation":"x{long}","attributes":"{long}","status_descr":"{long}"}},
            "app_parent_context":{{"application":"x{long}","operation":"{long}","attributes":"{long}"}},
            "app_initiator":{{"actor":"x{long}"}},"app_target":{{"actor":"{long}"}}}}}}"#
    );
    let flow = ok(&text).flow.unwrap();
    let (operation, parent) = (flow.operation, flow.parent.unwrap());
    assert_eq!(flow.app_name.len(), 401);
    assert_eq!([operation.application.len(), operation.operation.len()], [31, 31]);
    assert_eq!([operation.attributes.len(), operation.status_descr.len()], [254, 32]);
    assert_eq!([parent.application.len(), parent.operation.len(), parent.attributes.len()], [31, 32, 254]);
    assert_eq!([flow.initiator.unwrap().actor.len(), flow.target.unwrap().actor.len()], [63, 64]);
}

#[test]
fn text_is_borrowed_unless_it_has_escapes() {
    let text =
        r#"{"flow_sample":{"app_name":"plain","app_operation":{"operation":"\u0041b","attributes":"é"}}}"#;
    let flow = ok(text).flow.unwrap();
    assert!(matches!(
        (&flow.app_name, &flow.operation.application),
        (Cow::Borrowed(_), Cow::Borrowed("plain"))
    ));
    assert!(matches!(&flow.operation.operation, Cow::Owned(text) if text == "Ab"));
    assert!(matches!(flow.operation.attributes, Cow::Borrowed("é")));
}

#[test]
fn a_status_that_is_none_of_the_known_ones_is_other() {
    for (given, status) in [("0", 0), ("10", 10), ("2.9", 2), ("11", 1), ("-1", 1), ("1e300", 1), ("null", 0)]
    {
        let text = operation(&format!(r#""status":{given}"#));
        assert_eq!(ok(&text).flow.unwrap().operation.status, status, "{given}");
    }
}

#[test]
fn numbers_are_exact_and_fractions_are_cut_off() {
    let bytes =
        |given: &str| ok(&operation(&format!(r#""req_bytes":{given}"#))).flow.unwrap().operation.req_bytes;
    assert_eq!(bytes("9007199254740993"), 9_007_199_254_740_993);
    assert_eq!(bytes("18446744073709551615"), u64::MAX);
    assert_eq!((bytes("2.9"), bytes("1e3"), bytes("-0.5"), bytes("-1")), (2, 1000, 0, u64::MAX));
}

#[test]
fn a_transaction_longer_than_its_field_lasts_as_long_as_can_be() {
    assert_eq!(ok(&operation(r#""uS":7200000000"#)).flow.unwrap().operation.duration, u32::MAX);
}

#[test]
fn counters_of_more_than_32_bits_wrap_and_minus_one_is_unknown() {
    let text = r#"{"counter_sample":{"app_name":"a","app_operations":{"success":4294967301,"other":-1},"app_resources":{"user_time":4294967302,"mem_max":-1,"fd_max":-1},"app_workers":{"req_delayed":4294967303}}}"#;
    let counters = ok(text).counters.unwrap();
    let (operations, resources) = (counters.operations.unwrap(), counters.resources.unwrap());
    assert_eq!((operations.success, operations.other), (5, u32::MAX));
    assert_eq!((resources.user_time, resources.mem_max, resources.fd_max), (6, u64::MAX, u32::MAX));
    assert_eq!(counters.workers.unwrap().req_delayed, 7);
    let text = metric("counter32", "4294967301");
    assert_eq!(ok(&text).metrics.unwrap().metrics[0].value, MetricValue::Counter32(5));
}

#[test]
fn a_number_out_of_range_is_told_by_its_member() {
    let counters = |members: &str| format!(r#"{{"counter_sample":{{"app_name":"a",{members}}}}}"#);
    let table = [
        (flow(r#""service_port":70000,"#), "flow_sample.service_port: out of range, 0 to 65535"),
        (flow(r#""service_port":-1,"#), "flow_sample.service_port: out of range, 0 to 65535"),
        (flow(r#""sampling_rate":-1,"#), "flow_sample.sampling_rate: out of range, 0 to 4294967295"),
        (
            operation(r#""resp_bytes":18446744073709551616"#),
            "flow_sample.app_operation.resp_bytes: out of range, -1 (unknown) to 18446744073709551615",
        ),
        (
            counters(r#""app_workers":{"workers_max":4294967296}"#),
            "counter_sample.app_workers.workers_max: out of range, -1 (unknown) to 4294967295",
        ),
        (
            counters(r#""app_operations":{"timeout":-2}"#),
            "counter_sample.app_operations.timeout: out of range, -1 (unknown) to 18446744073709551615",
        ),
        (metric("gauge32", "4294967296"), "rtmetric.m.value: out of range, -1 (unknown) to 4294967295"),
        (metric("gaugeFloat", "1e300"), "rtmetric.m.value: out of range, -3.4e38 to 3.4e38"),
        (
            r#"{"rtflow":{"f":{"type":"int32","value":-2147483649}}}"#.to_owned(),
            "rtflow.f.value: out of range, -2147483648 to 4294967295",
        ),
    ];
    for (text, line) in table {
        assert_eq!(fault(&text), ("out-of-range", line.to_owned()), "{text}");
    }
}

#[test]
fn a_member_of_a_wrong_kind_or_missing_is_told() {
    let table = [
        (r#"{"flow_sample":[]}"#.to_owned(), "wrong-kind", "flow_sample: not an object"),
        (flow(r#""service_port":"8081","#), "wrong-kind", "flow_sample.service_port: not a number"),
        (operation(r#""operation":7"#), "wrong-kind", "flow_sample.app_operation.operation: not a string"),
        (flow(r#""app_target":"me","#), "wrong-kind", "flow_sample.app_target: not an object"),
        (
            r#"{"flow_sample":{"app_operation":{}}}"#.to_owned(),
            "member-missing",
            "flow_sample.app_name: missing",
        ),
        (
            r#"{"flow_sample":{"app_name":"a"}}"#.to_owned(),
            "member-missing",
            "flow_sample.app_operation: missing",
        ),
        (r#"{"counter_sample":{}}"#.to_owned(), "member-missing", "counter_sample.app_name: missing"),
    ];
    for (text, cause, line) in table {
        assert_eq!(fault(&text), (cause, line.to_owned()), "{text}");
    }
}

#[test]
fn a_parent_or_an_actor_without_its_text_is_none_and_a_socket_keeps_its_place() {
    let members = r#""app_parent_context":{"operation":"o"},"app_initiator":{},"extended_socket_ipv4":{"local_ip":"/run/a.sock","remote_ip":"","remote_port":-1},"extended_socket_ipv6":{"local_ip":"10.0.0.1"},"#;
    let text = flow(members);
    let flow = ok(&text).flow.unwrap();
    assert_eq!((flow.parent, flow.initiator), (None, None));
    let socket = flow.socket4.unwrap();
    assert!(socket.local_ip.is_unspecified() && socket.remote_ip.is_unspecified());
    assert_eq!((socket.protocol, socket.local_port, socket.remote_port), (0, 0, u32::MAX));
    assert!(flow.socket6.unwrap().local_ip.is_unspecified());
}

#[test]
fn a_named_value_that_cannot_be_written_refuses_the_whole_message() {
    let good = r#""good":{"type":"gauge32","value":1}"#;
    let table = [
        (r#""m":{"type":"gauge32"}"#, "member-missing", "rtmetric.m.value: missing"),
        (r#""m":{"value":1}"#, "member-missing", "rtmetric.m.type: missing"),
        (r#""m":{}"#, "member-missing", "rtmetric.m.type: missing"),
        (r#""m":{"type":"gauge32","value":null}"#, "member-missing", "rtmetric.m.value: missing"),
        (r#""m":{"type":"gauge32","value":true}"#, "wrong-kind", "rtmetric.m.value: not a number"),
        (r#""m":{"type":"gauge32","value":{}}"#, "wrong-kind", "rtmetric.m.value: not a number"),
        (r#""m":{"type":"gauge32","value":"abc"}"#, "wrong-kind", "rtmetric.m.value: not a number"),
        (r#""m":{"type":"string","value":7}"#, "wrong-kind", "rtmetric.m.value: not a string"),
        (r#""m":{"type":7,"value":7}"#, "wrong-kind", "rtmetric.m.type: not a string"),
        (
            r#""m":{"type":"gaugedouble","value":7}"#,
            "unknown-type",
            "rtmetric.m.type: not one of string counter32 counter64 gauge32 gauge64 gaugeFloat gaugeDouble",
        ),
        (
            r#""":{"type":"gauge32","value":1}"#,
            "bad-name",
            "rtmetric.: a name has 1 to 64 of A-Z a-z 0-9 _ -",
        ),
        (
            r#""a.b\n":{"type":"gauge32","value":1}"#,
            "bad-name",
            "rtmetric.a.b\\n: a name has 1 to 64 of A-Z a-z 0-9 _ -",
        ),
    ];
    for (member, cause, line) in table {
        let text = format!(r#"{{"rtmetric":{{{good},{member}}}}}"#);
        assert_eq!(fault(&text), (cause, line.to_owned()), "{text}");
    }
    for (kind, what) in [("mac", "a MAC address"), ("ip", "an IPv4 address"), ("ip6", "an IPv6 address")] {
        let text = format!(r#"{{"rtflow":{{"f":{{"type":"{kind}","value":"x"}}}}}}"#);
        assert_eq!(fault(&text), ("bad-address", format!("rtflow.f.value: not {what}")));
    }
}

#[test]
fn names_have_limits_and_a_long_one_is_not_repeated() {
    let named = |name: &str| format!(r#"{{"rtmetric":{{"{name}":{{"type":"gauge32","value":1}}}}}}"#);
    let sourced =
        |name: &str| format!(r#"{{"rtmetric":{{"datasource":{name},"m":{{"type":"gauge32","value":1}}}}}}"#);
    for name in ["7", "_", "-", &"n".repeat(64)] {
        assert_eq!(ok(&named(name)).metrics.unwrap().metrics[0].name, name);
    }
    assert_eq!(fault(named(&"n".repeat(65))).0, "bad-name");
    assert!(fault(named(&"n".repeat(9000))).1.len() < 200);
    assert_eq!(ok(&sourced(r#""a7_-""#)).metrics.unwrap().datasource, "a7_-");
    for other in ["7", "null", "{}", r#"{"type":"gauge32","value":1}"#] {
        let text = sourced(other);
        let metrics = ok(&text).metrics.unwrap();
        assert_eq!((&*metrics.datasource, metrics.metrics.len()), ("", 1), "{other}");
    }
    for bad in [r#""7a""#, r#""""#, r#""a.b""#, r#""é""#] {
        assert_eq!(fault(sourced(bad)).0, "bad-name", "{bad}");
    }
}

#[test]
fn text_of_a_metric_has_a_limit_and_no_metric_is_a_fault() {
    let text = |length: usize| metric("string", &format!("\"{}\"", "x".repeat(length)));
    assert!(ok(&text(255)).metrics.is_some());
    assert_eq!(fault(text(256)), ("text-too-long", "rtmetric.m.value: 256 bytes, more than 255".to_owned()));
    for empty in [r#"{"rtmetric":{}}"#, r#"{"rtmetric":{"datasource":"a","x":5}}"#] {
        assert_eq!(fault(empty), ("no-values", "rtmetric: no member with a type and a value".to_owned()));
    }
}

#[test]
fn values_keep_their_order_and_duplicates() {
    let text = r#"{"rtmetric":{"b":{"type":"gauge32","value":1},"a":{"value":"2","type":"counter32"},"b":{"type":"gauge64","value":3}}}"#;
    let metrics = ok(text).metrics.unwrap().metrics;
    let values: Vec<_> = metrics.iter().map(|metric| (&*metric.name, metric.value.clone())).collect();
    assert_eq!(
        values,
        [("b", MetricValue::Gauge32(1)), ("a", MetricValue::Counter32(2)), ("b", MetricValue::Gauge64(3))]
    );
}
