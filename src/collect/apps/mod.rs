//! Where applications send their JSON: two UDP ports on loopback, a named pipe, a UNIX datagram socket.
//!
//! In: what the configuration names. Out: messages with their senders, visit by visit; what stands in the way of an input.
//! Rules: an input that cannot be opened costs the others nothing and is tried again every 15 s; a visit takes a bounded
//! share of each input in turn, so that a flood on one holds up none. Nothing is decided about a message here.

mod fifo;
mod input;
mod place;
mod udp;
mod unix;

pub use input::Input;
pub use place::{Obstacle, Place};

use crate::config::model::Json;
use crate::sample::application::message::MAX_MESSAGE;
use crate::sys::mailbox::{self, Mailbox};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an input rests that cannot be opened, and how often one that is open is looked after.
const RETRY: Duration = Duration::from_secs(15);

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A program with a socket.
    Socket(mailbox::Sender),
    /// Somebody who writes to the pipe.
    Fifo,
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(mailbox::Sender::Address(address)) => write!(f, "{address}"),
            Self::Socket(mailbox::Sender::Process { pid, uid }) => write!(f, "process {pid} of user {uid}"),
            Self::Socket(mailbox::Sender::Unknown) => f.write_str("an unknown sender"),
            Self::Fifo => f.write_str("the pipe"),
        }
    }
}

/// What a visit found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Messages, good or bad.
    pub messages: usize,
    /// More was waiting than a visit takes.
    pub more: bool,
    /// How full the fullest buffer was, in percent.
    pub fullest: usize,
}

impl Visit {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.more |= other.more;
        self.fullest = self.fullest.max(other.fullest);
    }
}

/// All inputs.
#[derive(Debug)]
pub struct Inputs {
    all: Vec<Input>,
    mailbox: Mailbox,
    check_at: Option<Instant>,
}

impl Default for Inputs {
    /// None.
    fn default() -> Self {
        // One byte more, so that a message that is too long is seen to be.
        Self { all: Vec::new(), mailbox: Mailbox::new(MAX_MESSAGE + 1), check_at: None }
    }
}

impl Inputs {
    /// Makes these the inputs; those that stay are not disturbed. `root` is where absolute paths begin.
    pub fn apply(&mut self, wanted: Option<&Json>, root: &Path, now: Instant) {
        let places = wanted.map(|json| Place::all(json, root)).unwrap_or_default();
        self.all.retain(|input| places.contains(input.place()));
        for place in places {
            if !self.all.iter().any(|input| *input.place() == place) {
                self.all.push(Input::new(place));
            }
        }
        self.check(now);
    }

    /// Tries again what could not be opened, and looks whether what is open is still what its name says. Says whether
    /// anything changed.
    pub fn check(&mut self, now: Instant) -> bool {
        let changed = self.all.iter_mut().map(Input::check).filter(|changed| *changed).count();
        self.check_at = self.all.iter().any(Input::wants_check).then_some(now + RETRY);
        changed > 0
    }

    /// When [`Self::check`] wants to be called.
    pub fn check_at(&self) -> Option<Instant> {
        self.check_at
    }

    /// Takes what is waiting, a share of each input. Says also whether one of them had to be given up.
    pub fn read(&mut self, now: Instant, each: &mut impl FnMut(Sender, &[u8])) -> (Visit, bool) {
        let (mut total, mut lost) = (Visit::default(), false);
        for input in &mut self.all {
            match input.read(&mut self.mailbox, each) {
                Some(visit) => total.add(visit),
                None => lost = true,
            }
        }
        if lost {
            self.check_at = self.check_at.or(Some(now + RETRY));
        }
        (total, lost)
    }

    /// What to wait for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().filter_map(Input::descriptor)
    }

    /// Each input.
    pub fn iter(&self) -> impl Iterator<Item = &Input> {
        self.all.iter()
    }
}

#[cfg(test)]
mod tests;
