//! Guests of this host as their engines tell of them: virtual machines, containers, pods, services.
//!
//! In: the engines' sockets, and the kernel's files of each guest. Out: [`News`] of guests, to whoever holds the other end of
//! the [`Feed`]; their counters, when asked. One folder an engine; what the kernel knows of any guest is in
//! `cgroup` and `network`. Rules: each engine has a task of its own on the agent's runtime, every question to it has a
//! deadline, and an engine that hangs, dies or lies costs its own guests only, which are kept as they were last known.

pub mod cgroup;
pub mod containerd;
pub mod docker;
mod feed;
pub mod k8s;
pub mod libvirt;
pub mod network;
pub mod systemd;

pub use feed::{Feed, News, Receiver, channel};
