//! Counter records, one specification group per file.

pub mod host;
pub mod interface;
