//! The UDP datagram in a captured packet, for reading sFlow out of capture files.
//!
//! In: a LINKTYPE number and the packet's bytes. Out: addresses, ports and payload, or the reason why there is no
//! whole UDP datagram. Ethernet with VLAN tags, Linux cooked captures, raw IP and loopback; IPv4 (RFC 791) and IPv6
//! with extension headers (RFC 8200). Checksums are not looked at: captures on the sending host hold unfinished ones.

use std::net::{IpAddr, SocketAddr};

/// A whole UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// Its data, without what the link added behind it.
    pub payload: &'a [u8],
}

/// Why a packet has no UDP datagram to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUdp {
    /// The capture's link type is not supported.
    #[error("link type {0} is not supported")]
    LinkType(u32),
    /// Another protocol above the link.
    #[error("not IP (ethertype {0:#06x})")]
    NotIp(u16),
    /// Another protocol above IP.
    #[error("not UDP (IP protocol {0})")]
    NotUdp(u8),
    /// Part of a fragmented packet.
    #[error("an IP fragment (offset {0})")]
    Fragment(u16),
    /// Not captured to its end, or a length field that is too small.
    #[error("the {0} is cut off")]
    Truncated(&'static str),
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;

/// Finds the UDP datagram in a packet of a capture with this link type.
pub fn parse(link_type: u32, packet: &[u8]) -> Result<Udp<'_>, NoUdp> {
    match link_type {
        1 => ethertype(packet.get(12..)),
        113 => ethertype(packet.get(14..)),
        // Linux cooked, version 2: the protocol stands first, then 18 bytes of other things.
        276 => {
            let (kind, _) = word(packet, "link header")?;
            network(kind, packet.get(20..).ok_or(NoUdp::Truncated("link header"))?)
        }
        // The address family before it differs by system and byte order; the packet knows its version.
        0 | 108 => raw(packet.get(4..).unwrap_or_default()),
        12 | 14 | 101 | 228 | 229 => raw(packet),
        _ => Err(NoUdp::LinkType(link_type)),
    }
}

/// The next two bytes as a number, and the rest.
fn word<'a>(bytes: &'a [u8], what: &'static str) -> Result<(u16, &'a [u8]), NoUdp> {
    let (word, rest) = bytes.split_first_chunk().ok_or(NoUdp::Truncated(what))?;
    Ok((u16::from_be_bytes(*word), rest))
}

/// From the type field on, over any VLAN tags.
fn ethertype(from_type: Option<&[u8]>) -> Result<Udp<'_>, NoUdp> {
    let mut rest = from_type.unwrap_or_default();
    loop {
        let kind;
        (kind, rest) = word(rest, "link header")?;
        match kind {
            0x8100 | 0x88A8 | 0x9100 => (_, rest) = word(rest, "VLAN tag")?,
            _ => return network(kind, rest),
        }
    }
}

fn raw(packet: &[u8]) -> Result<Udp<'_>, NoUdp> {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(packet),
        Some(6) => ipv6(packet),
        Some(_) => Err(NoUdp::NotIp(0)),
        None => Err(NoUdp::Truncated("IP header")),
    }
}

fn network(kind: u16, packet: &[u8]) -> Result<Udp<'_>, NoUdp> {
    match kind {
        IPV4 => ipv4(packet),
        IPV6 => ipv6(packet),
        _ => Err(NoUdp::NotIp(kind)),
    }
}

fn ipv4(packet: &[u8]) -> Result<Udp<'_>, NoUdp> {
    const CUT: NoUdp = NoUdp::Truncated("IPv4 header");
    let header: &[u8; 20] = packet.first_chunk().ok_or(CUT)?;
    let [start, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let header_length = usize::from(start & 0xF) * 4;
    // Segmentation offload leaves the length 0: then the capture's end is the packet's.
    let length = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => packet.len(),
        length => length,
    };
    let packet = packet.get(..length).ok_or(NoUdp::Truncated("IPv4 packet"))?;
    let body = packet.get(header_length.max(20)..).ok_or(CUT)?;
    let fragment = u16::from_be_bytes([f0, f1]) & 0x3FFF;
    if fragment != 0 {
        return Err(NoUdp::Fragment((fragment & 0x1FFF) * 8));
    }
    datagram(protocol, [s0, s1, s2, s3].into(), [d0, d1, d2, d3].into(), body)
}

fn ipv6(packet: &[u8]) -> Result<Udp<'_>, NoUdp> {
    const CUT: NoUdp = NoUdp::Truncated("IPv6 header");
    let (header, rest) = packet.split_first_chunk::<40>().ok_or(CUT)?;
    let [_, _, _, _, l0, l1, mut next, _, addresses @ ..] = *header;
    let (source, destination) = addresses.split_first_chunk::<16>().ok_or(CUT)?;
    let destination: [u8; 16] = destination.try_into().map_err(|_| CUT)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let mut body = rest.get(..length).ok_or(NoUdp::Truncated("IPv6 packet"))?;
    loop {
        match next {
            // Hop-by-hop, routing, destination options: their length is in units of 8 bytes after the first 8.
            0 | 43 | 60 => {
                let [following, units] = *body.first_chunk().ok_or(CUT)?;
                next = following;
                body = body.get((usize::from(units) + 1) * 8..).ok_or(CUT)?;
            }
            // A fragment header with offset 0 and none to follow belongs to a whole packet (RFC 6946).
            44 => {
                let [following, _, o0, o1] = *body.first_chunk().ok_or(CUT)?;
                let fragment = u16::from_be_bytes([o0, o1]);
                if fragment & 0xFFF9 != 0 {
                    return Err(NoUdp::Fragment(fragment & 0xFFF8));
                }
                next = following;
                body = body.get(8..).ok_or(CUT)?;
            }
            _ => return datagram(next, (*source).into(), destination.into(), body),
        }
    }
}

fn datagram(protocol: u8, source: IpAddr, destination: IpAddr, body: &[u8]) -> Result<Udp<'_>, NoUdp> {
    if protocol != 17 {
        return Err(NoUdp::NotUdp(protocol));
    }
    let (source_port, rest) = word(body, "UDP header")?;
    let (destination_port, rest) = word(rest, "UDP header")?;
    let (length, _) = word(rest, "UDP header")?;
    let payload = body.get(8..usize::from(length)).ok_or(NoUdp::Truncated("UDP datagram"))?;
    Ok(Udp {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
        payload,
    })
}

#[cfg(test)]
mod tests;
