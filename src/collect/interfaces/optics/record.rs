//! Record `0:10` from the readings of a transceiver.
//!
//! In: readings. Out: the record. Pure. Rule: what a module does not measure is the largest value that the field has, because
//! 0 is a reading (no light); only a wavelength, which cannot be 0, is 0. Spec: sFlow Optical Interface Structures.

use crate::sflow::counters::port::{Sfp, SfpLane};
use crate::wire::optics::{Lane, Readings};

/// `0:10` of the interface with this ifIndex.
pub fn sfp(index: u32, readings: &Readings) -> Sfp {
    let total = u32::try_from(readings.lanes.len()).unwrap_or(u32::MAX);
    Sfp {
        module_id: index,
        total_lanes: total,
        supply_voltage: known(readings.voltage_mv),
        temperature: readings.temperature_mc.unwrap_or(i32::MAX),
        lanes: (1..).zip(&readings.lanes).map(|(number, lane)| sfp_lane(number, lane)).collect(),
    }
}

fn sfp_lane(index: u32, lane: &Lane) -> SfpLane {
    SfpLane {
        index,
        tx_bias_current: known(lane.bias_ua),
        tx_power: known(lane.tx.now_uw),
        tx_power_min: known(lane.tx.min_uw),
        tx_power_max: known(lane.tx.max_uw),
        tx_wavelength: lane.wavelength_nm.unwrap_or(0),
        rx_power: known(lane.rx.now_uw),
        rx_power_min: known(lane.rx.min_uw),
        rx_power_max: known(lane.rx.max_uw),
        // Modules tell one wavelength.
        rx_wavelength: lane.wavelength_nm.unwrap_or(0),
    }
}

fn known(value: Option<u32>) -> u32 {
    value.unwrap_or(u32::MAX)
}

/// The readings in a few words.
pub fn in_words(readings: &Readings) -> String {
    let mut words = match readings.lanes.len() {
        1 => "1 lane".to_owned(),
        lanes => format!("{lanes} lanes"),
    };
    if let Some(millis) = readings.temperature_mc {
        words += &format!(", {:.1} °C", f64::from(millis) / 1000.0);
    }
    let received: Vec<String> =
        readings.lanes.iter().map(|l| l.rx.now_uw.map_or("?".to_owned(), |uw| uw.to_string())).collect();
    words += &format!(", {} µW received", received.join(" "));
    if let Some(flaw) = readings.flaw {
        words += &format!(" ({flaw})");
    }
    words
}
