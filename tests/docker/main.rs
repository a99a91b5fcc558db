//! The watch over containers, against real engines (dockerd, podman), against one that lies, and against recorded words of
//! engines that are not installed.
//!
//! The witnesses are the engines' own programs, `docker ps` and `docker inspect`. Engines have private folders, networks and
//! mounts. They need root; without it, or without the engine, a test says `SKIP`.
#![allow(clippy::unwrap_used)] // a test ends where it fails

mod faults;
mod liar;
mod life;
mod podman;
mod replay;
mod restarts;
mod rig;
mod soak;

#[path = "../support/dockerd.rs"]
mod dockerd;
#[path = "../support/mod.rs"]
mod support;
