//! Policies from text to the kernel: against a small model of it, and against iptables, ip6tables and ipset in a
//! network namespace of each test's own.
#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

mod kernel;
mod laws;
mod lines;
#[path = "../support/netns.rs"]
mod netns;
mod real;
#[path = "../support/mod.rs"]
mod support;
mod wishes;
