//! Host names of collectors, resolved without holding up the agent.
//!
//! In: names. Out: answers, each tagged with the collector that asked. The system's resolver has no deadline and
//! cannot be cancelled, so each lookup runs on a thread of its own and its answer comes through a channel; whoever
//! waits gives up on its own clock. The rule kept: at most one lookup of a collector is under way, so a resolver that
//! hangs costs one idle thread.

use crate::export::CollectorError;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;

/// How long an answer is waited for before the name counts as unresolved.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pause after a failed lookup; doubles up to `REFRESH`.
const RETRY: Duration = Duration::from_secs(10);
/// Pause after a good lookup. The system's resolver does not tell the time to live.
const REFRESH: Duration = Duration::from_secs(300);

/// Name to addresses, best first; may block. Ports in the result are ignored.
pub type Resolve = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// getaddrinfo(3): hosts file, DNS, and whatever nsswitch.conf adds.
pub(super) fn system() -> Resolve {
    Arc::new(|host| Ok((host, 0).to_socket_addrs()?.collect()))
}

/// What a lookup found.
pub(super) struct Answer {
    /// Who asked.
    pub(super) id: u64,
    pub(super) found: io::Result<Vec<SocketAddr>>,
}

/// The lookups under way.
pub(super) struct Lookups {
    resolve: Resolve,
    sender: Sender<Answer>,
    receiver: Receiver<Answer>,
    answered: Arc<Notify>,
}

impl Lookups {
    pub(super) fn new(resolve: Resolve) -> Self {
        let (sender, receiver) = channel();
        Self { resolve, sender, receiver, answered: Arc::default() }
    }

    /// Starts one; the failure to start is an answer too.
    fn start(&self, id: u64, host: &str) {
        let (resolve, sender, name) = (self.resolve.clone(), self.sender.clone(), host.to_owned());
        let answered = Arc::clone(&self.answered);
        let work = move || {
            // The receiver may be gone at the end of the program: then nobody wants the answer.
            _ = sender.send(Answer { id, found: resolve(&name) });
            answered.notify_one();
        };
        if let Err(error) = thread::Builder::new().name("lookup".into()).spawn(work) {
            _ = self.sender.send(Answer { id, found: Err(error) });
            self.answered.notify_one();
        }
    }

    /// Rings for every answer.
    pub(super) fn answered(&self) -> Arc<Notify> {
        Arc::clone(&self.answered)
    }

    /// The next answer that is there.
    pub(super) fn next_answer(&self) -> Option<Answer> {
        self.receiver.try_recv().ok()
    }
}

/// When a name is looked up.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// When to look it up next.
    next: Duration,
    pause: Duration,
    /// When the lookup under way was started.
    asked: Option<Duration>,
    /// The lookup under way has passed its deadline.
    late: bool,
}

impl Name {
    /// Starts a lookup that is due; the error is that of one that has just passed its deadline.
    pub(super) fn tick(
        &mut self,
        id: u64,
        host: &str,
        lookups: &Lookups,
        now: Duration,
    ) -> Option<CollectorError> {
        match self.asked {
            None if self.next <= now => {
                self.asked = Some(now);
                lookups.start(id, host);
            }
            Some(asked) if !self.late && asked + DEADLINE <= now => {
                self.late = true;
                return Some(CollectorError::LookupTimeout {
                    host: host.to_owned(),
                    secs: DEADLINE.as_secs(),
                });
            }
            _ => {}
        }
        None
    }

    /// When [`Self::tick`] has something to do; `None` while only an overdue answer is missing.
    pub(super) fn next_tick(&self) -> Option<Duration> {
        match self.asked {
            None => Some(self.next),
            Some(asked) => (!self.late).then_some(asked + DEADLINE),
        }
    }

    /// Takes an answer: the addresses, best first and at least one, or why there is none.
    pub(super) fn answer(
        &mut self,
        host: &str,
        found: io::Result<Vec<SocketAddr>>,
        now: Duration,
    ) -> Result<Vec<SocketAddr>, CollectorError> {
        (self.asked, self.late) = (None, false);
        let result = match found {
            Ok(addresses) if addresses.is_empty() => Err(CollectorError::NoAddress { host: host.to_owned() }),
            Ok(addresses) => Ok(addresses),
            Err(source) => Err(CollectorError::Lookup { host: host.to_owned(), source }),
        };
        self.pause = if result.is_ok() { Duration::ZERO } else { (self.pause * 2).clamp(RETRY, REFRESH) };
        self.next = now + if result.is_ok() { REFRESH } else { self.pause };
        result
    }
}
