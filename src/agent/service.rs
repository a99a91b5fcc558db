//! What the service manager is told: READY, STATUS, RELOADING, STOPPING and the watchdog's heart-beat, by
//! sd_notify(3). Without a manager every call does nothing. Rule: a beat is only sent by the loop that does the
//! work, so an agent that hangs is restarted.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// The connection to the service manager.
pub struct Service {
    interval: Option<Duration>,
    next_beat: Option<Instant>,
    status: String,
}

impl Service {
    /// Reads the manager's wishes from the environment.
    pub fn new(now: Instant) -> Self {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { interval, next_beat: interval.map(|_| now), status: String::new() }
    }

    /// The service works.
    pub fn ready(&mut self, status: &str) {
        self.status = status.to_owned();
        send(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A new one-line status, sent only when it changed.
    pub fn status(&mut self, status: &str) {
        if self.status != status {
            self.status = status.to_owned();
            send(&[NotifyState::Status(status)]);
        }
    }

    /// A reload begins; [`Service::ready`] ends it.
    pub fn reloading(&self) {
        if let Ok(at) = NotifyState::monotonic_usec_now() {
            send(&[NotifyState::Reloading, at]);
        }
    }

    /// The agent is ending.
    pub fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    /// Sends a heart-beat when one is due, or would be before the next wake-up at `next_wake`.
    pub fn beat(&mut self, now: Instant, next_wake: Instant) {
        let (Some(interval), Some(due)) = (self.interval, self.next_beat) else { return };
        if now >= due || next_wake > due {
            send(&[NotifyState::Watchdog]);
            self.next_beat = Some(now + interval);
        }
    }

    /// When the next heart-beat must be sent at the latest.
    pub fn next_beat(&self) -> Option<Instant> {
        self.next_beat
    }
}

fn send(state: &[NotifyState]) {
    if let Err(e) = sd_notify::notify(state) {
        log::debug!(target: "service", "the service manager was not reached: {e}");
    }
}
