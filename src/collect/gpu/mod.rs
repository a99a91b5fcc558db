//! NVIDIA GPUs, as the driver's own library tells of them.
//!
//! In: `libnvidia-ml.so.1`, looked for when opened and not again. Out: the record of all GPUs or of those that a guest was given. Rules: a call of
//! the library may hang for minutes when a GPU fails, so all of them are made on a thread of their own and what is too old is not
//! told; a GPU that is lost costs the others nothing, and what it had counted stays. No library and no GPU are normal
//! states. Spec: NVML API reference; sFlow NVML GPU Structures.

mod device;
mod read;

use crate::host::{Clock, Host};
use crate::sflow::counters::hardware::Gpu;
use crate::status::registry::State;
use device::Device;
use std::ffi::{OsStr, OsString};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The library's name, which the loader looks for in its usual places.
pub const LIBRARY: &str = "libnvidia-ml.so.1";

/// What is older than this is not told.
const TOO_OLD: Duration = Duration::from_secs(10);

/// The GPUs of this host.
pub struct Gpus {
    seen: Arc<Mutex<Seen>>,
    /// The thread ends when this goes.
    _stop: Sender<()>,
}

/// What the thread has found.
struct Seen {
    state: State,
    devices: Vec<Device>,
    /// When it last got answers; none when it has ended, because there is nothing to follow.
    at: Option<Instant>,
}

impl Gpus {
    /// Begins to look. `library`: its file, or [`LIBRARY`].
    pub fn open(host: &Host, library: &OsStr) -> Self {
        let seen = Seen { state: State::Running, devices: Vec::new(), at: Some(host.clock.now()) };
        let seen = Arc::new(Mutex::new(seen));
        let (stop, stopped) = channel();
        let reader =
            Reader { seen: Arc::clone(&seen), clock: host.clock.clone(), library: library.to_owned() };
        let thread = std::thread::Builder::new().name("nvml".into());
        if let Err(error) = thread.spawn(move || reader.run(&stopped)) {
            lock(&seen).end(State::degraded(&format!("nvml: thread: {error}")));
        }
        Self { seen, _stop: stop }
    }

    /// How they are.
    pub fn state(&self, now: Instant) -> State {
        let seen = lock(&self.seen);
        if seen.is_old(now) {
            return State::degraded("nvml: the library does not answer; its GPUs are not reported");
        }
        seen.state.clone()
    }

    /// All GPUs together; none where there are none, and while the library does not answer.
    pub fn record(&self, now: Instant) -> Option<Gpu> {
        self.sum(now, |_| true)
    }

    /// Those with these UUIDs, with or without `GPU-` before them; none where there are none of them here.
    pub fn record_of(&self, uuids: &[String], now: Instant) -> Option<Gpu> {
        self.sum(now, |device| uuids.iter().any(|uuid| device.is(uuid)))
    }

    fn sum(&self, now: Instant, wanted: impl Fn(&Device) -> bool) -> Option<Gpu> {
        let seen = lock(&self.seen);
        if seen.is_old(now) {
            return None;
        }
        let devices: Vec<_> = seen.devices.iter().filter(|device| wanted(device)).collect();
        device::sum(&devices)
    }
}

impl Seen {
    fn end(&mut self, state: State) {
        (self.state, self.at) = (state, None);
    }

    fn is_old(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now.saturating_duration_since(at) > TOO_OLD)
    }
}

struct Reader {
    seen: Arc<Mutex<Seen>>,
    clock: Clock,
    library: OsString,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
