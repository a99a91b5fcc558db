//! `hsflowctl top` as people use it: the real program in a real terminal (tmux), its keys pressed, its screens compared; as
//! lines for a log; with a real agent and a container under load. `UPDATE_GOLDEN=1` writes the screens that are compared.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod batch;
mod golden;
mod keys;
mod listen;
mod live;
mod recorded;
mod screens;
mod terminal;

#[path = "../support/dockerd.rs"]
mod dockerd;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../interop/port.rs"]
mod port;
#[path = "../agent/rig.rs"]
#[allow(dead_code, unused_imports, unused_macros)] // of the agent's tests; a part is used here
mod rig;
#[path = "../support/mod.rs"]
mod support;

/// A file of this repository.
fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A recording of 42 datagrams of the C agent: three containers, an interface, packet samples, an application.
fn recording() -> String {
    repository("tests/data/c-agent.pcap")
}

/// The datagrams of it.
fn datagrams() -> Vec<Vec<u8>> {
    use hsflow::wire::{pcap, udp};
    let file = std::fs::read(recording()).unwrap();
    let packets = pcap::packets(&file).unwrap().map(Result::unwrap);
    packets.map(|packet| udp::parse(packet.link_type, packet.bytes).unwrap().payload.to_vec()).collect()
}
