//! `RTM_NEWSTATS` with `IFLA_STATS_LINK_64`: the 64-bit counters of one interface, and `struct rtnl_link_stats64`
//! itself, which `IFLA_STATS64` of a link message carries too.
//!
//! ```text
//! family u8 │ pad 3 │ index u32 │ filter mask u32 │ IFLA_STATS_ attributes
//! ```
//! Asking needs no privilege. The structure has grown at its end (184 bytes in 2.6.35, 192 in 4.6, 200 in 5.19);
//! the first 184 are read. What each counter means: the comment at `struct rtnl_link_stats64` in
//! `linux/if_link.h`.

use super::attribute::{Attribute, Attributes, u32_at};
use super::error::ParseError;
use super::request::Request;

/// `RTM_NEWSTATS`.
pub const NEW_STATS: u16 = 92;
pub(super) const RTM_GETSTATS: u16 = 94;
pub(super) const HEADER_LEN: usize = 12;
const IFLA_STATS_LINK_64: u16 = 1;

/// The counters of one interface since it exists, under the kernel's names. Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the kernel's names, explained in if_link.h
pub struct LinkStats {
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_errors: u64,
    pub tx_errors: u64,
    pub rx_dropped: u64,
    pub tx_dropped: u64,
    pub multicast: u64,
    pub collisions: u64,
    pub rx_length_errors: u64,
    pub rx_over_errors: u64,
    pub rx_crc_errors: u64,
    pub rx_frame_errors: u64,
    pub rx_fifo_errors: u64,
    pub rx_missed_errors: u64,
    pub tx_aborted_errors: u64,
    pub tx_carrier_errors: u64,
    pub tx_fifo_errors: u64,
    pub tx_heartbeat_errors: u64,
    pub tx_window_errors: u64,
}

impl LinkStats {
    /// Reads a `struct rtnl_link_stats64`.
    pub fn parse(attribute: &Attribute<'_>, field: &'static str) -> Result<Self, ParseError> {
        let bytes = attribute.bytes::<184>(field)?;
        let (words, _) = bytes.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        Ok(Self {
            rx_packets: next(),
            tx_packets: next(),
            rx_bytes: next(),
            tx_bytes: next(),
            rx_errors: next(),
            tx_errors: next(),
            rx_dropped: next(),
            tx_dropped: next(),
            multicast: next(),
            collisions: next(),
            rx_length_errors: next(),
            rx_over_errors: next(),
            rx_crc_errors: next(),
            rx_frame_errors: next(),
            rx_fifo_errors: next(),
            rx_missed_errors: next(),
            tx_aborted_errors: next(),
            tx_carrier_errors: next(),
            tx_fifo_errors: next(),
            tx_heartbeat_errors: next(),
            tx_window_errors: next(),
        })
    }
}

/// Reads the payload of an `RTM_NEWSTATS`: the ifIndex, and its counters where the message has them.
pub fn parse(payload: &[u8]) -> Result<(u32, Option<LinkStats>), ParseError> {
    let attributes = Attributes::after(payload, HEADER_LEN, "if_stats_msg")?;
    let index = u32_at(payload, 4, "ifindex")?;
    let mut stats = None;
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.kind == IFLA_STATS_LINK_64 {
            stats = Some(LinkStats::parse(&attribute, "IFLA_STATS_LINK_64")?);
        }
    }
    Ok((index, stats))
}

/// Asks for the counters of one interface (kernel 4.7 and later).
pub fn get(buffer: &mut Vec<u8>, sequence: u32, index: u32) {
    let mut fixed = [0; HEADER_LEN];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    // The mask counts attributes from bit 0, so that number 1 is bit 0.
    fixed[8..12].copy_from_slice(&1u32.to_ne_bytes());
    let _ = Request::get(buffer, RTM_GETSTATS, sequence, &fixed);
}
