//! Tasks of the runtime that must not die unseen. In: how to start one, whom to tell. Out: the task, until it ends by itself. Rule:
//! one that panics is started again, later and later, and its state says so; it goes with its supervisor.

use crate::sample::backoff::Backoff;
use crate::status::registry::State;
use std::future::Future;
use tokio::task::AbortHandle;

/// Aborts the task when dropped.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs what `start` makes until it ends by itself, or nobody wants to be told (`tell` is false) that it did not.
pub(super) async fn supervise<F, T>(start: impl Fn() -> F, tell: impl Fn(State) -> T)
where
    F: Future<Output = ()> + Send + 'static,
    T: Future<Output = bool>,
{
    let mut backoff = Backoff::default();
    loop {
        let running = tokio::spawn(start());
        let task = Task(running.abort_handle());
        let ended = running.await;
        drop(task);
        if ended.is_ok() {
            return;
        }
        let pause = backoff.advance();
        let reason = format!("its task ended in a panic, and is started again in {} s", pause.as_secs());
        if !tell(State::degraded(&reason)).await {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_task_that_panics_is_said_and_started_again() {
        let (starts, told) = (AtomicU32::new(0), Mutex::new(Vec::new()));
        let start = || {
            let first = starts.fetch_add(1, Ordering::Relaxed) == 0;
            async move { assert!(!first, "a fault of the program") }
        };
        let tell = |state| {
            told.lock().unwrap().push(state);
            ready(true)
        };
        tokio::time::timeout(Duration::from_secs(60), supervise(start, tell)).await.unwrap();
        assert_eq!(starts.into_inner(), 2);
        let reason = "its task ended in a panic, and is started again in 1 s";
        assert_eq!(told.into_inner().unwrap(), [State::degraded(reason)]);
    }

    #[tokio::test]
    async fn a_task_goes_with_its_supervisor() {
        let (alive, ended) = oneshot::channel::<()>();
        let alive = Arc::new(Mutex::new(Some(alive)));
        let start = move || {
            let alive = alive.lock().unwrap().take();
            async move {
                let _alive = alive;
                std::future::pending().await
            }
        };
        let supervisor = tokio::spawn(supervise(start, |_| ready(true)));
        // It has started by then.
        tokio::task::yield_now().await;
        supervisor.abort();
        assert!(tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().is_err());
    }
}
