//! The event loop: one thread, one place that waits. In: the alarm clock, interface notifications, signals, clients of
//! the control socket, answers to name lookups. Out: calls of [`Agent`]. Rule: between deadlines the agent sleeps.

use super::control::Control;
use super::daemon::Agent;
use super::exit::Exit;
use super::service::Service;
use super::timer::Timer;
use crate::sys::readable::readable;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// After news of interfaces, further news gathers for so long and is taken in at once: a container engine that starts a
/// hundred guests costs a few readings, not a thousand.
const GATHERING: Duration = Duration::from_millis(50);

/// The signals that mean something.
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    /// Catches them from now on; one that comes before the loop waits for it.
    ///
    /// # Errors
    /// The runtime has no more file descriptors.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Runs the agent until it is told to end.
///
/// # Errors
/// The runtime cannot wait for something it must wait for.
pub async fn run(agent: &mut Agent, control: Option<&Control>, mut signals: Signals) -> io::Result<Exit> {
    let mut timer = Timer::new()?;
    let mut service = Service::new(agent.host.clock.now());
    let (mut news, mut gathered_at) = (None, agent.host.clock.now());
    let answered = agent.outlet.lock().collectors.answered();
    let packets = agent.packets.news();
    let applications = agent.applications.news();
    agent.begin();
    service.ready(&agent.status_line());
    loop {
        let now = agent.host.clock.now();
        let mut wake = agent.next_wake();
        if now < gathered_at {
            wake = wake.min(gathered_at);
        } else if news.is_none() {
            news = Some(readable(&agent.measures.interfaces)?);
        }
        service.beat(now, wake);
        service.status(&agent.status_line());
        if agent.exceeds_memory_limit() {
            return Ok(Exit::Software);
        }
        timer.set(Some(service.next_beat().map_or(wake, |beat| wake.min(beat))), now)?;
        tokio::select! {
            expired = timer.expired() => {
                expired?;
                agent.on_time();
            }
            ready = has_news(news.as_ref()) => {
                ready?;
                agent.on_interfaces();
                // Not waited for at all while it gathers, or every message would wake the agent up.
                news = None;
                gathered_at = agent.host.clock.now() + GATHERING;
            }
            () = answered.notified() => agent.on_lookup(),
            () = packets.notified() => agent.on_packets(),
            () = applications.notified() => agent.on_applications(),
            client = client(control) => {
                let (control, client) = client;
                let now = agent.host.clock.now();
                let transitions = agent.registry.transitions();
                control.answer(client, now, transitions, || agent.snapshot(control.dropped()));
            }
            _ = signals.hangup.recv() => {
                service.reloading();
                agent.reload();
                service.ready(&agent.status_line());
            }
            _ = signals.user1.recv() => agent.log_telemetry(),
            _ = signals.user2.recv() => crate::log::raise_verbosity(),
            _ = signals.interrupt.recv() => break,
            _ = signals.terminate.recv() => break,
        }
    }
    service.stopping();
    Ok(Exit::Ok)
}

/// Waits for news of interfaces; for ever while they gather.
async fn has_news(news: Option<&AsyncFd<OwnedFd>>) -> io::Result<()> {
    match news {
        Some(news) => news.readable().await.map(drop),
        None => std::future::pending().await,
    }
}

/// Waits for a client; for ever where there is no socket.
async fn client(control: Option<&Control>) -> (&Control, tokio::net::UnixStream) {
    match control {
        Some(control) => (control, control.client().await),
        None => std::future::pending().await,
    }
}
