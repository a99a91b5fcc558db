//! Packet samples as a whole: the real agent on the real kernel, fed with known traffic, judged by what a collector gets
//! from it and by the kernel's own counters. One file a topic.
//!
//! Each test makes its own network namespace, so they run side by side; where none can be made they say `SKIP`. Tests
//! wait for what the agent does, never for time. `long_` tests are for `tests/long.sh`.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod changes;
mod collector;
mod file_side;
mod many;
mod odd;
mod overload;
mod rule_counters;
mod rules;
mod site;
mod statistics;
mod topology;
mod words;

#[path = "../support/netns.rs"]
mod netns;
#[allow(dead_code, unused_imports, unused_macros)] // it does more for the tests of the agent
#[path = "../agent/rig.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/traffic.rs"]
mod traffic;
