//! `ETHTOOL_MSG_MODULE_EEPROM_GET`: bytes of a pluggable transceiver's memory.
//!
//! In: the interface and a block; the answer's payload. Out: the request; the bytes. The kernel asks the driver while it
//! takes the request, which can last: the bus is slow. It never asks for more than 128 bytes, nor across the middle of the
//! memory. Spec: `linux/ethtool_netlink.h`, Documentation/networking/ethtool-netlink.rst (kernel 5.13).

use super::attribute::Attributes;
use super::error::ParseError;
use super::generic::HEADER_LEN;
use super::request::{Request, push_attribute};

/// The most that one request can ask for.
pub const BLOCK_LEN: usize = 128;
const GET: u8 = 31;
const NESTED: u16 = 0x8000;
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;
const OFFSET: u16 = 2;
const LENGTH: u16 = 3;
const PAGE: u16 = 4;
const BANK: u16 = 5;
const ADDRESS: u16 = 6;
const DATA: u16 = 7;

/// Where to read [`BLOCK_LEN`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// On the module's bus, 7 bits.
    pub address: u8,
    /// Of the page.
    pub bank: u8,
    /// 0 for the lower half.
    pub page: u8,
    /// 0 or 128.
    pub offset: u8,
}

/// Asks for a block. `family` is the number of [`super::ethtool::FAMILY`].
pub fn get(buffer: &mut Vec<u8>, sequence: u32, family: u16, index: u32, place: Place) {
    let mut header = Vec::new();
    push_attribute(&mut header, HEADER_DEV_INDEX, &index.to_ne_bytes());
    let _ = Request::get(buffer, family, sequence, &[GET, 1, 0, 0])
        .attribute(HEADER | NESTED, &header)
        .attribute(OFFSET, &u32::from(place.offset).to_ne_bytes())
        .attribute(LENGTH, &128_u32.to_ne_bytes())
        .attribute(PAGE, &[place.page])
        .attribute(BANK, &[place.bank])
        .attribute(ADDRESS, &[place.address]);
}

/// The bytes of an answer.
pub fn parse(payload: &[u8]) -> Result<[u8; BLOCK_LEN], ParseError> {
    let attributes = Attributes::after(payload, HEADER_LEN, "genlmsghdr")?;
    let missing =
        ParseError::Truncated { field: "ETHTOOL_A_MODULE_EEPROM_DATA", offset: 0, need: BLOCK_LEN, have: 0 };
    attributes.find(DATA)?.ok_or(missing)?.bytes("ETHTOOL_A_MODULE_EEPROM_DATA")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, damaged};
    use super::*;
    use proptest::prelude::*;

    fn answer(length: u8) -> Vec<u8> {
        let mut payload = vec![32, 1, 0, 0];
        payload.extend(attribute(HEADER | NESTED, &attribute(HEADER_DEV_INDEX, &7_u32.to_ne_bytes())));
        payload.extend(attribute(DATA, &(0..length).collect::<Vec<_>>()));
        payload
    }

    #[test]
    fn an_answer_has_all_its_bytes_or_is_an_error() {
        let bytes = parse(&answer(128)).unwrap();
        assert_eq!((bytes[0], bytes[127]), (0, 127));
        assert!(parse(&answer(127)).is_err());
        assert!(parse(&answer(128)[..16]).is_err());
        assert!(parse(&[31]).is_err());
    }

    proptest! {
        #[test]
        fn any_damage_is_bytes_or_an_error(bytes in damaged(vec![answer(128)])) {
            let _ = parse(&bytes);
        }
    }
}
