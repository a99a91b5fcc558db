//! Containers and pods of a real containerd: as they come, change and go (`live`), while containerd does not answer (`trouble`),
//! where it may not be asked (`traces`), and put together to pods by its CRI plugin (`pods`).
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed unwrap is a failed test

mod live;
mod pods;
mod rig;
mod traces;
mod trouble;

#[path = "../support/mod.rs"]
mod support;
