//! What is known of DNS-SD, as plain values for `hsflowctl status`.

use super::Verdict;
use crate::sample::discovery::machine::Step;
use serde::Serialize;
use std::time::Instant;

/// DNS-SD at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiscoveryStatus {
    /// `off`, `waiting`, `none` or `found`.
    pub verdict: &'static str,
    /// The names that were last to be asked for, in order.
    pub names: Vec<String>,
    /// The last answer in words; `None` before the first.
    pub answer: Option<String>,
    /// Seconds that the last definite answer holds.
    pub ttl_secs: Option<u64>,
    /// Seconds since the last definite answer.
    pub answered_secs_ago: Option<u64>,
    /// Seconds to the next question; `None` while one is under way, or when nothing is asked.
    pub next_query_secs: Option<u64>,
    /// The records of the last answer with any.
    pub records: Vec<String>,
    /// The last question has failed.
    pub failing: bool,
    /// The newest failure, also when it is over.
    pub last_error: Option<String>,
    /// Age of `last_error` in seconds.
    pub last_error_secs_ago: Option<u64>,
    /// What is wrong with the last answer, or with resolv.conf.
    pub remarks: Vec<String>,
}

/// The last round.
#[derive(Debug, Default)]
pub(super) struct Last {
    names: Vec<String>,
    answer: Option<String>,
    ttl_secs: Option<u32>,
    answered: Option<Instant>,
    records: Vec<String>,
    error: Option<(String, Instant)>,
    remarks: Vec<String>,
}

impl Last {
    pub(super) fn take(&mut self, step: Step, names: Vec<String>, now: Instant) {
        let Step { ttl_secs, words, error, remarks, records, .. } = step;
        (self.names, self.remarks, self.answer) = (names, remarks, Some(words));
        match error {
            Some(error) => self.error = Some((error, now)),
            None => (self.ttl_secs, self.answered, self.records) = (ttl_secs, Some(now), records),
        }
    }

    pub(super) fn status(&self, verdict: &Verdict, due: Option<Instant>, now: Instant) -> DiscoveryStatus {
        let ago = |then: Instant| now.saturating_duration_since(then).as_secs();
        DiscoveryStatus {
            verdict: match verdict {
                Verdict::Off => "off",
                Verdict::Waiting => "waiting",
                Verdict::None => "none",
                Verdict::Found(_) => "found",
            },
            names: self.names.clone(),
            answer: self.answer.clone(),
            ttl_secs: self.ttl_secs.map(u64::from),
            answered_secs_ago: self.answered.map(ago),
            next_query_secs: due.map(|due| due.saturating_duration_since(now).as_secs()),
            records: self.records.clone(),
            failing: self.error.as_ref().is_some_and(|(_, at)| self.answered.is_none_or(|then| *at > then)),
            last_error: self.error.as_ref().map(|(error, _)| error.clone()),
            last_error_secs_ago: self.error.as_ref().map(|(_, at)| ago(*at)),
            remarks: self.remarks.clone(),
        }
    }
}
