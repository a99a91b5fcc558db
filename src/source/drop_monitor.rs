//! The dropmon source: packets that the kernel or a switch chip dropped, as the kernel's drop monitor reports them.
//!
//! In: the settings of `dropmon { }`. Out: dropped packets. Rules: an alert is reported only if its kind was asked for, or is
//! let in where something else asks for it (`sw_passive`, `hw_passive`); if it has a meaning (`wire::netlink::drop_monitor::discard`); if `hide` does
//! not match; and within the quota. What was held back is counted. Both quota and breaker go by the time of the drop. The feed is the
//! host's: only what was started here is stopped at the end; one left by an agent that was killed is taken over with `force`.
//!
//! The kernel tells nothing of a packet that has no link header yet: what a firewall or a missing neighbour takes from what
//! this host itself sends.
//!
//! Needs the module `drop_monitor`, which the kernel loads when anybody asks for the family; `CAP_SYS_ADMIN` to join its
//! group (since kernel 6.7, and in later releases of older ones); `CAP_NET_ADMIN` to start and stop the feed. The
//! family exists in the host's network namespace only. Spec: `linux/net_dropmon.h`.

mod feed;
mod judge;

use super::generic::{Membership, Wanted};
use super::{Finding, Obstacle, Source, Visit};
use crate::config::model::Dropmon;
use crate::sample::frame::Sink;
use crate::sys::SysError;
use crate::wire::netlink::drop_monitor::{Alert, FAMILY, GROUP, Sources};
use feed::{Feed, read_lost};
use judge::Judge;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

const WANTED: Wanted =
    Wanted { family: FAMILY, group: GROUP, side_group: None, programs: false, capability: "CAP_SYS_ADMIN" };
const CAPABILITY: &str = "CAP_NET_ADMIN";
/// After a refusal, which most often is a privilege that does not come back.
const RETRY: Duration = Duration::from_mins(5);

/// The drops of this host.
#[derive(Debug)]
pub struct Drops {
    membership: Membership,
    judge: Judge,
    feed: Feed,
    /// The family that was attended to: its feed was started, if it is to be.
    attended: Option<u16>,
    retry: Option<Instant>,
    obstacle: Option<Obstacle>,
    /// Alerts came since losses were last asked for.
    busy: bool,
    /// Totals when losses were last asked for: the kernel's queues, this socket.
    lost: (u64, u32),
}

/// Whether alerts can be heard here. Nothing is started, though that needs a privilege of its own.
pub fn probe() -> Result<(), Obstacle> {
    Membership::probe(WANTED)
}

impl Drops {
    /// Listens and starts the feed, now or as soon as the module is there; [`Source::obstacle`] tells.
    ///
    /// # Errors
    /// There is no generic netlink here at all.
    pub fn new(settings: Dropmon) -> Result<Self, SysError> {
        let mut drops = Self {
            membership: Membership::new(WANTED)?,
            judge: Judge::new(settings),
            feed: Feed::default(),
            attended: None,
            retry: None,
            obstacle: None,
            busy: false,
            lost: (0, 0),
        };
        drops.attend();
        Ok(drops)
    }

    /// Drops over the limit so far.
    pub fn suppressed(&self) -> u64 {
        self.judge.counts.suppressed
    }

    /// Starts the feed of a family that was just joined.
    fn attend(&mut self) {
        let Some(family) = self.membership.joined() else { return };
        let (wanted, settings) = (self.judge.wanted(), &self.judge.settings);
        let control = &mut self.membership.control;
        self.feed = Feed::default();
        self.lost.0 = read_lost(control, family, wanted).unwrap_or(0);
        self.attended = Some(family);
        let sources = Sources { software: settings.sw, hardware: settings.hw };
        self.obstacle = None;
        if settings.start
            && let Err(error) = self.feed.start(control, family, sources, settings.force)
        {
            self.obstacle = Some(Obstacle::new(error, CAPABILITY));
        }
    }

    /// Stops everything for good.
    fn trip(&mut self) {
        if let Some(family) = self.attended.take() {
            self.feed.stop(&mut self.membership.control, family);
        }
        let (most, seconds) = (self.judge.settings.max, self.judge.settings.max_trip);
        let left = self.membership.leave();
        self.obstacle = Some(left.map_or_else(Obstacle::Failed, |()| Obstacle::Flood { most, seconds }));
    }

    /// Packets that nobody was told of, since this was last asked.
    fn take_lost(&mut self) -> u32 {
        let wanted = self.judge.wanted();
        let (queues, socket) = self.lost;
        let family = self.membership.joined();
        let read = |family| read_lost(&mut self.membership.control, family, wanted).ok();
        self.lost.0 = family.and_then(read).unwrap_or(queues);
        self.lost.1 = self.membership.dropped().unwrap_or(socket);
        let unreported = u32::try_from(self.lost.0.saturating_sub(queues)).unwrap_or(u32::MAX);
        let unread = self.lost.1.wrapping_sub(socket);
        unreported.saturating_add(unread).saturating_add(self.membership.take_cut())
    }
}

impl Source for Drops {
    fn name(&self) -> &'static str {
        "dropmon"
    }

    /// Counts every alert as a frame, also one that is held back.
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Visit, SysError> {
        let was_tripped = self.judge.tripped;
        let judge = &mut self.judge;
        let visit = self.membership.read(|payload| match Alert::parse(payload) {
            Ok(Some(alert)) => {
                judge.pass(&alert, sink);
                true
            }
            answer => answer.is_ok(),
        })?;
        self.busy |= visit.frames > 0;
        if self.judge.tripped && !was_tripped {
            self.trip();
        }
        Ok(visit)
    }

    fn check(&mut self, now: Instant, report: &mut dyn FnMut(Finding)) -> Option<Instant> {
        if std::mem::take(&mut self.busy) {
            let added = self.take_lost();
            if added > 0 {
                report(Finding::Lost { if_index: None, added });
            }
        }
        match self.membership.take_malformed() {
            0 => {}
            added => report(Finding::Malformed(added)),
        }
        if self.judge.tripped {
            return None;
        }
        let mut again = self.membership.check(now);
        // Not at once when it appears: its module may still be setting itself up.
        if self.membership.joined() != self.attended || self.retry.is_some_and(|retry| now >= retry) {
            self.attended = None;
            self.retry = None;
            self.attend();
        }
        if self.obstacle.is_none() {
            self.retry = None;
        } else if self.retry.is_none() {
            self.retry = now.checked_add(RETRY);
        }
        again = again.into_iter().chain(self.retry).min();
        again
    }

    fn obstacle(&self) -> Option<&Obstacle> {
        self.obstacle.as_ref().or(self.membership.obstacle())
    }
}

impl AsFd for Drops {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.membership.as_fd()
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        if let Some(family) = self.attended {
            self.feed.stop(&mut self.membership.control, family);
        }
    }
}
