//! The interfaces of this network namespace, followed by notification and never by polling.
//!
//! In: rtnetlink (links, addresses, counters) and ethtool (speed, duplex, driver statistics). Out: a [`Table`] that
//! is always current, [`Changes`] since the last look, counters on request, and the sFlow records made from them
//! ([`records`], [`lag`], [`pfc`], [`adaptors`], [`host_net`]). [`optics`] reads transceivers, on a thread of its own.
//!
//! Rules: subscribe first, then dump, so that nothing falls between; what a socket lost is made good by one new
//! dump, with those gone that it does not mention; work grows with what changed, not with what there is; counters
//! are asked for by ifIndex, many in one system call. Speed and duplex are in no link message: the driver is asked
//! at discovery, when state changes, and when ethtool tells of a change. Spec: rtnetlink(7), `linux/ethtool.h`.

pub mod adaptors;
pub mod change;
pub mod error;
pub mod ethtool_counts;
#[cfg(test)]
mod example;
pub mod flow_control;
pub mod host_net;
pub mod lag;
pub mod model;
pub mod notify;
pub mod optics;
pub mod pfc;
pub(in crate::collect) mod query;
pub mod records;
pub mod table;
pub mod transport;
mod watch;

pub use change::{Change, Changes, Parts};
pub use error::InterfaceError;
pub use model::{Address, Duplex, Interface, Kind};
pub use table::Table;
pub use watch::{Health, Interfaces, RECEIVE_BUFFER};

pub use crate::wire::netlink::stats::LinkStats;
