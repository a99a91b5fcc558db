//! Tunnels: finds the packet inside a sampled packet, and what tells one tunnel from another.
//!
//! VXLAN (RFC 7348; also Linux's old port 8472), Geneve (RFC 8926), GRE (RFC 2784 with the key and sequence of
//! RFC 2890, and NVGRE, RFC 7637), IP in IP (RFC 2003, RFC 4213, RFC 2473). In: [`Headers`]. Out: the inner headers,
//! their place in the sample, and the network number or key. Rules: ports decide only as the receiver's, where the
//! header that must follow them fits; a header that is cut or of an unknown form is no tunnel; no more than
//! [`MAX_DEPTH`] packets are opened, one inside another.

use super::ethernet::{IPV4, IPV6};
use super::frame::{Headers, Start, parse_at};
use super::transport::Transport;

/// How many tunnels inside each other are looked at.
pub const MAX_DEPTH: usize = 4;

/// EtherType of a whole Ethernet frame inside GRE or Geneve.
const BRIDGED: u16 = 0x6558;

/// What kind of tunnel, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VXLAN.
    Vxlan {
        /// Network number, 24 bits.
        vni: u32,
    },
    /// Geneve.
    Geneve {
        /// Network number, 24 bits.
        vni: u32,
    },
    /// GRE.
    Gre {
        /// Key. NVGRE has its 24-bit network number in the upper bits and 8 bits that vary by flow below.
        key: Option<u32>,
    },
    /// IP directly in IP.
    Ip,
}

impl Kind {
    /// The network number, for kinds that say for sure that they have one.
    pub fn vni(self) -> Option<u32> {
        match self {
            Self::Vxlan { vni } | Self::Geneve { vni } => Some(vni),
            Self::Gre { .. } | Self::Ip => None,
        }
    }
}

/// A packet inside a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel<'a> {
    /// What carries it.
    pub kind: Kind,
    /// Where it starts, in bytes from the sample's first.
    pub inner_at: usize,
    /// Its headers.
    pub inner: Headers<'a>,
}

/// Opens the outermost tunnel.
pub fn parse<'a>(outer: &Headers<'a>) -> Option<Tunnel<'a>> {
    let (protocol, body) = outer.above_ip()?;
    let at = outer.transport_at()?;
    let (kind, start, header_len) = match (protocol, outer.transport) {
        (4, _) => (Kind::Ip, Start::EtherType(IPV4), 0),
        (41, _) => (Kind::Ip, Start::EtherType(IPV6), 0),
        (47, _) => gre(body)?,
        (_, Some(Transport::Udp(ports))) => {
            let (kind, start, header_len) = match (ports.destination, body.get(8..)?) {
                (4789 | 8472, header) => vxlan(header)?,
                (6081, header) => geneve(header)?,
                _ => return None,
            };
            (kind, start, 8 + header_len)
        }
        _ => return None,
    };
    let inner_at = at + header_len;
    // A place that was not captured has nothing to show.
    outer.bytes.get(inner_at..).filter(|inner| !inner.is_empty())?;
    Some(Tunnel { kind, inner_at, inner: parse_at(start, outer.bytes, inner_at) })
}

/// All tunnels from the outermost inwards.
pub fn nested<'a>(outer: &Headers<'a>) -> impl Iterator<Item = Tunnel<'a>> + use<'a> {
    std::iter::successors(parse(outer), |tunnel| parse(&tunnel.inner)).take(MAX_DEPTH)
}

type Opened = (Kind, Start, usize);

/// `flags u8 │ reserved 24 │ VNI 24 │ reserved u8`. Only the flag that says "the VNI is valid" counts: the reserved
/// bits are to be ignored, and Linux uses some of them for group policy.
fn vxlan(header: &[u8]) -> Option<Opened> {
    let [flags, _, _, _, v0, v1, v2, _] = *header.first_chunk()?;
    let vni = u32::from_be_bytes([0, v0, v1, v2]);
    (flags & 0x08 != 0).then_some((Kind::Vxlan { vni }, Start::Ethernet, 8))
}

/// `version 2, options' length in words 6 │ O, C, reserved │ EtherType u16 │ VNI 24 │ reserved u8 │ options`.
fn geneve(header: &[u8]) -> Option<Opened> {
    let [start, flags, t0, t1, v0, v1, v2, _] = *header.first_chunk()?;
    let version = start >> 6;
    let control = flags & 0x80 != 0;
    if version != 0 || control {
        return None;
    }
    let length = 8 + 4 * usize::from(start & 0x3F);
    let vni = u32::from_be_bytes([0, v0, v1, v2]);
    Some((Kind::Geneve { vni }, inner_start(u16::from_be_bytes([t0, t1]))?, length))
}

/// `C, R, K, S … version │ EtherType u16`, then 4 bytes for each of checksum, key and sequence that is flagged.
fn gre(header: &[u8]) -> Option<Opened> {
    let [flags, version, t0, t1] = *header.first_chunk()?;
    let routed = flags & 0x40 != 0;
    if version & 7 != 0 || routed {
        return None;
    }
    let words = |flag: u8| if flags & flag == 0 { 0 } else { 4 };
    let key_at = 4 + words(0x80);
    let key = match words(0x20) {
        0 => None,
        _ => Some(u32::from_be_bytes(*header.get(key_at..)?.first_chunk()?)),
    };
    let length = key_at + words(0x20) + words(0x10);
    Some((Kind::Gre { key }, inner_start(u16::from_be_bytes([t0, t1]))?, length))
}

fn inner_start(ether_type: u16) -> Option<Start> {
    match ether_type {
        BRIDGED => Some(Start::Ethernet),
        IPV4 | IPV6 => Some(Start::EtherType(ether_type)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
