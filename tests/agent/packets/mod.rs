//! Packet sampling as the agent does it: which interfaces, at which rate, by which source, what becomes of all that when
//! interfaces, settings and privileges change, and what the status tells.

mod denied;
mod follow;
mod rates;
mod silence;
mod sources;
mod stream;

use crate::rig::{Flow, Rig, flows, if_index, ip, source};
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::net::UdpSocket;

/// A wire from `a0` to `a1`: what is sent to 10.9.0.2 leaves by the one and arrives at the other, and nothing else does.
pub(crate) fn wire() {
    quiet();
    ip("link add a0 type veth peer name a1");
    connect();
}

/// No word of the kernel's own on any link that is made from now on.
pub(crate) fn quiet() {
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
}

/// Puts the ends of the wire into service.
pub(crate) fn connect() {
    connect_by("a0");
}

/// The same with another device in the place of `a0`.
pub(crate) fn connect_by(device: &str) {
    ip(&format!("addr add 10.9.0.1/24 dev {device}"));
    // The other end first: so this one has its carrier, and sends, when the command returns.
    ip("link set a1 up");
    ip(&format!("link set {device} up"));
    ip(&format!("neigh replace 10.9.0.2 lladdr 02:00:00:00:09:02 dev {device} nud permanent"));
}

/// Sends so many datagrams into the wire.
pub(crate) fn send(count: usize) {
    let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
    (0..count).for_each(|_| _ = socket.send_to(&[0; 100], "10.9.0.2:9").unwrap());
}

/// The flow samples of a device once there are `count` of them; there must never be more.
#[track_caller]
pub(crate) fn wait_flows(rig: &Rig, source: DataSource, count: usize) -> Vec<Flow> {
    let all = rig.wait(&format!("{count} flow samples of {source}"), |d| flows(d, source).len() >= count);
    let found: Vec<_> = flows(&all, source).into_iter().cloned().collect();
    assert_eq!(found.len(), count);
    found
}

/// What the status says of the sampling of a device.
#[track_caller]
pub(crate) fn sampling(rig: &Rig, device: &str) -> Value {
    let index = if_index(device);
    let snapshot = rig.snapshot();
    let interfaces = snapshot["interfaces"].as_array().unwrap();
    interfaces.iter().find(|i| i["index"] == index).map(|i| i["sampling"].clone()).unwrap_or_default()
}

/// Waits until a device is sampled by this source.
#[track_caller]
pub(crate) fn wait_source(rig: &Rig, device: &str, name: &str) {
    crate::support::wait_until(&format!("{device} sampled by {name}"), crate::rig::LIMIT, || {
        (sampling(rig, device)["source"] == name).then_some(())
    });
}

/// An agent that samples every packet of `a0`.
#[track_caller]
pub(crate) fn tapping(more: &str) -> Rig {
    let rig = Rig::running(&format!("polling = 1\npcap {{ dev = a0 sampling = 1 }}\n{more}"));
    wait_source(&rig, "a0", "pcap");
    rig
}

/// The source that is `a0`.
pub(crate) fn a0() -> DataSource {
    source("a0")
}
