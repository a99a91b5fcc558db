//! IPv4 and IPv6 headers of a sampled packet, up to where the transport header starts.
//!
//! In: bytes that start with the IP header and are cut anywhere. Out: the fixed header's fields and, where all
//! headers between were captured, the transport protocol and the place of its header. Rules: a fixed header that is
//! cut or contradicts itself is no header; a fragment other than the first has no transport header; bytes behind the
//! length that IP claims are the link's padding. Spec: RFC 791, RFC 8200, RFC 4302 (whose header counts its length in
//! another unit than the other extension headers), RFC 6946.

use std::net::IpAddr;

/// What both versions say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Bytes of the whole packet with this header; `None` where the header leaves it open, as a packet before
    /// segmentation by hardware or a jumbogram does.
    pub length: Option<u32>,
    /// Type of service or traffic class, all 8 bits.
    pub tos: u8,
    /// Hops that are left.
    pub ttl: u8,
    /// The place in a fragmented packet; `None` for a whole one.
    pub fragment: Option<Fragment>,
    /// Number of the transport protocol; `None` where the extension headers before it were cut or cannot be passed.
    pub protocol: Option<u8>,
    /// Where the transport header starts, in bytes from this header's first byte; `None` where there is none. It may
    /// be the end of what was captured.
    pub transport_at: Option<usize>,
}

/// A part of a fragmented packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Bytes before this part.
    pub offset: u16,
    /// True where this is not the last part.
    pub more: bool,
}

impl Fragment {
    fn new(offset: u16, more: bool) -> Option<Self> {
        (offset != 0 || more).then_some(Self { offset, more })
    }
}

impl Ip {
    /// Reads a packet of the version that its first four bits say.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => ipv4(packet),
            6 => ipv6(packet),
            _ => None,
        }
    }

    /// True for IPv6.
    pub fn is_v6(&self) -> bool {
        self.source.is_ipv6()
    }
}

fn ipv4(packet: &[u8]) -> Option<Ip> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let [start, tos, l0, l1, _, _, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let header_len = usize::from(start & 0xF) * 4;
    let length = u16::from_be_bytes([l0, l1]);
    if header_len < header.len() || (length != 0 && usize::from(length) < header_len) {
        return None;
    }
    let flags = u16::from_be_bytes([f0, f1]);
    let fragment = Fragment::new((flags & 0x1FFF) << 3, flags & 0x2000 != 0);
    let first = fragment.is_none_or(|fragment| fragment.offset == 0);
    Some(Ip {
        source: [s0, s1, s2, s3].into(),
        destination: [d0, d1, d2, d3].into(),
        length: (length != 0).then_some(u32::from(length)),
        tos,
        ttl,
        fragment,
        protocol: Some(protocol),
        transport_at: Some(header_len).filter(|at| first && *at <= packet.len()),
    })
}

fn ipv6(packet: &[u8]) -> Option<Ip> {
    let (header, rest) = packet.split_first_chunk::<40>()?;
    let [v0, v1, _, _, l0, l1, next, ttl, addresses @ ..] = *header;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let destination: [u8; 16] = destination.try_into().ok()?;
    let length = u16::from_be_bytes([l0, l1]);
    // What a link adds behind the packet is no extension header.
    let body = rest.get(..usize::from(length)).filter(|_| length != 0).unwrap_or(rest);
    let chain = Chain::follow(next, body);
    Some(Ip {
        source: (*source).into(),
        destination: destination.into(),
        length: (length != 0).then_some(u32::from(length) + 40),
        tos: (v0 << 4) | (v1 >> 4),
        ttl,
        fragment: chain.fragment,
        protocol: chain.protocol,
        transport_at: chain.transport_at.map(|at| at + header.len()),
    })
}

/// True for headers that say themselves what follows them and where.
fn is_extension(next: u8) -> bool {
    matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140)
}

/// What stands between the fixed IPv6 header and the transport header.
struct Chain {
    protocol: Option<u8>,
    transport_at: Option<usize>,
    fragment: Option<Fragment>,
}

impl Chain {
    fn follow(mut next: u8, body: &[u8]) -> Self {
        let (mut at, mut fragment) = (0, None);
        loop {
            let rest = body.get(at..).unwrap_or_default();
            let (following, length) = match (next, rest) {
                // Hop-by-hop, routing, destination options, mobility, HIP, shim6: 8 bytes, and as many again as said.
                (0 | 43 | 60 | 135 | 139 | 140, [following, units, ..]) => {
                    (*following, (usize::from(*units) + 1) * 8)
                }
                // Authentication: the only one that counts 4 bytes, less two of them.
                (51, [following, units, ..]) => (*following, (usize::from(*units) + 2) * 4),
                (44, [following, _, o0, o1, ..]) => {
                    let word = u16::from_be_bytes([*o0, *o1]);
                    fragment = fragment.or(Fragment::new(word & 0xFFF8, word & 1 != 0));
                    if word & 0xFFF8 != 0 {
                        // What follows is the middle of the packet; of its start only the first header is known.
                        let protocol = Some(*following).filter(|next| !is_extension(*next));
                        return Self { protocol, transport_at: None, fragment };
                    }
                    (*following, 8)
                }
                (next, _) if is_extension(next) => {
                    return Self { protocol: None, transport_at: None, fragment };
                }
                // Encrypted (50) and "no next header" (59) are where it ends, as for any transport.
                _ => {
                    let transport_at = Some(at).filter(|at| *at <= body.len());
                    return Self { protocol: Some(next), transport_at, fragment };
                }
            };
            (next, at) = (following, at + length);
        }
    }
}
