//! The ethtool family's `monitor` group: which interface had its link settings changed.
//!
//! A change by `ethtool -s` (speed, duplex) makes no rtnetlink message; here it is told. Only the ifIndex is read:
//! the new values come by the same way as at discovery. Spec: `linux/ethtool_netlink.h`,
//! Documentation/networking/ethtool-netlink.rst (kernel 5.6).

use super::attribute::Attributes;
use super::error::ParseError;
use super::generic;

/// Name of the family.
pub const FAMILY: &str = "ethtool";
/// Name of its notification group.
pub const GROUP: &str = "monitor";

const LINKINFO_NTF: u8 = 3;
const LINKMODES_NTF: u8 = 5;
// Every notification has its header as attribute 1, whatever the command.
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;

/// The ifIndex whose link settings changed; `None` for notifications about anything else.
pub fn parse_link_change(payload: &[u8]) -> Result<Option<u32>, ParseError> {
    let attributes = Attributes::after(payload, generic::HEADER_LEN, "genlmsghdr")?;
    if !matches!(payload.first(), Some(&(LINKINFO_NTF | LINKMODES_NTF))) {
        return Ok(None);
    }
    let Some(header) = attributes.find(HEADER)? else { return Ok(None) };
    let index = header.nested().find(HEADER_DEV_INDEX)?;
    index.map(|index| index.u32("ETHTOOL_A_HEADER_DEV_INDEX")).transpose()
}
