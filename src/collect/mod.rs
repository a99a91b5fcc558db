//! What this kernel says of the host and its interfaces, applications of themselves, and a switch of its chip.

pub mod apps;
pub mod asic;
pub mod gpu;
pub mod guests;
pub mod host;
pub mod interfaces;
pub mod sockets;
