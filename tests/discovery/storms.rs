//! How often is asked, counted by the server.

use crate::liar::{Liar, one};
use crate::message::{Question, SRV};
use crate::netns::isolated;
use crate::rig::{Rig, wish};
use hsflow::discover::Verdict;
use std::process::Command;
use std::time::Duration;

fn good(question: &Question) -> Vec<Vec<u8>> {
    match question.kind {
        SRV => one(&question.answer().srv(60, 0, 6343, "c.example.org")),
        _ => one(&question.answer()),
    }
}

/// Rounds until an hour is over.
fn hour(rig: &mut Rig) -> usize {
    let end = rig.now + Duration::from_secs(3600);
    let mut rounds = 0;
    while rig.discovery.next_tick().unwrap() < end {
        rig.round();
        rounds += 1;
    }
    rig.now = end;
    rounds
}

#[test]
fn an_hour_of_good_answers_costs_two_questions_a_minute_or_so() {
    isolated("storms::an_hour_of_good_answers_costs_two_questions_a_minute_or_so", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        let rounds = hour(&mut rig);
        assert!((60..=81).contains(&rounds), "{rounds} rounds");
        let asked = liar.take_asked();
        assert_eq!(asked.len(), 2 * rounds);
        assert!(asked.iter().all(|question| question.name == "_sflow._udp.example.org" && !question.tcp));
    });
}

#[test]
fn an_hour_of_failures_costs_a_question_in_five_minutes_and_one_line_of_log() {
    isolated("storms::an_hour_of_failures_costs_a_question_in_five_minutes_and_one_line_of_log", || {
        let (liar, mut rig) = (Liar::new(|q| one(&q.code(2))), Rig::example());
        let rounds = hour(&mut rig);
        assert!((14..=24).contains(&rounds), "{rounds} rounds");
        assert_eq!(liar.take_asked().len(), rounds, "an error code is not asked again in the same round");
        assert_eq!(*rig.discovery.verdict(), Verdict::Waiting);
        assert_eq!(rig.discovery.take_remarks().len(), 1);
    });
}

#[test]
fn nothing_is_asked_for_nothing_and_the_same_wish_changes_nothing() {
    isolated("storms::nothing_is_asked_for_nothing_and_the_same_wish_changes_nothing", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        assert!(rig.wait() <= Duration::from_secs(10));
        rig.round();
        liar.take_asked();
        let (due, now) = (rig.discovery.next_tick(), rig.now);
        rig.discovery.apply(Some(&wish(Some(".example.org"))), now);
        assert_eq!(rig.discovery.next_tick(), due);
        rig.discovery.ask_now(now);
        assert_eq!(rig.discovery.next_tick(), Some(now));
        rig.round();
        rig.discovery.apply(Some(&wish(Some(".example.net"))), now);
        assert_eq!(
            (rig.discovery.next_tick(), rig.hosts()),
            (Some(now), vec!["c.example.org"]),
            "it holds on"
        );
        liar.take_asked();
        rig.round();
        assert!(liar.take_asked().iter().all(|question| question.name == "_sflow._udp.example.net"));
        rig.discovery.apply(None, now);
        assert_eq!((rig.discovery.verdict(), rig.discovery.next_tick()), (&Verdict::Off, None));
        assert!(liar.take_asked().is_empty());
    });
}

#[test]
fn resolv_conf_is_read_anew_for_every_round() {
    isolated("storms::resolv_conf_is_read_anew_for_every_round", || {
        let (first, mut rig) = (Liar::new(good), Rig::example());
        let second = Liar::at("127.0.0.2", true, good);
        rig.round();
        first.take_asked();
        rig.resolv_conf("nameserver 127.0.0.2\n");
        rig.round();
        assert_eq!((first.take_asked().len(), second.take_asked().len()), (0, 2));
    });
}

/// Resident memory of its own in KiB, and open descriptors.
fn held() -> (u64, usize) {
    let resident = crate::support::process::own_kib("self");
    (resident, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

/// Runs a test of this program in a process of its own, because it measures the whole process.
fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "HSFLOW_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let arguments = ["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1"];
    let mut again = Command::new(std::env::current_exe().unwrap());
    assert!(again.args(arguments).env(ALONE, "1").status().unwrap().success());
}

#[test]
#[ignore = "half a minute; tests/long.sh runs it"]
fn long_many_answers_and_failures_leave_nothing_behind() {
    const NAME: &str = "storms::long_many_answers_and_failures_leave_nothing_behind";
    alone(NAME, || {
        isolated(NAME, || {
            let (liar, mut rig) = (Liar::new(good), Rig::example());
            let rounds = |rig: &mut Rig| {
                for _ in 0..500 {
                    liar.say(good);
                    rig.round();
                    liar.say(|q| if q.tcp { one(&q.code(2)) } else { one(&q.answer().truncated()) });
                    rig.round();
                    liar.take_asked();
                    rig.discovery.take_remarks();
                }
            };
            rounds(&mut rig);
            let before = held();
            (0..3).for_each(|_| rounds(&mut rig));
            let after = held();
            assert!(after.0 <= before.0 + 256, "{after:?}, before {before:?}");
            assert_eq!(after.1, before.1);
            println!("{after:?}, before {before:?}");
        })
    });
}
