//! sFlow version 5: what goes on the wire.

pub mod counters;
pub mod ids;
pub mod unknown;
