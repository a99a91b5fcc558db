//! Applications that tell of themselves by JSON: every input, every structure, rates and their change, floods and
//! nonsense, and what is left when the agent ends.

use crate::packets::{a0, send, wait_source, wire};
use crate::rig::{Flow, LIMIT, Rig, all_flows, all_samples, assert_whole, flows, isolated, samples};
use crate::support::wait_until;
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::decode::{Datagram, Sample};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::app::AppOperation;
use hsflow::sflow::ids::DataSource;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

/// The port that the clients of the C agent send to. Every test has a network of its own.
const PORT: u16 = 36343;

/// An agent with these settings of `json { }`, and others, when its inputs are open.
#[track_caller]
fn listening(json: &str, more: &str) -> Rig {
    let rig = Rig::running(&format!("polling = 0\njson {{ {json} }}\n{more}"));
    rig.wait_component("json", "running");
    rig
}

/// A socket that sends to the agent's UDP port on one of the loopback addresses.
fn sender(loopback: &str) -> UdpSocket {
    let socket = UdpSocket::bind((loopback, 0)).unwrap();
    socket.connect((loopback, PORT)).unwrap();
    socket
}

fn say(message: &Value) {
    sender("127.0.0.1").send(message.to_string().as_bytes()).unwrap();
}

/// A transaction of an application.
fn transaction(name: &str) -> Value {
    json!({ "flow_sample": { "app_name": name, "app_operation": { "operation": "get", "status": 0 } } })
}

fn logical(index: u32) -> DataSource {
    DataSource { class: 3, index }
}

fn operation(flow: &Flow) -> Option<&AppOperation<'static>> {
    flow.records.iter().find_map(|record| match record {
        FlowRecord::AppOperation(found) => Some(found),
        _ => None,
    })
}

fn names(d: &[Datagram]) -> Vec<String> {
    let mut names: Vec<_> =
        all_flows(d).filter_map(|f| Some(operation(f)?.application.to_string())).collect();
    names.sort();
    names
}

/// What the status says of an application.
fn known(rig: &Rig, name: &str) -> Value {
    let all = rig.snapshot()["applications"]["known"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == name).unwrap_or_default()
}

/// Waits until so many messages came, and returns the section of the status.
#[track_caller]
fn wait_messages(rig: &Rig, count: u64) -> Value {
    wait_until(&format!("{count} messages"), LIMIT, || {
        let status = rig.snapshot()["applications"].clone();
        (status["messages"] == count).then_some(status)
    })
}

fn fault(status: &Value, cause: &str) -> u64 {
    let faults = status["faults"].as_array().unwrap();
    faults.iter().find(|fault| fault["cause"] == cause).map_or(0, |fault| fault["count"].as_u64().unwrap())
}

#[test]
fn every_input_is_read_and_the_status_says_what_came_through_it() {
    isolated(|| {
        let rig = Rig::new();
        let (fifo, socket) = (rig.text("fifo"), rig.text("run/json.sock"));
        crate::netns::run(&format!("mkfifo -m 0644 {fifo}"));
        let mut rig = rig;
        rig.configure(&format!(
            "polling = 0 sampling.app = 1\njson {{ udpport = {PORT} fifo = {fifo} socket = {socket} }}"
        ));
        rig.start();
        rig.wait_component("json", "running");
        sender("127.0.0.1").send(transaction("four").to_string().as_bytes()).unwrap();
        sender("::1").send(transaction("six").to_string().as_bytes()).unwrap();
        let unix = UnixDatagram::unbound().unwrap();
        unix.send_to(transaction("unix").to_string().as_bytes(), &socket).unwrap();
        for round in 0..3 {
            let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
            let (one, two) = (format!("pipe{round}"), format!("pipe{round}x"));
            write!(writer, "{}\n{}", transaction(&one), transaction(&two)).unwrap();
        }
        let all = ["four", "pipe0", "pipe0x", "pipe1", "pipe1x", "pipe2", "pipe2x", "six", "unix"];
        let sent = rig.wait("a sample by every input", |d| names(d) == all);
        assert_whole(&sent);
        let status = wait_messages(&rig, 9);
        let inputs: Vec<_> =
            status["inputs"].as_array().unwrap().iter().map(|i| i["messages"].as_u64()).collect();
        assert_eq!(inputs, [Some(1), Some(1), Some(6), Some(1)]);
        let (_, page) = rig.ctl(&["status"]);
        for words in [format!("json       fifo {fifo}: 6 messages"), "application six 3:1".to_owned()] {
            assert!(page.contains(&words), "{words}\n{page}");
        }
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
        assert!(!std::fs::exists(&socket).unwrap(), "the socket goes with the agent");
        assert!(std::fs::exists(&fifo).unwrap(), "the pipe is somebody else's");
    });
}

#[test]
fn every_structure_arrives_as_it_was_told() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1");
        say(&json!({
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
        }));
        let sent = rig.wait("all four", |d| d.iter().map(|d| d.samples.len()).sum::<usize>() >= 4);
        assert_whole(&sent);
        let all = sent.iter().flat_map(|d| &d.samples).collect::<Vec<_>>();
        let told: Vec<_> = all.iter().map(|sample| serde_json::to_value(sample).unwrap()).collect();
        let source = json!({ "class": 3, "index": 8443 });
        let flow = json!({ "flow": { "compact": false, "sequence": 1, "source": source, "sampling_rate": 4,
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
            ] } });
        let counters = json!({ "counters": { "compact": false, "sequence": 1, "source": source, "records": [
            { "host_parent": { "parent": { "class": 2, "index": 1 } } },
            { "app_workers": { "active": 9, "idle": 10, "max": 11, "req_delayed": u32::MAX, "req_dropped": 12 } },
            { "app_resources": { "user_time": 1, "system_time": 2, "mem_used": 3, "mem_max": 4, "fd_open": 5,
                "fd_max": 6, "conn_open": 7, "conn_max": 8 } },
            // What the agent has counted: the one transaction told above, for four of status 8.
            { "app_operations": { "application": "shop.cart", "success": 0, "other": 0, "timeout": 0,
                "internal_error": 0, "bad_request": 0, "forbidden": 0, "too_large": 0, "not_implemented": 0,
                "not_found": 4, "unavailable": 0, "unauthorized": 0 } },
        ] } });
        assert_eq!(told[0], flow);
        assert_eq!(told[1], counters);
        assert!(matches!(all[2], Sample::RtMetric(metric) if metric.metrics.len() == 3), "{}", told[2]);
        assert!(matches!(all[3], Sample::RtFlow(event) if event.sampling_rate == 3), "{}", told[3]);
        assert!(told[2].to_string().contains("18446744073709551615"), "{}", told[2]);
        let one_each = |telemetry: &Value| {
            ["flow_samples", "counter_samples", "rtmetric_samples", "rtflow_samples"]
                .iter()
                .all(|name| telemetry[name] == 1)
        };
        wait_until("one of each counted", LIMIT, || one_each(&rig.snapshot()["telemetry"]).then_some(()));
    });
}

#[test]
fn rates_hold_by_name_and_change_without_losing_count() {
    isolated(|| {
        let json = format!("json {{ udpport = {PORT} }}");
        let rig = listening(
            &format!("udpport = {PORT}"),
            "sampling.app = 1 sampling.app.half = 2 sampling.app.none = 0",
        );
        let socket = sender("127.0.0.1");
        let tell = |name: &str, count: usize| {
            (0..count).for_each(|_| _ = socket.send(transaction(name).to_string().as_bytes()).unwrap());
        };
        tell("all", 50);
        tell("half.part", 200);
        tell("none", 50);
        wait_messages(&rig, 300);
        let count = |name: &str| known(&rig, name)["flow_samples"].as_u64().unwrap();
        // 200 fair coins: outside of this once in ten million times.
        assert!((62..=138).contains(&count("half.part")), "{}", count("half.part"));
        assert_eq!((count("all"), count("none")), (50, 0));
        assert_eq!(known(&rig, "none")["transactions"], 50);
        let (half, before) = (known(&rig, "half.part"), count("half.part"));
        rig.reload(&format!("polling = 0\n{json}\nsampling.app = 0 sampling.app.half = 1"));
        tell("all", 20);
        tell("half.part", 20);
        wait_messages(&rig, 340);
        assert_eq!((count("all"), count("half.part")), (50, before + 20));
        assert_eq!(half["source"], known(&rig, "half.part")["source"]);
        let index = half["source"].as_str().unwrap().strip_prefix("3:").unwrap().parse().unwrap();
        let enough = usize::try_from(before).unwrap() + 20;
        let sent = rig.wait("its samples", |d| flows(d, logical(index)).len() == enough);
        assert_whole(&sent);
        for (flow, rate) in
            flows(&sent, logical(index)).iter().zip(vec![2; enough - 20].iter().chain(&[1; 20]))
        {
            assert_eq!(flow.header.sampling_rate, *rate);
        }
        let last = flows(&sent, logical(index))[enough - 1].header;
        assert_eq!((last.sample_pool, last.drops), (220, 0), "every transaction is in the pool");
    });
}

#[test]
fn counters_of_an_application_are_its_own_or_those_that_the_agent_made() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 0");
        let counters = |operations: Option<u32>| {
            let mut sample = json!({ "app_name": "web", "service_port": 80 });
            if let Some(success) = operations {
                sample["app_operations"] = json!({ "success": success });
            }
            json!({ "counter_sample": sample })
        };
        say(&transaction("web"));
        say(&transaction("web"));
        wait_messages(&rig, 2);
        for (count, message) in
            [counters(None), counters(None), counters(Some(7)), counters(Some(9))].iter().enumerate()
        {
            say(message);
            rig.wait("its counters", |d| all_samples(d).count() == count + 1);
        }
        let index: u32 = known(&rig, "web")["source"].as_str().unwrap()[2..].parse().unwrap();
        assert!((150_000..200_000).contains(&index), "it had no port when it was first heard of");
        let sent = rig.datagrams();
        let told: Vec<_> = samples(&sent, logical(index))
            .iter()
            .map(|sample| {
                let CounterRecord::AppOperations(made) = &sample.records[1] else { panic!("{sample:?}") };
                (sample.header.sequence, made.success, made.other)
            })
            .collect();
        assert_eq!(told, [(1, 2, 0), (2, 2, 0), (1, 7, u32::MAX), (2, 9, u32::MAX)]);
    });
}

#[test]
fn a_flood_by_one_sender_holds_up_neither_another_one_nor_packet_samples() {
    isolated(|| {
        wire();
        let socket = "run/json.sock";
        let mut rig = Rig::new();
        rig.configure(&format!(
            "polling = 0 sampling.app = 1\njson {{ udpport = {PORT} socket = {} limit = 1000 }}\n\
             pcap {{ dev = a0 sampling = 1 }}",
            rig.text(socket)
        ));
        rig.start();
        rig.wait_component("json", "running");
        wait_source(&rig, "a0", "pcap");
        let (flood, calm) = (sender("127.0.0.1"), UnixDatagram::unbound().unwrap());
        let (noise, voice) = (transaction("flood").to_string(), transaction("calm").to_string());
        for _ in 0..20 {
            (0..1000).for_each(|_| _ = flood.send(noise.as_bytes()).unwrap());
            calm.send_to(voice.as_bytes(), rig.path(socket)).unwrap();
            send(1);
        }
        rig.wait("the calm one and the packets", |d| {
            names(d).iter().filter(|name| *name == "calm").count() == 20 && flows(d, a0()).len() == 20
        });
        let status = wait_until("the limit", LIMIT, || {
            let status = rig.snapshot()["applications"].clone();
            (status["limited"].as_u64() > Some(0)).then_some(status)
        });
        let lost: u64 =
            status["inputs"].as_array().unwrap().iter().map(|i| i["dropped"].as_u64().unwrap()).sum();
        let read = wait_until("every message is accounted for", LIMIT, || {
            let status = rig.snapshot()["applications"].clone();
            let lost: u64 =
                status["inputs"].as_array().unwrap().iter().map(|i| i["dropped"].as_u64().unwrap()).sum();
            (status["messages"].as_u64().unwrap() + lost == 20_020).then_some(status)
        });
        assert!(lost < 20_000);
        let flooded = known(&rig, "flood")["transactions"].as_u64().unwrap();
        assert_eq!(flooded + 20 + read["limited"].as_u64().unwrap(), read["messages"].as_u64().unwrap());
        rig.assert_logged("json: over-limit: ", 1);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn nonsense_is_counted_by_its_cause_said_once_and_harms_nothing() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1");
        let socket = sender("127.0.0.1");
        let bomb = "[".repeat(9_999);
        let long = vec![b' '; 65_000];
        let bad: [(&str, &[u8]); 6] = [
            ("too-long", &long),
            ("not-utf8", b"{\"rtmetric\":{\"a\":\"\xff\"}}"),
            ("not-json", bomb.as_bytes()),
            ("nothing-known", b"{\"hello\":1}"),
            ("member-missing", b"{\"flow_sample\":{\"app_operation\":{}}}"),
            ("unknown-type", b"{\"rtmetric\":{\"a\":{\"type\":\"gaugedouble\",\"value\":1}}}"),
        ];
        for _ in 0..20 {
            bad.iter().for_each(|(_, bytes)| _ = socket.send(bytes).unwrap());
            socket.send(transaction("good\u{1b}[2J\nname").to_string().as_bytes()).unwrap();
            wait_until("it is read", LIMIT, || {
                (rig.snapshot()["applications"]["messages"].as_u64().unwrap() % 7 == 0).then_some(())
            });
        }
        let status = wait_messages(&rig, 140);
        for (cause, _) in bad {
            assert_eq!(fault(&status, cause), 20, "{cause}: {status}");
            rig.assert_logged(&format!("json: {cause}: "), 1);
        }
        rig.wait("the good ones", |d| names(d).len() == 20);
        assert_eq!(rig.component("json"), "running");
        let (_, page) = rig.ctl(&["status"]);
        assert!(page.contains("application good\\u{1b}[2J\\nname 3:1"), "{page}");
    });
}

#[test]
fn inputs_come_and_go_with_the_configuration_and_applications_stay_known() {
    isolated(|| {
        // With a tap the datagrams stay those of one sub-agent.
        let without = "polling = 0\nsampling.app = 1\npcap { dev = none }";
        let mut rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1\npcap { dev = none }");
        say(&transaction("web"));
        rig.wait("a sample", |d| all_flows(d).count() == 1);
        rig.reload(without);
        assert_eq!(rig.component("json"), "");
        wait_until("the port is free", LIMIT, || UdpSocket::bind(("127.0.0.1", PORT)).ok());
        let socket = rig.text("run/json.sock");
        rig.reload(&format!("{without}\njson {{ socket = {socket} }}"));
        rig.wait_component("json", "running");
        let unix = UnixDatagram::unbound().unwrap();
        unix.send_to(transaction("web").to_string().as_bytes(), &socket).unwrap();
        let sent = rig.wait("another sample", |d| all_flows(d).count() == 2);
        assert_whole(&sent);
        rig.reload(without);
        wait_until("the socket is removed", LIMIT, || (!std::fs::exists(&socket).unwrap()).then_some(()));
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
    });
}

#[test]
fn an_input_that_cannot_be_opened_is_told_and_the_others_work() {
    isolated(|| {
        let taken = UdpSocket::bind(("127.0.0.1", PORT)).unwrap();
        let rig = Rig::new();
        let (fifo, far) = (rig.text("no-fifo"), rig.text("no-folder/json.sock"));
        let mut rig = rig;
        rig.configure(&format!(
            "polling = 0\nsampling.app = 1\njson {{ udpport = {PORT} fifo = {fifo} socket = {far} }}"
        ));
        rig.start();
        let state = rig.wait_component("json", "degraded");
        for words in [
            format!("UDP 127.0.0.1:{PORT}: bind 127.0.0.1:{PORT}: Address already in use"),
            format!("fifo {fifo}: open {fifo}: No such file or directory"),
            format!("socket {far}: bind {far}: No such file or directory"),
        ] {
            assert!(state.contains(&words), "{words} is not in {state}");
        }
        rig.assert_logged("json degraded", 1);
        sender("::1").send(transaction("six").to_string().as_bytes()).unwrap();
        rig.wait("a sample", |d| names(d) == ["six"]);
        drop(taken);
    });
}
