//! The sampled header: which bytes of a frame go into it, and what is said about the rest.
//!
//! In: a frame. Out: header protocol, length on the wire, bytes stripped, and the bytes, at most so many. Rules: the
//! header starts where its protocol says; a VLAN tag that the kernel took out is put back, so that the bytes are those
//! of the wire; lengths count the link's checksum, which no source has, so that it is always among the stripped bytes; the
//! length is never less than what is shown and what was stripped.
//!
//! Frames of the loopback device have an Ethernet header of zeros that no wire ever saw. They are told as IP, as the C
//! agent does. Spec: sFlow v5, section 5.4.1 (`sampled_header`).

use crate::sample::frame::{Frame, LinkType};
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::record::Record;
use crate::sflow::sample::SampleWriter;
use crate::sflow::xdr::Full;
use crate::wire::ethernet::{IPV4, IPV6};

/// Most bytes of a packet in a sample.
const MAX_BYTES: usize = 256;
/// Bytes of the two link addresses, behind which a tag stands.
const ADDRESSES_LEN: usize = 12;
/// Bytes of an Ethernet header without tags.
const ETHERNET_LEN: usize = 14;
/// Bytes of Ethernet's checksum.
const FCS: u32 = 4;
/// Bytes of InfiniBand's two checksums.
const CRCS: u32 = 6;
/// `ARPHRD_INFINIBAND`.
pub(crate) const INFINIBAND: u16 = 32;

/// Numbers of `header_protocol`.
const ETHERNET_PROTOCOL: u32 = 1;
const IPV4_PROTOCOL: u32 = 11;
const IPV6_PROTOCOL: u32 = 12;
const INFINIBAND_PROTOCOL: u32 = 18;

/// What the sampled header of a frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    protocol: u32,
    /// Bytes on the wire, checksum included.
    length: u32,
    /// Bytes on the wire before and behind `parts`, checksum included.
    stripped: u32,
    parts: [&'a [u8]; 3],
    /// Stands behind the first part.
    tag: Option<[u8; 4]>,
}

impl<'a> Header<'a> {
    /// `None` for what no header protocol describes.
    pub(super) fn of(frame: &Frame<'a>) -> Option<Self> {
        match frame.link {
            LinkType::Ethernet => Some(Self::of_loopback(frame).unwrap_or_else(|| Self::of_ethernet(frame))),
            LinkType::IpOfEthernet => Self::of_ip(frame, frame.protocol, frame.bytes, ETHERNET_LEN, FCS),
            LinkType::Ip => Self::of_ip(frame, frame.protocol, frame.bytes, frame.link_header.len(), 0),
            LinkType::Other(INFINIBAND) => Some(Self {
                protocol: INFINIBAND_PROTOCOL,
                length: frame.wire_len.saturating_add(CRCS),
                stripped: CRCS,
                parts: [frame.link_header, frame.bytes, &[]],
                tag: None,
            }),
            LinkType::Other(_) => None,
        }
    }

    fn of_ethernet(frame: &Frame<'a>) -> Self {
        let vlan = frame.vlan.map(|vlan| {
            let ([p0, p1], [c0, c1]) = (vlan.tpid.to_be_bytes(), vlan.tci.to_be_bytes());
            [p0, p1, c0, c1]
        });
        let (first, second) = match frame.link_header {
            [] => (frame.bytes, &[][..]),
            link => (link, frame.bytes),
        };
        // A frame that was cut before the tag's place has none.
        let tagged = vlan.zip(first.split_at_checked(ADDRESSES_LEN));
        let (parts, tag) = match tagged {
            Some((tag, (addresses, rest))) => ([addresses, rest, second], Some(tag)),
            None => ([first, second, &[]], None),
        };
        let length = frame.wire_len.saturating_add(FCS);
        Self { protocol: ETHERNET_PROTOCOL, length, stripped: FCS, parts, tag }
    }

    /// A frame of IP from nobody to nobody.
    fn of_loopback(frame: &Frame<'a>) -> Option<Self> {
        let (link, payload) = match frame.link_header {
            [] => frame.bytes.split_first_chunk::<ETHERNET_LEN>()?,
            link => (link.try_into().ok()?, frame.bytes),
        };
        let [addresses @ .., high, low] = link;
        if *addresses != [0; ADDRESSES_LEN] || frame.vlan.is_some() {
            return None;
        }
        let kind = u16::from_be_bytes([*high, *low]);
        protocol_of(kind)?;
        Self::of_ip(frame, kind, payload, link.len(), FCS)
    }

    /// IP, with this many bytes before and behind it that are not shown.
    fn of_ip(frame: &Frame<'a>, kind: u16, ip: &'a [u8], before: usize, behind: u32) -> Option<Self> {
        let protocol = match ip.first().map(|byte| byte >> 4) {
            Some(4) => IPV4_PROTOCOL,
            Some(6) => IPV6_PROTOCOL,
            Some(_) => return None,
            None => protocol_of(kind)?,
        };
        let length = frame.wire_len.saturating_add(behind);
        let stripped = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(behind);
        Some(Self { protocol, length, stripped, parts: [ip, &[], &[]], tag: None })
    }

    /// Bytes that could be shown.
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum::<usize>() + self.tag.map_or(0, |tag| tag.len())
    }

    /// Where in the header a place stands that is this many bytes before the end of what was captured, if it is among
    /// the header's first `limit` bytes.
    pub(super) fn place(&self, before_end: usize, limit: usize) -> Option<u32> {
        let at = self.len().checked_sub(before_end).filter(|at| *at < limit.min(MAX_BYTES))?;
        u32::try_from(at).ok()
    }

    /// Adds the record with at most `limit` bytes of the packet, and never more than 256.
    pub(super) fn encode(&self, limit: usize, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
        let mut left = limit.min(MAX_BYTES);
        let [first, second, third] = self.parts;
        let tag = self.tag.as_ref().map_or(&[][..], |tag| tag);
        let shown = [first, tag, second, third].map(|part| {
            let part = part.get(..left).unwrap_or(part);
            left -= part.len();
            part
        });
        let length: usize = shown.iter().map(|part| part.len()).sum();
        let least = u32::try_from(length).unwrap_or(u32::MAX).saturating_add(self.stripped);
        out.record_with(SampledHeader::TAG, |out| {
            out.u32(self.protocol)?;
            out.u32(self.length.max(least))?;
            out.u32(self.stripped)?;
            out.opaque_of(&shown)
        })
    }
}

/// The header protocol of an EtherType.
fn protocol_of(kind: u16) -> Option<u32> {
    match kind {
        IPV4 => Some(IPV4_PROTOCOL),
        IPV6 => Some(IPV6_PROTOCOL),
        _ => None,
    }
}
