//! Flow samples and samples of dropped packets, made of what the packet sources hand on.
//!
//! In: [`Frame`] and [`super::frame::Discard`]. Out: the ports of a frame ([`path()`]), the numbers of its sample
//! ([`Sampler`]) and its records, encoded straight into the datagram ([`encode`], [`discard::encode`]). Rules: pure,
//! and nothing is allocated; a frame that sFlow has no header protocol for has no [`Packet`], so that no sample of it
//! can be made; any bytes in, cut anywhere, give a well-formed sample.
//!
//! One sample: [`Sampler::count`] and [`Packet::of`] when the frame comes; then, or when what is known of its TCP
//! connection has come too, [`path()`], [`Sampler::next`] for its numbers, and [`encode`] in the closure of
//! `Datagrams::add_flow`. A frame that has no packet is only counted.

pub mod discard;
mod header;
mod path;
mod record;
mod sampler;
mod tunnel;

pub use path::{Path, path};
pub use record::{Known, encode};
pub use sampler::Sampler;

use super::frame::{Frame, LinkType};
use crate::wire::ethernet::Ethernet;
use crate::wire::frame::{self as wire, Headers, Start};
use header::Header;
pub(crate) use header::INFINIBAND;

/// A frame that a sample can describe, and the headers in it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// As the source handed it on.
    pub frame: &'a Frame<'a>,
    /// Its headers; places are counted from the first byte of `frame.bytes`.
    pub headers: Headers<'a>,
    header: Header<'a>,
}

impl<'a> Packet<'a> {
    /// Reads the headers; `None` for a link that sFlow has no number for, or with another payload than IP where only IP
    /// has one.
    pub fn of(frame: &'a Frame<'a>) -> Option<Self> {
        let header = Header::of(frame)?;
        Some(Self { frame, headers: headers(frame), header })
    }
}

/// The headers of a frame, whose link header may lie apart.
fn headers<'a>(frame: &Frame<'a>) -> Headers<'a> {
    match frame.link {
        LinkType::Ethernet if frame.link_header.is_empty() => wire::parse(Start::Ethernet, frame.bytes),
        LinkType::Ethernet => {
            let link = Ethernet::parse(frame.link_header);
            let kind = link.and_then(|link| link.ether_type).unwrap_or(frame.protocol);
            Headers { ethernet: link, ..wire::parse(Start::EtherType(kind), frame.bytes) }
        }
        LinkType::Ip | LinkType::IpOfEthernet => wire::parse(Start::Ip, frame.bytes),
        LinkType::Other(_) => wire::parse(Start::Ip, &[]),
    }
}

#[cfg(test)]
mod tests;
