//! What an application tells, as it arrives at the collector.

use super::{PORT, listening, say};
use crate::rig::{LIMIT, assert_whole, isolated};
use crate::support::wait_until;
use hsflow::sflow::decode::Sample;
use serde_json::{Value, json};
use sflow_parser::models::{FlowData, SampleData};

fn message() -> Value {
    json!({
        "flow_sample": {
            "app_name": "shop.cart", "service_port": 8443, "client": true, "sampling_rate": 4,
            "app_operation": { "operation": "add", "attributes": "item=7", "status_descr": "no such item",
                "status": 8, "req_bytes": 43, "resp_bytes": u64::MAX - 1, "uS": 2345 },
            "app_parent_context": { "application": "shop", "operation": "buy", "attributes": "n=1" },
            "app_initiator": { "actor": "user 1" }, "app_target": { "actor": "host 2" },
            "extended_socket_ipv4": { "protocol": 6, "local_ip": "10.0.0.1", "remote_ip": "10.0.0.2",
                "local_port": 123, "remote_port": 50001 },
            "extended_socket_ipv6": { "protocol": 17, "local_ip": "fe80::1", "remote_ip": "fe80::2",
                "local_port": 5, "remote_port": 6 },
        },
        "counter_sample": {
            "app_name": "shop.cart", "service_port": 8443,
            "app_resources": { "user_time": 1, "system_time": 2, "mem_used": 3, "mem_max": 4, "fd_open": 5,
                "fd_max": 6, "conn_open": 7, "conn_max": 8 },
            "app_workers": { "workers_active": 9, "workers_idle": 10, "workers_max": 11, "req_dropped": 12 },
        },
        "rtmetric": { "datasource": "row5", "up": { "type": "counter64", "value": "18446744073709551615" },
            "load": { "type": "gaugeDouble", "value": 0.25 }, "who": { "type": "string", "value": "me" } },
        "rtflow": { "datasource": "row6", "sampling_rate": 3, "mac": { "type": "mac", "value": "aabbccddeeff" },
            "ip": { "type": "ip", "value": "10.1.2.3" }, "n": { "type": "int32", "value": 5 } },
    })
}

fn flow_sample() -> Value {
    json!({ "flow": { "compact": false, "sequence": 1, "source": { "class": 3, "index": 8443 }, "sampling_rate": 4,
            "sample_pool": 4, "drops": 0, "input": { "format": 0, "value": 0x3FFF_FFFF },
            "output": { "format": 0, "value": 0 }, "records": [
                { "socket_ipv6": { "protocol": 17, "local_ip": "fe80::1", "remote_ip": "fe80::2",
                    "local_port": 5, "remote_port": 6 } },
                { "socket_ipv4": { "protocol": 6, "local_ip": "10.0.0.1", "remote_ip": "10.0.0.2",
                    "local_port": 123, "remote_port": 50001 } },
                { "app_target": { "actor": "host 2" } },
                { "app_initiator": { "actor": "user 1" } },
                { "app_parent_context": { "application": "shop", "operation": "buy", "attributes": "n=1" } },
                { "app_operation": { "application": "shop.cart", "operation": "add", "attributes": "item=7",
                    "status_descr": "no such item", "req_bytes": 43, "resp_bytes": u64::MAX - 1,
                    "duration": 2345, "status": 8 } },
            ] } })
}

fn counter_sample() -> Value {
    json!({ "counters": { "compact": false, "sequence": 1, "source": { "class": 3, "index": 8443 }, "records": [
            { "host_parent": { "parent": { "class": 2, "index": 1 } } },
            { "app_workers": { "active": 9, "idle": 10, "max": 11, "req_delayed": u32::MAX, "req_dropped": 12 } },
            { "app_resources": { "user_time": 1, "system_time": 2, "mem_used": 3, "mem_max": 4, "fd_open": 5,
                "fd_max": 6, "conn_open": 7, "conn_max": 8 } },
            // What the agent has counted: the one transaction told above, for four of status 8.
            { "app_operations": { "application": "shop.cart", "success": 0, "other": 0, "timeout": 0,
                "internal_error": 0, "bad_request": 0, "forbidden": 0, "too_large": 0, "not_implemented": 0,
                "not_found": 4, "unavailable": 0, "unauthorized": 0 } },
        ] } })
}

#[test]
fn every_structure_arrives_as_it_was_told() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1");
        say(&message());
        let sent = rig.wait("all four", |d| d.iter().map(|d| d.samples.len()).sum::<usize>() >= 4);
        assert_whole(&sent);
        let all = sent.iter().flat_map(|d| &d.samples).collect::<Vec<_>>();
        let told: Vec<_> = all.iter().map(|sample| serde_json::to_value(sample).unwrap()).collect();

        assert_eq!(told[0], flow_sample());
        assert_eq!(told[1], counter_sample());
        assert!(matches!(all[2], Sample::RtMetric(metric) if metric.metrics.len() == 3), "{}", told[2]);
        assert!(matches!(all[3], Sample::RtFlow(event) if event.sampling_rate == 3), "{}", told[3]);
        assert!(told[2].to_string().contains("18446744073709551615"), "{}", told[2]);
        assert_eq!(
            by_others(&rig.catcher.datagrams()),
            ["flow shop.cart add", "counters", "rtmetric", "rtflow"]
        );
        let one_each = |telemetry: &Value| {
            ["flow_samples", "counter_samples", "rtmetric_samples", "rtflow_samples"]
                .iter()
                .all(|name| telemetry[name] == 1)
        };
        wait_until("one of each counted", LIMIT, || one_each(&rig.snapshot()["telemetry"]).then_some(()));
    });
}

/// What another decoder, the crate `sflow-parser`, finds in the datagrams.
fn by_others(datagrams: &[Vec<u8>]) -> Vec<String> {
    let all = datagrams.iter().flat_map(|bytes| sflow_parser::parse_datagram(bytes).unwrap().samples);
    let word = |sample: SampleData| match sample {
        SampleData::FlowSampleExpanded(flow) => {
            let last = flow.flow_records.into_iter().last().map(|record| record.flow_data);
            let Some(FlowData::AppOperation(found)) = last else { panic!("{last:?}") };
            format!("flow {} {}", found.context.application, found.context.operation)
        }
        SampleData::CountersSampleExpanded(counters) => {
            assert_eq!(counters.counters.len(), 4);
            "counters".to_owned()
        }
        SampleData::RtMetric { .. } => "rtmetric".to_owned(),
        SampleData::RtFlow { .. } => "rtflow".to_owned(),
        other => panic!("{other:?}"),
    };
    all.map(|sample| word(sample.sample_data)).collect()
}
