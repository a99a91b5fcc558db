//! DNS-SD, decided: which names are asked for, what an answer means, what holds after it, and when to ask again.
//!
//! In: resolv.conf as text, answers as plain values, the time and random numbers. Out: names, [`Verdict`]s, waiting
//! times, and remarks. Rules: only SRV decides, TXT never; "there is none" stops sending, a failure changes nothing, for
//! ever; the same records in another order are the same. RFC 2782 (SRV), RFC 6763 (DNS-SD), RFC 2308 (negative
//! answers), resolv.conf(5).

pub mod answer;
pub mod collectors;
pub mod machine;
pub mod names;
pub mod remarks;
pub mod resolver;
pub mod schedule;

pub use machine::{Machine, Round, Verdict};
