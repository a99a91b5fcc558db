//! Counters: what this kernel says of the host and its interfaces.

pub mod host;
pub mod interfaces;
pub mod sockets;
