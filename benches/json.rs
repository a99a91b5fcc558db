//! What one JSON message of an application costs, from its bytes to its sample in the datagram.
//!
//! Goal: at most 1.5 µs each, of the 4 µs (metrics) and 5 µs that a message may cost with its receive. Run by hand:
//! `cargo bench --bench json`.

use criterion::{Criterion, criterion_group, criterion_main};
use hsflow::sample::application::encode;
use hsflow::sample::application::message::Reader;
use hsflow::sflow::counters::app::AppOperations;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::realtime::RtMetric;
use hsflow::sflow::record::Record;
use hsflow::sflow::sample::{FlowHeader, SampleWriter};
use hsflow::sflow::xdr::{Full, Xdr};
use std::hint::black_box;

const METRICS: &str = r#"{"rtmetric": {"datasource": "web1", "requests": {"type": "counter64", "value": 123456789}, "errors": {"type": "counter32", "value": 12}, "load": {"type": "gaugeDouble", "value": 0.25}, "queue": {"type": "gauge32", "value": "17"}, "state": {"type": "string", "value": "running"}}}"#;
const COUNTERS: &str = r#"{"counter_sample": {"app_name": "mail", "app_operations": {"success": 123, "other": 0, "timeout": 1, "internal_error": 2, "bad_request": 3, "forbidden": 4, "too_large": 5, "not_implemented": 6, "not_found": 7, "unavailable": 8, "unauthorized": 9}, "app_resources": {"user_time": 44, "system_time": 55, "mem_used": 66, "mem_max": 77, "fd_open": 88, "fd_max": 99, "conn_open": 111, "conn_max": 222}, "app_workers": {"workers_active": 12, "workers_idle": 13, "workers_max": 14, "req_delayed": 15, "req_dropped": 16}}}"#;
const FLOW: &str = r#"{"flow_sample": {"app_name": "mail", "sampling_rate": 1, "app_operation": {"operation": "task.start", "attributes": "id=123&user=root", "status_descr": "OK", "status": 0, "req_bytes": 43, "resp_bytes": 234, "uS": 2000}, "app_initiator": {"actor": "ann"}, "extended_socket_ipv4": {"protocol": 6, "local_ip": "10.0.0.1", "remote_ip": "10.0.0.2", "local_port": 123, "remote_port": 43032}}}"#;
const SOURCE: DataSource = DataSource { class: 3, index: 150_000 };

/// Puts what the message says into the datagram.
fn tell(
    reader: &mut Reader,
    text: &[u8],
    datagrams: &mut Datagrams,
    send: &mut impl FnMut(Unsent<'_>),
) -> Option<Result<(), Full>> {
    let message = reader.parse(text).ok()?;
    if let Some(metrics) = &message.metrics {
        return Some(datagrams.add(1, RtMetric::TAG, |out| metrics.encode(out), send));
    }
    if let Some(counters) = &message.counters {
        let tallied = AppOperations::default();
        let write = |out: &mut SampleWriter<'_, '_>| encode::counters(counters, &tallied, out);
        return Some(datagrams.add_counters(1, SOURCE, 1, write, send));
    }
    let flow = message.flow?;
    let (input, output) = encode::ports(&flow);
    let (sequence, sampling_rate, sample_pool, drops) = (1, 400, 400, 0);
    let header = FlowHeader { sequence, source: SOURCE, sampling_rate, sample_pool, drops, input, output };
    Some(datagrams.add_flow(1, &header, |out| encode::transaction(&flow, out), send))
}

fn messages(c: &mut Criterion) {
    let agent = [192, 0, 2, 1].into();
    let mut stream = Stream::new(agent, 0);
    let mut send = |unsent: Unsent<'_>| _ = black_box(stream.complete(unsent));
    let kinds = [("five metrics", METRICS), ("application counters", COUNTERS), ("an operation", FLOW)];
    for (name, text) in kinds {
        let mut reader = Reader::default();
        let mut datagrams = Datagrams::new(1400, agent);
        assert_eq!(tell(&mut reader, text.as_bytes(), &mut datagrams, &mut send), Some(Ok(())));
        c.bench_function(name, |b| {
            b.iter(|| tell(&mut reader, black_box(text.as_bytes()), &mut datagrams, &mut send));
        });
        c.bench_function(&format!("{name}, read only"), |b| {
            b.iter(|| reader.parse(black_box(text.as_bytes())).is_ok());
        });
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
