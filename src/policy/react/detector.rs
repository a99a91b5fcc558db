//! A rule at work. In: sampled packets, the time. Out: an [`Event`] when a key goes over the rule's threshold, and one when
//! that is over. Rules: each raise is followed by one release at most; after [`Detector::next_tick`] has passed, a key is
//! judged though nothing is sampled of it.

use super::alarm::{Alarms, Change, Limits};
use super::filter::Only;
use super::flow::Flow;
use super::key::{Field, Key};
use super::window::{Estimate, Window};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes on the wire.
    Bytes,
    /// Packets.
    Packets,
    /// Billionths of what the link they were sampled on carries in a second.
    Link,
}

/// A whole link in [`Measure::Link`].
pub const WHOLE: u64 = 1_000_000_000;

/// What is too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What packets have in common that are counted together.
    pub fields: Vec<Field>,
    /// Those that are looked at.
    pub only: Only,
    /// What is counted of them.
    pub measure: Measure,
    /// So much a second is too much.
    pub raise_per_sec: u64,
    /// Below so much a second it is over.
    pub release_per_sec: u64,
    /// How long it has to be too much, beyond the window that the rate is taken over.
    pub duration: Duration,
    /// How long it has to be over, and how long an alarm lasts at least.
    pub hold: Duration,
    /// Keys that may be over the threshold at a time; more are counted and left alone.
    pub most: usize,
    /// What the rate is taken over: a second, as a rule.
    pub window: Duration,
    /// How many steps the window slides in: ten, as a rule.
    pub slices: u8,
    /// Keys that are followed: a key is only overlooked if it has less than one part in so many of all traffic.
    pub places: usize,
}

/// A key has gone over the threshold, or is below it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Which of the two.
    pub change: Change,
    /// The key.
    pub key: Key,
    /// When, on the clock of the samples.
    pub at: Duration,
    /// What is known of its weight.
    pub estimate: Estimate,
    /// What that was taken over.
    pub window: Duration,
}

impl Event {
    /// What was sampled in a second, and between which two the truth lies with 95 % confidence.
    pub fn per_sec(&self) -> (f64, [f64; 2]) {
        let per_sec = |weight: f64| weight / self.window.as_secs_f64();
        let bounds = [self.estimate.low(), self.estimate.high()];
        (per_sec(self.estimate.seen() as f64), bounds.map(per_sec))
    }
}

/// The rule, and what it has seen.
#[derive(Clone, Debug)]
pub struct Detector {
    rule: Rule,
    hasher: RandomState,
    window: Window<Key>,
    alarms: Alarms<Key>,
    /// Bits a second, by ifIndex; for [`Measure::Link`].
    links: BTreeMap<u32, u64>,
    unkeyed: u64,
    passed: u64,
}

impl Detector {
    /// Nothing was seen yet. The hasher's keys must be secret: senders choose what is hashed.
    pub fn new(rule: Rule, hasher: RandomState) -> Self {
        let (raise, release) = weights(&rule);
        let limits = Limits { raise, release, duration: rule.duration, hold: rule.hold, most: rule.most };
        Self {
            window: Window::new(rule.window, rule.slices, rule.places),
            alarms: Alarms::new(limits),
            rule,
            hasher,
            links: BTreeMap::new(),
            unkeyed: 0,
            passed: 0,
        }
    }

    /// A link has this speed from now on. Of one that is no longer known, as of a link that is down, the last one holds.
    pub fn link(&mut self, index: u32, bits_per_sec: u64) {
        if self.rule.measure == Measure::Link && bits_per_sec > 0 {
            self.links.insert(index, bits_per_sec);
        }
    }

    /// Takes in a sampled packet that came now.
    pub fn flow(&mut self, now: Duration, flow: &Flow<'_>, emit: &mut impl FnMut(&Event)) {
        if !self.rule.only.fits(flow) {
            return;
        }
        let Some(key) = Key::of(flow, &self.rule.fields) else {
            self.unkeyed += 1;
            return;
        };
        let one_in = u64::from(flow.sample.sampling_rate.max(1));
        let bytes = u64::from(flow.bytes).saturating_mul(one_in);
        let weight = match self.rule.measure {
            Measure::Bytes => bytes,
            Measure::Packets => one_in,
            Measure::Link => match self.speed(flow) {
                Some(bits_per_sec) => part(bytes, bits_per_sec),
                None => {
                    self.passed += 1;
                    return;
                }
            },
        };
        let variance = (weight as f64).powi(2) * (1.0 - 1.0 / one_in as f64);
        let hash = self.hasher.hash_one(key);
        self.window.add(now, hash, &key, weight, variance);
        self.judge(now, hash, &key, emit);
    }

    /// Judges those that are or may be over the threshold; to be called when [`Self::next_tick`] has come.
    pub fn tick(&mut self, now: Duration, emit: &mut impl FnMut(&Event)) {
        self.window.advance(now);
        for at in (0..self.alarms.count()).rev() {
            if let Some((key, hash)) = self.alarms.watched(at) {
                self.judge(now, hash, &key, emit);
            }
        }
    }

    fn judge(&mut self, now: Duration, hash: u64, key: &Key, emit: &mut impl FnMut(&Event)) {
        let estimate = self.window.estimate(hash, key);
        if let Some(change) = self.alarms.judge(now, hash, key, estimate.seen()) {
            emit(&Event { change, key: *key, at: now, estimate, window: self.rule.window });
        }
    }

    /// When to call [`Self::tick`] at the latest; `None` while no key needs it.
    pub fn next_tick(&self) -> Option<Duration> {
        (self.alarms.count() > 0).then(|| self.window.next_slice())
    }

    /// Keys that are over the threshold now.
    pub fn raised(&self) -> usize {
        self.alarms.raised()
    }

    /// Times that a key was left alone because as many as may be were over the threshold.
    pub fn refused(&self) -> u64 {
        self.alarms.refused()
    }

    /// Packets that lack a field of the key.
    pub fn unkeyed(&self) -> u64 {
        self.unkeyed
    }

    /// Packets of links whose speed is not known, where that counts.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    fn speed(&self, flow: &Flow<'_>) -> Option<u64> {
        let source = flow.sample.source;
        self.links.get(&source.index).filter(|_| source.class == 0).copied()
    }
}

/// What bytes are of a link's second.
fn part(bytes: u64, bits_per_sec: u64) -> u64 {
    let part = u128::from(bytes) * 8 * u128::from(WHOLE) / u128::from(bits_per_sec.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// That raise and that release.
fn weights(rule: &Rule) -> (u64, u64) {
    let of = |per_sec| in_window(per_sec, rule.window);
    (of(rule.raise_per_sec).max(1), of(rule.release_per_sec).max(1))
}

/// What so much a second is in a window, rounded up.
fn in_window(per_sec: u64, window: Duration) -> u64 {
    let weight = (u128::from(per_sec) * window.as_nanos()).div_ceil(1_000_000_000);
    u64::try_from(weight).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
