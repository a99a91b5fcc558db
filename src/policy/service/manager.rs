//! What the service manager is told by sd_notify(3). Rule: a beat is only sent by the loop that does the work, so that
//! one that hangs is started anew.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Manager {
    interval: Option<Duration>,
    due: Instant,
    status: String,
}

impl Manager {
    pub(super) fn new(now: Instant) -> Self {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        Self { interval, due: now, status: String::new() }
    }

    pub(super) fn ready(&self) {
        send(&[NotifyState::Ready]);
    }

    pub(super) fn reloading(&self) {
        if let Ok(at) = NotifyState::monotonic_usec_now() {
            send(&[NotifyState::Reloading, at]);
        }
    }

    pub(super) fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Sends a beat when one is due, and says when the next is.
    pub(super) fn beat(&mut self, now: Instant) -> Option<Instant> {
        let interval = self.interval?;
        if now >= self.due {
            send(&[NotifyState::Watchdog]);
            self.due = now + interval;
        }
        Some(self.due)
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("the service manager was not reached: {error}");
    }
}
