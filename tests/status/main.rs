//! What the operator is told: `hsflowctl status`, `explain` and `doctor` against the real agent on the real kernel, with real
//! faults. `faults` is the table: each row breaks one thing, and the status must be degraded and name it.
//!
//! Each test makes its own network namespace, so they run side by side; where none can be made they say `SKIP`. Tests wait
//! for what the agent says, never for time.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod calibration;
mod doctor;
mod explain;
mod faults;
mod information;
mod page;
mod scene;

#[path = "../support/dockerd.rs"]
mod dockerd;
#[path = "../support/mounts.rs"]
mod mounts;
#[path = "../support/netns.rs"]
mod netns;
#[allow(dead_code, unused_imports, unused_macros)] // it does more for the tests of the agent
#[path = "../agent/rig.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;
