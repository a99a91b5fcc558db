//! Decisions about what is measured: when each data source is polled, and which address names the agent.
//!
//! In: plain values (interface facts, settings, the second on a monotonic clock). Out: plain values. Nothing here
//! does I/O, reads a clock or draws a random number, so every decision can be replayed in a test and explained by
//! `hsflowctl`.

pub mod address;
pub mod schedule;
