//! The agent as a whole: the real programs on the real kernel, seen from outside, by what they send, write, log, answer
//! and cost. One file a topic.
//!
//! Each test makes its own network namespace, so they run side by side; where none can be made they say `SKIP`. Time
//! is the agent's own: tests wait for what it does, at a polling interval of a second. `long_` tests are for
//! `tests/long.sh`.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod address;
mod applications;
mod bad_input;
mod collectors;
mod control;
mod cumulus;
mod daemon;
mod descriptors;
mod discovery;
mod ends;
mod guests;
mod interfaces;
mod packets;
mod platforms;
mod privileges;
mod reload;
mod rig;
mod settings_file;
mod soak;
mod start;
mod storm;
mod stream;
mod values;
mod vpp;
mod which;

#[path = "../support/dnsmasq.rs"]
mod dnsmasq;
#[path = "../support/dockerd.rs"]
mod dockerd;
#[path = "../support/mounts.rs"]
mod mounts;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/mod.rs"]
mod support;
