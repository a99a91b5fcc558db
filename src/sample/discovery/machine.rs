//! What holds after each round of questions.
//!
//! In: the outcome of the search for SRV records, the TXT answer for the same name, a random number. Out: a [`Verdict`],
//! how long to wait, remarks. Rules: records → their settings; certainly none → nothing is sent; a failure → what held
//! goes on holding, for ever. TXT never decides: if it failed, its last good strings stay; if there is none, there are no
//! values. A server rotates its answers, so TXT records are sorted; the strings inside one keep their order.

use super::answer::{Answer, Failure};
use super::collectors::targets;
use super::names::Outcome;
use super::schedule::Schedule;
use crate::config::dynamic::{Dynamic, shown};
use std::time::Duration;

/// TXT strings that are shown to operators.
const MOST_SHOWN: usize = 64;

/// What DNS says about sending.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// It is not asked.
    #[default]
    Off,
    /// It is asked, and has never answered.
    Waiting,
    /// Nothing is to be sent.
    None,
    /// These are the settings.
    Found(Dynamic),
}

/// The strings of one TXT record.
pub type Strings = Vec<Vec<u8>>;

/// One round of questions.
#[derive(Debug)]
pub struct Round {
    /// What the search for SRV records came to.
    pub outcome: Outcome,
    /// The TXT records of the name that was found; not looked at otherwise.
    pub txt: Answer<Strings>,
}

/// What a round came to.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// The verdict is another one.
    pub changed: bool,
    /// Time to the next round.
    pub wait: Duration,
    /// What that follows from, in whole seconds, before it was spread.
    pub ttl_secs: Option<u32>,
    /// The answer in words.
    pub words: String,
    /// What went wrong, if the round failed.
    pub error: Option<String>,
    /// The records, a line each.
    pub records: Vec<String>,
    /// What is wrong with the answer, a line each.
    pub remarks: Vec<String>,
}

/// The state between rounds.
#[derive(Debug, Default)]
pub struct Machine {
    by_priority: bool,
    schedule: Schedule,
    verdict: Verdict,
    /// Where the last records came from.
    known: Option<String>,
    /// The last good TXT strings, and their name.
    lines: Option<(String, Strings)>,
    /// The last settings, also after a "none": wrong values fall back to them.
    good: Option<Dynamic>,
}

impl Machine {
    /// Something is to be asked from now on; what held before holds until the first definite answer.
    pub fn aim(&mut self, by_priority: bool) {
        (self.by_priority, self.known) = (by_priority, None);
        self.schedule = Schedule::default();
        if self.verdict == Verdict::Off {
            self.verdict = Verdict::Waiting;
        }
    }

    /// Nothing is to be asked any more.
    pub fn stop(&mut self) {
        *self = Self::default();
    }

    /// What holds.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The name of the last good answer, which is given up only for a definite answer.
    pub fn known(&self) -> Option<&str> {
        self.known.as_deref()
    }

    /// Takes a round; `random` is from 0 to 1.
    pub fn take(&mut self, round: Round, random: f64) -> Step {
        match round.outcome {
            Outcome::Found { name, records, ttl } => match targets(&name, records, self.by_priority) {
                Err(failure) => self.failed(&name, &failure, random),
                Ok(found) if found.targets.is_empty() => {
                    let words = format!("{name}: the service is decidedly not available (SRV target \".\")");
                    self.none(ttl, words, random)
                }
                Ok(found) => {
                    let (txt_ttl, trouble) = self.take_txt(&name, round.txt);
                    let kept = self.lines.is_some();
                    let lines = self.lines.as_ref().map(|(_, lines)| lines.as_slice()).unwrap_or_default();
                    let txt = lines.iter().take(MOST_SHOWN).map(|line| format!("TXT {name} {}", shown(line)));
                    let records = found.targets.iter().map(|t| t.record.clone()).chain(txt).collect();
                    let read = Dynamic::read(&name, &found.targets, lines, self.good.as_ref());
                    let mut remarks = [found.remarks, read.remarks].concat();
                    let count = read.dynamic.collectors.len();
                    let mut words =
                        format!("{count} collector{} at {name}", if count == 1 { "" } else { "s" });
                    if let Some(failure) = &trouble {
                        let holds =
                            if kept { "its last good values stay" } else { "none of its values is known" };
                        let said = format!("TXT {name}: {failure}: {holds}");
                        words = format!("{words}; {said}");
                        remarks.push(said);
                    }
                    self.known = Some(name);
                    self.good = Some(read.dynamic.clone());
                    let ttl = ttl.into_iter().chain(txt_ttl).min();
                    let (secs, wait) = self.schedule.answered(ttl, trouble.is_some(), random);
                    let changed = self.set(Verdict::Found(read.dynamic));
                    Step { changed, wait, ttl_secs: Some(secs), words, error: None, records, remarks }
                }
            },
            Outcome::None { ttl } => self.none(ttl, "no SRV record".to_owned(), random),
            Outcome::Failed { name, failure } => self.failed(&name, &failure, random),
        }
    }

    /// The time to live of TXT, and why it failed.
    fn take_txt(&mut self, name: &str, txt: Answer<Strings>) -> (Option<u32>, Option<Failure>) {
        let same = self.lines.as_ref().is_some_and(|(of, _)| of == name);
        match txt {
            Answer::Found { mut records, ttl } => {
                records.sort();
                self.lines = Some((name.to_owned(), records.concat()));
                (ttl, None)
            }
            Answer::None { .. } => {
                self.lines = None;
                (None, None)
            }
            Answer::Failed(failure) => {
                self.lines = self.lines.take().filter(|_| same);
                (None, Some(failure))
            }
        }
    }

    fn none(&mut self, ttl: Option<u32>, words: String, random: f64) -> Step {
        self.known = None;
        let (secs, wait) = self.schedule.denied(ttl, random);
        let changed = self.set(Verdict::None);
        Step {
            changed,
            wait,
            ttl_secs: Some(secs),
            words,
            error: None,
            records: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn failed(&mut self, name: &str, failure: &Failure, random: f64) -> Step {
        let error = format!("SRV {name}: {failure}");
        let holds = match self.verdict {
            Verdict::Found(_) => "the last good settings stay",
            Verdict::None => "nothing is sent, as the last answer said",
            Verdict::Off | Verdict::Waiting => "there are no settings yet",
        };
        let words = format!("{error}; {holds}");
        let wait = self.schedule.failed(random);
        let remarks = vec![words.clone()];
        Step { changed: false, wait, ttl_secs: None, words, error: Some(error), records: Vec::new(), remarks }
    }

    fn set(&mut self, verdict: Verdict) -> bool {
        let changed = self.verdict != verdict;
        self.verdict = verdict;
        changed
    }
}

#[cfg(test)]
mod tests;
