//! QSFP, QSFP+, QSFP28: four lanes.
//!
//! In: the lower memory, page 00h, and page 03h where there are pages. Out: four lanes. Rules: temperature and voltage are
//! optional since revision 2.8 of the specification, which says so in byte 220; transmitted power always was. Spec:
//! SFF-8636 tables 6-1 (lower), 6-14 (page 00h), 6-32 (page 03h); SFF-8436 has the same places.

use super::memory::Fault;
use super::memory::View;
use super::unit::{bias_ua, power_uw, temperature_mc, voltage_mv, wavelength_nm};
use super::{Block, Lane, Memory, NoOptics, Power, Readings, Stop};

/// Identifiers of SFF-8024.
pub(super) const QSFP: u8 = 0x0c;
pub(super) const QSFP_PLUS: u8 = 0x0d;
pub(super) const QSFP28: u8 = 0x11;

const LANES: usize = 4;
/// Byte 1: the first revision that tells which of its monitors are there.
const REVISION_2_8: u8 = 8;
/// The upper half of byte 147: the first of the kinds of transmitter that are copper.
const FIRST_COPPER: u8 = 0xa;
const DIAGNOSTICS: usize = 220;

pub(super) fn parse(memory: &Memory, lower: View<'_>) -> Result<Readings, Stop> {
    let identity = memory.vital(Block::upper(0))?;
    let identity = identity.summed("CC_BASE", 128, 191)?.summed("CC_EXT", 192, 223)?;
    if identity.byte(147) >> 4 >= FIRST_COPPER {
        return Err(Stop::NoOptics(NoOptics::Copper));
    }
    let (not_ready, flat) = (lower.bit(2, 0), lower.bit(2, 2));
    if not_ready {
        return Err(Fault::NotReady.into());
    }
    let limits = if flat { None } else { memory.optional(Block::upper(3))? };
    let limits = limits.and_then(|limits| limits.written().ok());
    let has = |bit| lower.byte(1) < REVISION_2_8 || identity.bit(DIAGNOSTICS, bit);
    let (raw_temperature, voltage_mv) = (lower.i16(22), voltage_mv(lower.u16(26)));
    // Exactly 0 °C from a module that has no voltage either is no reading.
    let temperature = has(5) && (raw_temperature != 0 || voltage_mv.is_some());
    Ok(Readings {
        voltage_mv: voltage_mv.filter(|_| has(4)),
        temperature_mc: temperature.then(|| temperature_mc(raw_temperature)),
        lanes: (0..LANES).map(|lane| parse_lane(lower, identity, limits, lane)).collect(),
        flaw: None,
    })
}

fn parse_lane(lower: View<'_>, identity: View<'_>, limits: Option<View<'_>>, lane: usize) -> Lane {
    let limit = |at| limits.and_then(|limits| power_uw(limits.u16(at)));
    let rx_now = power_uw(lower.u16(34 + 2 * lane));
    let tx_now = power_uw(lower.u16(50 + 2 * lane)).filter(|_| identity.bit(DIAGNOSTICS, 2));
    Lane {
        bias_ua: bias_ua(lower.u16(42 + 2 * lane), 1),
        tx: Power { now_uw: tx_now, min_uw: limit(194), max_uw: limit(192) },
        rx: Power { now_uw: rx_now, min_uw: limit(178), max_uw: limit(176) },
        wavelength_nm: wavelength_nm(identity.u16(186)),
    }
}
