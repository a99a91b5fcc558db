//! Netlink messages: what the kernel says of its interfaces, addresses, counters, sockets and chosen packets, and how
//! to ask for them.
//!
//! In: one datagram as received. Out: borrowed views of it ([`link::Link`], [`address::Address`] …); and, the
//! other way, requests written into a caller's buffer. The walk is always the same: [`header::messages`] splits a
//! datagram, [`header::Message::outcome`] tells data from the end and from an error, and the `parse` of the
//! message's module reads the payload with [`attribute::Attributes`].
//!
//! Rules: an unknown attribute is skipped; a longer one than this code knows is read as far as it is known; a
//! truncated one is an error that names it and its offset; nothing panics. Numbers are in host byte order, but for nflog's.
//! Spec: netlink(7), rtnetlink(7), `linux/{netlink,rtnetlink,if_link,if_addr,genetlink,ethtool_netlink}.h`.

pub mod address;
pub mod attribute;
pub mod bond_stats;
pub mod clsact;
pub mod dcb;
pub mod drop_monitor;
pub mod error;
pub mod ethtool;
pub mod generic;
pub mod header;
pub mod inet_diag;
pub mod link;
pub mod linkinfo;
pub mod module_eeprom;
pub mod neighbour;
pub mod nflog;
pub mod nft_generation;
pub mod nsid;
pub mod psample;
pub mod request;
pub mod stats;
pub mod tc_sample;
pub mod vpp;

pub use error::ParseError;

#[cfg(test)]
pub(crate) mod tests;
