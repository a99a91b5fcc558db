//! What is wrong with messages, by cause. In: each fault. Out: counts, the last one's words, and one log line for each cause
//! that begins. Rules: whoever floods the agent with nonsense fills neither the log nor its time: the words of a fault
//! are made at most once a second; a cause that has stayed away for an hour begins anew.

use super::COMPONENT;
use crate::status::applications::Fault;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Seconds without a fault after which the next one of the same cause is said again.
const FORGOTTEN: u64 = 3600;

#[derive(Debug)]
struct Seen {
    count: u64,
    last: String,
    /// When the last one was, and when its words were made.
    at: u64,
    told_at: u64,
}

/// All causes so far.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<&'static str, Seen>);

impl Faults {
    /// A message was at fault. Seconds are of a monotonic clock.
    pub(super) fn note(
        &mut self,
        cause: &'static str,
        sender: impl Display,
        what: impl Display,
        second: u64,
    ) {
        let words = || format!("{what}, from {sender}");
        let Some(seen) = self.0.get_mut(cause) else {
            let last = words();
            log_begin(cause, &last);
            self.0.insert(cause, Seen { count: 1, last, at: second, told_at: second });
            return;
        };
        seen.count += 1;
        if second > seen.told_at {
            (seen.last, seen.told_at) = (words(), second);
        }
        if second > seen.at + FORGOTTEN {
            log_begin(cause, &seen.last);
        }
        seen.at = second;
    }

    /// How many there were of a cause.
    pub(super) fn count(&self, cause: &str) -> u64 {
        self.0.get(cause).map_or(0, |seen| seen.count)
    }

    /// Each cause, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = Fault> {
        let fault = |(cause, seen): (&&str, &Seen)| Fault {
            cause: (*cause).to_owned(),
            count: seen.count,
            last: seen.last.clone(),
        };
        self.0.iter().map(fault)
    }
}

fn log_begin(cause: &str, words: &str) {
    log::warn!(target: COMPONENT, "{cause}: {words}; further ones are counted only, see hsflowctl status");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_count_and_the_words_of_one_of_its_last() {
        let mut faults = Faults::default();
        for n in 0..100_u32 {
            faults.note("not-json", "a", format!("byte {n}"), u64::from(n / 50));
        }
        faults.note("too-long", "b", "long", 1);
        let all: Vec<_> = faults.iter().map(|fault| (fault.cause, fault.count, fault.last)).collect();
        let expected = [
            ("not-json".to_owned(), 100, "byte 50, from a".to_owned()),
            ("too-long".to_owned(), 1, "long, from b".to_owned()),
        ];
        assert_eq!(all, expected);
        assert_eq!((faults.count("not-json"), faults.count("never")), (100, 0));
    }
}
