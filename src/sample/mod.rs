//! Decisions about packet samples. Pure: settings and facts in, decisions out.

pub mod rate;
