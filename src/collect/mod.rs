//! What this kernel says of the host and its interfaces, and applications of themselves.

pub mod apps;
pub mod gpu;
pub mod guests;
pub mod host;
pub mod interfaces;
pub mod sockets;
