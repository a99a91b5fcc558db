//! The thread that has `tc` sample: it waits for wishes and for news of qdiscs and filters. In: orders. Out: a report of where each
//! port stands. Rules: a driver that takes its time holds up nobody else; what others change is looked at when a burst of
//! changes is over; a fault of the program in here is reported, and all ports are taken up anew; before it ends, the thread
//! removes what it made, as far as it can in the time that there is.

use super::Order;
use crate::agent::guard::guarded;
use crate::agent::worker::{rest, time_until};
use crate::host::Clock;
use crate::sample::switch::tc::Standing;
use crate::switch::tc::Tc;
use crate::sys::SysError;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::eventfd::EventFd;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// After a change by somebody else, further ones gather for so long.
const GATHERING: Duration = Duration::from_millis(50);
/// For what is to be removed at the end: half of what systemd gives the whole agent.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where each port stands. Most stand where the one before does, and share that.
pub(super) type Standings = BTreeMap<u32, Arc<Standing>>;

/// What the thread tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Of all ports that were wished when it was made.
    pub(super) standings: Arc<Standings>,
    pub(super) fault: Option<String>,
}

/// The report, as both sides have it.
#[derive(Clone, Default)]
pub(super) struct SharedReport {
    report: Arc<Mutex<Report>>,
    /// Rings when it has changed.
    pub(super) news: Arc<Notify>,
    /// The agent ends: what is not begun is not to be begun.
    pub(super) ending: Arc<AtomicBool>,
}

impl SharedReport {
    pub(super) fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, new: Report) {
        let mut report = self.lock();
        if *report != new {
            *report = new;
            self.news.notify_one();
        }
    }
}

/// The thread.
pub(super) struct TcThread {
    clock: Clock,
    report: SharedReport,
    orders: Receiver<Order>,
    wake: Arc<EventFd>,
    tc: Tc,
    /// When the ports ask for it.
    next: Option<Instant>,
    /// News gathers until then.
    gathered: Option<Instant>,
    ended: bool,
}

impl TcThread {
    pub(super) fn new(
        clock: &Clock,
        report: SharedReport,
        orders: Receiver<Order>,
        wake: Arc<EventFd>,
    ) -> Result<Self, SysError> {
        let (tc, clock) = (Tc::open()?, clock.clone());
        let (next, gathered) = (None, None);
        Ok(Self { clock, report, orders, wake, tc, next, gathered, ended: false })
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        while !self.ended {
            let fault = match guarded(|| self.turn()) {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(panicked) => panicked.to_string(),
            };
            self.begin_anew(fault);
        }
        let (clock, now) = (&self.clock, self.clock.now());
        let in_time = || clock.now().saturating_duration_since(now) < FAREWELL;
        match guarded(|| self.tc.remove_all(now, &in_time)) {
            Ok(0) => {}
            Ok(left) => {
                log::warn!(target: super::COMPONENT, "filters may be left on {left} ports, for the next start to take over");
            }
            Err(fault) => log::error!(target: super::COMPONENT, "filters may be left: {fault}"),
        }
    }

    fn turn(&mut self) -> Result<(), SysError> {
        self.wait();
        let ordered = self.take_orders();
        let now = self.clock.now();
        if self.tc.read_news()? {
            self.gathered = self.gathered.or(now.checked_add(GATHERING));
        }
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if ordered || passed(self.next) || passed(self.gathered) {
            self.gathered = None;
            self.next = self.tc.turn(now, &|| !self.report.ending.load(Ordering::Relaxed));
            self.report.publish(Report { standings: Arc::new(standings(&self.tc)), fault: None });
        }
        Ok(())
    }

    fn wait(&self) {
        let deadline = [self.next, self.gathered].into_iter().flatten().min();
        let mut fds =
            [&self.wake as &dyn AsFd, &self.tc].map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        let watched = if self.gathered.is_some() { 1 } else { 2 };
        // EINTR is as good as a deadline: everything is looked at anyway.
        let _ = poll(fds.get_mut(..watched).unwrap_or_default(), time_until(deadline, self.clock.now()));
        // Whatever the eventfd says, the orders are in the channel.
        let _ = self.wake.read();
    }

    fn take_orders(&mut self) -> bool {
        let mut any = false;
        loop {
            match self.orders.try_recv() {
                Ok(Order(wishes)) => {
                    any = true;
                    self.tc.wish(wishes);
                }
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return false;
                }
                Err(TryRecvError::Empty) => return any,
            }
        }
    }

    /// After a fault: all ports are looked at as if the agent had just been started.
    fn begin_anew(&mut self, fault: String) {
        if self.report.lock().fault.as_ref() != Some(&fault) {
            log::error!(target: super::COMPONENT, "{fault}; all ports are taken up anew");
        }
        self.report.publish(Report { fault: Some(fault), ..Report::default() });
        rest(&self.wake);
        let wishes: Vec<_> = self.tc.wishes().map(|(index, wish)| (index, Some(*wish))).collect();
        if let Ok(tc) = Tc::open() {
            self.tc = tc;
        }
        self.tc.wish(wishes);
        self.next = Some(self.clock.now());
    }
}

fn standings(tc: &Tc) -> Standings {
    let mut last = Arc::<Standing>::default();
    let shared = |(index, standing)| {
        if standing != *last {
            last = Arc::new(standing);
        }
        (index, Arc::clone(&last))
    };
    tc.standings().map(shared).collect()
}
