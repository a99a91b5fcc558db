//! The messages of the scripts that come with the C agent, as they print them, and of programs like them. In: the text that
//! arrives. Out: what is reported.

use crate::{accepted, law};
use hsflow::sflow::realtime::{FlowValue, MetricValue};

#[test]
fn a_metric_script_gives_every_value_as_text() {
    let message = accepted(
        r#"{"rtmetric": {"datasource": "web1", "hits": {"type": "counter64", "value": "18446744073709551615"}, "load": {"type": "gaugeDouble", "value": "0.25"}, "state": {"type": "string", "value": "up"}}}"#,
    );
    let metrics = message.metrics.unwrap();
    let values: Vec<_> = metrics.metrics.iter().map(|metric| (&*metric.name, metric.value.clone())).collect();
    assert_eq!(metrics.datasource, "web1");
    assert_eq!(
        values,
        [
            ("hits", MetricValue::Counter64(u64::MAX)),
            ("load", MetricValue::GaugeDouble(0.25)),
            ("state", MetricValue::String("up".into())),
        ]
    );
}

#[test]
fn a_processor_script_counts_in_jiffies_that_outgrow_32_bits() {
    let metrics = |idle: &str| {
        let names = ["user", "nice", "system", "wio", "intr", "sintr"];
        let rest: String = names
            .iter()
            .map(|name| format!(r#", "cpu_x_{name}": {{"type": "counter32", "value": 7}}"#))
            .collect();
        let idle = format!(r#""cpu_x_idle": {{"type": "counter32", "value": {idle}}}"#);
        let message = format!(r#"{{"rtmetric": {{"datasource": "cpu0", {idle}{rest}}}}}"#);
        law::law(message.as_bytes());
        let metrics = accepted(&message).metrics.unwrap();
        assert_eq!((&*metrics.datasource, metrics.metrics.len()), ("cpu0", 7));
        metrics.metrics[0].value.clone() == MetricValue::Counter32(5)
    };
    assert!(metrics("5") && metrics("\"5\"") && metrics("4294967301") && metrics("\"4294967301\""));
}

#[test]
fn a_disk_script_names_its_data_source_after_the_mount_and_sends_a_number_as_text() {
    for used in ["47", "47%", " 47"] {
        let message = format!(
            r#"{{"rtmetric": {{"datasource": "MNT_var_lib", "disk_mount": {{"type": "string", "value": "/var/lib"}}, "disk_util": {{"type": "gauge32", "value": "{used}"}}}}}}"#
        );
        let metrics = accepted(&message).metrics.unwrap();
        assert_eq!(metrics.datasource, "MNT_var_lib");
        assert_eq!(metrics.metrics[0].value, MetricValue::String("/var/lib".into()));
        assert_eq!(metrics.metrics[1].value, MetricValue::Gauge32(47));
    }
}

#[test]
fn an_event_script_without_a_rate_sends_null() {
    let message = accepted(
        r#"{"rtflow": {"datasource": "web1", "sampling_rate": null, "client": {"type": "ip", "value": "10.1.2.3"}, "bytes": {"type": "int32", "value": "-1"}}}"#,
    );
    let event = message.event.unwrap();
    assert_eq!((event.sampling_rate, event.sample_pool), (1, 0));
    let values: Vec<_> = event.fields.into_iter().map(|field| field.value).collect();
    assert_eq!(values, [FlowValue::Ip([10, 1, 2, 3].into()), FlowValue::Int32(u32::MAX)]);
    let rated = accepted(r#"{"rtflow":{"sampling_rate":10,"a":{"type":"mac","value":"02-00-00-00-00-01"}}}"#);
    assert_eq!(rated.event.unwrap().sampling_rate, 10);
}

#[test]
fn an_application_sends_a_flow_and_its_counters_in_one_message() {
    let text = r#"{
        "flow_sample": {
            "app_name": "myapp", "sampling_rate": 1,
            "app_operation": {"operation": "task.start", "attributes": "id=123&user=root",
                "status_descr": "OK", "status": 0, "req_bytes": 43, "resp_bytes": 234, "uS": 2000},
            "app_parent_context": {"application": "myclient", "operation": "do.it", "attributes": ""},
            "app_initiator": {"actor": "123"},
            "app_target": {"actor": "231"},
            "extended_socket_ipv4": {"protocol": 6, "local_ip": "10.0.0.1", "remote_ip": "10.0.0.2",
                "local_port": 123, "remote_port": 43032}
        },
        "counter_sample": {
            "app_name": "myapp",
            "app_operations": {"success": 123, "other": 0, "timeout": 1, "internal_error": 2,
                "bad_request": 3, "forbidden": 4, "too_large": 5, "not_implemented": 6,
                "not_found": 7, "unavailable": 8, "unauthorized": 9},
            "app_resources": {"user_time": 44, "system_time": 55, "mem_used": 66, "mem_max": 77,
                "fd_open": 88, "fd_max": 99, "conn_open": 111, "conn_max": 222},
            "app_workers": {"workers_active": 12, "workers_idle": 13, "workers_max": 14,
                "req_delayed": 15, "req_dropped": 16}
        }
    }
    "#;
    law::law(text.as_bytes());
    let message = accepted(text);
    let (flow, counters) = (message.flow.unwrap(), message.counters.unwrap());
    assert_eq!((&*flow.app_name, flow.service_port, flow.client, flow.one_in), ("myapp", None, false, 1));
    assert_eq!((&*flow.operation.operation, flow.operation.duration), ("task.start", 2000));
    assert_eq!(flow.parent.unwrap().application, "myclient");
    assert_eq!((flow.initiator.unwrap().actor, flow.target.unwrap().actor), ("123".into(), "231".into()));
    assert_eq!(flow.socket4.unwrap().remote_port, 43032);
    assert_eq!(flow.socket6, None);
    let operations = counters.operations.unwrap();
    assert_eq!((&*operations.application, operations.success, operations.unauthorized), ("myapp", 123, 9));
    assert_eq!(counters.resources.unwrap().conn_max, 222);
    assert_eq!(counters.workers.unwrap().req_dropped, 16);
}
