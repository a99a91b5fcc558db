//! The NFLOG source: packets that a firewall rule sampled.
//!
//! In: the number of a group, the rate of its rule, and how often to sample again. Out: frames; losses with
//! them. Rules: the kernel gathers packets for up to 80 ms or until a buffer is full, so a sample costs no wake-up and
//! no system call of its own; only the bytes that a sample can hold are copied. A group that another process has
//! is asked for again, ever more rarely. The rule itself may be the agent's own ([`rule`]); it stands only while
//! the group is ours, lest another process get its packets. Needs `CAP_NET_ADMIN` for binding the group and for
//! each rule; nothing after that. Spec: `linux/netfilter/nfnetlink_log.h`.

mod command;
pub mod messages;
mod packet;
pub mod rule;
mod worker;

use super::{Finding, Obstacle, Source, Visit};
use crate::sample::frame::Sink;
use crate::sample::skip::Skip;
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::ready::ReadySet;
use crate::wire::netlink::header::{self, Outcome};
use crate::wire::netlink::nflog::{self, Settings as Batch};
use caps::{CapSet, Capability};
use messages::Messages;
use nix::errno::Errno;
use rule::{Rule, Rules};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

const CAPABILITY: &str = "CAP_NET_ADMIN";
/// Room for what waits, as far as `CAP_NET_ADMIN` goes. The kernel doubles it, and counts whole buffers.
pub const RECEIVE_BYTES: usize = 8_000_000;
/// Of one batch in the kernel: with what the kernel adds to it, one allocation of 32 KiB.
const BATCH_BYTES: u32 = 31 * 1024;
/// More than ever fit in that.
const BATCH_PACKETS: u32 = 1000;
/// Hundredths of a second; with the reader's own 10 ms a sample waits less than 100 ms.
const FLUSH_AFTER: u32 = 8;
const SLOT: usize = 32 * 1024;
const SLOTS: usize = 8;
/// Batches in one visit, so that the other sources get their turn.
const RECEIVES: usize = 8;
/// An IPv6 header fits, which tells the packet's length.
const FEWEST_BYTES: u32 = 40;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// What the source is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The group.
    pub group: u16,
    /// The rule hands over one packet in this many.
    pub rule_one_in: NonZeroU32,
    /// Of those, one in this many becomes a sample.
    pub skip: NonZeroU32,
    /// Bytes of each packet to hand on, from the IP header on.
    pub copy: u32,
    /// Set the rule up, and remove it at the end.
    pub own_rule: bool,
    /// Room for unread packets, [`RECEIVE_BYTES`] but for tests.
    pub receive_bytes: usize,
}

/// One group of the network namespace of the thread that made this.
///
/// Drop or [`Log::retire`] one before making another for the same group: the kernel knows one owner, and rules of the
/// agent go with it. To drop one waits until they are gone, for 4 s at most.
#[derive(Debug)]
pub struct Log {
    settings: Settings,
    // Goes before the socket, as a rule must not stand without it.
    rules: Option<Rules>,
    ready: ReadySet,
    socket: Option<Netlink>,
    messages: Messages,
    obstacle: Option<Obstacle>,
    rule_obstacle: Option<Obstacle>,
    retry: Retry,
}

/// When to try again.
#[derive(Clone, Copy, Debug)]
struct Retry {
    after: Duration,
    at: Option<Instant>,
}

/// Whether a group can be bound here; tried with the last one, which is free again at once.
pub fn probe() -> Result<(), Obstacle> {
    let settings = Settings {
        group: u16::MAX,
        rule_one_in: NonZeroU32::MIN,
        skip: NonZeroU32::MIN,
        copy: FEWEST_BYTES,
        own_rule: false,
        receive_bytes: BATCH_BYTES as usize,
    };
    match open(&settings) {
        // Whoever has it could bind it.
        Ok(_) | Err(Obstacle::Taken { .. }) => Ok(()),
        Err(obstacle) => Err(obstacle),
    }
}

impl Log {
    /// Binds the group; where that fails, [`Source::obstacle`] says why and [`Source::check`] tries again. The rules
    /// are set up by the first `check`.
    ///
    /// # Errors
    /// No descriptor was to be had.
    pub fn new(settings: Settings) -> Result<Self, SysError> {
        let seed = RandomState::new().hash_one(settings.group);
        let copy = usize::try_from(settings.copy).unwrap_or(usize::MAX);
        let rule = Rule {
            one_in: settings.rule_one_in,
            group: settings.group,
            copy: settings.copy.max(FEWEST_BYTES),
            batch: BATCH_PACKETS,
        };
        let mut log = Self {
            settings,
            rules: settings.own_rule.then(|| Rules::new(rule)),
            ready: ReadySet::new()?,
            socket: None,
            messages: Messages::new(settings.rule_one_in, Skip::new(settings.skip, seed), copy),
            obstacle: None,
            rule_obstacle: None,
            retry: Retry { after: FIRST_RETRY, at: None },
        };
        log.bind();
        Ok(log)
    }

    /// Leaves the group at once, and has the rules removed without waiting for it. Those of a source that is made next
    /// come after that.
    pub fn retire(mut self) {
        if let Some(rules) = self.rules.take() {
            rules.retire();
        }
    }

    fn bind(&mut self) {
        let bound = open(&self.settings)
            .and_then(|socket| self.ready.add(&socket).map(|()| socket).map_err(obstacle));
        match bound {
            Ok(socket) => {
                self.messages.restart();
                (self.socket, self.obstacle) = (Some(socket), None);
                self.retry = Retry { after: FIRST_RETRY, at: None };
            }
            Err(obstacle) => self.obstacle = Some(obstacle),
        }
    }

    /// Asks for the group again when it is time; returns when it will be.
    fn check_group(&mut self, now: Instant) -> Option<Instant> {
        if self.socket.is_none() && self.retry.at.is_some_and(|at| at <= now) {
            self.retry = Retry { after: (self.retry.after * 2).min(LAST_RETRY), at: None };
            self.bind();
        }
        if self.socket.is_some() {
            return None;
        }
        let at = self.retry.at.unwrap_or(now + self.retry.after);
        self.retry.at = Some(at);
        Some(at)
    }

    fn check_rules(&mut self, now: Instant) -> Option<Instant> {
        let rules = self.rules.as_mut().filter(|_| self.socket.is_some())?;
        let next = rules.check(now);
        self.rule_obstacle = rules.error().cloned().map(Obstacle::Rule);
        Some(next)
    }
}

/// Opens a socket and binds the group to it. The kernel's answer waits before the request returns.
fn open(settings: &Settings) -> Result<Netlink, Obstacle> {
    let mut socket = Netlink::open_with_arena(Protocol::Netfilter, settings.receive_bytes, SLOT * SLOTS)
        .map_err(obstacle)?;
    socket.ignore_overruns().map_err(obstacle)?;
    let batch = Batch {
        copy: settings.copy.max(FEWEST_BYTES),
        batch_bytes: BATCH_BYTES,
        flush_after: FLUSH_AFTER,
        batch_packets: BATCH_PACKETS,
    };
    let mut request = Vec::new();
    nflog::bind(&mut request, 1, settings.group, &batch);
    socket.send(&request).map_err(obstacle)?;
    // Packets that came before the answer are passed over; their numbers say that they are missing.
    let answers = socket.receive(SLOT, Duration::ZERO).map_err(obstacle)?;
    let answers = answers.iter().flat_map(header::messages).flatten();
    let refused = answers.filter_map(|answer| answer.outcome().ok()).find_map(|outcome| match outcome {
        Outcome::Error(errno) if errno != 0 => Some(Errno::from_raw(errno)),
        _ => None,
    });
    match refused {
        None => Ok(socket),
        Some(errno) => Err(refusal(SysError::new("bind NFLOG group", settings.group.to_string(), errno))),
    }
}

/// `EPERM` has two meanings: the privilege is missing, or another process has the group.
fn refusal(error: SysError) -> Obstacle {
    let privileged = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap_or(false);
    match Errno::from_raw(error.errno) {
        Errno::EPERM if privileged => Obstacle::Taken { what: "the group", error },
        Errno::EBUSY => Obstacle::Taken { what: "the group", error },
        // The kernel has no such part of netfilter, and no module that would be.
        Errno::EINVAL | Errno::EOPNOTSUPP => Obstacle::Absent(error),
        _ => obstacle(error),
    }
}

fn obstacle(error: SysError) -> Obstacle {
    Obstacle::new(error, CAPABILITY)
}

impl Source for Log {
    fn name(&self) -> &'static str {
        "nflog"
    }

    /// At most 64 batches.
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let mut visit = Visit::default();
        let Some(socket) = &mut self.socket else { return Ok(visit) };
        for _ in 0..RECEIVES {
            match socket.receive(SLOT, Duration::ZERO) {
                Ok(batches) => {
                    visit.frames +=
                        batches.iter().map(|batch| self.messages.read(batch, sink)).sum::<usize>();
                    self.messages.malformed(batches.truncated);
                    visit.more = batches.len() == SLOTS;
                }
                // What was lost is missing in the numbers.
                Err(error) if error.is_overrun() => visit.more = true,
                Err(error) => {
                    (self.socket, self.obstacle) = (None, Some(obstacle(error.clone())));
                    return Err(error);
                }
            }
            if !visit.more {
                break;
            }
        }
        Ok(visit)
    }

    /// Also tells what could not be read. To be called once after [`Log::new`].
    fn check(&mut self, now: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        let malformed = self.messages.take_malformed();
        if malformed > 0 {
            report(Finding::Malformed(malformed));
        }
        let group = self.check_group(now);
        let rules = self.check_rules(now);
        group.into_iter().chain(rules).min()
    }

    /// That of the group, else that of a rule: then packets of the other protocol may still come.
    fn obstacle(&self) -> Option<&Obstacle> {
        self.obstacle.as_ref().or(self.rule_obstacle.as_ref())
    }
}

impl AsFd for Log {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source is made in one thread and runs in another.
    const _: fn(Log) -> Box<dyn Send> = |source| Box::new(source);

    #[test]
    fn a_batch_fits_its_slot() {
        assert!(BATCH_BYTES as usize <= SLOT);
    }
}
