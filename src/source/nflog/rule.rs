//! The agent's own sampling rules: in `iptables` and in `ip6tables`, at the head of INPUT, OUTPUT and FORWARD.
//!
//! In: rate and group. Out: rules, or why there are none. So a packet is seen once: what goes through this host
//! in FORWARD, what is for it or from it in one of the others, and what stays inside it, on `lo`, only where it
//! arrives. Rules: ours are known by their comment; all of them, also those of an agent that was killed, are replaced in
//! one step, so no packet is sampled twice or missed; no other rule is touched. They are looked at every ten
//! minutes, because a firewall that reloads removes what it does not know. Nothing here waits for a program: that do
//! threads (`worker`); only [`Drop`] waits, at most `PATIENCE` in all, after which an agent that starts
//! later removes what was left. Needs `CAP_NET_ADMIN`; iptables of the older kind
//! `CAP_NET_RAW` and write access to `/run/xtables.lock` as well. Spec: iptables(8), iptables-extensions(8).

use super::command::{Stop, run};
use super::worker::{Outcome, Task};
use crate::host::Clock;
use std::fmt::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// What marks our rules.
const COMMENT: &str = "hsflowd-rs";
const CHAINS: [(&str, &str); 3] = [("INPUT", ""), ("OUTPUT", "! -o lo "), ("FORWARD", "")];
const FAMILIES: [(&str, &str); 2] = [("iptables", "iptables-restore"), ("ip6tables", "ip6tables-restore")];
/// Seconds that the programs wait for another one to be done.
const LOCK_SECS: &str = "2";
/// While a thread works.
const SOON: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// For removing all rules. Service managers may kill an agent that takes ten seconds to end.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why there is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The program does not exist here.
    #[error("{program} is not installed")]
    Missing {
        /// Its name.
        program: &'static str,
    },
    /// The program could not be run.
    #[error("{program}: {}", std::io::Error::from_raw_os_error(*.errno))]
    Start {
        /// Its name.
        program: &'static str,
        /// The kernel's answer.
        errno: i32,
    },
    /// The program was killed.
    #[error("{program} did not end within {secs} s")]
    Late {
        /// Its name.
        program: &'static str,
        /// How long it had.
        secs: u64,
    },
    /// The program did not do it: a module or a privilege is missing, or another program holds the lock.
    #[error("{program}: {answer}")]
    Refused {
        /// Its name.
        program: &'static str,
        /// Its last words.
        answer: String,
    },
    /// The thread that runs the programs could not be started.
    #[error("no thread for iptables (errno {errno})")]
    Thread {
        /// The kernel's answer.
        errno: i32,
    },
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// It takes one packet in this many.
    pub one_in: NonZeroU32,
    /// It sends them to this group.
    pub group: u16,
    /// Bytes of each that it copies, from the IP header on.
    pub copy: u32,
    /// Packets in a batch.
    pub batch: u32,
}

/// Our rules of both families, as the programs print them.
type Listed = [Vec<String>; 2];

/// Rules that stand as long as this value lives.
#[derive(Debug)]
pub struct Rules {
    rule: Rule,
    /// As they were when they were set up.
    known: Listed,
    work: Option<Task>,
    /// The work is to remove the rules.
    removing: bool,
    next: Option<Instant>,
    retry: Duration,
    error: Option<RuleError>,
}

impl Rules {
    /// Nothing happens before the first [`Rules::check`].
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            known: Listed::default(),
            work: None,
            removing: false,
            next: None,
            retry: FIRST_RETRY,
            error: None,
        }
    }

    /// Sets the rules up or looks whether they stand, when it is time; returns when to be called again.
    pub fn check(&mut self, now: Instant) -> Instant {
        if let Some(work) = &self.work {
            let Some(outcome) = work.outcome() else { return now + SOON };
            self.work = None;
            if std::mem::take(&mut self.removing) {
                self.known = Listed::default();
            } else {
                self.learn(outcome, now);
            }
        }
        match self.next.filter(|next| *next > now) {
            Some(next) => next,
            None => self.start(now),
        }
    }

    /// Why rules of a family are missing, the first of them.
    pub fn error(&self) -> Option<&RuleError> {
        self.error.as_ref()
    }

    /// Begins to remove the rules, if any may stand; the next [`Rules::check`] sets them up again.
    pub fn withdraw(&mut self) {
        // Nothing was tried yet, so nothing stands.
        if self.removing || (self.work.is_none() && self.next.is_none()) {
            return;
        }
        if let Some(work) = self.work.take() {
            work.stop();
        }
        let known = std::mem::take(&mut self.known);
        let stop = Stop::at(Clock::system().now() + PATIENCE);
        let work = move |family: usize, stop: &Stop| remove(family, &known[family], stop);
        self.work = Task::start(stop, work).ok();
        (self.removing, self.next) = (self.work.is_some(), None);
    }

    /// Removes the rules and does not wait for it; other [`Rules`] set theirs up after that.
    pub fn retire(mut self) {
        self.withdraw();
        (self.work, self.removing) = (None, false);
    }

    fn start(&mut self, now: Instant) -> Instant {
        let (rule, known) = (self.rule, self.known.clone());
        let work = move |family: usize, stop: &Stop| set_up(family, &rule, &known[family], stop);
        match Task::start(Stop::default(), work) {
            Ok(work) => {
                (self.work, self.next) = (Some(work), None);
                now + SOON
            }
            Err(error) => {
                let again = now + self.retry;
                (self.error, self.next) = (Some(error), Some(again));
                again
            }
        }
    }

    fn learn(&mut self, outcome: Outcome, now: Instant) {
        self.error = None;
        for (known, outcome) in self.known.iter_mut().zip(outcome) {
            match outcome {
                Ok(listed) => *known = listed,
                Err(error) => self.error = self.error.take().or(Some(error)),
            }
        }
        let wait = if self.error.is_some() { self.retry } else { LOOK_AGAIN };
        self.retry = if self.error.is_some() { (self.retry * 2).min(LOOK_AGAIN) } else { FIRST_RETRY };
        self.next = Some(now + wait);
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        self.withdraw();
        if let Some(work) = &self.work {
            work.wait(PATIENCE);
        }
    }
}

/// Our rules as they stand afterwards.
fn set_up(family: usize, rule: &Rule, known: &[String], stop: &Stop) -> Result<Vec<String>, RuleError> {
    let found = listed(family, stop)?;
    if !known.is_empty() && found == known {
        return Ok(found);
    }
    let new = CHAINS.iter().map(|(chain, only)| insertion(rule, chain, only));
    replace(family, &found, &new.collect::<String>(), stop)?;
    listed(family, stop)
}

/// One program does it, unless somebody has changed the rules meanwhile.
fn remove(family: usize, known: &[String], stop: &Stop) -> Result<Vec<String>, RuleError> {
    if !known.is_empty() && replace(family, known, "", stop).is_ok() {
        return Ok(Vec::new());
    }
    let found = listed(family, stop)?;
    if !found.is_empty() {
        replace(family, &found, "", stop)?;
    }
    Ok(Vec::new())
}

/// Our rules of a family.
fn listed(family: usize, stop: &Stop) -> Result<Vec<String>, RuleError> {
    let (program, _) = FAMILIES[family];
    let mut found = Vec::new();
    for (chain, _) in CHAINS {
        let text = run(program, &["-w", LOCK_SECS, "-S", chain], "", stop)?;
        found.extend(text.lines().filter(|line| is_ours(line)).map(String::from));
    }
    Ok(found)
}

/// One transaction: either all of it happens, or nothing.
fn replace(family: usize, old: &[String], new: &str, stop: &Stop) -> Result<(), RuleError> {
    let (_, program) = FAMILIES[family];
    let gone = old.iter().filter_map(|line| line.strip_prefix("-A ")).map(|line| format!("-D {line}\n"));
    let table = format!("*filter\n{}{new}COMMIT\n", gone.collect::<String>());
    run(program, &["-w", LOCK_SECS, "--noflush"], &table, stop).map(drop)
}

/// The line that puts a rule at the head of a chain.
fn insertion(rule: &Rule, chain: &str, only: &str) -> String {
    let mut line = format!("-I {chain} 1 {only}");
    if rule.one_in > NonZeroU32::MIN {
        // Twelve places are finer than the 31 bits that the kernel keeps.
        let probability = 1.0 / f64::from(rule.one_in.get());
        let _ = write!(line, "-m statistic --mode random --probability {probability:.12} ");
    }
    let Rule { group, copy, batch, .. } = rule;
    let _ = writeln!(
        line,
        "-m comment --comment {COMMENT} \
         -j NFLOG --nflog-group {group} --nflog-size {copy} --nflog-threshold {batch}"
    );
    line
}

/// A line of `-S` that adds a rule of ours.
fn is_ours(line: &str) -> bool {
    let words: Vec<&str> = words(line).collect();
    let has = |key: &str, value: &str| words.windows(2).any(|pair| pair == [key, value]);
    words.first() == Some(&"-A") && has("--comment", COMMENT) && has("-j", "NFLOG")
}

/// The words of a line, quoted ones as one. A backslash before a quote, as other people's comments may have, keeps
/// it in the word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let (quoted, body) = rest.strip_prefix('"').map_or((false, rest), |body| (true, body));
        let mut escaped = false;
        let end = body.find(|c| {
            let ends = !escaped && (if quoted { c == '"' } else { c == ' ' });
            escaped = !escaped && c == '\\';
            ends
        });
        let word = end.and_then(|end| body.get(..end)).unwrap_or(body);
        rest = end.and_then(|end| body.get(end + 1..)).unwrap_or_default();
        (quoted || !word.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(one_in: u32) -> Rule {
        Rule { one_in: NonZeroU32::new(one_in).unwrap(), group: 5, copy: 128, batch: 1000 }
    }

    #[test]
    fn a_rule_says_its_rate_as_finely_as_the_kernel_keeps_it() {
        assert_eq!(
            insertion(&rule(1000), "OUTPUT", "! -o lo "),
            "-I OUTPUT 1 ! -o lo -m statistic --mode random --probability 0.001000000000 -m comment \
             --comment hsflowd-rs -j NFLOG --nflog-group 5 --nflog-size 128 --nflog-threshold 1000\n"
        );
        assert!(!insertion(&rule(1), "INPUT", "").contains("statistic"));
    }

    #[test]
    fn only_rules_with_exactly_our_comment_are_ours() {
        // As iptables 1.8.9 prints them.
        let ours = "-A INPUT -m statistic --mode random --probability 0.00100000016 -m comment \
                    --comment hsflowd-rs -j NFLOG --nflog-group 5 --nflog-size 128 --nflog-threshold 100";
        assert!(is_ours(ours));
        assert!(is_ours(&ours.replace("hsflowd-rs", "\"hsflowd-rs\"")));
        for (from, to) in [
            ("hsflowd-rs", "hsflowd-rs2"),
            ("hsflowd-rs", "\"hsflowd-rs 2\""),
            ("hsflowd-rs", "\"see --comment hsflowd-rs here\""),
            ("hsflowd-rs", r#""a \" --comment hsflowd-rs ""#),
            ("-j NFLOG", "-j LOG"),
            ("-A INPUT", "-N INPUT"),
            ("--comment hsflowd-rs", ""),
        ] {
            let other = ours.replace(from, to);
            assert!(!is_ours(&other), "{other}");
        }
    }

    #[test]
    fn words_are_cut_at_blanks_outside_quotes() {
        let cut = |line| words(line).collect::<Vec<_>>();
        assert_eq!(cut(r#"a  "b c" "" d"#), ["a", "b c", "", "d"]);
        assert_eq!(cut(r#"a "b \" c" "open"#), ["a", r#"b \" c"#, "open"]);
        assert_eq!(cut(""), [""; 0]);
    }
}
