//! The event loop: one thread, one place that waits. In: the alarm clock, interface notifications, signals, clients of
//! the control socket, orders, answers to name lookups and of DNS. Out: calls of [`Agent`]. Rule: between deadlines the agent sleeps.

use super::commands::{Commands, Order};
use super::control::Control;
use super::daemon::Agent;
use super::exit::Exit;
use super::service::Service;
use super::sockets::Door;
use super::stream::Stream;
use super::timer::Timer;
use crate::status::command::{Answer, Command};
use crate::sys::readable::readable;
use crate::sys::resident;
use crate::sys::tally;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// After news of interfaces, further news gathers for so long and is taken in at once: a container engine that starts a
/// hundred guests costs a few readings, not a thousand.
const GATHERING: Duration = Duration::from_millis(50);
/// After no descriptor was left to wait for news with.
const NO_DESCRIPTOR: Duration = Duration::from_secs(1);

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

    /// Waits for the next one.
    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.user1.recv() => Told::LogTelemetry,
            _ = self.user2.recv() => Told::LogMore,
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
        }
    }
}

/// What a signal tells the agent to do.
enum Told {
    Reload,
    LogTelemetry,
    LogMore,
    End,
}

/// What the agent's other threads and tasks ring.
struct Bells {
    looked_up: Arc<Notify>,
    packets: Arc<Notify>,
    discovered: Arc<Notify>,
    applications: Arc<Notify>,
    open_vswitch: Arc<Notify>,
    optics: Arc<Notify>,
    cumulus: Arc<Notify>,
    tc: Arc<Notify>,
    metrics: Arc<Notify>,
    dbus: Arc<Notify>,
}

impl Bells {
    fn of(agent: &Agent) -> Self {
        Self {
            looked_up: agent.outlet.lock().collectors.answered(),
            packets: agent.packets.news(),
            discovered: agent.discovery.answered(),
            applications: agent.applications.news(),
            open_vswitch: agent.open_vswitch.news(),
            optics: agent.optics.news(),
            cumulus: agent.cumulus.news(),
            tc: agent.tc.news(),
            metrics: agent.metrics.news(),
            dbus: agent.dbus.news(),
        }
    }

    /// Waits for one; returns what is to be done.
    async fn rung(&self) -> fn(&mut Agent) {
        // Every turn of the loop comes by here, and waits once.
        tally::count(tally::Call::Wait);
        tokio::select! {
            () = self.looked_up.notified() => Agent::on_lookup,
            () = self.packets.notified() => Agent::on_packets,
            () = self.discovered.notified() => Agent::on_discovery,
            () = self.applications.notified() => Agent::on_applications,
            () = self.open_vswitch.notified() => Agent::on_open_vswitch,
            () = self.optics.notified() => Agent::on_optics,
            () = self.cumulus.notified() => Agent::on_cumulus,
            () = self.tc.notified() => Agent::on_tc,
            () = self.metrics.notified() => Agent::on_metrics,
            () = self.dbus.notified() => Agent::on_dbus,
        }
    }
}

/// The agent's sockets; none where one cannot be had.
pub struct Sockets {
    /// Answers `hsflowctl status`.
    pub control: Option<Control>,
    /// Takes orders.
    pub commands: Option<Commands>,
    /// Tells of guests.
    pub events: Option<Door>,
    /// Gives datagrams to programs of this host.
    pub stream: Option<Stream>,
}

/// Runs the agent until it is told to end.
///
/// # Errors
/// The runtime cannot wait for something it must wait for.
pub async fn run(agent: &mut Agent, sockets: &mut Sockets, mut signals: Signals) -> io::Result<Exit> {
    let mut timer = Timer::new()?;
    let mut service = Service::new(agent.host.clock.now());
    let (mut news, mut gathered_at) = (None, agent.host.clock.now());
    let bells = Bells::of(agent);
    let (mut guests, mut questions) = (agent.guests.receiver(), agent.questions.take());
    agent.begin();
    service.ready(&agent.status_line());
    resident::give_back();
    loop {
        let now = agent.host.clock.now();
        let mut wake = agent.next_wake();
        if news.is_none() && now >= gathered_at {
            // Without a descriptor left to wait with it is tried again: that is no reason to end.
            news = readable(&agent.measures.interfaces).ok();
            gathered_at = if news.is_none() { now + NO_DESCRIPTOR } else { now };
        }
        if now < gathered_at {
            wake = wake.min(gathered_at);
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
            ready = or_never(news.as_ref().map(AsyncFd::readable)) => {
                ready?.retain_ready();
                agent.on_interfaces();
                // Not waited for at all while it gathers, or every message would wake the agent up.
                news = None;
                gathered_at = agent.host.clock.now() + GATHERING;
            }
            on_bell = bells.rung() => on_bell(agent),
            Some(question) = or_never(questions.as_mut().map(mpsc::Receiver::recv)) => question(agent),
            Some((engine, news)) = or_never(guests.as_mut().map(|guests| guests.recv())), if agent.election.choice.is_some() => {
                agent.on_guests(engine, news);
            }
            client = or_never(sockets.events.as_ref().map(Door::client)) => agent.welcome(client),
            reader = or_never(sockets.stream.as_ref().map(Stream::reader)) => agent.outlet.lock().welcome(reader),
            client = or_never(sockets.control.as_ref().map(Control::client)) => show(agent, sockets, client),
            Some(Order { command: Command::Reload, reply }) = or_never(sockets.commands.as_mut().map(Commands::next)) => {
                // Who gave the order may have gone.
                let _ = reply.send(reload(agent, &mut service));
            }
            told = signals.next() => match told {
                Told::Reload => _ = reload(agent, &mut service),
                Told::LogTelemetry => agent.log_telemetry(),
                Told::LogMore => crate::log::raise_verbosity(),
                Told::End => break,
            },
        }
    }
    service.stopping();
    Ok(Exit::Ok)
}

fn show(agent: &mut Agent, sockets: &Sockets, client: UnixStream) {
    let Some(control) = &sockets.control else { return };
    let (now, transitions) = (agent.host.clock.now(), agent.registry.transitions());
    control.answer(client, now, transitions, || agent.snapshot(control.dropped()));
}

fn reload(agent: &mut Agent, service: &mut Service) -> Answer {
    service.reloading();
    let answer = agent.reload();
    service.ready(&agent.status_line());
    answer
}

/// Waits for what is there to be waited for; for ever where there is nothing.
async fn or_never<T>(awaited: Option<impl Future<Output = T>>) -> T {
    match awaited {
        Some(awaited) => awaited.await,
        None => std::future::pending().await,
    }
}
