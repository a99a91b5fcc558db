//! Decisions, pure: what is sampled at which rate, what is polled when, which interfaces report, and by which
//! address the host is known.
//!
//! In: plain values about the configuration and the host. Out: plain answers, most with the reason that
//! `hsflowctl status` prints. No I/O and no clock: the time is an argument.

pub mod address;
pub mod application;
pub mod backoff;
pub mod connection;
pub mod discovery;
pub mod flow;
pub mod frame;
pub mod guest;
pub mod local;
pub mod ports;
pub mod quota;
pub mod random;
pub mod rate;
pub mod rule_rate;
pub mod schedule;
pub mod silence;
pub mod skip;
pub mod switch;
pub mod wall;
