//! QSFP-DD, OSFP and whatever else speaks CMIS: up to eight lanes a bank, up to four banks.
//!
//! In: the lower memory and pages 00h (what it is), 01h (which monitors it has), 02h (limits), 11h of each bank (readings).
//! Out: the lanes that the module has. Rule: a monitor that page 01h does not advertise is not there, whatever its bytes
//! say. Spec: OIF-CMIS 5.2, sections 8.2 (lower), 8.3 (00h), 8.4 (01h), 8.5 (02h), 8.10 (11h).

use super::memory::{Fault, View};
use super::unit::{bias_ua, power_uw, temperature_mc, voltage_mv, wavelength_nm};
use super::{Block, Lane, Memory, NoOptics, Power, Readings, Stop};

/// Identifiers of SFF-8024: QSFP-DD, OSFP, DSFP, QSFP+ and SFP-DD and SFP+ with CMIS, OSFP-XD.
pub(super) const IDENTIFIERS: [u8; 7] = [0x18, 0x19, 0x1b, 0x1e, 0x1f, 0x20, 0x21];

const LANES_OF_BANK: u8 = 8;
/// Byte 85: passive copper, active copper, BASE-T.
const COPPER_MEDIA: std::ops::RangeInclusive<u8> = 3..=5;
/// Byte 212: kinds of transmitter that are copper.
const COPPER: std::ops::RangeInclusive<u8> = 0x0a..=0x0f;

pub(super) fn parse(memory: &Memory, lower: View<'_>) -> Result<Readings, Stop> {
    let identity = memory.vital(Block::upper(0))?.summed("page checksum", 128, 222)?;
    if COPPER.contains(&identity.byte(212)) || COPPER_MEDIA.contains(&lower.byte(85)) {
        return Err(Stop::NoOptics(NoOptics::Copper));
    }
    if lower.bit(2, 7) {
        // Flat memory: there are no pages to measure in.
        return Err(Stop::NoOptics(NoOptics::NoDiagnostics));
    }
    let advertised = memory.vital(Block::upper(1))?.summed("page checksum", 130, 255)?;
    let lane_monitors = advertised.byte(160) & 0x07 != 0;
    if !lane_monitors {
        return Err(Stop::NoOptics(NoOptics::NoDiagnostics));
    }
    let (limits, flaw) = match memory.optional(Block::upper(2))? {
        None => (None, None),
        Some(page) => match page.written().and_then(|page| page.summed("page checksum", 128, 255)) {
            Ok(page) => (Some(page), None),
            Err(fault) => (None, Some(fault)),
        },
    };
    let lanes = lanes(memory, identity, advertised, limits)?;
    Ok(Readings {
        voltage_mv: voltage_mv(lower.u16(16)).filter(|_| advertised.bit(159, 1)),
        temperature_mc: advertised.bit(159, 0).then(|| temperature_mc(lower.i16(14))),
        lanes,
        flaw,
    })
}

fn lanes(
    memory: &Memory,
    identity: View<'_>,
    advertised: View<'_>,
    limits: Option<View<'_>>,
) -> Result<Vec<Lane>, Stop> {
    let banks = match advertised.byte(142) & 0x03 {
        0 => 1,
        1 => 2,
        _ => 4,
    };
    let mut lanes = Vec::new();
    for bank in 0..banks {
        let page = memory.vital(Block::banked(bank, 0x11))?;
        // Byte 210 has a bit for each lane of the first bank that is not there.
        let there = |lane: &u8| bank > 0 || !identity.bit(210, *lane);
        let places = (0..LANES_OF_BANK).filter(there).map(usize::from);
        lanes.extend(places.map(|lane| parse_lane(page, advertised, limits, lane)));
    }
    // A module that denies all its lanes cannot be believed.
    if lanes.is_empty() { Err(Fault::NotReady.into()) } else { Ok(lanes) }
}

fn parse_lane(page: View<'_>, advertised: View<'_>, limits: Option<View<'_>>, lane: usize) -> Lane {
    let [has_bias, has_tx, has_rx] = [0, 1, 2].map(|bit| advertised.bit(160, bit));
    let multiplier = match advertised.byte(160) >> 3 & 0x03 {
        0 => Some(1),
        1 => Some(2),
        2 => Some(4),
        _ => None,
    };
    let limit = |at| limits.and_then(|limits| power_uw(limits.u16(at)));
    let reading = |has: bool, at: usize| has.then(|| page.u16(at + 2 * lane));
    Lane {
        bias_ua: reading(has_bias, 170).zip(multiplier).and_then(|(raw, times)| bias_ua(raw, times)),
        tx: Power { now_uw: reading(has_tx, 154).and_then(power_uw), min_uw: limit(178), max_uw: limit(176) },
        rx: Power { now_uw: reading(has_rx, 186).and_then(power_uw), min_uw: limit(194), max_uw: limit(192) },
        wavelength_nm: wavelength_nm(advertised.u16(138)),
    }
}
