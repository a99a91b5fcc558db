//! One collector: its socket, what went wrong with it, and when it is opened again.
//!
//! In: datagrams and the time. Out: UDP and counters. The rule kept: one send is one or two system calls that
//! never wait, and nothing is allocated while all is well. Three kinds of trouble are told apart: a full buffer costs
//! this datagram only; an error left by an earlier datagram (the far end refused it) must not cost the present one;
//! anything else is tried again with the next datagram, and with a new socket after 1 s, 2 s, … 30 s, because a
//! connected socket keeps a source address that may be gone.

use crate::config::model::CollectorSettings;
use crate::export::lookup::{Lookups, Name};
use crate::export::report::{CollectorStatus, Counts, State};
use crate::export::socket::{CollectorError, Surroundings, Target, open};
use crate::sys::tally::{Call, count};
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A refusal comes back after a round trip, while the rest of a burst leaves unhindered: so it stands this long.
const REFUSAL_STANDS: Duration = Duration::from_secs(1);

pub(super) struct Collector {
    pub(super) id: u64,
    pub(super) settings: CollectorSettings,
    /// `None` for a literal address.
    name: Option<Name>,
    target: Option<Target>,
    socket: Option<UdpSocket>,
    namespace: Option<File>,
    /// When to open the socket (again); `None` while it serves.
    open_at: Option<Duration>,
    pause: Duration,
    /// A datagram has left since the last error, so a clean send now shows that it was not refused.
    awaiting_refusal: bool,
    trouble: Option<Trouble>,
    last_success: Option<Duration>,
    counts: Counts,
}

/// The newest error.
struct Trouble {
    error: CollectorError,
    at: Duration,
    /// Still so.
    lasting: bool,
    /// Told of a datagram that the kernel had accepted.
    belated: bool,
}

impl Collector {
    pub(super) fn new(id: u64, settings: CollectorSettings) -> Self {
        let target = Target::parse(&settings.host);
        Self {
            id,
            name: target.is_none().then(Name::default),
            open_at: Some(Duration::ZERO),
            target,
            settings,
            socket: None,
            namespace: None,
            pause: Duration::ZERO,
            awaiting_refusal: false,
            trouble: None,
            last_success: None,
            counts: Counts::default(),
        }
    }

    /// Opens the socket if that is due.
    pub(super) fn prepare(&mut self, surroundings: &Surroundings, now: Duration) {
        let (Some(target), true) = (&self.target, self.open_at.is_some_and(|at| at <= now)) else { return };
        match open(target, &self.settings, surroundings, &mut self.namespace) {
            Ok(socket) => {
                (self.socket, self.open_at, self.awaiting_refusal) = (Some(socket), None, false);
                self.recovered(|trouble| !trouble.belated);
            }
            Err(error) => {
                self.failed(error, now, false);
                self.open_later(now);
            }
        }
    }

    pub(super) fn send(&mut self, datagram: &[u8], surroundings: &Surroundings, now: Duration) {
        self.prepare(surroundings, now);
        let Some(socket) = &self.socket else {
            self.counts.lost += 1;
            return;
        };
        count(Call::Send);
        match socket.send(datagram) {
            Ok(bytes) => self.sent(bytes, true, now),
            Err(error) if is_full(&error) => self.not_sent(error, now),
            // The kernel reports the fate of an earlier datagram in place of taking this one.
            Err(first) => {
                count(Call::Send);
                match socket.send(datagram) {
                    Ok(bytes) => {
                        self.failed(CollectorError::of_send(first), now, true);
                        self.sent(bytes, false, now);
                    }
                    Err(error) => self.not_sent(error, now),
                }
            }
        }
    }

    fn sent(&mut self, bytes: usize, clean: bool, now: Duration) {
        self.counts.datagrams += 1;
        self.counts.bytes += bytes as u64;
        self.last_success = Some(now);
        (self.open_at, self.pause) = (None, Duration::ZERO);
        if clean {
            let heard = self.awaiting_refusal;
            self.recovered(|trouble| !trouble.belated || (heard && now >= trouble.at + REFUSAL_STANDS));
        }
        self.awaiting_refusal = true;
    }

    fn not_sent(&mut self, error: io::Error, now: Duration) {
        self.counts.lost += 1;
        // A new socket would not help against these.
        let serves = is_full(&error) || error.raw_os_error() == Some(Errno::EMSGSIZE as i32);
        self.failed(CollectorError::of_send(error), now, false);
        if !serves && self.open_at.is_none() {
            self.open_later(now);
        }
    }

    fn open_later(&mut self, now: Duration) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.open_at = Some(now + self.pause);
    }

    fn failed(&mut self, error: CollectorError, now: Duration, belated: bool) {
        self.counts.count(error.errno());
        self.awaiting_refusal = false;
        self.trouble = Some(Trouble { error, at: now, lasting: true, belated });
    }

    fn recovered(&mut self, over: impl Fn(&Trouble) -> bool) {
        if let Some(trouble) = self.trouble.as_mut().filter(|t| t.lasting) {
            trouble.lasting = !over(trouble);
        }
    }

    /// The way out may have changed: the next datagram leaves by a new socket.
    pub(super) fn reopen(&mut self) {
        (self.open_at, self.pause) = (Some(Duration::ZERO), Duration::ZERO);
    }

    /// Bound to a device, or in trouble that a change of devices may end.
    pub(super) fn depends_on_devices(&self) -> bool {
        let zone = self.target.as_ref().is_some_and(|t| t.zone.is_some());
        zone || self.settings.device.is_some() || self.open_at.is_some()
    }

    /// Starts lookups, and notices late ones.
    pub(super) fn tick(&mut self, lookups: &Lookups, now: Duration) {
        let late = self.name.as_mut().and_then(|n| n.tick(self.id, &self.settings.host, lookups, now));
        if let Some(error) = late {
            self.unresolved(error, now);
        }
    }

    pub(super) fn next_tick(&self) -> Option<Duration> {
        self.name.as_ref()?.next_tick()
    }

    /// Takes the answer of a lookup; true if datagrams go elsewhere from now on.
    pub(super) fn answer(&mut self, found: io::Result<Vec<SocketAddr>>, now: Duration) -> bool {
        let Some(name) = &mut self.name else { return false };
        match name.answer(&self.settings.host, found, now) {
            Err(error) => {
                self.unresolved(error, now);
                false
            }
            Ok(addresses) => self.resolved(addresses),
        }
    }

    fn resolved(&mut self, addresses: Vec<SocketAddr>) -> bool {
        let mut targets = addresses.into_iter().map(Target::from);
        let first = targets.next();
        // Servers rotate the order of their answers: an address that is still there stays.
        if first == self.target || targets.any(|target| Some(target) == self.target) {
            return false;
        }
        self.target = first;
        self.recovered(|_| true);
        self.reopen();
        true
    }

    /// A known address stays in use while its name cannot be resolved.
    fn unresolved(&mut self, error: CollectorError, now: Duration) {
        let lasting = self.target.is_none();
        if lasting || !self.trouble.as_ref().is_some_and(|t| t.lasting) {
            self.counts.count(error.errno());
            self.trouble = Some(Trouble { error, at: now, lasting, belated: false });
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.target.as_ref().map(|target| target.ip)
    }

    /// Its name has no address, as the last lookup said.
    pub(super) fn is_unresolvable(&self) -> bool {
        self.target.is_none() && self.trouble.as_ref().is_some_and(|trouble| trouble.lasting)
    }

    /// Whether datagrams take the same way as with these settings; the rank is no part of it.
    pub(super) fn sends_as(&self, settings: &CollectorSettings) -> bool {
        let CollectorSettings { host, port, device, namespace, rank: _ } = &self.settings;
        (host, port, device, namespace)
            == (&settings.host, &settings.port, &settings.device, &settings.namespace)
    }

    /// It is not known that datagrams are lost.
    pub(super) fn serves(&self) -> bool {
        self.target.is_some() && !self.trouble.as_ref().is_some_and(|trouble| trouble.lasting)
    }

    /// Asks the socket for an error not yet seen, so that a refusal shows before the next datagram.
    pub(super) fn status(&mut self, now: Duration, stands_by: bool) -> CollectorStatus {
        if let Some(error) = self.socket.as_ref().and_then(|s| s.take_error().ok()?) {
            self.failed(CollectorError::of_send(error), now, true);
        }
        let ago = |then: Duration| now.saturating_sub(then).as_secs();
        let CollectorSettings { host, port, device, namespace, .. } = self.settings.clone();
        CollectorStatus {
            address: self.address().map(|ip| ip.to_string()),
            state: if stands_by { State::StandBy } else { self.state() },
            counts: self.counts,
            last_error: self.trouble.as_ref().map(|t| t.error.to_string()),
            last_error_secs_ago: self.trouble.as_ref().map(|t| ago(t.at)),
            last_success_secs_ago: self.last_success.map(ago),
            host,
            port,
            device,
            namespace,
        }
    }

    fn state(&self) -> State {
        match &self.trouble {
            Some(Trouble { error, lasting: true, .. }) => State::Degraded { reason: error.to_string() },
            _ if self.target.is_none() => State::Resolving,
            _ => State::Running,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use Errno::{EAGAIN, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error().map(Errno::from_raw), Some(EAGAIN | ENOBUFS | ENOMEM))
}
