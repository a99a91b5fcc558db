//! PSAMPLE: packets that `tc … action sample`, a switch chip's driver or a user-space data path chose.
//!
//! In: the payload of a message of the `psample` family. Out: [`Sample`]. Rules: as [`super`] has them; an interface
//! number is read in the width that it has, because the kernel writes 16 bits and others 32. The kernel's 16 bits cut
//! larger numbers, which cannot be seen here. What `data` starts with depends on the interface: an Ethernet header, or
//! at interfaces without one an IP header; `protocol` (kernel 5.13) says what the packet is.
//!
//! Spec: `linux/psample.h`; `USER_COOKIE` and `SAMPLE_PROBABILITY` since kernel 6.11.

use super::attribute::{Attribute, Attributes};
use super::error::ParseError;
use super::generic;
use std::net::IpAddr;

/// Name of the family.
pub const FAMILY: &str = "psample";
/// Name of its group of samples. Joining it needs `CAP_NET_ADMIN` since kernel 6.7 and in later releases of older ones.
pub const GROUP: &str = "packets";

/// Name of its group of news about sampling groups, which everybody may join.
pub const CONFIG_GROUP: &str = "config";

const CMD_SAMPLE: u8 = 0;
const CMD_NEW_GROUP: u8 = 2;
const SAMPLE_GROUP: u16 = 3;

/// One sampled packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample<'a> {
    /// ifIndex it came in by.
    pub in_index: Option<u32>,
    /// ifIndex it goes out by.
    pub out_index: Option<u32>,
    /// Bytes of the packet before it was cut.
    pub original_size: Option<u32>,
    /// Number of the sampling group.
    pub group: Option<u32>,
    /// Number of the sample in its group; a gap is a loss.
    pub sequence: Option<u32>,
    /// `SAMPLE_RATE` as written: see [`Self::sampling`].
    pub rate: Option<u32>,
    /// True where `rate` is a probability in units of 1/(2³²−1).
    pub rate_is_probability: bool,
    /// The packet's first bytes.
    pub data: Option<&'a [u8]>,
    /// How many users the group has.
    pub group_users: Option<u32>,
    /// The tunnel it came out of.
    pub tunnel: Option<TunnelKey>,
    /// Traffic class of the egress queue.
    pub out_class: Option<u16>,
    /// Bytes in the egress queue.
    pub out_occupancy: Option<u64>,
    /// Nanoseconds from ingress to egress.
    pub latency: Option<u64>,
    /// Nanoseconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// `EtherType`, or another `ETH_P_*` number.
    pub protocol: Option<u16>,
    /// What who set up the sampling wants to find again.
    pub cookie: Option<&'a [u8]>,
}

/// What the tunnel that a packet came out of had in its header, under the kernel's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelKey {
    /// VNI or key.
    pub id: Option<u64>,
    /// Who wrapped the packet.
    pub source: Option<IpAddr>,
    /// To whom.
    pub destination: Option<IpAddr>,
    /// Type of service or traffic class.
    pub tos: Option<u8>,
    /// Hops that were left.
    pub ttl: Option<u8>,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
}

impl<'a> Sample<'a> {
    /// Reads a message's payload; `None` for the family's other messages, which tell of groups.
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, ParseError> {
        let attributes = Attributes::after(payload, generic::HEADER_LEN, "genlmsghdr")?;
        if payload.first() != Some(&CMD_SAMPLE) {
            return Ok(None);
        }
        let mut sample = Self::default();
        for attribute in attributes {
            sample.read(&attribute?)?;
        }
        Ok(Some(sample))
    }

    fn read(&mut self, attribute: &Attribute<'a>) -> Result<(), ParseError> {
        match attribute.kind {
            0 => self.in_index = Some(index(attribute, "PSAMPLE_ATTR_IIFINDEX")?),
            1 => self.out_index = Some(index(attribute, "PSAMPLE_ATTR_OIFINDEX")?),
            2 => self.original_size = Some(attribute.u32("PSAMPLE_ATTR_ORIGSIZE")?),
            SAMPLE_GROUP => self.group = Some(attribute.u32("PSAMPLE_ATTR_SAMPLE_GROUP")?),
            4 => self.sequence = Some(attribute.u32("PSAMPLE_ATTR_GROUP_SEQ")?),
            5 => self.rate = Some(attribute.u32("PSAMPLE_ATTR_SAMPLE_RATE")?),
            6 => self.data = Some(attribute.value),
            7 => self.group_users = Some(attribute.u32("PSAMPLE_ATTR_GROUP_REFCOUNT")?),
            8 => self.tunnel = Some(TunnelKey::parse(attribute)?),
            10 => self.out_class = Some(attribute.u16("PSAMPLE_ATTR_OUT_TC")?),
            11 => self.out_occupancy = Some(u64(attribute, "PSAMPLE_ATTR_OUT_TC_OCC")?),
            12 => self.latency = Some(u64(attribute, "PSAMPLE_ATTR_LATENCY")?),
            13 => self.timestamp = Some(u64(attribute, "PSAMPLE_ATTR_TIMESTAMP")?),
            14 => self.protocol = Some(attribute.u16("PSAMPLE_ATTR_PROTO")?),
            15 => self.cookie = Some(attribute.value),
            16 => self.rate_is_probability = true,
            _ => {}
        }
        Ok(())
    }

    /// The N of 1-in-N, rounded to the nearest where a probability was given; `None` where nothing would be sampled.
    pub fn sampling(&self) -> Option<u32> {
        let rate = self.rate.filter(|rate| *rate != 0)?;
        if !self.rate_is_probability {
            return Some(rate);
        }
        let nearest = (u64::from(u32::MAX) + u64::from(rate / 2)) / u64::from(rate);
        Some(u32::try_from(nearest).unwrap_or(u32::MAX))
    }
}

/// The number of a sampling group that was made, whose samples are numbered from 0; `None` for other messages.
pub fn new_group(payload: &[u8]) -> Result<Option<u32>, ParseError> {
    let attributes = Attributes::after(payload, generic::HEADER_LEN, "genlmsghdr")?;
    if payload.first() != Some(&CMD_NEW_GROUP) {
        return Ok(None);
    }
    let group = attributes.find(SAMPLE_GROUP)?;
    group.map(|group| group.u32("PSAMPLE_ATTR_SAMPLE_GROUP")).transpose()
}

impl TunnelKey {
    fn parse(attribute: &Attribute<'_>) -> Result<Self, ParseError> {
        let mut key = Self::default();
        for attribute in attribute.nested() {
            let attribute = &attribute?;
            match attribute.kind {
                0 => key.id = Some(attribute.bytes("PSAMPLE_TUNNEL_KEY_ATTR_ID").map(u64::from_be_bytes)?),
                1 => key.source = Some(attribute.bytes::<4>("PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC")?.into()),
                2 => key.destination = Some(attribute.bytes::<4>("PSAMPLE_TUNNEL_KEY_ATTR_IPV4_DST")?.into()),
                3 => key.tos = Some(attribute.u8("PSAMPLE_TUNNEL_KEY_ATTR_TOS")?),
                4 => key.ttl = Some(attribute.u8("PSAMPLE_TUNNEL_KEY_ATTR_TTL")?),
                9 => key.source_port = Some(port(attribute, "PSAMPLE_TUNNEL_KEY_ATTR_TP_SRC")?),
                10 => key.destination_port = Some(port(attribute, "PSAMPLE_TUNNEL_KEY_ATTR_TP_DST")?),
                12 => key.source = Some(attribute.bytes::<16>("PSAMPLE_TUNNEL_KEY_ATTR_IPV6_SRC")?.into()),
                13 => {
                    key.destination = Some(attribute.bytes::<16>("PSAMPLE_TUNNEL_KEY_ATTR_IPV6_DST")?.into())
                }
                _ => {}
            }
        }
        Ok(key)
    }
}

/// An ifIndex of 16 or 32 bits.
fn index(attribute: &Attribute<'_>, field: &'static str) -> Result<u32, ParseError> {
    if attribute.value.len() == 2 { attribute.u16(field).map(u32::from) } else { attribute.u32(field) }
}

fn u64(attribute: &Attribute<'_>, field: &'static str) -> Result<u64, ParseError> {
    attribute.bytes(field).map(u64::from_ne_bytes)
}

fn port(attribute: &Attribute<'_>, field: &'static str) -> Result<u16, ParseError> {
    attribute.bytes(field).map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests;
