//! What is to be done so that others sample: from what is wanted and what is there to the steps between them.

pub mod ovs;
pub mod port_rates;
pub mod repairs;
pub mod switchd;
pub mod tc;
pub mod thinning;
pub mod transceivers;
pub mod vpp;
