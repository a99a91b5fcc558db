//! One input: open, or with what stands in its way, and what came through it.

use super::fifo::Fifo;
use super::place::{Obstacle, Place};
use super::udp::Udp;
use super::unix::Unix;
use super::{Sender, Visit};
use crate::sys::mailbox::{MOST, Mailbox};
use std::os::fd::{AsFd, BorrowedFd};

/// Receives of a visit, of [`MOST`] datagrams each.
const RECEIVES: usize = 2;

/// One input.
#[derive(Debug)]
pub struct Input {
    place: Place,
    state: Result<Open, Option<Obstacle>>,
    messages: u64,
    /// Datagrams that sockets opened before have had no room for.
    dropped_before: u64,
}

#[derive(Debug)]
enum Open {
    Udp(Udp),
    Fifo(Fifo),
    Unix(Unix),
}

impl Input {
    pub(super) fn new(place: Place) -> Self {
        Self { place, state: Err(None), messages: 0, dropped_before: 0 }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What stands in its way.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        self.state.as_ref().err()?.as_ref()
    }

    /// Messages that came through it, good and bad.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Messages that the kernel had no room for.
    pub fn dropped(&self) -> u64 {
        self.dropped_before + self.dropped_now()
    }

    fn dropped_now(&self) -> u64 {
        if let Ok(Open::Udp(udp)) = &self.state { udp.dropped() } else { 0 }
    }

    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self.state.as_ref().ok()? {
            Open::Udp(udp) => Some(udp.as_fd()),
            Open::Fifo(fifo) => Some(fifo.as_fd()),
            Open::Unix(unix) => Some(unix.as_fd()),
        }
    }

    /// Whether it may have to be opened (anew): a port that is open stays what it is.
    pub(super) fn wants_check(&self) -> bool {
        !matches!(self.state, Ok(Open::Udp(_)))
    }

    /// Opens it where it is not open, or not what its name stands for any more. True where the obstacle changed.
    pub(super) fn check(&mut self) -> bool {
        let is_there = match &self.state {
            Ok(Open::Udp(_)) => true,
            Ok(Open::Fifo(fifo)) => fifo.is_there(),
            Ok(Open::Unix(unix)) => unix.is_there(),
            Err(_) => false,
        };
        if is_there {
            return false;
        }
        let opened = match &self.place {
            Place::Udp(address) => Udp::open(*address).map(Open::Udp),
            Place::Fifo(path) => Fifo::open(path).map(Open::Fifo),
            Place::Socket(path) => Unix::open(path).map(Open::Unix),
        };
        let before = std::mem::replace(&mut self.state, opened.map_err(Some));
        before.is_ok() != self.state.is_ok() || before.err().flatten().as_ref() != self.obstacle()
    }

    /// Takes its share; none where it had to be closed.
    pub(super) fn read(
        &mut self,
        mailbox: &mut Mailbox,
        each: &mut impl FnMut(Sender, &[u8]),
    ) -> Option<Visit> {
        let read = match &mut self.state {
            Ok(Open::Udp(udp)) => {
                let fullest = udp.percent_full();
                read_datagrams(udp.as_fd(), udp.object(), mailbox, each)
                    .map(|visit| Visit { fullest, ..visit })
            }
            Ok(Open::Unix(unix)) => read_datagrams(unix.as_fd(), unix.object(), mailbox, each)
                .map(|visit| Visit { fullest: Unix::percent_full(visit.messages), ..visit }),
            Ok(Open::Fifo(fifo)) => fifo.read(each),
            Err(_) => return Some(Visit::default()),
        };
        match read {
            Ok(visit) => {
                self.messages += visit.messages as u64;
                Some(visit)
            }
            Err(obstacle) => {
                self.dropped_before += self.dropped_now();
                self.state = Err(Some(obstacle));
                None
            }
        }
    }
}

fn read_datagrams(
    socket: BorrowedFd<'_>,
    object: &str,
    mailbox: &mut Mailbox,
    each: &mut impl FnMut(Sender, &[u8]),
) -> Result<Visit, Obstacle> {
    let mut visit = Visit::default();
    for _ in 0..RECEIVES {
        let count = mailbox.receive(socket, object)?;
        mailbox.iter().for_each(|(sender, message)| each(Sender::Socket(sender), message));
        visit.messages += count;
        visit.more = count == MOST;
        if !visit.more {
            break;
        }
    }
    Ok(visit)
}
