//! Decides what becomes of an alert: reported, or why not. In: alerts, the settings of `dropmon { }`. Out: [`Discard`]s; counts
//! of what was held back. Rules: what was not asked for and what is no loss is ignored; then come `hide`, the quota and the
//! breaker, which go by the time of the drops.

use super::super::generic::link::link_type;
use crate::config::model::Dropmon;
use crate::sample::frame::{Discard, Sink};
use crate::sample::quota::{Breaker, Quota};
use crate::wire::netlink::drop_monitor::discard::{Tables, classify, of_trap};
use crate::wire::netlink::drop_monitor::{Alert, Origin, Sources, codes};

/// Alerts that came, and what became of those that were not handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All.
    pub(super) alerts: u64,
    /// Not asked for, or no loss.
    pub(super) ignored: u64,
    /// Matched by `hide`.
    pub(super) hidden: u64,
    /// Over the limit.
    pub(super) suppressed: u64,
}

/// Decides what becomes of an alert.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) settings: Dropmon,
    pub(super) tables: Tables,
    pub(super) quota: Quota,
    pub(super) breaker: Breaker,
    pub(super) tripped: bool,
    /// When the last drop was.
    pub(super) time: u64,
    pub(super) counts: Counts,
}

impl Judge {
    pub(super) fn new(settings: Dropmon) -> Self {
        let mut judge = Self {
            tables: Tables { reasons: settings.rn, traps: false, symbols: false },
            quota: Quota::new(settings.limit),
            breaker: Breaker::new(settings.max, settings.max_trip),
            tripped: false,
            time: 0,
            counts: Counts::default(),
            settings,
        };
        let wanted = judge.wanted();
        (judge.tables.traps, judge.tables.symbols) = (wanted.hardware, wanted.software);
        judge
    }

    /// Whose drops are let in.
    pub(super) fn wanted(&self) -> Sources {
        let settings = &self.settings;
        Sources { software: settings.sw || settings.sw_passive, hardware: settings.hw || settings.hw_passive }
    }

    /// Hands an alert on, or counts why not.
    pub(super) fn pass(&mut self, alert: &Alert<'_>, sink: &mut dyn Sink) {
        self.time = alert.timestamp.unwrap_or(self.time);
        self.counts.alerts += 1;
        self.tripped |= self.breaker.trips(self.time);
        if self.tripped {
            self.counts.suppressed += 1;
            return;
        }
        let Some(reason) = self.reason(alert) else {
            self.counts.ignored += 1;
            return;
        };
        let names = [&alert.trap, &alert.symbol, &alert.reason];
        let hides = |name: &str| self.settings.hide.as_ref().is_some_and(|hide| hide.is_match(name));
        if names.into_iter().flatten().any(|name| hides(name)) {
            self.counts.hidden += 1;
        } else if !self.quota.admits(self.time) {
            self.counts.suppressed += 1;
        } else {
            sink.discard(&event(alert, reason));
        }
    }

    /// sFlow's code, where the alert is let in and means something.
    fn reason(&self, alert: &Alert<'_>) -> Option<u32> {
        let wanted = self.wanted();
        let let_in = match alert.origin {
            Some(Origin::Software) => wanted.software,
            Some(Origin::Hardware) => wanted.hardware,
            None => true,
        };
        let unlisted = || {
            let trap = alert.trap.as_deref().filter(|_| self.settings.hw_unknown && self.tables.traps)?;
            let group = alert.trap_group.as_deref().unwrap_or_default();
            of_trap(group, trap).is_none().then_some(codes::UNKNOWN)
        };
        let_in.then(|| classify(alert, self.tables).or_else(unlisted)).flatten()
    }
}

fn event<'a>(alert: &'a Alert<'a>, reason: u32) -> Discard<'a> {
    let bytes = alert.payload.unwrap_or_default();
    let here = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let wire_len = alert.original_length.map_or(here, |length| length.max(here));
    let protocol = alert.protocol.unwrap_or(0);
    Discard {
        input: alert.in_index.filter(|index| *index != 0),
        reason,
        reason_name: alert.reason.as_deref(),
        symbol: alert.symbol.as_deref(),
        trap: alert.trap.as_deref().map(|trap| (alert.trap_group.as_deref().unwrap_or_default(), trap)),
        link: link_type(protocol, bytes, wire_len),
        protocol,
        bytes,
        wire_len,
        time: alert.timestamp,
    }
}

#[cfg(test)]
mod tests;
