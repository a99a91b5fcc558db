//! `RTM_NEWLINK`, `RTM_DELLINK`: one interface as the kernel describes it.
//!
//! ```text
//! family u8 │ pad u8 │ ARPHRD type u16 │ index i32 │ IFF_ flags u32 │ change mask u32 │ IFLA_ attributes
//! ```
//! Two messages of this type are no description of an interface and must be told apart by the caller: a bridge
//! speaks of its ports with family `AF_BRIDGE` (there `RTM_DELLINK` means "left the bridge"), and wireless drivers
//! send events without `IFLA_IFNAME`. Spec: rtnetlink(7), `linux/if_link.h`.

use super::attribute::{Attributes, u16_at, u32_at};
use super::error::ParseError;
use super::linkinfo::LinkInfo;
use super::request::Request;
use super::stats::LinkStats;
use std::borrow::Cow;

/// `RTM_NEWLINK`.
pub const NEW_LINK: u16 = 16;
/// `RTM_DELLINK`.
pub const DEL_LINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const HEADER_LEN: usize = 16;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_TARGET_NETNSID: u16 = 46;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

/// One interface. Text and addresses point into the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link<'a> {
    /// `AF_UNSPEC`, or `AF_BRIDGE` where a bridge speaks of its port.
    pub family: u8,
    /// `ARPHRD_*`: 1 Ethernet, 772 loopback, 65534 none.
    pub hardware: u16,
    /// ifIndex, never 0.
    pub index: u32,
    /// `IFF_*`.
    pub flags: u32,
    /// `IFLA_IFNAME`.
    pub name: Option<Cow<'a, str>>,
    /// `IFLA_IFALIAS`.
    pub alias: Option<Cow<'a, str>>,
    /// `IFLA_ADDRESS`, of any length.
    pub address: Option<&'a [u8]>,
    /// `IFLA_PERM_ADDRESS` (kernel 5.6).
    pub perm_address: Option<&'a [u8]>,
    /// `IFLA_MTU`, bytes.
    pub mtu: Option<u32>,
    /// `IFLA_OPERSTATE`: RFC 2863 as `IF_OPER_*` counts it, 0 unknown, 6 up.
    pub operstate: Option<u8>,
    /// `IFLA_CARRIER`.
    pub carrier: Option<bool>,
    /// `IFLA_MASTER`: ifIndex of the bridge, bond … that owns this one.
    pub master: Option<u32>,
    /// `IFLA_LINK`: ifIndex of the lower device, or of the other end.
    pub link: Option<u32>,
    /// `IFLA_LINK_NETNSID`: there where `link` counts in another network namespace.
    pub link_netnsid: Option<i32>,
    /// `IFLA_TARGET_NETNSID` (kernel 4.15): the namespace that was asked about, and that this interface is in.
    pub target_netnsid: Option<u32>,
    /// `IFLA_PROMISCUITY`: how many asked for it.
    pub promiscuity: Option<u32>,
    /// `IFLA_PARENT_DEV_BUS_NAME` (kernel 5.14): `pci`, `virtio` … absent for software devices.
    pub parent_bus: Option<Cow<'a, str>>,
    /// `IFLA_LINKINFO`.
    pub info: LinkInfo<'a>,
    /// `IFLA_STATS64`.
    pub stats: Option<LinkStats>,
}

impl<'a> Link<'a> {
    /// Reads the payload of an `RTM_NEWLINK` or `RTM_DELLINK`.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let attributes = Attributes::after(payload, HEADER_LEN, "ifinfomsg")?;
        let mut link = Self {
            family: payload.first().copied().unwrap_or_default(),
            hardware: u16_at(payload, 2, "ifi_type")?,
            index: u32_at(payload, 4, "ifi_index")?,
            flags: u32_at(payload, 8, "ifi_flags")?,
            ..Self::default()
        };
        if link.index == 0 || link.index > i32::MAX.cast_unsigned() {
            return Err(ParseError::Value { field: "ifi_index", offset: 4, value: link.index });
        }
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind {
                1 => link.address = Some(attribute.value),
                3 => link.name = Some(attribute.text()),
                4 => link.mtu = Some(attribute.u32("IFLA_MTU")?),
                5 => link.link = Some(attribute.u32("IFLA_LINK")?),
                10 => link.master = Some(attribute.u32("IFLA_MASTER")?),
                16 => link.operstate = Some(attribute.u8("IFLA_OPERSTATE")?),
                18 => link.info = LinkInfo::parse(attribute.nested())?,
                20 => link.alias = Some(attribute.text()),
                23 => link.stats = Some(LinkStats::parse(&attribute, "IFLA_STATS64")?),
                30 => link.promiscuity = Some(attribute.u32("IFLA_PROMISCUITY")?),
                33 => link.carrier = Some(attribute.u8("IFLA_CARRIER")? != 0),
                37 => link.link_netnsid = Some(attribute.u32("IFLA_LINK_NETNSID")?.cast_signed()),
                IFLA_TARGET_NETNSID => link.target_netnsid = Some(attribute.u32("IFLA_TARGET_NETNSID")?),
                54 => link.perm_address = Some(attribute.value),
                57 => link.parent_bus = Some(attribute.text()),
                _ => {}
            }
        }
        Ok(link)
    }
}

/// Asks for all interfaces, without their counters: those have a cheaper message of their own.
pub fn dump(buffer: &mut Vec<u8>, sequence: u32) {
    let _ = Request::dump(buffer, RTM_GETLINK, sequence, &[0; HEADER_LEN])
        .attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
}

/// Asks for all interfaces with their counters: those of another namespace, by the number that this one gives it, or
/// one's own. A kernel that does not know the question answers with its own, which lack [`Link::target_netnsid`].
pub fn dump_in(buffer: &mut Vec<u8>, sequence: u32, nsid: Option<u32>) {
    let request = Request::dump(buffer, RTM_GETLINK, sequence, &[0; HEADER_LEN]);
    if let Some(nsid) = nsid {
        let _ = request.attribute(IFLA_TARGET_NETNSID, &nsid.to_ne_bytes());
    }
}

/// Asks for one interface of another namespace, with its counters.
pub fn get_in(buffer: &mut Vec<u8>, sequence: u32, nsid: u32, index: u32) {
    let mut fixed = [0; HEADER_LEN];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    let _ = Request::get(buffer, RTM_GETLINK, sequence, &fixed)
        .attribute(IFLA_TARGET_NETNSID, &nsid.to_ne_bytes());
}

/// Asks for one interface, with its counters where `stats` is set.
pub fn get(buffer: &mut Vec<u8>, sequence: u32, index: u32, stats: bool) {
    let mut fixed = [0; HEADER_LEN];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    let request = Request::get(buffer, RTM_GETLINK, sequence, &fixed);
    if !stats {
        let _ = request.attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    }
}
