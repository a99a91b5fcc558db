//! The thread that runs the commands. In: which ports are wanted at which rates. Out: how each port is. Rules: a few commands
//! at once, those included that cannot be killed; a program that is not there is looked for again each minute; at the end
//! every port that was set is set to none, as far as that can be done in the time that a service has to stop.

use super::super::worker::time_until;
use super::SharedReport;
use crate::host::Clock;
use crate::sample::switch::port_rates::{PortRates, Wish};
use crate::switch::portsamp::Portsamp;
use caps::{CapSet, Capability};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// Commands at once: a switch's processor has little else.
const MOST: usize = 4;
const MOST_AT_END: usize = 16;
/// A command takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// All that is done at the end, and one command of it. A service has 10 s.
const END: Duration = Duration::from_secs(6);
const PATIENCE_AT_END: Duration = Duration::from_secs(3);
/// While commands run: one that ends need not close its output.
const BEAT: Duration = Duration::from_millis(50);
/// While one does not die.
const SLOW_BEAT: Duration = Duration::from_secs(1);
const MISSING_PAUSE: Duration = Duration::from_mins(1);

/// What the thread is told of a port.
#[derive(Debug)]
pub(super) enum Order {
    /// These are its rates; none: what was set is undone.
    Want(u32, Option<Wish>),
    /// It has gone, or is somebody else's.
    Release(u32),
}

/// The thread.
pub(super) struct CumulusThread {
    clock: Clock,
    orders: Receiver<Vec<Order>>,
    wake: Arc<EventFd>,
    plan: PortRates,
    portsamp: Portsamp,
    report: SharedReport,
    /// The program is not there; when to look again.
    missing_until: Option<Instant>,
}

impl CumulusThread {
    pub(super) fn new(
        clock: &Clock,
        program: &Path,
        report: SharedReport,
        orders: Receiver<Vec<Order>>,
        wake: Arc<EventFd>,
    ) -> Self {
        Self {
            clock: clock.clone(),
            orders,
            wake,
            plan: PortRates::default(),
            portsamp: Portsamp::new(program),
            report,
            missing_until: None,
        }
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        // Only programs that this thread starts have it; what is missing shows in their answer.
        let right = Capability::CAP_DAC_OVERRIDE;
        let _ = caps::raise(None, CapSet::Inheritable, right)
            .and_then(|()| caps::raise(None, CapSet::Ambient, right));
        while self.take_orders() {
            let now = self.clock.now();
            self.turn(now, MOST, PATIENCE);
            self.report.publish(self.plan.take_changed(), self.missing_until.is_some());
            self.wait(self.deadline(now), now);
        }
        self.end();
    }

    fn take_orders(&mut self) -> bool {
        // Whatever the eventfd says, the orders are in the channel.
        let _ = self.wake.read();
        loop {
            match self.orders.try_recv() {
                Ok(orders) => orders.into_iter().for_each(|order| match order {
                    Order::Want(if_index, wish) => self.plan.want(if_index, wish),
                    Order::Release(if_index) => self.plan.release(if_index),
                }),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn turn(&mut self, now: Instant, most: usize, patience: Duration) {
        for (call, outcome) in self.portsamp.take_ended(now) {
            self.plan.ended(&call, outcome.map_err(|e| e.to_string()), now);
        }
        if self.plan.open() == 0 {
            self.missing_until = None;
            return;
        }
        if self.missing_until.is_some_and(|until| now < until) {
            return;
        }
        self.missing_until = (!self.portsamp.exists()).then(|| now + MISSING_PAUSE);
        while self.missing_until.is_none() && self.portsamp.count() < most {
            let Some(call) = self.plan.next_call(now) else { return };
            log::debug!(target: "cumulus", "{}: {:?}", call.name, call.rates);
            if let Err(error) = self.portsamp.start(call.clone(), now, patience) {
                self.plan.ended(&call, Err(error.to_string()), now);
            }
        }
    }

    /// When there may be something to do, if nothing rings.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let beat = match self.portsamp.count() {
            0 => None,
            _ if self.portsamp.is_idle() => Some(now + SLOW_BEAT),
            _ => Some(now + BEAT),
        };
        // What was due by now runs, or waits for another to end.
        let retry = self.missing_until.or_else(|| self.plan.wake_at(now));
        [beat, retry].into_iter().flatten().min()
    }

    fn wait(&self, deadline: Option<Instant>, now: Instant) {
        let mut fds = vec![PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.portsamp.outputs().map(|output| PollFd::new(output, PollFlags::POLLIN)));
        let timeout: PollTimeout = time_until(deadline, now);
        // One that was woken early turns once more.
        let _ = poll(&mut fds, timeout);
    }

    fn end(&mut self) {
        let until = self.clock.now() + END;
        self.plan.end_all();
        while self.plan.open() > 0 {
            let now = self.clock.now();
            if now >= until || self.missing_until.is_some() {
                break;
            }
            self.turn(now, MOST_AT_END, PATIENCE_AT_END);
            let beat = now + BEAT;
            let mut fds: Vec<_> =
                self.portsamp.outputs().map(|output| PollFd::new(output, PollFlags::POLLIN)).collect();
            let _ = poll(&mut fds, time_until(Some(beat), now));
        }
        let left = self.plan.open() + self.plan.given_up();
        if left > 0 {
            log::warn!(target: "cumulus", "{left} ports could not be set back: they may go on sampling");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Report;
    use super::*;
    use crate::sample::switch::port_rates::{PortState, Rates};
    use nix::sys::eventfd::EfdFlags;
    use std::collections::BTreeMap;
    use std::sync::mpsc::{Sender, channel};

    fn thread() -> (CumulusThread, Sender<Vec<Order>>) {
        let (orders, received) = channel();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap());
        let (clock, report) = (Clock::system(), SharedReport::default());
        (CumulusThread::new(&clock, "/nowhere/portsamp".as_ref(), report, received, wake), orders)
    }

    #[test]
    fn a_program_that_is_missing_is_looked_for_as_long_as_a_port_wants_it() {
        let (mut thread, orders) = thread();
        let now = thread.clock.now();
        let rates = Rates { ingress: 1000, egress: 0, group: 1 };
        orders.send(vec![Order::Want(3, Some(Wish { name: "swp1".into(), rates }))]).unwrap();
        assert!(thread.take_orders());
        for minute in 0..3 {
            let now = now + minute * MISSING_PAUSE;
            thread.turn(now, MOST, PATIENCE);
            assert_eq!(thread.deadline(now), Some(now + MISSING_PAUSE));
        }
        orders.send(vec![Order::Release(3)]).unwrap();
        assert!(thread.take_orders());
        let later = now + 10 * MISSING_PAUSE;
        thread.turn(later, MOST, PATIENCE);
        assert_eq!((thread.deadline(later), thread.missing_until), (None, None));
    }

    #[test]
    fn news_are_what_has_changed_and_ring_once() {
        let report = SharedReport::default();
        let port = |fault: &str| Some(PortState { set: None, fault: Some(fault.to_owned()) });
        report.publish(BTreeMap::from([(1, port("a")), (2, None)]), false);
        report.publish(BTreeMap::from([(1, port("b"))]), true);
        let told = report.take();
        assert_eq!((told.changed, told.missing), (BTreeMap::from([(1, port("b")), (2, None)]), true));
        report.publish(BTreeMap::new(), true);
        assert_eq!(report.take(), Report { changed: BTreeMap::new(), missing: true });
    }
}
