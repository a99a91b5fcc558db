//! What one GPU has done so far, and several together. Pure.
//!
//! In: what was read, and the time since. Out: the record. Rules: times and energy that the device does not count are
//! its load times the time since the last look; they never go back, so those of a lost GPU stay. What no
//! device tells is unknown, not 0.

use crate::sflow::counters::hardware::Gpu;
use crate::sflow::unknown::{counter32, gauge32, gauge64};
use std::time::Duration;

/// How busy a GPU is, looked at every second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Percent of the last moment with a kernel running.
    pub(super) gpu: Option<u32>,
    /// Percent of the last moment with memory being read or written.
    pub(super) memory: Option<u32>,
    /// Milliwatts.
    pub(super) power: Option<u32>,
    /// Millijoules since the driver was loaded, where the device counts them.
    pub(super) energy: Option<u64>,
}

/// The rest, looked at every few seconds.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)] // the fields of the record
pub(super) struct Gauges {
    pub(super) processes: Option<u64>,
    pub(super) mem_total: Option<u64>,
    pub(super) mem_free: Option<u64>,
    pub(super) ecc_errors: Option<u64>,
    pub(super) temperature: Option<u64>,
    pub(super) fan_speed: Option<u64>,
}

/// A GPU.
#[derive(Clone, Debug, Default)]
pub(super) struct Device {
    uuid: String,
    /// None while it is lost.
    gauges: Option<Gauges>,
    /// Percent times microseconds.
    gpu_time: Option<u64>,
    mem_time: Option<u64>,
    /// Nanojoules from power, used until the device has counted some itself.
    power: Option<u64>,
    /// Millijoules.
    energy: Option<u64>,
    ecc_errors: Option<u64>,
}

impl Device {
    pub(super) fn new(uuid: &str) -> Self {
        Self { uuid: bare(uuid).to_owned(), ..Self::default() }
    }

    pub(super) fn is(&self, uuid: &str) -> bool {
        bare(uuid).eq_ignore_ascii_case(&self.uuid)
    }

    /// Takes what the GPU did since the last look.
    pub(super) fn take(&mut self, load: Load, since: Duration) {
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let add = |sum: &mut Option<u64>, rate: Option<u32>| {
            if let Some(rate) = rate {
                *sum = Some(sum.unwrap_or(0).wrapping_add(micros.saturating_mul(u64::from(rate))));
            }
        };
        add(&mut self.gpu_time, load.gpu.map(|percent| percent.min(100)));
        add(&mut self.mem_time, load.memory.map(|percent| percent.min(100)));
        match load.energy {
            Some(energy) => self.energy = Some(energy),
            None if self.energy.is_none() => add(&mut self.power, load.power),
            None => {}
        }
    }

    /// Takes what else there is to tell; none where it is lost.
    pub(super) fn show(&mut self, gauges: Option<Gauges>) {
        self.gauges = gauges;
        self.ecc_errors = gauges.and_then(|gauges| gauges.ecc_errors).or(self.ecc_errors);
    }
}

fn bare(uuid: &str) -> &str {
    uuid.strip_prefix("GPU-").unwrap_or(uuid)
}

/// Several together: sums, the highest temperature, the fastest fan. None without any.
pub(super) fn sum(devices: &[&Device]) -> Option<Gpu> {
    devices.first()?;
    let total = |of: fn(&Device) -> Option<u64>| {
        devices.iter().filter_map(|device| of(device)).reduce(u64::wrapping_add)
    };
    let most = |of: fn(&Gauges) -> Option<u64>| devices.iter().filter_map(|d| of(d.gauges.as_ref()?)).max();
    let present = devices.iter().filter(|device| device.gauges.is_some()).count();
    Some(Gpu {
        device_count: gauge32(Some(present as u64)),
        processes: gauge32(total(|d| d.gauges?.processes)),
        gpu_time: counter32(total(|d| Some(d.gpu_time? / 100_000))),
        mem_time: counter32(total(|d| Some(d.mem_time? / 100_000))),
        mem_total: gauge64(total(|d| d.gauges?.mem_total)),
        mem_free: gauge64(total(|d| d.gauges?.mem_free)),
        ecc_errors: counter32(total(|d| d.ecc_errors)),
        energy: counter32(total(|d| d.energy.or_else(|| Some(d.power? / 1_000_000)))),
        temperature: gauge32(most(|gauges| gauges.temperature)),
        fan_speed: gauge32(most(|gauges| gauges.fan_speed)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_and_energy_are_load_times_time() {
        let mut device = Device::new("GPU-ab");
        device.show(Some(Gauges::default()));
        let load = Load { gpu: Some(50), memory: Some(10), power: Some(300_000), energy: None };
        (0..4).for_each(|_| device.take(load, Duration::from_millis(1500)));
        let record = sum(&[&device]).unwrap();
        // 6 s at 50 %, at 10 %, at 300 W.
        assert_eq!((record.gpu_time, record.mem_time, record.energy), (3000, 600, 1_800_000));
        assert_eq!((record.ecc_errors, record.temperature), (u32::MAX, 0), "which nobody told");
    }

    #[test]
    fn a_device_that_counts_its_energy_is_believed_and_a_lost_one_keeps_what_it_had() {
        let mut device = Device::new("ab");
        let gauges =
            Gauges { mem_total: Some(80), temperature: Some(60), ecc_errors: Some(3), ..Gauges::default() };
        device.show(Some(gauges));
        device.take(Load { energy: Some(5000), power: Some(1), ..Load::default() }, Duration::from_secs(1));
        device.take(Load { energy: None, power: Some(1), ..Load::default() }, Duration::from_secs(1));
        device.show(None);
        let record = sum(&[&device]).unwrap();
        assert_eq!((record.energy, record.ecc_errors, record.device_count), (5000, 3, 0));
        assert_eq!((record.mem_total, record.gpu_time), (0, u32::MAX));
    }

    #[test]
    fn several_are_summed_and_the_hottest_counts() {
        let device = |temperature| {
            let mut device = Device::new("x");
            let gauges = Gauges {
                temperature: Some(temperature),
                processes: Some(2),
                mem_free: Some(7),
                ..Gauges::default()
            };
            device.show(Some(gauges));
            device
        };
        let devices = [device(50), device(70), device(60)];
        let record = sum(&devices.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (record.device_count, record.processes, record.mem_free, record.temperature),
            (3, 6, 21, 70)
        );
        assert_eq!(sum(&[]), None);
        assert!(device(1).is("GPU-X") && device(1).is("x") && !device(1).is("GPU-y"));
    }
}
