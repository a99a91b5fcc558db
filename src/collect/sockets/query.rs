//! Questions about single sockets, many in one send.
//!
//! In: connections, each with an ifIndex. Out: for each at most one reply, handed to a closure. The kernel works through a
//! batch inside send(2), so that all replies are waiting when it returns; nothing here ever waits for one. Rules: a
//! batch is small enough for its replies to fit in the receive buffer that kernels allow by default; replies to older
//! questions are passed over; a lost reply costs only its own connection. Spec: sock_diag(7).

use super::Answer;
use crate::collect::interfaces::transport::Transport;
use crate::sample::connection::Connection;
use crate::sys::SysError;
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::inet_diag::{self, Socket};
use nix::errno::Errno;
use std::time::Duration;

/// Questions in one send. A reply takes 2.3 KB of a receive buffer of 212,992 bytes, with the kernel's bookkeeping.
const BATCH: usize = 64;
/// Bytes for one reply: 408 in Linux 6.18, and `struct tcp_info` grows.
pub(super) const SLOT: usize = 1024;
/// A module may have to be loaded first; the kernel does so before it answers.
const PROBE_WAIT: Duration = Duration::from_millis(100);
/// How often a full receive buffer is read on before the rest is given up.
const MAX_OVERRUNS: u32 = 4;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) connection: Connection,
    pub(super) if_index: u32,
}

/// The asking side of one namespace's tables.
#[derive(Debug)]
pub(super) struct Query<T> {
    socket: T,
    sequence: u32,
    requests: Vec<u8>,
}

/// A socket, or errno where the kernel has none or refuses.
pub(super) type Reply = Result<Answer, i32>;

impl<T: Transport> Query<T> {
    pub(super) fn new(socket: T) -> Self {
        Self { socket, sequence: 0, requests: Vec::new() }
    }

    /// Fails where the kernel has no table for this protocol (`tcp_diag` is neither built in nor to be loaded): to a
    /// question for one socket it would say that there is none.
    pub(super) fn probed(mut socket: T, protocol: u8) -> Result<Self, SysError> {
        let mut request = Vec::new();
        inet_diag::probe(&mut request, 0, protocol);
        socket.send(&request)?;
        let datagrams = socket.receive(SLOT, PROBE_WAIT)?;
        for message in datagrams.iter().flat_map(messages).flatten() {
            if let Ok(Outcome::Done(errno) | Outcome::Error(errno)) = message.outcome()
                && errno != 0
            {
                return Err(SysError::new("dump", "tcp_diag", Errno::from_raw(errno)));
            }
        }
        Ok(Self::new(socket))
    }

    /// Asks all, and hands on each reply with the place of its question.
    pub(super) fn ask(
        &mut self,
        questions: &[Question],
        each: &mut impl FnMut(usize, Reply),
    ) -> Result<(), SysError> {
        for (batch, place) in questions.chunks(BATCH).zip((0..).step_by(BATCH)) {
            let first = self.sequence.wrapping_add(1);
            self.requests.clear();
            for Question { connection, if_index } in batch {
                self.sequence = self.sequence.wrapping_add(1);
                let Connection { protocol, local, remote, .. } = *connection;
                inet_diag::get(&mut self.requests, self.sequence, protocol, local, remote, *if_index);
            }
            self.socket.send(&self.requests)?;
            self.collect(first, batch.len(), &mut |at, reply| each(place + at, reply))?;
        }
        Ok(())
    }

    fn collect(
        &mut self,
        first: u32,
        asked: usize,
        each: &mut impl FnMut(usize, Reply),
    ) -> Result<(), SysError> {
        let (mut missing, mut overruns) = (asked, 0);
        while missing > 0 {
            let datagrams = match self.socket.receive(SLOT, Duration::ZERO) {
                // Some replies are lost for good; those that are not can still be read.
                Err(error) if error.is_overrun() => {
                    overruns += 1;
                    if overruns > MAX_OVERRUNS {
                        break;
                    }
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                break;
            }
            for message in datagrams.iter().flat_map(messages).flatten() {
                let place = message.sequence.wrapping_sub(first) as usize;
                let Some(reply) = reply(&message).filter(|_| place < asked) else { continue };
                missing = missing.saturating_sub(1);
                each(place, reply);
            }
        }
        Ok(())
    }
}

fn reply(message: &Message<'_>) -> Option<Reply> {
    match message.outcome().ok()? {
        Outcome::Data if message.kind == inet_diag::KIND => {
            Some(Ok(Answer::new(&Socket::parse(message.payload).ok()??)))
        }
        Outcome::Error(errno) => Some(Err(errno)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
