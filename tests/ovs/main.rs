//! Open vSwitch's own sFlow as the agent sets it up: against a real ovsdb-server and ovs-vswitchd (userspace datapath), Mininet's
//! hosts, and a data base that lies.
//!
//! The witnesses are `ovs-vsctl` and what ovs-vswitchd sends. Each test has network, data base and sockets of its own. They
//! need root, /dev/net/tun and the packages openvswitch-switch and mininet; without them a test says `SKIP`.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod ends;
mod faults;
mod liar;
mod mininet;
mod open_vswitch;
mod settings;
mod traffic;

#[path = "../support/guests.rs"]
mod guests;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../agent/rig.rs"]
#[allow(dead_code, unused_imports, unused_macros)] // a part of it is used here
mod rig;
#[path = "../support/mod.rs"]
mod support;
