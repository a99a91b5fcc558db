//! Domains of libvirt: the agent's side against helpers that lie, and, with the feature `libvirt`, the real helper
//! against libvirt's test driver and against a libvirtd of the test's own with guests in QEMU.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "libvirt")]
#[path = "../support/mounts.rs"]
#[allow(dead_code)] // its other users cover single files
mod mounts;
#[cfg(feature = "libvirt")]
#[path = "../support/netns.rs"]
mod netns;

#[cfg(feature = "libvirt")]
mod helper;
mod liars;
#[cfg(feature = "libvirt")]
mod live;
mod rig;
#[cfg(feature = "libvirt")]
mod sent;

#[cfg(feature = "libvirt")]
#[path = "../agent/rig.rs"]
#[allow(dead_code, unused_imports, unused_macros)] // its other users are the agent's own tests
mod agent;
