//! A log of what was high for long. In: values as they come, with the time that each was measured over. Out: a line when one
//! has been high for as long as its limit says, and one when it is over. Rules: a value holds until the next one; what is
//! followed and what is kept is bounded, and the oldest lines go.

use super::limits::{Level, Limits, Metric};
use super::picture::label;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// Values that may be high at a time; more are not followed.
const MOST: usize = 4096;
/// Lines that are kept.
const KEPT: usize = 1000;

/// Which value of what: by its number, as names change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    agent: IpAddr,
    metric: Metric,
    index: u32,
}

#[derive(Clone, Debug)]
struct High {
    since: Duration,
    peak: f64,
    /// It has lasted, and stands in the log.
    is_said: bool,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Counts the lines from 1.
    pub number: u64,
    /// Seconds since 1970.
    pub unix: u64,
    /// The agent.
    pub agent: IpAddr,
    /// It has begun, or is over.
    pub begun: bool,
    /// In words, without the time.
    pub text: String,
}

/// Whose value came, and when.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The agent.
    pub agent: IpAddr,
    /// Its host's name.
    pub host: &'a str,
    /// On the agent's clock.
    pub time: Duration,
    /// For people.
    pub unix: u64,
    /// What it was measured over, in seconds; 0 for what is read off.
    pub over: f64,
}

/// What is high, and what was said of it.
#[derive(Clone, Debug)]
pub struct Alerts {
    limits: Limits,
    high: BTreeMap<Subject, High>,
    lines: VecDeque<Line>,
    said: u64,
}

impl Alerts {
    /// Nothing was high yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, high: BTreeMap::new(), lines: VecDeque::new(), said: 0 }
    }

    /// A value came. One that is not known says nothing.
    pub fn value(&mut self, of: Of<'_>, metric: Metric, row: (u32, &str), value: Option<f64>) {
        let Some(number) = value.filter(|value| value.is_finite()) else { return };
        let (index, name) = row;
        let subject = Subject { agent: of.agent, metric, index };
        if self.limits.level(metric, value) != Level::High {
            return self.end(of, subject, name);
        }
        if self.high.len() >= MOST && !self.high.contains_key(&subject) {
            return;
        }
        let began = of.time.saturating_sub(Duration::from_secs_f64(of.over.clamp(0.0, 3600.0)));
        let high = self.high.entry(subject).or_insert(High { since: began, peak: number, is_said: false });
        high.peak = high.peak.max(number);
        let lasted = of.time.saturating_sub(high.since);
        if !high.is_said && lasted >= self.limits.of(metric).lasting {
            high.is_said = true;
            self.say(of, (metric, name), number, lasted, true);
        }
    }

    fn end(&mut self, of: Of<'_>, subject: Subject, name: &str) {
        let Some(high) = self.high.remove(&subject) else { return };
        if high.is_said {
            self.say(of, (subject.metric, name), high.peak, of.time.saturating_sub(high.since), false);
        }
    }

    fn say(&mut self, of: Of<'_>, (metric, name): (Metric, &str), value: f64, lasted: Duration, begun: bool) {
        self.said += 1;
        while self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        let (what, limit) = (metric.row().name(), self.limits.of(metric).high);
        let host = label(of.host, of.agent);
        let whose = if name.is_empty() { host } else { format!("{name} on {host}") };
        let secs = lasted.as_secs();
        let text = if begun {
            format!("high: {whose}: {what} {value:.1} (limit {limit}) for {secs} s")
        } else {
            format!("over: {whose}: {what} after {secs} s, at most {value:.1} (limit {limit})")
        };
        self.lines.push_back(Line { number: self.said, unix: of.unix, agent: of.agent, begun, text });
    }

    /// Something is gone, and what was high of it is over.
    pub fn gone(&mut self, of: Of<'_>, (index, name): (u32, &str), metrics: &[Metric]) {
        for metric in metrics {
            self.end(of, Subject { agent: of.agent, metric: *metric, index }, name);
        }
    }

    /// An agent is forgotten; nothing is said.
    pub fn forget(&mut self, agent: IpAddr) {
        self.high.retain(|subject, _| subject.agent != agent);
    }

    /// The log, the oldest line first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// What was said and is not over.
    pub fn current(&self) -> usize {
        self.high.values().filter(|high| high.is_said).count()
    }

    /// The same, of one agent.
    pub fn count(&self, agent: IpAddr) -> usize {
        self.high.iter().filter(|(subject, high)| subject.agent == agent && high.is_said).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(secs: u64, over: f64) -> Of<'static> {
        Of { agent: AGENT, host: "h", time: Duration::from_secs(secs), unix: 1000 + secs, over }
    }

    fn texts(alerts: &Alerts) -> Vec<String> {
        alerts.lines().map(|line| line.text.clone()).collect()
    }

    #[test]
    fn a_guest_above_80_for_30_seconds_is_one_line_and_its_end_another() {
        let mut alerts = Alerts::new(Limits::default());
        let mut cpu = |secs, value| {
            alerts.value(at(secs, 20.0), Metric::GuestCpu, (1, "vm1"), Some(value));
            texts(&alerts)
        };
        assert_eq!(cpu(20, 50.0).len(), 0);
        assert_eq!(cpu(40, 99.0).len(), 0, "20 seconds are not 30");
        assert_eq!(cpu(60, 90.0), ["high: vm1 on h: guest.cpu 90.0 (limit 80) for 40 s"]);
        assert_eq!(cpu(80, 95.0).len(), 1);
        let lines = cpu(100, 10.0);
        assert_eq!(lines[1], "over: vm1 on h: guest.cpu after 80 s, at most 99.0 (limit 80)");
        assert_eq!(alerts.current(), 0);
    }

    #[test]
    fn what_is_high_for_a_moment_is_no_alert_and_unknown_changes_nothing() {
        let mut alerts = Alerts::new(Limits::default());
        for (secs, value) in [(10, Some(99.0)), (20, None), (25, Some(1.0)), (60, Some(99.0))] {
            alerts.value(at(secs, 0.0), Metric::GuestCpu, (1, "vm1"), value);
        }
        assert_eq!((alerts.current(), alerts.lines().count()), (0, 0));
        alerts.value(at(95, 0.0), Metric::GuestCpu, (1, "vm1"), Some(99.0));
        assert_eq!((alerts.current(), alerts.count(AGENT)), (1, 1));
        alerts.gone(at(99, 0.0), (1, "vm1"), &[Metric::GuestCpu]);
        assert_eq!((alerts.current(), alerts.lines().count()), (0, 2));
    }

    #[test]
    fn the_log_and_what_is_followed_are_bounded() {
        let mut alerts = Alerts::new(Limits::default());
        for number in 0..2 * u32::try_from(MOST).unwrap() {
            alerts.value(at(100, 60.0), Metric::GuestCpu, (number, "vm"), Some(99.0));
        }
        assert_eq!((alerts.current(), alerts.lines().count()), (MOST, KEPT));
        assert_eq!(alerts.lines().next_back().map(|line| line.number), Some(MOST as u64));
    }
}
