//! Policies from text to the kernel: against a small model of it, and against iptables, ip6tables and ipset in a
//! network namespace of each test's own.
#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

mod agent;
mod apply;
mod asker;
mod bridge;
mod ctl;
mod cumulus;
#[path = "../support/dockerd.rs"]
mod dockerd;
mod guests;
mod keeping;
mod kernel;
mod laws;
mod lines;
mod long_shape;
mod machine;
mod manual;
mod namespaces;
#[path = "../support/netns.rs"]
mod netns;
mod odds;
mod packets;
mod program;
mod rate;
mod react;
mod real;
mod rest;
mod routes;
mod sample;
#[path = "../support/samples.rs"]
mod samples;
mod service;
mod shape;
mod shape_crash;
mod shape_devices;
mod stand_ins;
#[path = "../support/mod.rs"]
mod support;
mod switch;
mod tls;
mod topology;
#[path = "../support/traffic.rs"]
mod traffic;
mod unprivileged;
mod wishes;
mod written;
