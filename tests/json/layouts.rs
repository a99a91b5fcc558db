//! Each structure of each kind of message, as bytes. The words are put together from the layouts in sFlow Application
//! Structures, and those of `rtmetric` and `rtflow` were seen from the C agent (its padding, which it does not clear, as zeros).

use crate::{hex, samples};

#[test]
fn a_flow_sample_with_every_structure() {
    let message = r#"{"flow_sample":{"app_name":"mail","service_port":25,"client":true,"sampling_rate":100,
        "app_operation":{"operation":"send","attributes":"a=1","status_descr":"OK","status":2,
            "req_bytes":1000,"resp_bytes":18446744073709551615,"uS":1500},
        "app_parent_context":{"application":"shop","operation":"buy","attributes":"id=77"},
        "app_initiator":{"actor":"ann"},"app_target":{"actor":"bobby"},
        "extended_socket_ipv4":{"protocol":6,"local_ip":"10.0.0.1","remote_ip":"1.2.3","local_port":25,"remote_port":50000},
        "extended_socket_ipv6":{"protocol":17,"local_ip":"2001:db8::1","remote_ip":"::1","local_port":1,"remote_port":2}}}"#;
    let words = "
        00000003 00000104
        00000001 00000003 000249f0 00000190 00000190 00000000 00000000 3fffffff 00000000 00000000
        00000006
        00000835 0000002c 00000011 20010db8000000000000000000000001 00000000000000000000000000000001 00000001 00000002
        00000834 00000014 00000006 0a000001 01020003 00000019 0000c350
        0000089d 0000000c 00000005 626f6262 79000000
        0000089c 00000008 00000003 616e6e00
        0000089b 0000001c 00000004 73686f70 00000003 62757900 00000005 69643d37 37000000
        0000089a 00000038 00000004 6d61696c 00000004 73656e64 00000003 613d3100 00000002 4f4b0000
            00000000000003e8 ffffffffffffffff 000005dc 00000002";
    assert_eq!(samples(message), hex(words));
}

#[test]
fn a_server_s_flow_sample_with_nothing_but_the_least() {
    let words = "
        00000003 00000060
        00000001 00000003 000249f0 00000190 00000190 00000000 00000000 00000000 00000000 3fffffff
        00000001
        0000089a 0000002c 00000001 61000000 00000000 00000000 00000000
            0000000000000000 0000000000000000 00000000 00000000";
    for client in ["", r#","client":false"#, r#","client":1"#, r#","client":"true""#] {
        let message = format!(r#"{{"flow_sample":{{"app_name":"a","app_operation":{{}}{client}}}}}"#);
        assert_eq!(samples(&message), hex(words), "{message}");
    }
}

#[test]
fn a_counters_sample_with_every_structure() {
    let message = r#"{"counter_sample":{"app_name":"mail",
        "app_operations":{"success":1,"other":2,"timeout":3,"internal_error":4,"bad_request":5,"forbidden":6,
            "too_large":7,"not_implemented":8,"not_found":9,"unavailable":10,"unauthorized":11},
        "app_resources":{"user_time":1,"system_time":2,"mem_used":3,"mem_max":18446744073709551615,
            "fd_open":5,"fd_max":6,"conn_open":7,"conn_max":8},
        "app_workers":{"workers_active":1,"workers_idle":2,"workers_max":3,"req_delayed":4,"req_dropped":5}}}"#;
    let words = "
        00000004 000000a8
        00000001 00000003 000249f0
        00000004
        000007d2 00000008 00000002 00000001
        0000089e 00000014 00000001 00000002 00000003 00000004 00000005
        0000089b 00000028 00000001 00000002 0000000000000003 ffffffffffffffff 00000005 00000006 00000007 00000008
        0000089a 00000034 00000004 6d61696c
            00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 00000009 0000000a 0000000b";
    assert_eq!(samples(message), hex(words));
}

#[test]
fn counters_that_are_missing_are_unknown_and_gauges_0() {
    let message = r#"{"counter_sample":{"app_name":"a","app_operations":{"success":1,"timeout":2,"unauthorized":3},
        "app_workers":{"workers_active":1,"workers_idle":2,"workers_max":8},"app_resources":{}}}"#;
    let words = "
        00000004 000000a8
        00000001 00000003 000249f0
        00000004
        000007d2 00000008 00000002 00000001
        0000089e 00000014 00000001 00000002 00000008 ffffffff ffffffff
        0000089b 00000028 00000000 00000000 0000000000000000 0000000000000000 00000000 00000000 00000000 00000000
        0000089a 00000034 00000001 61000000
            00000001 ffffffff 00000002 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000003";
    assert_eq!(samples(message), hex(words));
}

#[test]
fn metrics_of_every_type_as_the_c_agent_sends_them() {
    let message = r#"{"rtmetric":{"datasource":"web1",
        "m1":{"type":"counter32","value":777},
        "m2":{"type":"string","value":"helloworld"},
        "m3":{"type":"gaugeDouble","value":1.234},
        "m4":{"type":"gaugeFloat","value":"2.5"},
        "m5":{"type":"counter64","value":"18446744073709551615"},
        "m6":{"type":"gauge32","value":"12abc"}}}"#;
    let words = "
        010cc3ea 00000080
        00000004 77656231 | 00000006
        00000002 6d310000 00000001 00000309
        00000002 6d320000 00000000 0000000a 68656c6c6f776f726c640000
        00000002 6d330000 00000006 3ff3be76c8b43958
        00000002 6d340000 00000005 40200000
        00000002 6d350000 00000002 ffffffffffffffff
        00000002 6d360000 00000003 0000000c";
    assert_eq!(samples(message), hex(words));
    let gauge64 = r#"{"rtmetric":{"m":{"value":9007199254740993,"type":"gauge64"}}}"#;
    let words = "010cc3ea 0000001c 00000000 00000001 00000001 6d000000 00000004 0020000000000001";
    assert_eq!(samples(gauge64), hex(words), "not rounded as a floating-point number would be");
}

#[test]
fn an_event_as_the_c_agent_sends_it() {
    let message = r#"{"rtflow":{"sampling_rate":0,"extra":5,"f5":{"type":"int32","value":9}}}"#;
    let words = "010cc3eb 00000020
        00000000 00000001 00000000 00000001 00000002 66350000 00000004 00000009";
    assert_eq!(samples(message), hex(words));
}

#[test]
fn an_event_with_a_field_of_every_type() {
    let message = r#"{"rtflow":{"datasource":"web1","sampling_rate":10,
        "a":{"type":"string","value":"x"},"b":{"type":"mac","value":"02:00:00:00:00:0a"},
        "c":{"type":"ip","value":"10.0.0.1"},"d":{"type":"ip6","value":"2001:db8::1"},
        "e":{"type":"int32","value":-2},"f":{"type":"int64","value":-2},
        "g":{"type":"float","value":2.5},"h":{"type":"double","value":"1.234"}}}"#;
    let words = "010cc3eb 000000b0
        00000004 77656231 0000000a 00000000 00000008
        00000001 61000000 00000000 00000001 78000000
        00000001 62000000 00000001 02000000000a 0000
        00000001 63000000 00000002 0a000001
        00000001 64000000 00000003 20010db8000000000000000000000001
        00000001 65000000 00000004 fffffffe
        00000001 66000000 00000005 fffffffffffffffe
        00000001 67000000 00000006 40200000
        00000001 68000000 00000007 3ff3be76c8b43958";
    assert_eq!(samples(message), hex(words));
}
