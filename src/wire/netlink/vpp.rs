//! What the sFlow plug-in of VPP tells of itself and of its interfaces: netlink messages between programs
//! (`NETLINK_USERSOCK`), of the plug-in's own types.
//!
//! In: type and payload of a message. Out: [`Message`]. Rules: attributes follow the netlink header at once; a number may be
//! 1, 2, 4 or 8 bytes wide, as its sender likes, and any other width is an error; an attribute that is not known is
//! skipped. Types 1 and 2 are what netlink's own messages are called elsewhere: these mean something else.
//!
//! Spec: `sflow_common.h` of VPP's plug-in.

use super::attribute::{Attribute, Attributes};
use super::error::ParseError;
use std::borrow::Cow;

/// The multicast group of these messages.
pub const GROUP: u32 = 29;
/// The psample group of packets that arrive; those that leave are in the next one.
pub const PSAMPLE_GROUP: u32 = 3;

const STATUS: u16 = 1;
const INTERFACE: u16 = 2;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // it lives for one call, and nothing is to be allocated for it
pub enum Message<'a> {
    /// How the plug-in fares.
    Status(Status),
    /// An interface and its counters.
    Interface(Interface<'a>),
}

/// How the plug-in fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of the message among all of the plug-in; starts again with it.
    pub sequence: Option<u64>,
    /// Samples that it has lost since it started.
    pub drops: Option<u64>,
}

/// An interface and its counters since VPP started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface<'a> {
    /// As for [`Status`].
    pub sequence: Option<u64>,
    /// VPP's number of it (`sw_if_index`).
    pub index: Option<u64>,
    /// ifIndex of the Linux interface that stands for it.
    pub os_index: Option<u64>,
    /// VPP's name of it.
    pub name: Option<Cow<'a, str>>,
    /// IANAifType.
    pub if_type: Option<u64>,
    /// Bits per second; 0 where VPP does not know.
    pub speed_bps: Option<u64>,
    /// 1 full duplex, 2 half duplex.
    pub direction: Option<u64>,
    /// The link is up.
    pub oper_up: Option<u64>,
    /// Switched on by the operator.
    pub admin_up: Option<u64>,
    /// What it has received.
    pub rx: Counts,
    /// What it has sent.
    pub tx: Counts,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Counts {
    pub octets: Option<u64>,
    /// All of them, to one or many.
    pub packets: Option<u64>,
    pub broadcasts: Option<u64>,
    pub multicasts: Option<u64>,
    pub discards: Option<u64>,
    pub errors: Option<u64>,
}

impl<'a> Message<'a> {
    /// Reads a message; `None` for a type that is not known.
    pub fn parse(kind: u16, payload: &'a [u8]) -> Result<Option<Self>, ParseError> {
        let attributes = Attributes::after(payload, 0, "nlmsghdr")?;
        Ok(match kind {
            STATUS => Some(Self::Status(Status::parse(attributes)?)),
            INTERFACE => Some(Self::Interface(Interface::parse(attributes)?)),
            _ => None,
        })
    }
}

impl Status {
    fn parse(attributes: Attributes<'_>) -> Result<Self, ParseError> {
        let mut status = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind {
                22 => status.drops = number(&attribute, "SFLOW_VPP_ATTR_DROPS")?,
                23 => status.sequence = number(&attribute, "SFLOW_VPP_ATTR_SEQ")?,
                _ => {}
            }
        }
        Ok(status)
    }
}

impl<'a> Interface<'a> {
    fn parse(attributes: Attributes<'a>) -> Result<Self, ParseError> {
        let mut interface = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            let Self { rx, tx, .. } = &mut interface;
            let (field, name) = match attribute.kind {
                0 => {
                    interface.name = Some(attribute.text());
                    continue;
                }
                1 => (&mut interface.index, "SFLOW_VPP_ATTR_IFINDEX"),
                2 => (&mut interface.if_type, "SFLOW_VPP_ATTR_IFTYPE"),
                3 => (&mut interface.speed_bps, "SFLOW_VPP_ATTR_IFSPEED"),
                4 => (&mut interface.direction, "SFLOW_VPP_ATTR_IFDIRECTION"),
                5 => (&mut interface.oper_up, "SFLOW_VPP_ATTR_OPER_UP"),
                6 => (&mut interface.admin_up, "SFLOW_VPP_ATTR_ADMIN_UP"),
                7 => (&mut rx.octets, "SFLOW_VPP_ATTR_RX_OCTETS"),
                8 => (&mut tx.octets, "SFLOW_VPP_ATTR_TX_OCTETS"),
                9 => (&mut rx.packets, "SFLOW_VPP_ATTR_RX_PKTS"),
                10 => (&mut tx.packets, "SFLOW_VPP_ATTR_TX_PKTS"),
                11 => (&mut rx.broadcasts, "SFLOW_VPP_ATTR_RX_BCASTS"),
                12 => (&mut tx.broadcasts, "SFLOW_VPP_ATTR_TX_BCASTS"),
                13 => (&mut rx.multicasts, "SFLOW_VPP_ATTR_RX_MCASTS"),
                14 => (&mut tx.multicasts, "SFLOW_VPP_ATTR_TX_MCASTS"),
                15 => (&mut rx.discards, "SFLOW_VPP_ATTR_RX_DISCARDS"),
                16 => (&mut tx.discards, "SFLOW_VPP_ATTR_TX_DISCARDS"),
                17 => (&mut rx.errors, "SFLOW_VPP_ATTR_RX_ERRORS"),
                18 => (&mut tx.errors, "SFLOW_VPP_ATTR_TX_ERRORS"),
                21 => (&mut interface.os_index, "SFLOW_VPP_ATTR_OSINDEX"),
                23 => (&mut interface.sequence, "SFLOW_VPP_ATTR_SEQ"),
                _ => continue,
            };
            *field = number(&attribute, name)?;
        }
        Ok(interface)
    }
}

/// A number of any of the four widths.
fn number(attribute: &Attribute<'_>, field: &'static str) -> Result<Option<u64>, ParseError> {
    Ok(Some(match *attribute.value {
        [byte] => byte.into(),
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
        _ if attribute.value.len() == 8 => u64::from_ne_bytes(attribute.bytes(field)?),
        _ => {
            let (offset, length) = (attribute.offset, attribute.value.len());
            return Err(ParseError::Length { field, offset, length, have: length });
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, damaged};
    use super::*;
    use proptest::prelude::*;

    fn message(widths: [usize; 2]) -> Vec<u8> {
        let mut payload = attribute(0, b"GigabitEthernet0/8/0");
        for kind in (1..19).chain([21, 23]) {
            let number = u64::from(kind) + 100;
            let width = widths[usize::from(kind) % 2];
            payload.extend(attribute(kind, &number.to_le_bytes()[..width]));
        }
        payload.extend(attribute(19, &[2, 0, 0, 0, 0, 7]));
        payload.extend(attribute(99, b"of a later version"));
        payload
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn numbers_are_read_in_the_width_that_they_have() {
        for widths in [[1, 2], [2, 4], [4, 8], [8, 1]] {
            let payload = message(widths);
            let Ok(Some(Message::Interface(told))) = Message::parse(2, &payload) else {
                panic!("{widths:?}")
            };
            assert_eq!(told.name.as_deref(), Some("GigabitEthernet0/8/0"));
            assert_eq!((told.index, told.os_index, told.sequence), (Some(101), Some(121), Some(123)));
            assert_eq!((told.if_type, told.speed_bps, told.direction), (Some(102), Some(103), Some(104)));
            assert_eq!((told.oper_up, told.admin_up), (Some(105), Some(106)));
            let [rx, tx] = [0, 1].map(|way| {
                let number = |place: u64| Some(107 + 2 * place + way);
                let (octets, packets, broadcasts) = (number(0), number(1), number(2));
                let (multicasts, discards, errors) = (number(3), number(4), number(5));
                Counts { octets, packets, broadcasts, multicasts, discards, errors }
            });
            assert_eq!((told.rx, told.tx), (rx, tx));
        }
    }

    #[test]
    fn a_status_has_drops_and_a_message_of_another_type_is_nothing() {
        let payload = [attribute(20, &9_u32.to_ne_bytes()), attribute(22, &7_u32.to_ne_bytes())].concat();
        let status = Status { drops: Some(7), sequence: None };
        assert_eq!(Message::parse(1, &payload), Ok(Some(Message::Status(status))));
        assert_eq!(Message::parse(3, &payload), Ok(None));
    }

    #[test]
    fn a_width_that_no_number_has_is_an_error_that_names_the_attribute() {
        for width in [0, 3, 5, 9] {
            let error = Message::parse(2, &attribute(7, &vec![1; width])).unwrap_err();
            assert!(error.to_string().starts_with("SFLOW_VPP_ATTR_RX_OCTETS at offset 4"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_damage_is_a_message_or_an_error(bytes in damaged(vec![message([4, 8])]), kind in 0_u16..4) {
            for cut in 0..=bytes.len() {
                let _ = Message::parse(kind, &bytes[..cut]);
            }
        }
    }
}
