//! `RTM_NEWSTATS` with `IFLA_STATS_LINK_XSTATS_SLAVE`: what a member of a bond has exchanged by LACP (IEEE 802.1AX).
//!
//! In: the message's payload. Out: [`LacpCounts`]; none where the bond has another mode, or the kernel does not count
//! (before 5.1). Spec: `linux/if_link.h`, `BOND_3AD_STAT_*` in `linux/if_bonding.h`.

use super::attribute::{Attributes, u32_at};
use super::error::ParseError;
use super::request::Request;
use super::stats::{HEADER_LEN, RTM_GETSTATS};

const XSTATS_SLAVE: u16 = 3;
const XSTATS_TYPE_BOND: u16 = 2;
const XSTATS_3AD: u16 = 1;

/// Messages of LACP since the interface is a member. Fields as the kernel numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // IEEE 802.1AX has the names
pub struct LacpCounts {
    pub lacpdu_rx: Option<u64>,
    pub lacpdu_tx: Option<u64>,
    pub unknown_rx: Option<u64>,
    pub illegal_rx: Option<u64>,
    pub marker_rx: Option<u64>,
    pub marker_tx: Option<u64>,
    pub marker_response_rx: Option<u64>,
    pub marker_response_tx: Option<u64>,
}

/// Reads the payload: the ifIndex, and its counters where the message has them.
pub fn parse(payload: &[u8]) -> Result<(u32, Option<LacpCounts>), ParseError> {
    let attributes = Attributes::after(payload, HEADER_LEN, "if_stats_msg")?;
    let index = u32_at(payload, 4, "ifindex")?;
    let Some(slave) = attributes.find(XSTATS_SLAVE)? else { return Ok((index, None)) };
    let Some(bond) = slave.nested().find(XSTATS_TYPE_BOND)? else { return Ok((index, None)) };
    let Some(lacp) = bond.nested().find(XSTATS_3AD)? else { return Ok((index, None)) };
    Ok((index, Some(LacpCounts::parse(lacp.nested())?)))
}

impl LacpCounts {
    fn parse(attributes: Attributes<'_>) -> Result<Self, ParseError> {
        let mut counts = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            let count = match attribute.kind {
                0 => &mut counts.lacpdu_rx,
                1 => &mut counts.lacpdu_tx,
                2 => &mut counts.unknown_rx,
                3 => &mut counts.illegal_rx,
                4 => &mut counts.marker_rx,
                5 => &mut counts.marker_tx,
                6 => &mut counts.marker_response_rx,
                7 => &mut counts.marker_response_tx,
                _ => continue,
            };
            *count = Some(u64::from_ne_bytes(attribute.bytes("BOND_3AD_STAT")?));
        }
        Ok(counts)
    }
}

/// Asks for the counters of one member of a bond.
pub fn get(buffer: &mut Vec<u8>, sequence: u32, index: u32) {
    let mut fixed = [0; HEADER_LEN];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&(1_u32 << (XSTATS_SLAVE - 1)).to_ne_bytes());
    let _ = Request::get(buffer, RTM_GETSTATS, sequence, &fixed);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, damaged};
    use super::*;
    use proptest::prelude::*;

    fn nested(kind: u16, inside: &[u8]) -> Vec<u8> {
        attribute(kind | 0x8000, inside)
    }

    fn message(counts: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; HEADER_LEN];
        payload[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        payload.extend(nested(XSTATS_SLAVE, &nested(XSTATS_TYPE_BOND, &nested(XSTATS_3AD, counts))));
        payload
    }

    fn all() -> Vec<u8> {
        (0..9_u16).flat_map(|kind| attribute(kind, &(u64::from(kind) + 10).to_ne_bytes())).collect()
    }

    #[test]
    fn each_counter_has_its_number() {
        let (index, counts) = parse(&message(&all())).unwrap();
        let counts = counts.unwrap();
        assert_eq!((index, counts.lacpdu_rx, counts.lacpdu_tx), (7, Some(10), Some(11)));
        assert_eq!((counts.unknown_rx, counts.illegal_rx), (Some(12), Some(13)));
        assert_eq!((counts.marker_rx, counts.marker_tx), (Some(14), Some(15)));
        assert_eq!((counts.marker_response_rx, counts.marker_response_tx), (Some(16), Some(17)));
    }

    #[test]
    fn what_is_not_there_is_none_and_a_short_value_an_error() {
        assert_eq!(parse(&message(&[])).unwrap(), (7, Some(LacpCounts::default())));
        assert_eq!(parse(&message(&[])[..HEADER_LEN]).unwrap(), (7, None));
        assert!(parse(&message(&attribute(1, &[1, 2, 3]))).is_err());
        assert!(parse(&[0; 4]).is_err());
    }

    proptest! {
        #[test]
        fn any_damage_is_counters_or_an_error(bytes in damaged(vec![message(&all())])) {
            let _ = parse(&bytes);
        }
    }
}
