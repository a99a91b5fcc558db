//! `RTM_GETDCB` with `DCB_CMD_IEEE_GET`: frames of priority flow control that an interface has sent and received.
//!
//! In: the interface's name; the answer's payload. Out: the request; [`Pfc`], none where the driver has none. Needs no
//! privilege. Spec: `linux/dcbnl.h`, where `struct ieee_pfc` says that requests were sent and indications received, as
//! IEEE8021-PFC-MIB does.
//!
//! ```text
//! capability u8 │ enabled u8 │ mbc u8 │ – │ delay u16 │ – │ requests u64 × 8 │ indications u64 × 8
//! ```

use super::attribute::Attributes;
use super::error::ParseError;
use super::request::Request;

const RTM_GETDCB: u16 = 78;
const IEEE_GET: u8 = 21;
/// Bytes of `struct dcbmsg`.
const HEADER_LEN: usize = 4;
const IFNAME: u16 = 1;
const IEEE: u16 = 13;
const IEEE_PFC: u16 = 2;
const PRIORITIES: usize = 8;

/// Sums over all priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pfc {
    /// A bit for each priority that has it.
    pub enabled: u8,
    /// Frames sent.
    pub requests: u64,
    /// Frames received.
    pub indications: u64,
}

/// Asks for what an interface has of IEEE 802.1Qaz.
pub fn get(buffer: &mut Vec<u8>, sequence: u32, name: &str) {
    let mut text = name.as_bytes().to_vec();
    text.push(0);
    let _ = Request::get(buffer, RTM_GETDCB, sequence, &[0, IEEE_GET, 0, 0]).attribute(IFNAME, &text);
}

/// Reads the payload.
pub fn parse(payload: &[u8]) -> Result<Option<Pfc>, ParseError> {
    let attributes = Attributes::after(payload, HEADER_LEN, "dcbmsg")?;
    let Some(ieee) = attributes.find(IEEE)? else { return Ok(None) };
    let Some(pfc) = ieee.nested().find(IEEE_PFC)? else { return Ok(None) };
    let bytes: [u8; 8 + 2 * 8 * PRIORITIES] = pfc.bytes("DCB_ATTR_IEEE_PFC")?;
    let (numbers, _) = bytes.as_chunks::<8>();
    let sum = |first: usize| {
        let numbers = numbers.iter().skip(first).take(PRIORITIES);
        numbers.fold(0_u64, |sum, number| sum.wrapping_add(u64::from_ne_bytes(*number)))
    };
    let [_, enabled, ..] = bytes;
    Ok(Some(Pfc { enabled, requests: sum(1), indications: sum(1 + PRIORITIES) }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, damaged};
    use super::*;
    use proptest::prelude::*;

    fn answer(pfc: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, IEEE_GET, 0, 0];
        payload.extend(attribute(IFNAME, b"swp1\0"));
        let mut inside = attribute(1, &[0; 59]);
        inside.extend(attribute(IEEE_PFC, pfc));
        payload.extend(attribute(IEEE | 0x8000, &inside));
        payload
    }

    fn object() -> Vec<u8> {
        let mut bytes = vec![8, 0b0000_1000, 0, 0, 0, 0, 0, 0];
        bytes.extend((1..=8_u64).chain((1..=8).map(|n| n * 1000)).flat_map(u64::to_ne_bytes));
        bytes
    }

    #[test]
    fn frames_sent_are_requests_and_frames_received_indications() {
        let pfc = parse(&answer(&object())).unwrap().unwrap();
        assert_eq!(pfc, Pfc { enabled: 8, requests: 36, indications: 36_000 });
    }

    #[test]
    fn a_driver_without_it_has_none_and_a_short_object_is_an_error() {
        assert_eq!(parse(&[0, IEEE_GET, 0, 0]), Ok(None));
        assert!(parse(&answer(&object()[..135])).is_err());
        assert!(parse(&[0, 21]).is_err());
    }

    proptest! {
        #[test]
        fn any_damage_is_counters_or_an_error(bytes in damaged(vec![answer(&object())])) {
            let _ = parse(&bytes);
        }
    }
}
