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

mod look;
mod requests;
#[cfg(test)]
mod tests;
mod work;

use crate::sample::switch::repairs::Repairs;
use crate::sample::switch::tc::{HARDWARE_AGAIN, Obstacle, Port, Standing, Wish, retry_after};
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::tc_sample::GROUP;
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

/// Asked between two portions of work: once it is false, what is left of it is not done.
pub type GoesOn<'a> = &'a dyn Fn() -> bool;

/// All ports.
#[derive(Debug)]
pub struct Tc {
    requests: Requests,
    news: Netlink,
    /// Boxed: a tree has about as many free places as taken ones.
    ports: BTreeMap<u32, Box<Tracked>>,
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

    /// Does what is to be done now; returns when to call again, should nothing happen before.
    pub fn turn(&mut self, now: Instant, goes_on: GoesOn<'_>) -> Option<Instant> {
        let mut due = Vec::new();
        for (index, tracked) in &mut self.ports {
            let again = tracked.retry.is_some_and(|retry| retry <= now);
            if again {
                tracked.port.ask_hardware_again();
            }
            if std::mem::take(&mut tracked.due) || again {
                due.push(*index);
            }
        }
        if !due.is_empty() || !self.swept {
            let was_proven = self.proven;
            self.look(&mut due, goes_on);
            self.hold_back(&due, now);
            self.work(&due, goes_on);
            self.settle(&due, now);
            if self.proven && !was_proven {
                self.hurry(now);
            }
        }
        let again = |tracked: &Tracked| if tracked.due { Some(now) } else { tracked.retry };
        self.ports.values().map(Box::as_ref).filter_map(again).min()
    }

    /// Removes all filters, and our qdiscs; returns how many ports are left on which some may be.
    pub fn remove_all(&mut self, now: Instant, goes_on: GoesOn<'_>) -> usize {
        for _ in 0..REMOVALS {
            let all: Vec<_> = self.ports.keys().map(|index| (*index, None)).collect();
            self.wish(all);
            self.turn(now, goes_on);
            if self.ports.is_empty() && self.swept {
                break;
            }
        }
        self.ports.len()
    }

    /// Which ports are to be sampled, and how.
    pub fn wishes(&self) -> impl Iterator<Item = (u32, &Wish)> {
        self.ports.iter().filter_map(|(index, tracked)| Some((*index, tracked.wish.as_ref()?)))
    }

    /// Where each port that is to be sampled stands.
    pub fn standings(&self) -> impl Iterator<Item = (u32, Standing)> {
        self.ports
            .iter()
            .filter_map(|(index, tracked)| Some((*index, tracked.port.standing(tracked.wish.as_ref()?))))
    }

    /// What all lacked is there: none waits for its next try.
    fn hurry(&mut self, now: Instant) {
        for tracked in self.ports.values_mut() {
            let standing = tracked.wish.as_ref().map(|wish| tracked.port.standing(wish));
            let lacks =
                standing.and_then(|standing| standing.obstacle).is_some_and(|o| o != Obstacle::Contested);
            if lacks {
                tracked.retry = Some(now);
            }
        }
    }

    /// Leaves those alone that somebody else changes again and again.
    fn hold_back(&mut self, due: &[u32], now: Instant) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            let disturbed = std::mem::take(&mut tracked.disturbed);
            if disturbed && !tracked.port.plan(tracked.wish.as_ref()).is_empty() {
                log::debug!(target: "dent", "ifIndex {index}: another program has changed its filter");
                if let Some(later) = tracked.repairs.postponed(now) {
                    tracked.port.hinder(&Obstacle::Contested);
                    tracked.retry = Some(later);
                }
            }
        }
    }

    /// When to look at each again; those that are of no interest any more are forgotten.
    fn settle(&mut self, due: &[u32], now: Instant) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            let retry = tracked.retry.take().filter(|retry| *retry > now);
            if tracked.port.stale {
                tracked.retry = now.checked_add(LOOK_AGAIN);
                continue;
            }
            let Some(wish) = &tracked.wish else {
                if !tracked.port.plan(None).is_empty() {
                    tracked.due = true;
                    continue;
                }
                if let Some(obstacle) = tracked.port.leftover() {
                    log::warn!(target: "dent", "ifIndex {index}: a filter of ours is left: {obstacle}");
                }
                self.ports.remove(index);
                continue;
            };
            let hindered = tracked.port.standing(wish).obstacle.is_some();
            tracked.failures = if hindered { tracked.failures.saturating_add(1) } else { 0 };
            let wait = match hindered {
                true => Some(retry_after(tracked.failures)),
                false => tracked.port.awaits_hardware().then_some(HARDWARE_AGAIN),
            };
            tracked.retry = wait.and_then(|wait| retry.or_else(|| now.checked_add(wait)));
        }
    }
}

impl AsFd for Tc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}
