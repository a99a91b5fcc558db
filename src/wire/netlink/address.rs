//! `RTM_NEWADDR`, `RTM_DELADDR`: one IP address of an interface.
//!
//! ```text
//! family u8 │ prefix length u8 │ flags u8 │ scope u8 │ index u32 │ IFA_ attributes
//! ```
//! `IFA_ADDRESS` is the other end's address on a point-to-point link and one's own elsewhere; `IFA_LOCAL`, where
//! present, is always one's own. `IFA_FLAGS` extends the 8 bits of the header. Spec: `linux/if_addr.h`.

use super::attribute::{Attribute, Attributes, u32_at};
use super::error::ParseError;
use super::request::Request;
use std::net::IpAddr;

/// `RTM_NEWADDR`.
pub const NEW_ADDRESS: u16 = 20;
/// `RTM_DELADDR`.
pub const DEL_ADDRESS: u16 = 21;
const RTM_GETADDR: u16 = 22;
const HEADER_LEN: usize = 8;
const IFA_TARGET_NETNSID: u16 = 10;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// `IFA_F_TEMPORARY` of IPv6; the same bit is `IFA_F_SECONDARY` of IPv4.
pub const FLAG_TEMPORARY: u32 = 0x01;
/// `IFA_F_DADFAILED`: another host has it.
pub const FLAG_DAD_FAILED: u32 = 0x08;
/// `IFA_F_DEPRECATED`.
pub const FLAG_DEPRECATED: u32 = 0x20;
/// `IFA_F_TENTATIVE`: not yet proven to be free.
pub const FLAG_TENTATIVE: u32 = 0x40;
/// `IFA_F_PERMANENT`: without lifetime, so neither by DHCP nor by router advertisement.
pub const FLAG_PERMANENT: u32 = 0x80;
/// `IFA_F_MANAGETEMPADDR`: the kernel makes temporary addresses from it.
pub const FLAG_MANAGE_TEMPORARY: u32 = 0x100;
/// `IFA_F_STABLE_PRIVACY`: made from a router's prefix by RFC 7217.
pub const FLAG_STABLE_PRIVACY: u32 = 0x800;
/// `IFAPROT_KERNEL_RA` of `IFA_PROTO`: made from a router advertisement.
pub const PROTO_KERNEL_RA: u8 = 2;

/// One address as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's own address.
    pub ip: IpAddr,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// Bits.
    pub prefix: u8,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// ifIndex.
    pub if_index: u32,
    /// `IFA_F_*`, all 32 bits where the kernel gives them.
    pub flags: u32,
    /// `IFA_PROTO` (kernel 5.18): who made the address.
    pub proto: Option<u8>,
    /// `IFA_TARGET_NETNSID` (kernel 4.20): the namespace that was asked about, and that this address is in.
    pub target_netnsid: Option<u32>,
}

impl Address {
    /// Reads the payload of an `RTM_NEWADDR` or `RTM_DELADDR`; `None` for a family other than IPv4 and IPv6.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, ParseError> {
        let attributes = Attributes::after(payload, HEADER_LEN, "ifaddrmsg")?;
        let [family, prefix, flags, scope, ..] = *payload else { return Ok(None) };
        if family != AF_INET && family != AF_INET6 {
            return Ok(None);
        }
        let (mut address, mut local, mut proto, mut flags) = (None, None, None, u32::from(flags));
        let mut target_netnsid = None;
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind {
                1 => address = Some(ip(family, &attribute, "IFA_ADDRESS")?),
                2 => local = Some(ip(family, &attribute, "IFA_LOCAL")?),
                8 => flags = attribute.u32("IFA_FLAGS")?,
                IFA_TARGET_NETNSID => target_netnsid = Some(attribute.u32("IFA_TARGET_NETNSID")?),
                11 => proto = Some(attribute.u8("IFA_PROTO")?),
                _ => {}
            }
        }
        let Some(ip) = local.or(address) else {
            let (offset, need, have) = (HEADER_LEN, 4, 0);
            return Err(ParseError::Truncated { field: "IFA_ADDRESS", offset, need, have });
        };
        let if_index = u32_at(payload, 4, "ifa_index")?;
        Ok(Some(Self {
            ip,
            peer: address.filter(|other| *other != ip),
            prefix,
            scope,
            if_index,
            flags,
            proto,
            target_netnsid,
        }))
    }
}

fn ip(family: u8, attribute: &Attribute<'_>, field: &'static str) -> Result<IpAddr, ParseError> {
    if family == AF_INET {
        attribute.bytes::<4>(field).map(IpAddr::from)
    } else {
        attribute.bytes::<16>(field).map(IpAddr::from)
    }
}

/// Asks for all addresses of both families.
pub fn dump(buffer: &mut Vec<u8>, sequence: u32) {
    dump_in(buffer, sequence, None);
}

/// The same in another namespace, by the number that this one gives it. A kernel that does not know the question answers
/// with its own, which lack [`Address::target_netnsid`].
pub fn dump_in(buffer: &mut Vec<u8>, sequence: u32, nsid: Option<u32>) {
    let request = Request::dump(buffer, RTM_GETADDR, sequence, &[0; HEADER_LEN]);
    if let Some(nsid) = nsid {
        let _ = request.attribute(IFA_TARGET_NETNSID, &nsid.to_ne_bytes());
    }
}
