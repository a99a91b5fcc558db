//! A thread that works by orders, from outside. In: orders. Out: a rung event for each, so that the thread can wait for them,
//! for its own descriptors and for a deadline at once. Rules: it ends when this value is dropped, and has then finished
//! what it was at; [`Worker::end`] tells it so and leaves the waiting to the caller, so that many end side by side.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long the thread may wait, its next deadline being this one.
pub(super) fn time_until(next: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(next) = next else { return PollTimeout::NONE };
    // A millisecond more than the difference, or it would wake up just before the deadline.
    let left = next.saturating_duration_since(now) + Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// How long a thread leaves alone what failed.
pub(super) const REST: Duration = Duration::from_secs(5);

/// After a fault of the program: not at once again, should the same thing happen. Only an order ends this sooner.
pub(super) fn rest(wake: &EventFd) {
    let mut order = [PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
    let _ = poll(&mut order, PollTimeout::try_from(REST).unwrap_or(PollTimeout::MAX));
}

/// The thread.
pub(super) struct Worker<O> {
    orders: Option<Sender<O>>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread has ended.
    alive: Option<oneshot::Receiver<()>>,
}

/// Resolves when a thread that was told to end has ended.
pub(super) type Ended = oneshot::Receiver<()>;

impl<O> Worker<O> {
    /// Starts what `make` makes of the orders and the event that is rung for them. When the orders are disconnected, it
    /// has to end.
    ///
    /// # Errors
    /// No thread or descriptor can be had, or `make` fails.
    pub(super) fn start<F: FnOnce() + Send + 'static>(
        name: &str,
        make: impl FnOnce(Receiver<O>, Arc<EventFd>) -> io::Result<F>,
    ) -> io::Result<Self> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (orders, received) = channel();
        let work = make(received, Arc::clone(&wake))?;
        let (lives, alive) = oneshot::channel::<()>();
        let work = move || {
            let _lives = lives;
            work();
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { orders: Some(orders), wake, thread: Some(thread), alive: Some(alive) })
    }

    /// Gives an order.
    pub(super) fn order(&self, order: O) {
        // The thread only ends when told to.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
        let _ = self.wake.write(1);
    }

    /// Tells the thread to end; nobody has to wait for it.
    pub(super) fn end(mut self) -> Option<Ended> {
        self.thread = None;
        self.alive.take()
    }
}

impl<O> Drop for Worker<O> {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.wake.write(1);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_carried_out_before_the_end() {
        let (done, carried_out) = channel();
        let worker = Worker::start("test", |orders: Receiver<u32>, _| {
            Ok(move || orders.into_iter().for_each(|order| done.send(order).expect("somebody listens")))
        })
        .expect("a thread");
        (0..100).for_each(|order| worker.order(order));
        drop(worker);
        assert_eq!(carried_out.into_iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn each_order_rings() {
        let (rung, heard) = channel();
        let worker = Worker::start("test", |orders: Receiver<()>, wake: Arc<EventFd>| {
            let wait = move || {
                let rings = poll(&mut [PollFd::new(wake.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
                rung.send(rings).expect("somebody listens");
            };
            Ok(move || orders.into_iter().for_each(|()| wait()))
        })
        .expect("a thread");
        worker.order(());
        drop(worker);
        assert_eq!(heard.recv(), Ok(Ok(1)));
    }

    #[tokio::test]
    async fn a_thread_that_is_stuck_holds_up_neither_the_end_nor_the_others() {
        let (stuck, release) = channel::<()>();
        let first = Worker::start("stuck", |_: Receiver<()>, _| Ok(move || _ = release.recv())).unwrap();
        let second =
            Worker::start("willing", |orders: Receiver<()>, _| Ok(move || orders.into_iter().for_each(drop)));
        let [mut first, second] = [first, second.unwrap()].map(|worker| worker.end().unwrap());
        assert!(second.await.is_err(), "it has ended, and says nothing");
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(stuck);
        assert!(first.await.is_err());
    }
}
