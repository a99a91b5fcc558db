//! Applications that tell of themselves by JSON: every input, every structure, rates and their change, floods and
//! nonsense, and what is left when the agent ends.

mod floods;
mod inputs;
mod numbers;
mod structures;

use crate::rig::{Flow, LIMIT, Rig, all_flows};
use crate::support::wait_until;
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::app::AppOperation;
use hsflow::sflow::ids::DataSource;
use serde_json::{Value, json};
use std::net::UdpSocket;

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
