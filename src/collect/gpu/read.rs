//! The thread that calls the library.

use super::device::{Device, Gauges, Load};
use super::{Reader, TOO_OLD, lock};
use crate::status::registry::State;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Between two looks at how busy they are: the driver tells of the last second at most.
const EVERY: Duration = Duration::from_secs(1);

/// Of as many looks one is at the rest.
const REST: u32 = 5;

type Handle<'nvml> = nvml_wrapper::Device<'nvml>;

/// A GPU that does not answer any more.
#[derive(Debug, thiserror::Error)]
#[error("nvml: GPU {place}: {source}")]
struct Lost {
    place: usize,
    source: NvmlError,
}

impl Reader {
    /// Until it is told to stop, or nothing is there to be read.
    pub(super) fn run(&self, stopped: &Receiver<()>) {
        let nvml = match Nvml::builder().lib_path(&self.library).init() {
            Ok(nvml) => nvml,
            Err(error) => return self.tell(failure(&error)),
        };
        let handles = match self.find(&nvml) {
            Ok(handles) if !handles.is_empty() => handles,
            Ok(_) => return self.tell(State::unavailable("nvml: no GPU here")),
            Err(error) => return self.tell(State::degraded(&format!("nvml: {error}"))),
        };
        let mut last = self.clock.now();
        for look in 0_u32.. {
            let now = self.clock.now();
            let since = now.saturating_duration_since(last).min(TOO_OLD);
            last = now;
            let problems: Vec<_> = handles
                .iter()
                .enumerate()
                .filter_map(|(place, handle)| self.look(place, handle, since, look % REST == 0).err())
                .collect();
            let mut seen = lock(&self.seen);
            seen.at = Some(self.clock.now());
            if look % REST == 0 {
                seen.state = State::from_problems(&problems);
            }
            drop(seen);
            if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// Nothing is locked while the library is asked.
    fn look(&self, place: usize, handle: &Handle<'_>, since: Duration, rest: bool) -> Result<(), Lost> {
        let load = read_load(handle);
        let gauges = rest.then(|| read_gauges(handle));
        let mut seen = lock(&self.seen);
        let Some(device) = seen.devices.get_mut(place) else { return Ok(()) };
        device.take(load, since);
        match gauges {
            Some(Err(source)) => {
                device.show(None);
                Err(Lost { place, source })
            }
            Some(Ok(gauges)) => {
                device.show(Some(gauges));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn find<'nvml>(&self, nvml: &'nvml Nvml) -> Result<Vec<Handle<'nvml>>, NvmlError> {
        let handles: Vec<_> =
            (0..nvml.device_count()?).filter_map(|place| nvml.device_by_index(place).ok()).collect();
        let uuid = |handle: &Handle| handle.uuid().unwrap_or_default();
        lock(&self.seen).devices = handles.iter().map(|handle| Device::new(&uuid(handle))).collect();
        Ok(handles)
    }

    fn tell(&self, state: State) {
        lock(&self.seen).end(state);
    }
}

/// No library and no driver are as normal as no GPU.
fn failure(error: &NvmlError) -> State {
    match error {
        NvmlError::LibloadingError(error) => State::unavailable(&format!("nvml: {error}")),
        NvmlError::DriverNotLoaded => State::unavailable(&format!("nvml: {error}")),
        error => State::degraded(&format!("nvml: {error}")),
    }
}

fn read_load(handle: &Handle<'_>) -> Load {
    let busy = handle.utilization_rates().ok();
    let energy = handle.total_energy_consumption().ok();
    Load {
        gpu: busy.as_ref().map(|busy| busy.gpu),
        memory: busy.as_ref().map(|busy| busy.memory),
        power: if energy.is_none() { handle.power_usage().ok() } else { None },
        energy,
    }
}

/// An error only where the device is gone; what it does not have is missing.
fn read_gauges(handle: &Handle<'_>) -> Result<Gauges, NvmlError> {
    let memory = there(handle.memory_info())?;
    Ok(Gauges {
        processes: there(handle.running_compute_processes_count())?.map(u64::from),
        mem_total: memory.as_ref().map(|memory| memory.total),
        mem_free: memory.as_ref().map(|memory| memory.free),
        ecc_errors: there(handle.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile))?,
        temperature: there(handle.temperature(TemperatureSensor::Gpu))?.map(u64::from),
        fan_speed: there(handle.fan_speed(0))?.map(u64::from),
    })
}

fn there<T>(value: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(error @ (NvmlError::GpuLost | NvmlError::Unknown | NvmlError::Uninitialized)) => Err(error),
        Err(_) => Ok(None),
    }
}
