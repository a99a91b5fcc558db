//! When the packet thread wakes up. In: what the sources have, orders, deadlines, how full buffers were. Out: the moment of
//! the next visit. Rule: the more packets come, the more of them share a visit, as long as their buffers have room; nothing
//! is waited for twice.

use super::PacketThread;
use crate::agent::worker::time_until;
use crate::sys::tally::{Call, count};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

/// Kinds of packet sources.
const MOST_SOURCES: usize = 7;

impl PacketThread {
    /// Until something can be read, an order comes, or a deadline passes; true for an order. Busy sources are read anyway:
    /// whether they have something is then not asked before.
    pub(super) fn wait(&mut self) -> bool {
        let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(false);
        self.called = false;
        if self.busy {
            // Only an order ends this sooner: the next visit shall be worth waking up for.
            let mut order = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
            let gather_ms = if self.hurry { 0 } else { self.gather_ms };
            count(Call::Wait);
            let _ = poll(&mut order, PollTimeout::from(gather_ms));
            return order.iter().any(ready);
        }
        let timeout = self.timeout();
        let resting = &self.resting;
        let wake = || PollFd::new(self.wake.as_fd(), PollFlags::POLLIN);
        let mut fds: [_; 1 + MOST_SOURCES] = std::array::from_fn(|_| wake());
        let mut used = 1;
        let each = self.taps.each().chain(self.sources.each()).map(|source| &*source);
        let awake = each.filter(|source| !resting.contains_key(source.name()));
        for (fd, source) in fds.iter_mut().skip(1).zip(awake) {
            *fd = PollFd::new(source.as_fd(), PollFlags::POLLIN);
            used += 1;
        }
        let fds = fds.get_mut(..used).unwrap_or_default();
        // EINTR is as good as a deadline: everything is looked at anyway.
        count(Call::Wait);
        let _: Result<_, Errno> = poll(fds, timeout);
        self.called = fds.iter().skip(1).any(ready);
        fds.first().is_some_and(ready)
    }

    fn timeout(&self) -> PollTimeout {
        if self.taps.has_work() {
            return PollTimeout::ZERO;
        }
        let rested = self.resting.values().map(|(_, until)| *until).min();
        let deadlines = [self.check_at, self.desk.lock().flush_at(), self.taps.retry_at(), rested];
        time_until(deadlines.into_iter().flatten().min(), self.clock.now())
    }
}

/// How long to let packets gather: half as long where a buffer was more than half full, slowly longer where all are
/// nearly empty.
pub(super) fn next_gather(gather_ms: u8, fullest_percent: usize) -> u8 {
    match fullest_percent {
        0..=12 => gather_ms.saturating_add(1),
        13..=50 => gather_ms,
        _ => gather_ms / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_come_sooner_while_buffers_fill_and_later_when_they_are_empty() {
        let mut gather = 10;
        for expected in [5, 2, 1, 0, 0] {
            gather = next_gather(gather, 80);
            assert_eq!(gather, expected);
        }
        assert_eq!(next_gather(4, 30), 4);
        for expected in 1..=255 {
            gather = next_gather(gather, 1);
            assert_eq!(gather, expected);
        }
        assert_eq!(next_gather(gather, 1), 255);
    }
}
