//! The numbers of modules in the units of sFlow. All specifications have the same: 1/256 °C, 100 µV, 2 µA, 0.1 µW.
//!
//! In: 16 bits as the module has them. Out: a reading, rounded; `None` for all ones, which is above what any of them can
//! measure, and for a supply of 0 V, with which nothing could be read.

/// Thousandths of a degree Celsius.
pub(super) fn temperature_mc(raw: i16) -> i32 {
    (i32::from(raw) * 1000 + 128).div_euclid(256)
}

/// Millivolts.
pub(super) fn voltage_mv(raw: u16) -> Option<u32> {
    (raw != 0).then(|| tenth(raw)).flatten()
}

/// Microwatts.
pub(super) fn power_uw(raw: u16) -> Option<u32> {
    tenth(raw)
}

/// Microamperes, where the module counts in `multiplier` times 2 µA.
pub(super) fn bias_ua(raw: u16, multiplier: u32) -> Option<u32> {
    (raw != u16::MAX).then(|| u32::from(raw) * 2 * multiplier)
}

/// Nanometres, of twentieths.
pub(super) fn wavelength_nm(raw: u16) -> Option<u32> {
    (raw != 0 && raw != u16::MAX).then(|| (u32::from(raw) + 10) / 20)
}

fn tenth(raw: u16) -> Option<u32> {
    (raw != u16::MAX).then(|| (u32::from(raw) + 5) / 10)
}
