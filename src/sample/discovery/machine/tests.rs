//! Rounds in simulated time.

use super::super::collectors::Srv;
use super::*;

fn srv(priority: u16, target: &str) -> Srv {
    Srv { priority, weight: 0, port: 6343, target: target.into() }
}

fn found(records: &[Srv], ttl: u32, txt: Answer<Strings>) -> Round {
    Round { outcome: Outcome::Found { name: "n".into(), records: records.to_vec(), ttl: Some(ttl) }, txt }
}

fn txt(records: &[&[&str]]) -> Answer<Strings> {
    let strings = |record: &&[&str]| record.iter().map(|s| s.as_bytes().to_vec()).collect();
    Answer::Found { records: records.iter().map(strings).collect(), ttl: Some(60) }
}

fn no_txt() -> Answer<Strings> {
    Answer::None { ttl: None }
}

fn failure(failure: Failure) -> Round {
    Round { outcome: Outcome::Failed { name: "n".into(), failure }, txt: no_txt() }
}

fn none() -> Round {
    Round { outcome: Outcome::None { ttl: Some(60) }, txt: no_txt() }
}

fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.aim(false);
    machine
}

fn settings(machine: &Machine) -> &Dynamic {
    match machine.verdict() {
        Verdict::Found(dynamic) => dynamic,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_waits_until_the_first_definite_answer() {
    let mut machine = machine();
    for _ in 0..100 {
        assert!(!machine.take(failure(Failure::Timeout), 0.5).changed);
        assert_eq!(*machine.verdict(), Verdict::Waiting);
    }
    assert!(machine.take(none(), 0.5).changed);
    assert_eq!(*machine.verdict(), Verdict::None);
    assert!(machine.take(found(&[srv(0, "c")], 60, no_txt()), 0.5).changed);
    assert_eq!(settings(&machine).collectors[0].host, "c");
}

#[test]
fn the_same_records_in_another_order_are_no_change() {
    let mut machine = machine();
    let first =
        found(&[srv(1, "a"), srv(1, "b")], 60, txt(&[&["sampling=5"], &["polling=7", "agent=a", "agent=b"]]));
    assert!(machine.take(first, 0.5).changed);
    let again =
        found(&[srv(1, "B"), srv(1, "a")], 50, txt(&[&["polling=7", "agent=a", "agent=b"], &["sampling=5"]]));
    assert!(!machine.take(again, 0.1).changed);
    assert_eq!(
        settings(&machine).agent_device.as_deref(),
        Some("b"),
        "strings of one record keep their order"
    );
}

#[test]
fn a_server_that_is_down_for_an_hour_loses_nothing() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=7"]])), 0.5);
    let before = machine.verdict().clone();
    let (mut elapsed, mut asked) = (Duration::ZERO, 0);
    let hour = Duration::from_secs(3600);
    while elapsed < hour {
        let failed = if asked % 2 == 0 { Failure::Timeout } else { Failure::Code("Server Failure".into()) };
        let step = machine.take(failure(failed), 0.5);
        assert!(
            !step.changed && step.wait <= Duration::from_secs(60),
            "a change is seen within a TTL of the return"
        );
        assert!(step.words.ends_with("the last good settings stay"), "{}", step.words);
        assert_eq!(*machine.verdict(), before);
        elapsed += step.wait;
        asked += 1;
    }
    assert!((60..=80).contains(&asked), "{asked} questions in an hour");
    let step = machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=7"]])), 0.5);
    assert_eq!((step.changed, machine.verdict()), (false, &before));
}

#[test]
fn txt_trouble_keeps_the_last_good_strings_and_is_said() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=7"]])), 0.5);
    let step = machine.take(found(&[srv(0, "d")], 9999, Answer::Failed(Failure::Timeout)), 1.0);
    assert!(step.changed && step.words.contains("TXT n: no answer in time"), "{}", step.words);
    assert_eq!(
        (settings(&machine).polling_secs, settings(&machine).collectors[0].host.as_str()),
        (Some(7), "d")
    );
    assert!(step.wait <= Duration::from_secs(300), "TXT is tried again soon, however long SRV holds");
    machine.take(found(&[srv(0, "d")], 60, no_txt()), 0.5);
    assert_eq!(settings(&machine).polling_secs, None, "no TXT record, no values");
}

#[test]
fn txt_trouble_at_another_name_takes_no_strings_along() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=7"]])), 0.5);
    let outcome = Outcome::Found { name: "m".into(), records: vec![srv(0, "c")], ttl: None };
    machine.take(Round { outcome, txt: Answer::Failed(Failure::Timeout) }, 0.5);
    assert_eq!(settings(&machine).polling_secs, None);
}

#[test]
fn a_wrong_value_falls_back_to_the_last_good_answer_even_across_none() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=7"]])), 0.5);
    machine.take(none(), 0.5);
    let step = machine.take(found(&[srv(0, "c")], 60, txt(&[&["polling=9999"]])), 0.5);
    assert_eq!((settings(&machine).polling_secs, step.remarks.len()), (Some(7), 1));
}

#[test]
fn the_dot_means_none_and_too_many_targets_mean_failure() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, no_txt()), 0.5);
    let many: Vec<_> = (0..50).map(|i| srv(0, &format!("c{i}"))).collect();
    let step = machine.take(found(&many, 60, no_txt()), 0.5);
    assert!(!step.changed && step.words.contains("50 SRV records, more than 32"), "{}", step.words);
    assert_eq!(settings(&machine).collectors.len(), 1);
    assert!(machine.take(found(&[srv(0, "")], 60, no_txt()), 0.5).changed);
    assert_eq!(*machine.verdict(), Verdict::None);
}

#[test]
fn priorities_become_ranks_when_asked_for() {
    let mut machine = Machine::default();
    machine.aim(true);
    machine.take(found(&[srv(20, "b"), srv(10, "a")], 60, txt(&[&["collector=192.0.2.1"]])), 0.5);
    let ranks: Vec<_> = settings(&machine).collectors.iter().map(|c| (c.host.as_str(), c.rank)).collect();
    assert_eq!(ranks, [("a", 0), ("b", 1), ("192.0.2.1", 0)]);
}

#[test]
fn another_domain_keeps_what_holds_until_it_answers() {
    let mut machine = machine();
    machine.take(found(&[srv(0, "c")], 60, no_txt()), 0.5);
    machine.aim(false);
    assert_eq!((machine.known(), settings(&machine).collectors.len()), (None, 1));
    machine.stop();
    assert_eq!(*machine.verdict(), Verdict::Off);
}
