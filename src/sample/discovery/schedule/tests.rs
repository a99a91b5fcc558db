//! The laws of waiting, and what they make of a hundred thousand hosts.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // seconds of an hour

use super::*;
use crate::sample::random::Random;
use proptest::prelude::*;

fn secs(wait: Duration) -> f64 {
    wait.as_secs_f64()
}

#[test]
fn the_wait_is_the_last_quarter_of_the_time_to_live() {
    let wait = |ttl, random| secs(Schedule::default().answered(ttl, false, random).1);
    assert_eq!((wait(Some(60), 0.0), wait(Some(60), 1.0)), (45.0, 60.0));
    assert_eq!((wait(None, 0.0), wait(None, 1.0)), (225.0, 300.0));
    assert_eq!((wait(Some(1), 0.0), wait(Some(13), 1.0)), (10.0, 12.5));
    assert_eq!(wait(Some(u32::MAX), 1.0), 86_400.0);
}

#[test]
fn behind_a_cache_the_wait_is_a_while_after_it_has_forgotten() {
    let mut schedule = Schedule::default();
    schedule.answered(Some(60), false, 0.5);
    let mut wait = |ttl, random| secs(schedule.answered(Some(ttl), false, random).1);
    assert_eq!((wait(40, 0.0), wait(40, 1.0), wait(3, 0.0)), (40.0, 55.0, 10.0));
    // A time to live that was made shorter is believed after a few answers.
    assert_eq!((wait(20, 1.0), wait(20, 1.0), wait(20, 1.0), wait(20, 0.0)), (30.0, 30.0, 20.0, 15.0));
    let mut schedule = Schedule::default();
    schedule.answered(Some(86_400), false, 0.5);
    assert_eq!(secs(schedule.answered(Some(100), false, 1.0).1), 160.0);
}

#[test]
fn none_is_believed_for_ten_seconds_to_five_minutes() {
    let mut schedule = Schedule::default();
    for (ttl, want) in [(None, 300.0), (Some(86_400), 300.0), (Some(100), 100.0), (Some(1), 12.5)] {
        assert_eq!(secs(schedule.denied(ttl, 1.0).1), want);
    }
}

#[test]
fn failures_back_off_to_five_minutes_and_any_definite_answer_resets_them() {
    let mut schedule = Schedule::default();
    let waits: Vec<_> = (0..7).map(|_| secs(schedule.failed(1.0))).collect();
    assert_eq!(waits, [12.5, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
    schedule.denied(None, 0.5);
    assert_eq!(secs(schedule.failed(1.0)), 12.5);
}

#[test]
fn after_a_good_answer_failures_never_wait_longer_than_it_held() {
    let mut schedule = Schedule::default();
    schedule.answered(Some(30), false, 0.5);
    assert!((0..10).all(|_| secs(schedule.failed(1.0)) <= 30.0));
}

#[test]
fn the_first_question_comes_within_ten_seconds() {
    assert_eq!((secs(first(0.0)), secs(first(1.0)), secs(first(7.0))), (0.0, 10.0, 10.0));
}

proptest! {
    #[test]
    fn no_wait_is_below_ten_seconds_or_beyond_what_it_follows_from(
        ttls in prop::collection::vec(prop::option::of(any::<u32>()), 1..20),
        random in 0.0..=1.0_f64,
    ) {
        let mut schedule = Schedule::default();
        for ttl in ttls {
            let (holds, wait) = schedule.answered(ttl, false, random);
            prop_assert!(secs(wait) >= 10.0 && secs(wait) <= f64::from(holds).max(12.5) + f64::from(WIDEST));
            let wait = schedule.failed(random);
            prop_assert!(secs(wait) >= 10.0 && secs(wait) <= f64::from(holds).max(12.5));
        }
    }
}

const AGENTS: usize = 100_000;
const TTL: u32 = 60;
const HOUR: usize = 3600;

/// A resolver that all share: it asks the zone's server when what it remembers is over, and tells the rest of the time.
/// It counts whole seconds, as resolvers do.
struct Cache {
    expires: usize,
}

impl Cache {
    fn ttl_at(&mut self, second: usize) -> u32 {
        if self.expires <= second {
            self.expires = second + TTL as usize;
        }
        (self.expires - second) as u32
    }
}

/// Questions in each second of an hour, all agents started at once.
fn simulate() -> Vec<usize> {
    let (mut random, mut cache) = (Random::new(1), Cache { expires: 0 });
    let mut schedules = vec![Schedule::default(); AGENTS];
    let mut due: Vec<Vec<(usize, f64)>> = vec![Vec::new(); HOUR];
    for agent in 0..AGENTS {
        let at = secs(first(random.fraction()));
        due[at as usize].push((agent, at));
    }
    let mut counts = Vec::with_capacity(HOUR);
    for second in 0..HOUR {
        let now = std::mem::take(&mut due[second]);
        counts.push(now.len());
        for (agent, at) in now {
            let ttl = Some(cache.ttl_at(second));
            let (_, wait) = schedules[agent].answered(ttl, false, random.fraction());
            let next = at + secs(wait);
            if let Some(list) = due.get_mut(next as usize) {
                list.push((agent, next));
            }
        }
    }
    counts
}

fn page(counts: &[usize]) -> String {
    use std::fmt::Write;
    let mut sorted = counts[60..].to_vec();
    sorted.sort_unstable();
    let mut page = String::from("```text\n");
    let mean = counts[60..].iter().sum::<usize>() / (HOUR - 60);
    writeln!(
        page,
        "{AGENTS} hosts start at once and ask one caching resolver for records with a TTL of {TTL} s."
    )
    .unwrap();
    writeln!(
        page,
        "Questions a second: {} at most in the first minute; then {} at most,",
        counts[..60].iter().max().unwrap(),
        sorted[sorted.len() - 1]
    )
    .unwrap();
    writeln!(
        page,
        "{} at the median and {mean} on average until the hour is over.",
        sorted[sorted.len() / 2]
    )
    .unwrap();
    writeln!(page, "\nfrom s   a second, mean of 5 s").unwrap();
    for (start, five) in (0..300).step_by(5).zip(counts.chunks(5)) {
        let rate = five.iter().sum::<usize>() / 5;
        writeln!(page, "{start:>6}   {rate:>6} {}", "#".repeat(rate / 200)).unwrap();
    }
    page.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>() + "```\n"
}

#[test]
fn a_hundred_thousand_hosts_do_not_ask_in_the_same_second() {
    let counts = simulate();
    let most = counts.iter().max().unwrap();
    assert!(*most < AGENTS / 8, "{most} in one second");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sample/discovery/schedule/load.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, page(&counts)).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page(&counts));
}
