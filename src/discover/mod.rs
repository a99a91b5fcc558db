//! DNS-SD as it happens: asks the resolvers of `/etc/resolv.conf` for `_sflow._udp`, when it is time.
//!
//! In: what the configuration wishes, answers of DNS, the time. Out: a [`Verdict`] for the settings, a
//! [`DiscoveryStatus`] for operators, remarks for the log. What answers mean and when to ask again is decided in
//! `sample/discovery`; here are the sockets. The rules kept: no question holds up the agent, each round has a deadline, and
//! at most one is under way; resolv.conf is read anew for each, so that a change of it needs no restart.
//!
//! The agent's loop waits for the bell of [`Discovery::answered`] and for the moment of [`Discovery::next_tick`], and
//! after either calls [`Discovery::tick`], inside a tokio runtime.

mod ask;
mod round;
mod status;

pub use crate::sample::discovery::Verdict;
pub use status::DiscoveryStatus;

use crate::config::model::DnsSd;
use crate::host::Host;
use crate::sample::discovery::answer::{Answer, Failure};
use crate::sample::discovery::names::Outcome;
use crate::sample::discovery::remarks::Remarks;
use crate::sample::discovery::{Machine, Round, schedule};
use crate::sample::random::Random;
use round::{Asked, Questions};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::task::AbortHandle;

/// Asks DNS where to send.
pub struct Discovery {
    host: Host,
    random: Random,
    wish: Option<DnsSd>,
    machine: Machine,
    /// When to ask next; `None` while a round is under way, and when nothing is wished.
    due: Option<Instant>,
    under_way: Option<UnderWay>,
    answered: Arc<Notify>,
    last: status::Last,
    remarks: Remarks,
    unsaid: Vec<String>,
    began: Option<Instant>,
}

struct UnderWay {
    answer: Receiver<Asked>,
    task: AbortHandle,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Rings also when the round ends in a panic.
struct Bell(Arc<Notify>);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Discovery {
    /// Asks nothing yet. `root` is the prefix of /etc/resolv.conf, `seed` what waits are spread by.
    pub fn new(root: &Path, seed: u64) -> Self {
        Self {
            host: Host::at(root),
            random: Random::new(seed),
            wish: None,
            machine: Machine::default(),
            due: None,
            under_way: None,
            answered: Arc::default(),
            last: status::Last::default(),
            remarks: Remarks::default(),
            unsaid: Vec::new(),
            began: None,
        }
    }

    /// Asks for this from now on, or for nothing; the same wish changes nothing. What was found before holds until the
    /// first definite answer to another wish.
    pub fn apply(&mut self, wish: Option<&DnsSd>, now: Instant) {
        if self.wish.as_ref() == wish {
            return;
        }
        let first = self.wish.is_none();
        self.wish = wish.cloned();
        self.under_way = None;
        match wish {
            Some(wish) => {
                self.machine.aim(wish.srv_priority);
                let wait = if first { schedule::first(self.random.fraction()) } else { Duration::ZERO };
                self.due = Some(now + wait);
            }
            None => {
                self.machine.stop();
                (self.due, self.last) = (None, status::Last::default());
            }
        }
    }

    /// Takes an answer, and asks if that is due. True if the verdict has changed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn tick(&mut self, now: Instant) -> bool {
        let changed = self.take_answer(now);
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.ask();
        }
        changed
    }

    fn take_answer(&mut self, now: Instant) -> bool {
        let Some(under_way) = &mut self.under_way else { return false };
        let asked = match under_way.answer.try_recv() {
            Ok(asked) => asked,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Closed) => {
                Asked::failed(Failure::Exchange("the resolver ended in a panic".into()))
            }
        };
        self.under_way = None;
        let random = self.random.fraction();
        let Asked { round, names, trouble } = asked;
        let mut step = self.machine.take(round, random);
        step.remarks.extend(trouble);
        self.due = Some(now + step.wait);
        let clock = now.saturating_duration_since(*self.began.get_or_insert(now));
        self.unsaid.extend(self.remarks.news(&step.remarks, clock));
        let changed = step.changed;
        self.last.take(step, names, now);
        changed
    }

    fn ask(&mut self) {
        let Some(wish) = &self.wish else { return };
        let questions = Questions::read(&self.host, wish.domain.as_deref(), self.machine.known());
        let (sender, answer) = channel();
        let bell = Bell(Arc::clone(&self.answered));
        let task = tokio::spawn(async move {
            let bell = bell;
            // Nobody listens any more when the wish has changed.
            _ = sender.send(questions.ask().await);
            drop(bell);
        });
        self.under_way = Some(UnderWay { answer, task: task.abort_handle() });
    }

    /// When to call [`Self::tick`] at the latest; `None` while only an answer is missing, or nothing is wished.
    pub fn next_tick(&self) -> Option<Instant> {
        self.due
    }

    /// Rings for every answer.
    pub fn answered(&self) -> Arc<Notify> {
        Arc::clone(&self.answered)
    }

    /// What holds.
    pub fn verdict(&self) -> &Verdict {
        self.machine.verdict()
    }

    /// Asks with the next tick, whatever the schedule says. A round under way is given up: it asks what the world was
    /// before, perhaps a server that does not answer.
    pub fn ask_now(&mut self, now: Instant) {
        if self.wish.is_some() {
            (self.under_way, self.due) = (None, Some(now));
        }
    }

    /// What operators want to know.
    pub fn status(&self, now: Instant) -> DiscoveryStatus {
        self.last.status(self.verdict(), self.due, now)
    }

    /// Lines for the log: each cause once, until it changes.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unsaid)
    }
}

impl Asked {
    fn failed(failure: Failure) -> Self {
        let outcome = Outcome::Failed { name: "_sflow._udp".into(), failure };
        Self {
            round: Round { outcome, txt: Answer::None { ttl: None } },
            names: Vec::new(),
            trouble: Vec::new(),
        }
    }
}
