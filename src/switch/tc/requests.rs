//! A conversation with rtnetlink: many steps at once, and dumps.
//!
//! In: steps, each for a port. Out: their outcomes, and what the kernel tells of what it has made. Rule: an answer belongs to the
//! request with its number; a step whose answer is lost counts as refused with `ETIMEDOUT`. The kernel has done all when the
//! send returns: nothing here waits, but for drivers. Spec: netlink(7).

use crate::sample::switch::tc::{Refusal, Step};
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::clsact::{self, Place};
use crate::wire::netlink::header::{Message, Outcome, messages};
use crate::wire::netlink::tc_sample::{self, Found, Ours};
use nix::errno::Errno;
use std::time::Duration;

/// Requests a send: what answers them has to find room.
pub(super) const BATCH: usize = 64;
const RECEIVE_BYTES: usize = 1 << 20;
/// An answer to a step.
const SLOT: usize = 4096;
/// What the kernel puts into one datagram of a dump.
const DUMP_SLOT: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct Requests {
    socket: Netlink,
    buffer: Vec<u8>,
    sequence: u32,
    own_port: Option<u32>,
}

impl Requests {
    pub(super) fn open() -> Result<Self, SysError> {
        let socket = Netlink::open(Protocol::Route, RECEIVE_BYTES)?;
        Ok(Self { socket, buffer: Vec::new(), sequence: 0, own_port: None })
    }

    /// By which notifications tell who caused them, once an answer has told.
    pub(super) fn own_port(&self) -> Option<u32> {
        self.own_port
    }

    /// Takes at most [`BATCH`] steps, in this order.
    pub(super) fn batch(
        &mut self,
        steps: &[(u32, Step)],
        mut each: impl FnMut((u32, Step), Result<Option<Ours>, Refusal>),
    ) {
        let mut answers = vec![(None, None); steps.len()];
        let lost = self.ask(steps, &mut answers).err();
        for (step, (told, outcome)) in steps.iter().zip(answers) {
            let missing = || refusal(lost.as_ref().map_or(Errno::ETIMEDOUT as i32, |error| error.errno));
            each(*step, outcome.unwrap_or_else(|| Err(missing())).map(|()| told));
        }
    }

    fn ask(&mut self, steps: &[(u32, Step)], answers: &mut [Answer]) -> Result<(), SysError> {
        self.buffer.clear();
        let first = self.sequence.wrapping_add(1);
        for (if_index, step) in steps {
            self.sequence = self.sequence.wrapping_add(1);
            write(&mut self.buffer, self.sequence, *if_index, *step);
        }
        self.socket.send(&self.buffer)?;
        loop {
            let datagrams = match self.socket.receive(SLOT, Duration::ZERO) {
                Err(error) if error.is_overrun() => continue,
                answer => answer?,
            };
            if datagrams.is_empty() {
                return Ok(());
            }
            for message in datagrams.iter().flat_map(messages).flatten() {
                let place = message.sequence.wrapping_sub(first);
                let answer = usize::try_from(place).ok().and_then(|place| answers.get_mut(place));
                let Some((told, outcome)) = answer else { continue };
                self.own_port = Some(message.port);
                match message.outcome() {
                    Ok(Outcome::Data) => {
                        if let Ok(Found::Ours(ours)) = Found::parse(message.payload) {
                            *told = Some(ours);
                        }
                    }
                    Ok(Outcome::Error(0)) => *outcome = Some(Ok(())),
                    Ok(Outcome::Error(errno)) => *outcome = Some(Err(refused(&message, errno))),
                    _ => {}
                }
            }
        }
    }

    /// Asks for all of something, and hands on each payload.
    pub(super) fn dump(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, u32),
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        self.buffer.clear();
        self.sequence = self.sequence.wrapping_add(1);
        write(&mut self.buffer, self.sequence);
        self.socket.send(&self.buffer).map_err(|error| refusal(error.errno))?;
        loop {
            let datagrams =
                self.socket.receive(DUMP_SLOT, Duration::ZERO).map_err(|error| refusal(error.errno))?;
            if datagrams.is_empty() {
                return Err(refusal(Errno::ETIMEDOUT as i32));
            }
            let answers = datagrams.iter().flat_map(messages).flatten();
            for message in answers.filter(|message| message.sequence == self.sequence) {
                match message.outcome() {
                    Ok(Outcome::Data) => each(message.payload),
                    Ok(Outcome::Done(0) | Outcome::Error(0)) => return Ok(()),
                    Ok(Outcome::Done(errno) | Outcome::Error(errno)) => return Err(refused(&message, errno)),
                    _ => {}
                }
            }
        }
    }
}

/// What the kernel tells of what it has made; how it went.
type Answer = (Option<Ours>, Option<Result<(), Refusal>>);

fn refusal(errno: i32) -> Refusal {
    Refusal { errno, words: None }
}

fn refused(message: &Message<'_>, errno: i32) -> Refusal {
    Refusal { errno, words: message.words().map(|words| words.trim_end_matches('.').into()) }
}

fn write(buffer: &mut Vec<u8>, sequence: u32, if_index: u32, step: Step) {
    match step {
        Step::AddQdisc => clsact::add_qdisc(buffer, sequence, if_index),
        Step::RemoveQdisc => clsact::remove_qdisc(buffer, sequence, if_index),
        Step::Add(hook, preference, wanted) => {
            tc_sample::add(buffer, sequence, Place { if_index, hook, preference }, &wanted);
        }
        Step::Retune(_, action, sampling) => tc_sample::retune(buffer, sequence, action, sampling),
        Step::Remove(hook, preference) => {
            tc_sample::remove(buffer, sequence, Place { if_index, hook, preference });
        }
    }
}
