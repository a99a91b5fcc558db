//! Sockets: what the kernel knows of the connections that sampled packets belong to.
//!
//! In: the connections of a batch of samples, each with the place where its socket must be. Out: in the same order, an
//! [`Answer`] or `None`. Both directions of a connection, and all its samples, cost one question; the questions of a
//! namespace go out in one send. Rules: an answer comes at once or not at all, so that no sample waits for another's;
//! what has no answer says so and loses nothing else; no memory is asked for once the buffers have grown; what failed is
//! counted. Needs no privilege, but for containers: [`namespaces`]. Spec: sock_diag(7).

mod batch;
pub mod namespaces;
mod query;
mod search;

use crate::sample::connection::Connection;
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::inet_diag::{Socket, TCP, tcp_info::TcpInfo};
use batch::Batch;
use namespaces::{Namespaces, Unreachable};
use nix::errno::Errno;
use query::Query;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Room for unread replies; the kernel gives what its limit allows.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// While the socket is being opened.
const LOOK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(15);
/// `TCP_LISTEN`.
const LISTENING: u8 = 10;

/// Where the socket of a sampled packet must be looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// `IFLA_LINK_NETNSID` of the interface whose other end is in a container; `None` for sockets of this namespace.
    pub namespace: Option<u32>,
    /// ifIndex there: of the interface itself, or of its other end (`IFLA_LINK`).
    pub if_index: u32,
    /// ifIndex of the bridge, bond or VRF that owns this interface, or 0: a socket may be bound to that one.
    pub master: u32,
}

/// A question: whose socket, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The two ends.
    pub connection: Connection,
    /// The place.
    pub place: Place,
}

/// What the kernel says of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// TCP's state, by the numbers of [`Socket::state`]: 10 where no connection is left and its port is listened on.
    pub state: u8,
    /// What TCP knows; `None` for UDP, while a connection opens, and after it was closed.
    pub tcp: Option<TcpInfo>,
    /// Inode of the control group (version 2) that made the socket.
    pub cgroup: Option<u64>,
    /// User; 0 for a closed connection.
    pub uid: u32,
    /// Inode of the socket; 0 where no process has it open any more.
    pub inode: u32,
}

impl Answer {
    fn new(socket: &Socket) -> Self {
        // A listener has a state too, of its queue and not of a connection.
        let tcp = socket.tcp.filter(|_| socket.state != LISTENING);
        Self { state: socket.state, tcp, cgroup: socket.cgroup, uid: socket.uid, inode: socket.inode }
    }
}

/// What became of the questions so far; every one is in exactly one of the others of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections asked for, each once a batch.
    pub wanted: u64,
    /// Answered by a socket.
    pub found: u64,
    /// There is no such socket (any more).
    pub absent: u64,
    /// Refused by the kernel for another reason.
    pub refused: u64,
    /// Not answered: replies lost, or no way to ask.
    pub unanswered: u64,
    /// In a container whose namespace is not open (yet).
    pub unreachable: u64,
}

/// The sockets of this host and of its containers.
#[derive(Debug)]
pub struct Sockets {
    home: Option<Query<Netlink>>,
    opening: Option<Receiver<Result<Query<Netlink>, SysError>>>,
    retry_at: Option<Instant>,
    obstacle: Option<SysError>,
    namespaces: Namespaces,
    counts: Counts,
    batch: Batch,
}

impl Sockets {
    /// Begins to open the socket of this namespace, and does not wait for it: the kernel may have to load a module first.
    /// Until that is done, connections of this host are [`Counts::unanswered`]. Containers are looked for below `root` (`/`), when first asked for.
    pub fn new(root: impl Into<PathBuf>, now: Instant) -> Self {
        let mut sockets = Self {
            home: None,
            opening: None,
            retry_at: None,
            obstacle: None,
            namespaces: Namespaces::new(root.into()),
            counts: Counts::default(),
            batch: Batch::default(),
        };
        sockets.open(now);
        sockets
    }

    /// True while sockets of this host can be asked for.
    pub fn is_open(&self) -> bool {
        self.home.is_some()
    }

    /// Why nothing of this host can be asked now.
    pub fn obstacle(&self) -> Option<&SysError> {
        self.obstacle.as_ref()
    }

    /// Why some container could not be reached, the last time that one was looked for.
    pub fn unreachable(&self) -> Option<&Unreachable> {
        self.namespaces.unreachable()
    }

    /// What became of the questions so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The open namespaces, for who changes and asks them.
    pub fn namespaces(&mut self) -> &mut Namespaces {
        &mut self.namespaces
    }

    /// Asks for the sockets of a batch of samples. `answers` gets as many entries as `wanted` has. Does not wait.
    pub fn lookup(&mut self, wanted: &[Wanted], answers: &mut Vec<Option<Answer>>, now: Instant) {
        answers.clear();
        answers.resize(wanted.len(), None);
        if wanted.is_empty() {
            return;
        }
        self.batch.sort(wanted);
        self.settle(now);
        if self.home.is_none() && self.opening.is_none() && self.retry_at.is_none_or(|at| at <= now) {
            self.open(now);
        }
        self.namespaces.settle(now);
        let mut start = 0;
        while let Some((namespace, run)) = self.batch.run(start) {
            start = run.end;
            self.ask(namespace, run, now);
        }
        self.batch.count(&mut self.counts);
        self.batch.spread(answers);
    }

    /// Takes the socket of this namespace once it is open, and leaves namespaces of no more use. To be called about a second after a lookup and at the
    /// moment that it returned the last time, if any.
    pub fn check(&mut self, now: Instant) -> Option<Instant> {
        self.settle(now);
        let opening = self.opening.is_some().then_some(now + LOOK);
        self.namespaces.check(now).into_iter().chain(opening).min()
    }

    /// On a thread of its own, whose network namespace is that of this one.
    fn open(&mut self, now: Instant) {
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            let opened = Netlink::open(Protocol::SocketDiag, RECEIVE_BUFFER);
            let _ = sender.send(opened.and_then(|socket| Query::probed(socket, TCP)));
        };
        match thread::Builder::new().name("sockets".into()).spawn(work) {
            Ok(_) => self.opening = Some(receiver),
            Err(error) => {
                let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
                self.close(SysError::new("start thread", "sockets", errno), now);
            }
        }
    }

    /// Takes what the thread has opened, if it is done.
    fn settle(&mut self, now: Instant) {
        let Some(opening) = &self.opening else { return };
        let opened = match opening.try_recv() {
            Ok(opened) => opened,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err(SysError::new("open", "sockets", Errno::EIO)),
        };
        self.opening = None;
        match opened {
            Ok(query) => (self.home, self.retry_at, self.obstacle) = (Some(query), None, None),
            Err(error) => self.close(error, now),
        }
    }

    fn close(&mut self, error: SysError, now: Instant) {
        (self.home, self.retry_at, self.obstacle) = (None, Some(now + RETRY), Some(error));
    }

    fn ask(&mut self, namespace: Option<u32>, run: Range<usize>, now: Instant) {
        let Some(number) = namespace else {
            if let Some(home) = &mut self.home
                && let Err(error) = self.batch.ask(home, run)
            {
                self.close(error, now);
            }
            return;
        };
        let Some(query) = self.namespaces.query(number, now) else { return self.batch.unreachable(run) };
        match self.batch.ask(query, run.clone()) {
            Ok(()) if self.batch.found_owned(run) => self.namespaces.keep(number, now),
            Ok(()) => {}
            Err(_) => self.namespaces.close(number, now),
        }
    }
}
