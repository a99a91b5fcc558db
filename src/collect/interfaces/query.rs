//! Questions to rtnetlink on a socket of their own: dumps, and many single requests in one send.
//!
//! In: what to ask. Out: each answer, handed to a closure. The kernel works through a batch inside send(2), so all
//! answers are waiting when it returns and one or two receives take them. Rules: batches are small enough for the
//! answers to fit in the smallest receive buffer that kernels allow by default; every wait has a limit; answers to
//! older questions are passed over; an interface that is gone costs only its own answer.

use super::error::InterfaceError;
use super::optics::Port;
use super::transport::Transport;
use crate::sys::errno::{EINVAL, EOPNOTSUPP};
use crate::wire::netlink::bond_stats::{self, LacpCounts};
use crate::wire::netlink::dcb::{self, Pfc};
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::link::{self, Link};
use crate::wire::netlink::stats::{self, LinkStats};
use std::collections::HashMap;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(1);
const DUMP_SLOT: usize = 32 * 1024;

/// How a kind of single question is asked: `slot` bytes hold an answer, `batch` answers fit in the receive buffer
/// (an answer takes its size rounded up and the kernel's bookkeeping, 212,992 bytes are the usual default).
pub(in crate::collect) struct Question {
    pub(in crate::collect) name: &'static str,
    pub(in crate::collect) slot: usize,
    pub(in crate::collect) batch: usize,
}

const GET_STATS: Question = Question { name: "RTM_GETSTATS", slot: 512, batch: 128 };
const GET_DCB: Question = Question { name: "RTM_GETDCB", slot: 4096, batch: 32 };
const GET_LINK: Question = Question { name: "RTM_GETLINK", slot: 4096, batch: 32 };

/// The asking side of rtnetlink.
#[derive(Debug)]
pub(in crate::collect) struct Query<T> {
    socket: T,
    sequence: u32,
    requests: Vec<u8>,
    /// Set for good where the kernel does not know `RTM_GETSTATS` (before 4.7).
    stats_by_link: bool,
}

impl<T: Transport> Query<T> {
    pub(in crate::collect) fn new(socket: T) -> Self {
        Self { socket, sequence: 0, requests: Vec::new(), stats_by_link: false }
    }

    #[cfg(test)]
    pub(in crate::collect) fn socket(&mut self) -> &mut T {
        &mut self.socket
    }

    /// Runs a dump; true where the kernel says that it was disturbed and may be incomplete.
    pub(in crate::collect) fn dump(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<bool, InterfaceError> {
        let sequence = self.next_sequence();
        self.requests.clear();
        write(&mut self.requests, sequence);
        self.socket.send(&self.requests)?;
        let mut interrupted = false;
        loop {
            let datagrams = self.socket.receive(DUMP_SLOT, WAIT)?;
            if datagrams.is_empty() {
                return Err(silent(name));
            }
            interrupted |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages) {
                let Ok(message) = message else {
                    interrupted = true;
                    continue;
                };
                if message.sequence != sequence {
                    continue;
                }
                interrupted |= message.interrupted();
                match message.outcome() {
                    Ok(Outcome::Data) => each(&message),
                    Ok(Outcome::Done(0)) => return Ok(interrupted),
                    Ok(Outcome::Done(errno) | Outcome::Error(errno)) => {
                        return Err(InterfaceError::Refused { request: name, errno });
                    }
                    Ok(Outcome::Noop | Outcome::Overrun) => {}
                    Err(_) => interrupted = true,
                }
            }
        }
    }

    /// Asks for links by ifIndex; errno instead of a link where the kernel has none.
    pub(in crate::collect) fn links(
        &mut self,
        indexes: &[u32],
        mut each: impl FnMut(u32, Result<Link<'_>, i32>),
    ) -> Result<(), InterfaceError> {
        let write = |buffer: &mut Vec<u8>, sequence, index| link::get(buffer, sequence, index, false);
        self.ask(&GET_LINK, indexes, write, |index, answer| match answer {
            Ok(message) => {
                if let Ok(link) = Link::parse(message.payload) {
                    each(index, Ok(link));
                }
            }
            Err(errno) => each(index, Err(errno)),
        })
    }

    /// Appends the counters of those interfaces that exist.
    pub(in crate::collect) fn counters(
        &mut self,
        indexes: &[u32],
        out: &mut Vec<(u32, LinkStats)>,
    ) -> Result<(), InterfaceError> {
        let before = out.len();
        if !self.stats_by_link {
            let mut unsupported = false;
            self.ask(&GET_STATS, indexes, stats::get, |_, answer| match answer {
                Ok(message) => {
                    if let Ok((index, Some(stats))) = stats::parse(message.payload) {
                        out.push((index, stats));
                    }
                }
                Err(errno) => unsupported |= matches!(errno, EOPNOTSUPP | EINVAL),
            })?;
            if !unsupported {
                return Ok(());
            }
            self.stats_by_link = true;
            out.truncate(before);
        }
        let write = |buffer: &mut Vec<u8>, sequence, index| link::get(buffer, sequence, index, true);
        self.ask(&GET_LINK, indexes, write, |_, answer| {
            let link = answer.ok().and_then(|message| Link::parse(message.payload).ok());
            out.extend(link.and_then(|link| Some((link.index, link.stats?))));
        })
    }

    /// Notes what those of these have exchanged by LACP that are members of a bond, where the kernel counts it.
    pub(in crate::collect) fn lacp_counts(
        &mut self,
        indexes: &[u32],
        out: &mut HashMap<u32, LacpCounts>,
    ) -> Result<(), InterfaceError> {
        self.ask(&GET_STATS, indexes, bond_stats::get, |_, answer| {
            let parsed = answer.ok().and_then(|message| bond_stats::parse(message.payload).ok());
            out.extend(parsed.and_then(|(index, counts)| Some((index, counts?))));
        })
    }

    /// Tells what these have of priority flow control; `None` of each that has no such thing.
    pub(in crate::collect) fn pfc(
        &mut self,
        ports: &[&Port],
        mut each: impl FnMut(&Port, Option<Pfc>),
    ) -> Result<(), InterfaceError> {
        let write = |buffer: &mut Vec<u8>, sequence, port: &Port| dcb::get(buffer, sequence, &port.name);
        self.ask(&GET_DCB, ports, write, |port, answer| {
            match answer.map(|message| dcb::parse(message.payload)) {
                Ok(Ok(pfc)) => each(port, pfc),
                Err(EOPNOTSUPP) => each(port, None),
                Ok(Err(_)) | Err(_) => {}
            }
        })
    }

    /// Asks one question about each of these; errno instead of an answer where the kernel refuses it, 0 where it has done
    /// what was asked and says no more.
    pub(in crate::collect) fn ask<About: Copy>(
        &mut self,
        question: &Question,
        all: &[About],
        write: impl Fn(&mut Vec<u8>, u32, About),
        mut each: impl FnMut(About, Result<Message<'_>, i32>),
    ) -> Result<(), InterfaceError> {
        for batch in all.chunks(question.batch) {
            let first = self.sequence.wrapping_add(1);
            self.requests.clear();
            for about in batch {
                let sequence = self.next_sequence();
                write(&mut self.requests, sequence, *about);
            }
            self.socket.send(&self.requests)?;
            self.collect_answers(question, first, batch, &mut each)?;
        }
        Ok(())
    }

    fn collect_answers<About: Copy>(
        &mut self,
        question: &Question,
        first: u32,
        batch: &[About],
        each: &mut impl FnMut(About, Result<Message<'_>, i32>),
    ) -> Result<(), InterfaceError> {
        let mut missing = batch.len();
        while missing > 0 {
            let datagrams = match self.socket.receive(question.slot, WAIT) {
                // Some answers are lost for good. Those that are not still come, and then nothing.
                Err(error) if error.is_overrun() => continue,
                answer => answer?,
            };
            if datagrams.is_empty() {
                return Err(silent(question.name));
            }
            missing = missing.saturating_sub(datagrams.truncated);
            for message in datagrams.iter().flat_map(messages).flatten() {
                let place = message.sequence.wrapping_sub(first) as usize;
                let Some(about) = batch.get(place) else { continue };
                missing = missing.saturating_sub(1);
                match message.outcome() {
                    Ok(Outcome::Data) => each(*about, Ok(message)),
                    Ok(Outcome::Error(errno)) => each(*about, Err(errno)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

fn silent(request: &'static str) -> InterfaceError {
    InterfaceError::Silent { request, secs: WAIT.as_secs() }
}
