//! DNS-SD against real and lying servers: dnsmasq, and one that answers whatever a test wants.
//!
//! Each test has a network namespace with nothing but `lo`, so nothing is ever asked outside; the servers listen on
//! 127.0.0.1:53 there, and the agent's resolv.conf lies under a root of the test's own. Time is the test's: a wait of an
//! hour is a jump. Without the right to make a namespace, or without dnsmasq, a test says `SKIP`.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod faults;
mod liar;
mod message;
mod real;
mod rig;
mod storms;

#[path = "../support/dnsmasq.rs"]
mod dnsmasq;
#[path = "../support/mounts.rs"]
mod mounts;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/mod.rs"]
mod support;
