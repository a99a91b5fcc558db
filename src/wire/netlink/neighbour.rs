//! `RTM_NEWNEIGH`, `RTM_DELNEIGH`: which link address an IP address was last heard from.
//!
//! ```text
//! family u8 │ 3 bytes │ index i32 │ state u16 │ flags u8 │ type u8 │ NDA_ attributes
//! ```
//! Rule: an entry without a link address, or whose owner does not answer, is none. Spec: `linux/neighbour.h`.

use super::attribute::{Attributes, u16_at};
use super::error::ParseError;
use super::request::Request;
use std::net::IpAddr;

/// `RTM_NEWNEIGH`.
pub const NEW_NEIGHBOUR: u16 = 28;
/// `RTNLGRP_NEIGH`.
pub const GROUP: u32 = 3;
const RTM_GETNEIGH: u16 = 30;
const HEADER_LEN: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// `NUD_INCOMPLETE`, `NUD_FAILED`.
const UNANSWERED: u16 = 0x01 | 0x20;

/// Who was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// Its Ethernet address.
    pub mac: [u8; 6],
}

impl Neighbour {
    /// Reads the payload of an `RTM_NEWNEIGH`; `None` where nobody is known to be there, or not on Ethernet.
    ///
    /// # Errors
    /// It is cut off.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, ParseError> {
        let attributes = Attributes::after(payload, HEADER_LEN, "ndmsg")?;
        let state = u16_at(payload, 8, "ndm_state")?;
        let (Some(to), Some(link)) = (attributes.clone().find(NDA_DST)?, attributes.find(NDA_LLADDR)?) else {
            return Ok(None);
        };
        let ip = match to.value.len() {
            4 => IpAddr::from(to.bytes::<4>("NDA_DST")?),
            16 => IpAddr::from(to.bytes::<16>("NDA_DST")?),
            _ => return Ok(None),
        };
        let mac = (link.value.len() == 6 && state & UNANSWERED == 0).then(|| link.bytes("NDA_LLADDR"));
        mac.map(|mac| Ok(Self { ip, mac: mac? })).transpose()
    }
}

/// Asks for all of them.
pub fn dump(buffer: &mut Vec<u8>, sequence: u32) {
    let _ = Request::dump(buffer, RTM_GETNEIGH, sequence, &[0; HEADER_LEN]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 tells of 10.0.0.2 at 52:54:00:00:00:01, stale, and the age of the entry.
    const TOLD: [u8; 32] = [
        2, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 1, 8, 0, 1, 0, 10, 0, 0, 2, 10, 0, 2, 0, 0x52, 0x54, 0, 0, 0, 1, 0,
        0,
    ];

    #[test]
    fn an_entry_tells_whose_address_it_is() {
        let expected = Neighbour { ip: [10, 0, 0, 2].into(), mac: [0x52, 0x54, 0, 0, 0, 1] };
        assert_eq!(Neighbour::parse(&TOLD), Ok(Some(expected)));
        for state in [0x01_u8, 0x20] {
            let mut unanswered = TOLD;
            unanswered[8] = state;
            assert_eq!(Neighbour::parse(&unanswered), Ok(None), "{state}");
        }
        assert_eq!(Neighbour::parse(&TOLD[..20]), Ok(None), "without a link address");
        for cut in [0, 11, 14, 22] {
            assert!(Neighbour::parse(&TOLD[..cut]).is_err(), "{cut}");
        }
    }
}
