//! The thread of applications: waits for all inputs at once and reads those that have something. In: orders, messages. Out:
//! batches for the desk. Rules: an idle thread sleeps until something comes; while messages come it lets them gather,
//! the longer the emptier their buffers are, so that it wakes for many; every turn looks at every input and at the
//! time, so no flood holds up anything else; a fault of the program in here is reported, and all inputs are opened anew.

use super::desk::SharedDesk;
use super::{COMPONENT, Order, Wanted};
use crate::agent::guard::{Panicked, guarded};
use crate::agent::worker::{rest, time_until};
use crate::collect::apps::{Inputs, Visit};
use crate::host::{Clock, Host};
use crate::sys::tally::Call;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// Two UDP ports, a pipe, a socket.
const MOST_INPUTS: usize = 4;
/// Longest time between two visits while messages come, in milliseconds.
const LONGEST_GATHER: u8 = 10;
/// Messages that come closer to each other than this are gathered.
const FREQUENT: Duration = Duration::from_millis(LONGEST_GATHER as u64);

/// The thread.
pub(super) struct ApplicationThread {
    clock: Clock,
    root: PathBuf,
    desk: SharedDesk,
    orders: Receiver<Order>,
    wake: Arc<EventFd>,
    inputs: Inputs,
    wanted: Option<Wanted>,
    gather_ms: u8,
    /// The last visit that found messages.
    found_at: Option<Instant>,
    /// More messages are to be expected soon.
    busy: bool,
    /// More is waiting than was read.
    hurry: bool,
    /// A fault has cost the inputs.
    faulty: bool,
    ended: bool,
}

impl ApplicationThread {
    pub(super) fn new(host: &Host, desk: SharedDesk, orders: Receiver<Order>, wake: Arc<EventFd>) -> Self {
        Self {
            clock: host.clock.clone(),
            root: host.root.clone(),
            desk,
            orders,
            wake,
            inputs: Inputs::default(),
            wanted: None,
            gather_ms: 0,
            found_at: None,
            busy: false,
            hurry: false,
            faulty: false,
            ended: false,
        }
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        while !self.ended {
            if let Err(fault) = guarded(|| self.turn()) {
                self.begin_anew(&fault);
            }
        }
        self.desk.lock().flush(self.clock.now());
    }

    /// Waits once, and does what there is to do.
    fn turn(&mut self) {
        if std::mem::take(&mut self.faulty) {
            self.apply(self.wanted.clone());
        }
        if self.wait() {
            // Whatever the eventfd says, the orders are in the channel.
            let _ = self.wake.read();
            self.take_orders();
        }
        let now = self.clock.now();
        if self.inputs.check_at().is_some_and(|at| at <= now) && self.inputs.check(now) {
            self.desk.publish(&self.inputs);
        }
        self.read(now);
    }

    /// Until something can be read, an order comes, or a deadline passes; true for an order. While busy only an order
    /// ends the wait: the next visit shall be worth waking up for.
    fn wait(&mut self) -> bool {
        let mut fds: [_; 1 + MOST_INPUTS] =
            std::array::from_fn(|_| PollFd::new(self.wake.as_fd(), PollFlags::POLLIN));
        let (mut count, mut timeout) = (1, PollTimeout::from(if self.hurry { 0 } else { self.gather_ms }));
        if !self.busy {
            timeout = self.timeout();
            for (fd, input) in fds.iter_mut().skip(1).zip(self.inputs.descriptors()) {
                *fd = PollFd::new(input, PollFlags::POLLIN);
                count += 1;
            }
        }
        let fds = fds.get_mut(..count).unwrap_or_default();
        crate::sys::tally::count(Call::Wait);
        // EINTR is as good as a deadline: everything is looked at anyway.
        let _ = poll(fds, timeout);
        fds.first().is_some_and(|order| order.any().unwrap_or(false))
    }

    fn timeout(&self) -> PollTimeout {
        let deadlines = [self.inputs.check_at(), self.desk.lock().wake_at()];
        time_until(deadlines.into_iter().flatten().min(), self.clock.now())
    }

    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Settings(wanted)) => self.apply(wanted),
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn apply(&mut self, wanted: Option<Wanted>) {
        let now = self.clock.now();
        self.wanted = wanted;
        self.desk.lock().configure(self.wanted.as_ref(), now);
        // Something may wait in an input that is closed now.
        self.read(now);
        self.inputs.apply(self.wanted.as_ref().map(|wanted| &wanted.json), &self.root, now);
        self.desk.publish(&self.inputs);
    }

    fn read(&mut self, now: Instant) {
        let mut desk = self.desk.lock();
        desk.begin(now);
        let (visit, lost) = self.inputs.read(now, &mut |sender, message| desk.message(sender, message));
        desk.end(&self.inputs);
        drop(desk);
        if lost {
            self.desk.publish(&self.inputs);
        }
        self.gather(visit, now);
    }

    /// When to look again.
    fn gather(&mut self, visit: Visit, now: Instant) {
        // One message after a pause is not worth a wait: it would cost a second wake-up.
        let soon = self.found_at.is_some_and(|at| now < at + FREQUENT);
        self.busy = visit.more || visit.messages > usize::from(!soon);
        self.hurry = visit.more;
        if visit.messages > 0 {
            self.found_at = Some(now);
        }
        // A flood that begins finds an attentive reader.
        self.gather_ms = if self.busy { next_gather(self.gather_ms, visit.fullest) } else { 0 };
    }

    /// After a fault: everything is opened again, with the settings as they are.
    fn begin_anew(&mut self, fault: &Panicked) {
        log::error!(target: COMPONENT, "{fault}; all inputs are opened anew");
        (self.inputs, self.busy) = (Inputs::default(), false);
        self.desk.lock().begin_anew();
        self.desk.publish_fault(fault);
        rest(&self.wake);
        // With the next turn, which is guarded: the same fault may be met in there.
        self.faulty = true;
    }
}

/// How long to let messages gather: slowly longer where the buffers are nearly empty, half as long where one was more than
/// a quarter full, so that a flood finds room for as long as a busy host may keep this thread waiting.
fn next_gather(gather_ms: u8, fullest_percent: usize) -> u8 {
    match fullest_percent {
        0..=6 => (gather_ms + 1).min(LONGEST_GATHER),
        7..=25 => gather_ms,
        _ => gather_ms / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_gather_the_longer_the_emptier_their_buffers_are() {
        let mut gather = 0;
        for expected in (1..=10).chain([10]) {
            gather = next_gather(gather, 2);
            assert_eq!(gather, expected);
        }
        assert_eq!(next_gather(gather, 20), 10);
        for expected in [5, 2, 1, 0, 0] {
            gather = next_gather(gather, 26);
            assert_eq!(gather, expected);
        }
    }
}
