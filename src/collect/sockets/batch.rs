//! The questions of one batch of samples: alike ones put together, sorted by namespace, answers spread again.
//!
//! In: what is wanted, in the order of the samples. Out: the same order of answers. Rules: memory is kept from batch to
//! batch; whom the first question does not find is asked for once more as bound to the interface's master, if it has one.

use super::query::{Query, Question, Reply};
use super::{Answer, Counts, LISTENING, Place, Wanted};
use crate::collect::interfaces::transport::Transport;
use crate::sample::connection::Connection;
use crate::sys::SysError;
use nix::errno::Errno;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Range;

/// The memory of one lookup.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Namespace, hash, and place in the caller's list: alike ones stand together, and to sort them is cheap.
    order: Vec<(Option<u32>, u64, usize)>,
    distinct: Vec<Distinct>,
    questions: Vec<Question>,
    /// For each question, its place in `distinct`.
    asked: Vec<usize>,
}

/// One connection in one place.
#[derive(Clone, Copy, Debug)]
struct Distinct {
    wanted: Wanted,
    /// Where those who want it stand in `order`.
    wanting: (usize, usize),
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unanswered,
    Unreachable,
    Absent,
    Refused,
    Found(Answer),
}

impl Fate {
    fn of(reply: Reply) -> Self {
        match reply {
            Ok(answer) => Self::Found(answer),
            Err(errno) if errno == Errno::ENOENT as i32 => Self::Absent,
            Err(_) => Self::Refused,
        }
    }

    /// True where a socket bound to another interface may be the right one.
    fn is_open(&self) -> bool {
        matches!(self, Self::Absent | Self::Found(Answer { state: LISTENING, .. }))
    }
}

/// What makes two questions one: the direction of the packet does not count.
fn key(wanted: &Wanted) -> (u8, SocketAddr, SocketAddr, Place) {
    let Connection { protocol, local, remote, .. } = wanted.connection;
    (protocol, local, remote, wanted.place)
}

fn hash(wanted: &Wanted) -> u64 {
    let mut hasher = DefaultHasher::new();
    key(wanted).hash(&mut hasher);
    hasher.finish()
}

impl Batch {
    /// Takes a new batch.
    pub(super) fn sort(&mut self, wanted: &[Wanted]) {
        self.order.clear();
        let marked = wanted.iter().enumerate();
        self.order.extend(marked.map(|(at, wanted)| (wanted.place.namespace, hash(wanted), at)));
        self.order.sort_unstable();
        self.distinct.clear();
        for (place, (_, _, at)) in self.order.iter().enumerate() {
            let Some(wanted) = wanted.get(*at) else { continue };
            match self.distinct.last_mut() {
                Some(last) if key(&last.wanted) == key(wanted) => last.wanting.1 = place + 1,
                _ => self.distinct.push(Distinct {
                    wanted: *wanted,
                    wanting: (place, place + 1),
                    fate: Fate::Unanswered,
                }),
            }
        }
    }

    /// The namespace of the question at `start`, and all questions for it.
    pub(super) fn run(&self, start: usize) -> Option<(Option<u32>, Range<usize>)> {
        let rest = self.distinct.get(start..)?;
        let namespace = rest.first()?.wanted.place.namespace;
        let length = rest.iter().take_while(|next| next.wanted.place.namespace == namespace).count();
        Some((namespace, start..start + length))
    }

    /// Puts questions to the kernel.
    pub(super) fn ask<T: Transport>(
        &mut self,
        query: &mut Query<T>,
        run: Range<usize>,
    ) -> Result<(), SysError> {
        self.pick(run.clone(), |next| Some(next.wanted.place.if_index));
        self.put(query)?;
        self.pick(run, |next| {
            let place = next.wanted.place;
            (next.fate.is_open() && place.master != 0).then_some(place.master)
        });
        self.put(query)
    }

    fn pick(&mut self, run: Range<usize>, if_index: impl Fn(&Distinct) -> Option<u32>) {
        self.questions.clear();
        self.asked.clear();
        for (at, next) in self.distinct.iter().enumerate().take(run.end).skip(run.start) {
            if let Some(if_index) = if_index(next) {
                self.questions.push(Question { connection: next.wanted.connection, if_index });
                self.asked.push(at);
            }
        }
    }

    fn put<T: Transport>(&mut self, query: &mut Query<T>) -> Result<(), SysError> {
        let Self { distinct, questions, asked, .. } = self;
        query.ask(questions, &mut |place, reply| {
            let next = asked.get(place).and_then(|at| distinct.get_mut(*at));
            let fate = Fate::of(reply);
            // A listener is better than nothing.
            if let Some(next) = next.filter(|next| !(next.fate.is_open() && fate == Fate::Absent)) {
                next.fate = fate;
            }
        })
    }

    /// Says of questions that they cannot be put.
    pub(super) fn unreachable(&mut self, run: Range<usize>) {
        self.distinct
            .get_mut(run)
            .unwrap_or_default()
            .iter_mut()
            .for_each(|next| next.fate = Fate::Unreachable);
    }

    /// True where a socket was found that a process has open.
    pub(super) fn found_owned(&self, run: Range<usize>) -> bool {
        let found = self.distinct.get(run).unwrap_or_default().iter();
        found.into_iter().any(|next| matches!(next.fate, Fate::Found(answer) if answer.inode != 0))
    }

    /// Adds to the counts.
    pub(super) fn count(&self, counts: &mut Counts) {
        for next in &self.distinct {
            counts.wanted += 1;
            let what = match next.fate {
                Fate::Unanswered => &mut counts.unanswered,
                Fate::Unreachable => &mut counts.unreachable,
                Fate::Absent => &mut counts.absent,
                Fate::Refused => &mut counts.refused,
                Fate::Found(_) => &mut counts.found,
            };
            *what += 1;
        }
    }

    /// Writes the answers where the caller wants them.
    pub(super) fn spread(&self, answers: &mut [Option<Answer>]) {
        for next in &self.distinct {
            let Fate::Found(answer) = next.fate else { continue };
            for (_, _, at) in self.order.get(next.wanting.0..next.wanting.1).unwrap_or_default() {
                if let Some(place) = answers.get_mut(*at) {
                    *place = Some(answer);
                }
            }
        }
    }
}
