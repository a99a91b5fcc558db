//! SFP, SFP+, SFP28: what it is at address A0h, its diagnostics at A2h.
//!
//! In: bytes 0–95 of A0h, 0–119 of A2h. Out: one lane. Rules: an externally calibrated module gives raw numbers, and every
//! one of them, limits too, goes through its constants: `slope × raw + offset`, both offsets signed, and for received
//! power a polynomial of the fourth degree in the raw number. Wrong constants make no reading. Spec: SFF-8472, tables
//! 4-1 (A0h), 9-5 (limits), 9-6 (constants), 9-11 (readings), section 9.3 (calibration).

use super::memory::View;
use super::unit::{bias_ua, power_uw, temperature_mc, voltage_mv};
use super::{Block, Fault, Lane, Memory, NoOptics, Power, Readings, Stop};

/// Identifiers of SFF-8024.
pub(super) const SOLDERED: u8 = 0x02;
pub(super) const SFP: u8 = 0x03;
pub(super) const DWDM_SFP: u8 = 0x0b;

/// Of byte 8: a passive, an active cable. Bytes 60 and 61 are then no wavelength.
const CABLE: u8 = 0x0c;
const PASSIVE: u8 = 0x04;

/// Byte 92: what it measures and how.
const DIAGNOSTICS: usize = 92;
const IMPLEMENTED: u8 = 6;
const EXTERNAL: u8 = 4;
const ADDRESS_CHANGE: u8 = 2;

/// Low and high alarm.
const TX_ALARMS: [usize; 2] = [26, 24];
const RX_ALARMS: [usize; 2] = [34, 32];
/// Readings.
const TEMPERATURE: usize = 96;
const VOLTAGE: usize = 98;
const BIAS: usize = 100;
const TX_POWER: usize = 102;
const RX_POWER: usize = 104;

pub(super) fn parse(memory: &Memory, identity: View<'_>) -> Result<Readings, Stop> {
    let identity = identity.summed("CC_BASE", 0, 63)?.summed("CC_EXT", 64, 95)?;
    if identity.byte(8) & PASSIVE != 0 {
        return Err(Stop::NoOptics(NoOptics::Copper));
    }
    if !identity.bit(DIAGNOSTICS, IMPLEMENTED) {
        return Err(Stop::NoOptics(NoOptics::NoDiagnostics));
    }
    if identity.bit(DIAGNOSTICS, ADDRESS_CHANGE) {
        return Err(Stop::NoOptics(NoOptics::AddressChange));
    }
    let diagnostics = memory.vital(Block::DIAGNOSTICS)?;
    let sum = diagnostics.summed("CC_DMI", 0, 95).err();
    let wavelength = u32::from(identity.u16(60));
    let known = identity.byte(8) & CABLE == 0 && wavelength != 0;
    let (scale, flaw) = match (identity.bit(DIAGNOSTICS, EXTERNAL), sum) {
        (true, Some(broken)) => return Err(broken.into()),
        (true, None) => (Scale::External(Constants::parse(diagnostics)), None),
        (false, flaw) => (Scale::Internal, flaw),
    };
    let calibrated = Calibrated { diagnostics, scale, limits: flaw.is_none() };
    let readings = calibrated.readings(known.then_some(wavelength));
    Ok(Readings { flaw: flaw.or_else(|| calibrated.flaw(&readings)), ..readings })
}

/// How raw numbers become readings.
#[derive(Clone, Copy)]
enum Scale {
    Internal,
    External(Constants),
}

/// `slope × raw + offset`.
#[derive(Clone, Copy)]
struct Line {
    slope: f64,
    offset: f64,
}

/// Bytes 56–91 of A2h.
#[derive(Clone, Copy)]
struct Constants {
    temperature: Line,
    voltage: Line,
    bias: Line,
    tx_power: Line,
    /// By falling power of the raw number.
    rx_power: [f64; 5],
}

impl Constants {
    fn parse(bytes: View<'_>) -> Self {
        let line =
            |at| Line { slope: f64::from(bytes.u16(at)) / 256.0, offset: f64::from(bytes.i16(at + 2)) };
        Self {
            bias: line(76),
            tx_power: line(80),
            temperature: line(84),
            voltage: line(88),
            rx_power: [56, 60, 64, 68, 72].map(|at| f64::from(bytes.f32(at))),
        }
    }
}

impl Line {
    fn apply(self, raw: f64) -> f64 {
        self.slope * raw + self.offset
    }
}

/// Diagnostics, and how to read them.
struct Calibrated<'a> {
    diagnostics: View<'a>,
    scale: Scale,
    limits: bool,
}

impl Calibrated<'_> {
    fn readings(&self, wavelength_nm: Option<u32>) -> Readings {
        let lane = Lane {
            bias_ua: self.unsigned(BIAS, |c| c.bias).and_then(|raw| bias_ua(raw, 1)),
            tx: self.power(TX_POWER, TX_ALARMS, |at| self.unsigned(at, |c| c.tx_power)),
            rx: self.power(RX_POWER, RX_ALARMS, |at| self.received(at)),
            wavelength_nm,
        };
        Readings {
            voltage_mv: self.unsigned(VOLTAGE, |c| c.voltage).and_then(voltage_mv),
            temperature_mc: self.temperature(),
            lanes: vec![lane],
            flaw: None,
        }
    }

    fn power(&self, now: usize, [low, high]: [usize; 2], raw: impl Fn(usize) -> Option<u16>) -> Power {
        let limit = |at| self.limits.then(|| raw(at)).flatten().and_then(power_uw);
        Power { now_uw: raw(now).and_then(power_uw), min_uw: limit(low), max_uw: limit(high) }
    }

    fn unsigned(&self, at: usize, line: impl Fn(&Constants) -> Line) -> Option<u16> {
        let raw = self.diagnostics.u16(at);
        match &self.scale {
            Scale::Internal => Some(raw),
            Scale::External(constants) => in_range(line(constants).apply(f64::from(raw))),
        }
    }

    fn received(&self, at: usize) -> Option<u16> {
        let raw = self.diagnostics.u16(at);
        match &self.scale {
            Scale::Internal => Some(raw),
            Scale::External(Constants { rx_power, .. }) => {
                in_range(rx_power.iter().fold(0.0, |sum, factor| sum * f64::from(raw) + factor))
            }
        }
    }

    fn temperature(&self) -> Option<i32> {
        let raw = self.diagnostics.i16(TEMPERATURE);
        match &self.scale {
            Scale::Internal => Some(temperature_mc(raw)),
            Scale::External(Constants { temperature, .. }) => {
                let value = temperature.apply(f64::from(raw)).round();
                let fits = (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&value);
                #[allow(clippy::cast_possible_truncation)] // it fits
                fits.then(|| temperature_mc(value as i16))
            }
        }
    }

    /// A reading that constants have made impossible.
    fn flaw(&self, readings: &Readings) -> Option<Fault> {
        let Scale::External(_) = self.scale else { return None };
        let lane = readings.lanes.first()?;
        let missing = [
            (readings.temperature_mc.is_none(), "temperature"),
            (lane.bias_ua.is_none(), "bias current"),
            (lane.tx.now_uw.is_none(), "transmitted power"),
            (lane.rx.now_uw.is_none(), "received power"),
        ];
        missing.into_iter().find_map(|(missing, what)| missing.then_some(Fault::Calibration(what)))
    }
}

/// What the module would have written itself. A little below nothing is nothing: constants are fitted to light.
fn in_range(value: f64) -> Option<u16> {
    let value = value.round();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it is in range
    (value < f64::from(u16::MAX) && value > -f64::from(u16::MAX)).then(|| value.max(0.0) as u16)
}
