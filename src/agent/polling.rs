//! When sources are polled, and one poll. In: the time; sources that are polled out of turn. Out: datagrams; the states of what
//! is read. Rules: after a stall each source is polled once; while the best collectors' names are looked up nobody is
//! polled, unless somebody reads along, and then everything once.

use super::daemon::Agent;
use crate::config::model::Settings;
use crate::sflow::datagram::Unsent;
use crate::sflow::ids::DataSource;
use crate::status::registry::State;
use crate::sys::tally;
use std::time::{Duration, Instant};

impl Agent {
    /// Polls every source, whoever's turn it is.
    pub(super) fn poll_all(&mut self) {
        if self.settings.polling_secs > 0 {
            self.due.refill(self.measures.sources.keys().copied());
            self.poll(self.host.clock.now());
        }
    }

    /// Polls these sources now, whoever's turn it is.
    pub(super) fn poll_some(&mut self, sources: impl Iterator<Item = DataSource>) {
        self.due.refill(sources);
        if self.settings.polling_secs > 0 && !self.due.is_nothing() {
            self.poll(self.host.clock.now());
        }
    }

    /// Polls what has become due, and does what else the time asks for.
    pub fn on_time(&mut self) {
        let now = self.host.clock.now();
        let second = self.pace.second(now);
        self.watch_clock(now);
        // After a stall each source is polled once, not once for each cycle that was missed.
        let cycle = u64::from(self.settings.polling_secs);
        let missed = (self.polled_second + 1).max((second + 1).saturating_sub(cycle))..=second;
        let schedule = &self.measures.schedule;
        self.due.refill(missed.flat_map(|s| schedule.due(s)));
        self.polled_second = second;
        let host_is_due = self.due.host;
        if !self.due.is_nothing() {
            self.poll(now);
        }
        if host_is_due {
            self.attend_guests(now);
            self.attend_cumulus();
        }
        if now >= self.refresh_at {
            self.refresh_at = now + refresh_interval(&self.settings);
            let read = self.measures.interfaces.refresh(now);
            self.follow(read);
        } else if self.measures.interfaces.wake_at().is_some_and(|at| at <= now) {
            self.on_interfaces();
        }
        self.renew_marks(now);
        self.on_lookup();
        if self.discovery.next_tick().is_some_and(|at| at <= now) {
            self.on_discovery();
        }
    }

    /// When the agent must wake up next for its own sake.
    pub fn next_wake(&self) -> Instant {
        let poll = self.measures.schedule.next_after(self.polled_second).map(|s| self.pace.begins(s));
        let lookup = self.outlet.lock().collectors.next_tick().map(|at| self.pace.start() + at);
        let resync = self.measures.interfaces.wake_at();
        let query = self.discovery.next_tick();
        let marks = self.guests.marks_due();
        [poll, lookup, resync, query, marks].into_iter().flatten().fold(self.refresh_at, Instant::min)
    }

    fn poll(&mut self, now: Instant) {
        if self.election.choice.is_none() || self.settings.suspended.is_some() {
            return;
        }
        // Collectors get what they missed when they are found; who reads along is there.
        let awaited = self.outlet.lock().collectors.awaits_names();
        self.poll_missed |= awaited;
        if awaited && !self.outlet.is_watched() && !self.metrics.are_on() {
            return;
        }
        self.take_flow_control();
        self.due.stamp(now, self.pace.uptime_ms(now));
        let before = tally::of_this_thread();
        let outlet = &self.outlet;
        let mut send = |unsent: Unsent<'_>| outlet.lock().send(unsent, now);
        let polled =
            self.measures.poll(&self.due, &self.settings, &mut self.guests, &mut self.datagrams, &mut send);
        self.datagrams.flush(self.due.uptime_ms, &mut send);
        self.polls.count += 1;
        self.polls.calls += tally::of_this_thread() - before;
        self.telemetry.counter_samples += polled.outcome.samples;
        self.telemetry.rtmetric_samples += polled.outcome.metrics;
        self.telemetry.counter_samples_suppressed += polled.outcome.suppressed;
        self.set("interfaces", State::from_result(polled.interfaces));
        self.watch_samplers();
        self.read_optics(now);
        self.ask_flow_control();
        if self.applications_refused {
            self.apply_applications();
        }
        if self.due.host {
            self.set("host-counters", State::from_result(polled.host));
            self.report_host();
            // The host may have another name now, and a full disk may have room again.
            self.write_auto();
            self.keep_cost();
        }
    }
}

/// Reading all interfaces again is only a safety net under the notifications.
pub(super) fn refresh_interval(settings: &Settings) -> Duration {
    Duration::from_secs(u64::from(settings.refresh_adaptors_secs))
}
