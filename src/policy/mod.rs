//! Control: what the host is to do about its traffic. [`react`] finds what is too much; no I/O there.

pub mod react;
