//! Sampling by `tc`: filters on ports, kept as they are wished.
//!
//! In: which ports are to be sampled, and how. Out: `matchall` filters with a `sample` action on them, in hardware where that can
//! do it, and where each port stands. Rules: what to do is decided in `sample/switch/tc`, from what is found on a port; a filter
//! or qdisc of somebody else is never touched, nor is one looked at again before something happens to it; a change of
//! 4,000 ports is a few dozen system calls and one dump of qdiscs. What outlived a killed agent is found by its mark.
//! Two agents in one network namespace would take each other's filters for left ones.
//!
//! Needs `CAP_NET_ADMIN` but for looking. Drivers that program hardware take their time: this wants a thread of its own. Spec:
//! rtnetlink(7), tc-matchall(8), tc-sample(8).

mod requests;

use crate::sample::switch::tc::{
    HOOKS, Obstacle, Port, Refusal, Repairs, Side, Standing, Step, Wish, errno, retry_after,
};
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::{self, DEL_FILTER, DEL_QDISC, NEW_FILTER, NEW_QDISC, Qdisc};
use crate::wire::netlink::header::messages;
use crate::wire::netlink::tc_sample::{Found, GROUP};
use requests::Requests;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Room for news of a change of all ports.
const RECEIVE_BYTES: usize = 2 << 20;
/// Room for one piece of news.
const SLOT: usize = 8 * 1024;
/// Steps that depend on each other: qdisc, hardware, each preference, kernel, and the same for the other hook.
const ROUNDS: usize = 32;

/// After something that only another look can tell.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Where somebody else is at it too, or answers were lost.
const REMOVALS: usize = 3;

/// All ports.
#[derive(Debug)]
pub struct Tc {
    requests: Requests,
    news: Netlink,
    ports: BTreeMap<u32, Tracked>,
    /// What an earlier agent left was looked for.
    swept: bool,
    /// The kernel has all modules: a port's refusal says nothing of the others.
    proven: bool,
}

/// A port.
#[derive(Debug, Default)]
struct Tracked {
    wish: Option<Wish>,
    port: Port,
    /// To be looked at.
    due: bool,
    /// It was as wished, before somebody changed it.
    disturbed: bool,
    failures: u32,
    retry: Option<Instant>,
    repairs: Repairs,
}

impl Tc {
    /// No port is wished.
    ///
    /// # Errors
    /// There can be no such sockets here.
    pub fn open() -> Result<Self, SysError> {
        let news = Netlink::open(Protocol::Route, RECEIVE_BYTES)?;
        news.join(GROUP)?;
        let requests = Requests::open()?;
        Ok(Self { requests, news, ports: BTreeMap::new(), swept: false, proven: false })
    }

    /// Wishes for some ports; `None`: not to be sampled. Nothing is done before the next [`Self::turn`].
    pub fn wish(&mut self, wishes: impl IntoIterator<Item = (u32, Option<Wish>)>) {
        for (if_index, wish) in wishes {
            let tracked = self.ports.entry(if_index).or_default();
            (tracked.wish, tracked.due, tracked.disturbed) = (wish, true, false);
            (tracked.failures, tracked.repairs) = (0, Repairs::default());
        }
    }

    /// Takes in what others did to qdiscs and filters. True where a port is to be looked at.
    ///
    /// # Errors
    /// The socket's; what was lost meanwhile makes every port one to be looked at.
    pub fn read_news(&mut self) -> Result<bool, SysError> {
        let (mut any, mut lost) = (false, false);
        loop {
            let datagrams = match self.news.receive(SLOT, Duration::ZERO) {
                Err(error) if error.is_overrun() => {
                    lost = true;
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                break;
            }
            lost |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages).flatten() {
                let told = [NEW_QDISC, DEL_QDISC, NEW_FILTER, DEL_FILTER].contains(&message.kind);
                let Ok(if_index) = clsact::interface(message.payload) else { continue };
                let foreign = told && Some(message.port) != self.requests.own_port();
                let Some(tracked) = self.ports.get_mut(&if_index).filter(|_| foreign) else { continue };
                if message.kind == DEL_QDISC && clsact::is_clsact(message.payload) == Ok(true) {
                    tracked.port.disown();
                }
                tracked.disturb();
                any = true;
            }
        }
        if lost {
            for tracked in self.ports.values_mut() {
                tracked.port.disown();
                tracked.disturb();
            }
        }
        Ok(any || lost)
    }

    /// Does what is to be done now; returns when to call again, should nothing happen before.
    pub fn turn(&mut self, now: Instant) -> Option<Instant> {
        let is_due = |tracked: &Tracked| tracked.due || tracked.retry.is_some_and(|retry| retry <= now);
        let mut due: Vec<u32> =
            self.ports.iter().filter(|(_, t)| is_due(t)).map(|(index, _)| *index).collect();
        if !due.is_empty() || !self.swept {
            self.look(&mut due);
            self.hold_back(&due, now);
            self.work(&due);
            self.settle(&due, now);
        }
        self.ports.values().filter_map(|tracked| tracked.retry).min()
    }

    /// Removes all filters, and our qdiscs.
    pub fn remove_all(&mut self, now: Instant) {
        for _ in 0..REMOVALS {
            let all: Vec<_> = self.ports.keys().map(|index| (*index, None)).collect();
            self.wish(all);
            self.turn(now);
            if self.ports.is_empty() {
                return;
            }
        }
    }

    /// Where each port that is to be sampled stands.
    pub fn standings(&self) -> impl Iterator<Item = (u32, Standing)> {
        self.ports
            .iter()
            .filter_map(|(index, tracked)| Some((*index, tracked.port.standing(tracked.wish.as_ref()?))))
    }

    /// Reads qdiscs and filters of these ports; the first time also of those that an earlier agent may have left some on.
    fn look(&mut self, due: &mut Vec<u32>) {
        let mut qdiscs = BTreeMap::new();
        let read = self.requests.dump(clsact::dump_qdiscs, |payload| {
            if let (Ok(Some(qdisc)), Ok(index)) = (Qdisc::parse(payload), clsact::interface(payload)) {
                qdiscs.insert(index, qdisc);
            }
        });
        if let Err(refusal) = read {
            for index in due.iter() {
                let tracked = self.ports.get_mut(index);
                tracked.into_iter().for_each(|tracked| tracked.port.obstruct(&refusal));
            }
            return;
        }
        if !std::mem::replace(&mut self.swept, true) {
            let others = qdiscs.keys().copied().filter(|index| !self.ports.contains_key(index));
            due.extend(others.collect::<Vec<_>>());
        }
        for index in due {
            let qdisc = qdiscs.get(index).copied();
            self.look_at(*index, qdisc);
        }
    }

    fn look_at(&mut self, if_index: u32, qdisc: Option<Qdisc>) {
        let tracked = self.ports.entry(if_index).or_default();
        let hooks = match qdisc {
            None => &HOOKS[..0],
            Some(Qdisc::Ingress) => &HOOKS[..1],
            Some(Qdisc::Clsact) => &HOOKS[..],
        };
        let (mut sides, mut refused) = ([Side::default(), Side::default()], None);
        for (hook, side) in hooks.iter().zip(&mut sides) {
            match self.requests.filters(if_index, *hook) {
                Ok(found) => *side = Side::of(&found),
                Err(refusal) => refused = Some(refusal),
            }
        }
        tracked.port = Port::observed(&tracked.port, qdisc, sides);
        if let Some(refusal) = refused {
            tracked.port.obstruct(&refusal);
        }
    }

    /// Leaves those alone that somebody else changes again and again.
    fn hold_back(&mut self, due: &[u32], now: Instant) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            let disturbed = std::mem::take(&mut tracked.disturbed);
            if disturbed && !tracked.port.plan(tracked.wish.as_ref()).is_empty() {
                log::info!(target: "dent", "ifIndex {index}: another program has changed its filter");
                if let Some(later) = tracked.repairs.postponed(now) {
                    tracked.port.hinder(&Obstacle::Contested);
                    tracked.retry = Some(later);
                }
            }
        }
    }

    /// Step by step until nothing is left to do.
    fn work(&mut self, due: &[u32]) {
        for _ in 0..ROUNDS + due.len() {
            let mut steps: Vec<(u32, Step)> = Vec::new();
            for (index, tracked) in due.iter().filter_map(|index| Some((*index, self.ports.get(index)?))) {
                let planned = tracked.port.plan(tracked.wish.as_ref());
                steps.extend(planned.into_iter().map(|step| (index, step)));
            }
            let makes = |(_, step): &&(u32, Step)| matches!(step, Step::Add(..) | Step::AddQdisc);
            if let Some((first, _)) = steps.iter().find(makes).copied().filter(|_| !self.proven) {
                // The kernel would look for a missing module for each of them.
                steps.retain(|(index, _)| *index == first);
            }
            if steps.is_empty() {
                return;
            }
            self.take(&steps, due);
        }
    }

    fn take(&mut self, steps: &[(u32, Step)], due: &[u32]) {
        let (ports, mut lacking) = (&mut self.ports, None);
        let proven = &mut self.proven;
        self.requests.batch(steps, |(index, step), outcome| {
            let made = matches!(step, Step::Add(..));
            match &outcome {
                Err(refusal) if made && [errno::ENOENT, errno::EPERM].contains(&refusal.errno) => {
                    (*proven, lacking) = (false, Some(refusal.clone()));
                }
                Err(refusal) if made && refusal.errno == errno::ENODEV => {}
                _ => *proven |= made,
            }
            if let Some(tracked) = ports.get_mut(&index) {
                tracked.port.apply(&step, outcome);
            }
        });
        if let Some(refusal) = lacking.filter(|_| !self.proven) {
            self.give_up(due, &refusal);
        }
    }

    /// What one port lacks, all lack.
    fn give_up(&mut self, due: &[u32], refusal: &Refusal) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            if tracked.wish.as_ref().is_some_and(|wish| tracked.port.standing(wish).by.is_none()) {
                tracked.port.obstruct(refusal);
            }
        }
    }

    /// When to look at each again; those that are of no interest any more are forgotten.
    fn settle(&mut self, due: &[u32], now: Instant) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            tracked.due = false;
            let retry = tracked.retry.take().filter(|retry| *retry > now);
            if tracked.port.stale {
                tracked.retry = now.checked_add(LOOK_AGAIN);
                continue;
            }
            let Some(wish) = &tracked.wish else {
                if let Some(obstacle) = tracked.port.leftover() {
                    log::warn!(target: "dent", "ifIndex {index}: a filter of ours is left: {obstacle}");
                }
                self.ports.remove(index);
                continue;
            };
            let standing = tracked.port.standing(wish);
            if standing.obstacle.is_some() {
                tracked.failures = tracked.failures.saturating_add(1);
                tracked.retry = retry.or_else(|| now.checked_add(retry_after(tracked.failures)));
            } else {
                tracked.failures = 0;
            }
        }
    }
}

impl Tracked {
    /// Somebody changed something; one that is left alone for a while stays so.
    fn disturb(&mut self) {
        let standing = self.wish.as_ref().map(|wish| self.port.standing(wish)).unwrap_or_default();
        if standing.obstacle != Some(Obstacle::Contested) {
            self.disturbed |= standing.by.is_some();
            self.due = true;
        }
    }
}

impl AsFd for Tc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

impl Requests {
    fn filters(&mut self, if_index: u32, hook: Hook) -> Result<Vec<Found>, Refusal> {
        let mut found = Vec::new();
        self.dump(
            |buffer, sequence| clsact::dump_filters(buffer, sequence, if_index, hook),
            |payload| found.extend(Found::parse(payload)),
        )?;
        Ok(found)
    }
}
