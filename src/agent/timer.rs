//! The agent's one alarm clock: a timerfd on the monotonic clock that the runtime waits for. Rule: one deadline,
//! one wake-up. (A runtime's timer wheel wakes up several times on the way to a far deadline.)

use crate::sys::readable::readable;
use crate::sys::tally::{self, Call};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// Wakes its one waiter at a deadline.
pub struct Timer {
    timer: TimerFd,
    /// The same timer, as the runtime waits for it.
    readable: AsyncFd<OwnedFd>,
    armed_for: Option<Instant>,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// No file descriptor was to be had.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let readable = readable(&timer)?;
        Ok(Self { timer, readable, armed_for: None })
    }

    /// Sets the deadline; `None` sleeps until something else happens.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set(&mut self, deadline: Option<Instant>, now: Instant) -> io::Result<()> {
        if self.armed_for == deadline {
            return Ok(());
        }
        tally::count(Call::Wait);
        match deadline {
            Some(at) => {
                // No time at all would switch the timer off.
                let ahead = at.saturating_duration_since(now).max(Duration::from_nanos(1));
                let once = Expiration::OneShot(TimeSpec::from_duration(ahead));
                self.timer.set(once, TimerSetTimeFlags::empty())?;
            }
            None => self.timer.unset()?,
        }
        self.armed_for = deadline;
        Ok(())
    }

    /// Waits for the deadline.
    ///
    /// # Errors
    /// The runtime cannot wait for file descriptors any more.
    pub async fn expired(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.readable.readable().await?;
            let mut count = [0; 8];
            // `TimerFd::wait` would spin on EAGAIN: the descriptor does not block.
            tally::count(Call::Read);
            match nix::unistd::read(&self.timer, &mut count) {
                Ok(_) => {
                    self.armed_for = None;
                    // The next read would only say EAGAIN: one system call less for each wake-up.
                    ready.clear_ready();
                    return Ok(());
                }
                Err(nix::Error::EAGAIN) => ready.clear_ready(),
                Err(e) => return Err(e.into()),
            }
        }
    }
}
