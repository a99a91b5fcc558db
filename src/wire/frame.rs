//! All headers of one packet sample: link, IP, transport.
//!
//! In: the sampled bytes, cut anywhere, and what they start with. Out: [`Headers`], a `Copy` view without any
//! allocation: cheap enough to be made for every sample (`cargo bench --bench headers`), and made only by whoever
//! looks at it. Rules: what was cut is `None`, never 0; every place is counted from the sample's first byte, those in
//! the headers inside a tunnel too. IP is found behind PPPoE and MPLS as well. Specs: those of [`super::ethernet`],
//! [`super::ip`], [`super::transport`], and of `shim` for what stands between.

use super::ethernet::{self, Ethernet};
use super::ip::Ip;
use super::shim;
use super::transport::Transport;

/// What the first byte of a sample belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// An Ethernet header.
    Ethernet,
    /// An IP header, whose first four bits say which version.
    Ip,
    /// The payload of this EtherType, whose link header somebody took off.
    EtherType(u16),
}

impl Start {
    /// What an sFlow sampled header of this `header_protocol` starts with; `None` for links that are not read here.
    pub fn of_header_protocol(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            11 => Some(Self::EtherType(ethernet::IPV4)),
            12 => Some(Self::EtherType(ethernet::IPV6)),
            _ => None,
        }
    }
}

/// The headers of a packet, as far as they were captured and understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The sample from its first byte to the end of this packet, without what the link added behind it.
    pub bytes: &'a [u8],
    /// The link header.
    pub ethernet: Option<Ethernet<'a>>,
    /// What the link carries: behind VLAN tags, but before a PPPoE or MPLS header.
    pub ether_type: Option<u16>,
    /// The IP header.
    pub ip: Option<Ip>,
    /// Where the IP header starts; only with `ip`.
    pub ip_at: usize,
    /// The header above IP; `None` in fragments other than the first.
    pub transport: Option<Transport>,
}

/// Reads the headers of a sample.
pub fn parse(start: Start, bytes: &[u8]) -> Headers<'_> {
    parse_at(start, bytes, 0)
}

/// Reads the headers of the packet that starts at a place inside a sample.
pub(super) fn parse_at(start: Start, bytes: &[u8], at: usize) -> Headers<'_> {
    let packet = bytes.get(at..).unwrap_or_default();
    let ethernet = match start {
        Start::Ethernet => Ethernet::parse(packet),
        Start::Ip | Start::EtherType(_) => None,
    };
    let (ether_type, behind) = match (start, ethernet) {
        (Start::Ethernet, link) => {
            (link.and_then(|link| link.ether_type), link.map_or(0, |link| link.payload_at))
        }
        (Start::EtherType(kind), _) => (Some(kind), 0),
        (Start::Ip, _) => (packet.first().and_then(|byte| version_type(byte >> 4)), 0),
    };
    let found = ether_type.and_then(|kind| shim::pass(kind, packet, behind));
    let ip_at = found.map_or(behind, |(_, at)| at);
    let network = packet.get(ip_at..).unwrap_or_default();
    let ip = found.zip(Ip::parse(network)).and_then(|((kind, _), ip)| {
        let same = Some(kind) == version_type(if ip.is_v6() { 6 } else { 4 });
        same.then_some(ip)
    });
    let claimed = ip.and_then(|ip| ip.length).and_then(|length| usize::try_from(length).ok());
    let network = claimed.and_then(|length| network.get(..length)).unwrap_or(network);
    let transport = ip.and_then(|ip| Transport::parse(ip.protocol?, network.get(ip.transport_at?..)?));
    let end = ip.map_or(bytes.len(), |_| at + ip_at + network.len());
    let bytes = bytes.get(..end).unwrap_or(bytes);
    let ethernet = ethernet.map(|mut link| {
        link.payload_at += at;
        link
    });
    Headers { bytes, ethernet, ether_type, ip, ip_at: at + ip_at, transport }
}

fn version_type(version: u8) -> Option<u16> {
    match version {
        4 => Some(ethernet::IPV4),
        6 => Some(ethernet::IPV6),
        _ => None,
    }
}

impl<'a> Headers<'a> {
    /// True where the link surely carries no IP, not even behind what may stand before it.
    pub fn is_other_than_ip(&self) -> bool {
        self.ether_type.is_some_and(|kind| !shim::may_hold_ip(kind))
    }

    /// Where the transport header starts; `None` in fragments other than the first, and where it was cut off.
    pub fn transport_at(&self) -> Option<usize> {
        let at = self.ip_at + self.ip?.transport_at?;
        Some(at).filter(|at| *at <= self.bytes.len())
    }

    /// Number of the transport protocol and the bytes from its header on.
    pub fn above_ip(&self) -> Option<(u8, &'a [u8])> {
        Some((self.ip?.protocol?, self.bytes.get(self.transport_at()?..)?))
    }
}

#[cfg(test)]
mod tests;
