//! Generic netlink: finds the number of a family and of its multicast groups by name.
//!
//! ```text
//! command u8 │ version u8 │ reserved u16 │ attributes of the family
//! ```
//! The controller (`nlctrl`, number 16) knows all families; `ENOENT` is the normal answer for one that is not
//! loaded. Spec: `linux/genetlink.h`.

use super::attribute::Attributes;
use super::error::ParseError;
use super::request::Request;
use std::borrow::Cow;

/// Bytes of `struct genlmsghdr`.
pub const HEADER_LEN: usize = 4;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// A family: its message type, and its multicast groups by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family<'a> {
    /// The `nlmsg_type` of its messages.
    pub id: u16,
    /// Group name and number.
    pub groups: Vec<(Cow<'a, str>, u32)>,
}

impl<'a> Family<'a> {
    /// Reads the payload of the controller's answer.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut family = Self::default();
        for attribute in Attributes::after(payload, HEADER_LEN, "genlmsghdr")? {
            let attribute = attribute?;
            match attribute.kind {
                1 => family.id = attribute.u16("CTRL_ATTR_FAMILY_ID")?,
                7 => {
                    for group in attribute.nested() {
                        family.groups.push(parse_group(group?.nested())?);
                    }
                }
                _ => {}
            }
        }
        Ok(family)
    }

    /// The number of the multicast group with this name.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|(group, _)| group == name).map(|(_, id)| *id)
    }
}

fn parse_group(attributes: Attributes<'_>) -> Result<(Cow<'_, str>, u32), ParseError> {
    let (mut name, mut id) = (Cow::default(), 0);
    for attribute in attributes {
        let attribute = attribute?;
        match attribute.kind {
            1 => name = attribute.text(),
            2 => id = attribute.u32("CTRL_ATTR_MCAST_GRP_ID")?,
            _ => {}
        }
    }
    Ok((name, id))
}

/// Asks the controller for a family.
pub fn get_family(buffer: &mut Vec<u8>, sequence: u32, name: &str) {
    let mut text = name.as_bytes().to_vec();
    text.push(0);
    let _ = Request::get(buffer, GENL_ID_CTRL, sequence, &[CTRL_CMD_GETFAMILY, 1, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, &text);
}
