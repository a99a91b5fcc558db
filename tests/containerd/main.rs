//! Containers and pods of a real containerd: as they come, change and go (`live`), while containerd does not answer (`trouble`),
//! where it may not be asked (`traces`), and put together to pods by its CRI plugin (`pods`); and all of that as the whole
//! agent sends it (`sent`).
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed unwrap is a failed test

mod live;
mod pods;
mod rig;
mod sent;
mod traces;
mod trouble;

#[path = "../agent/rig.rs"]
#[allow(dead_code, unused_imports, unused_macros)] // its other users are the agent's own tests
mod agent;
#[path = "../support/netns.rs"]
mod netns;

#[path = "../support/mod.rs"]
mod support;
