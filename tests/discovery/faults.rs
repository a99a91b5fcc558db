//! What a broken, slow or hostile server can do to what holds: nothing.

use crate::liar::{Liar, one};
use crate::message::{CNAME, NS, Question, SOA, SRV, TXT, name, soa};
use crate::netns::isolated;
use crate::rig::Rig;
use hsflow::discover::Verdict;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One collector, and a polling interval.
fn good(question: &Question) -> Vec<Vec<u8>> {
    match question.kind {
        SRV => one(&question.answer().srv(60, 0, 6343, "c.example.org")),
        TXT => one(&question.answer().txt(60, &[b"polling=7"])),
        _ => one(&question.answer()),
    }
}

/// After a good answer, this says nothing new; the words of the status contain `words`.
#[track_caller]
fn keeps(
    liar: &Liar,
    rig: &mut Rig,
    words: &str,
    say: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static,
) {
    liar.say(good);
    rig.round();
    let before = rig.found().clone();
    liar.take_asked();
    liar.say(say);
    assert!(!rig.round(), "{:?}", rig.status());
    assert_eq!(*rig.found(), before);
    let status = rig.status();
    assert!(status.answer.as_ref().unwrap().contains(words), "{words} in {status:?}");
    assert!((10..=60).contains(&rig.wait().as_secs()), "{:?}", rig.wait());
    let asked = liar.take_packets();
    assert!(asked <= 10, "{words}: {asked} questions");
}

#[test]
fn error_codes_and_unreadable_answers_keep_what_holds() {
    isolated("faults::error_codes_and_unreadable_answers_keep_what_holds", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        keeps(&liar, &mut rig, "the server says Server Failure; the last good settings stay", |q| {
            one(&q.code(2))
        });
        keeps(&liar, &mut rig, "the server says Query Refused", |q| one(&q.code(5)));
        keeps(&liar, &mut rig, "the server says", |q| one(&q.code(1)));
        keeps(&liar, &mut rig, "the last good settings stay", |q| {
            let garbage = [&q.id.to_be_bytes()[..], &[0xff; 40]].concat();
            vec![garbage]
        });
        keeps(&liar, &mut rig, "the last good settings stay", |q| {
            let mut cut = q.answer().srv(60, 0, 6343, "d.example.org").bytes();
            cut.truncate(cut.len() - 5);
            vec![cut]
        });
        assert!(
            rig.status().last_error.is_some_and(|error| error.starts_with("SRV _sflow._udp.example.org: "))
        );
    });
}

#[test]
fn silence_and_answers_to_other_questions_keep_what_holds() {
    isolated("faults::silence_and_answers_to_other_questions_keep_what_holds", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        keeps(&liar, &mut rig, "no answer in time", |_| Vec::new());
        keeps(&liar, &mut rig, "no answer in time", |q| {
            let mut wrong = q.answer().srv(60, 0, 6343, "evil.example.org").bytes();
            wrong[0] ^= 0x55;
            vec![wrong]
        });
    });
}

#[test]
fn a_wrong_number_before_the_right_one_is_overheard() {
    isolated("faults::a_wrong_number_before_the_right_one_is_overheard", || {
        let (_liar, mut rig) = (
            Liar::new(|q| {
                let mut wrong = q.answer().srv(60, 0, 6343, "evil.example.org").bytes();
                wrong[1] ^= 1;
                [vec![wrong], good(q)].concat()
            }),
            Rig::example(),
        );
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c.example.org"]);
    });
}

#[test]
fn a_lost_question_is_asked_again_in_the_same_round() {
    isolated("faults::a_lost_question_is_asked_again_in_the_same_round", || {
        let lost = AtomicUsize::new(0);
        let say =
            move |q: &Question| if lost.fetch_add(1, Ordering::Relaxed) == 0 { Vec::new() } else { good(q) };
        let (_liar, mut rig) = (Liar::new(say), Rig::example());
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c.example.org"]);
    });
}

#[test]
fn truncation_with_a_dead_tcp_is_a_failure_of_that_record_only() {
    isolated("faults::truncation_with_a_dead_tcp_is_a_failure_of_that_record_only", || {
        let (liar, mut rig) = (Liar::at("127.0.0.1", false, good), Rig::example());
        keeps(&liar, &mut rig, "the last good settings stay", |q| one(&q.answer().truncated()));
        liar.say(|q| match q.kind {
            SRV => one(&q.answer().srv(60, 0, 6343, "d.example.org")),
            _ => one(&q.answer().truncated()),
        });
        assert!(rig.round());
        assert_eq!((rig.hosts(), rig.found().polling_secs), (vec!["d.example.org"], Some(7)));
        let words = rig.status().answer.unwrap();
        assert!(
            words.contains("TXT _sflow._udp.example.org: ") && words.ends_with("its last good values stay"),
            "{words}"
        );
    });
}

#[test]
fn a_circle_of_aliases_is_a_failure_and_a_chain_is_followed() {
    isolated("faults::a_circle_of_aliases_is_a_failure_and_a_chain_is_followed", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        keeps(&liar, &mut rig, "circle", |q| {
            let there = q.answer().record(&q.name, CNAME, 60, &name("b.example.org"));
            one(&there.record("b.example.org", CNAME, 60, &name(&q.name)))
        });
        keeps(&liar, &mut rig, "a CNAME leads to b.example.org", |q| {
            one(&q.answer().record(&q.name, CNAME, 60, &name("b.example.org")))
        });
        liar.say(|q| {
            let data = [&[0, 0, 0, 0, 0x18, 0xc7], &name("e.example.org")[..]].concat();
            let alias = q.answer().record(&q.name, CNAME, 20, &name("b.example.org"));
            one(&alias.record("b.example.org", SRV, 60, &data))
        });
        assert!(rig.round());
        assert_eq!((rig.hosts(), rig.status().ttl_secs), (vec!["e.example.org"], Some(20)));
    });
}

#[test]
fn fifty_targets_are_refused_as_a_whole() {
    isolated("faults::fifty_targets_are_refused_as_a_whole", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        keeps(&liar, &mut rig, "50 SRV records, more than 32", |q| {
            let many =
                (0..50).fold(q.answer(), |reply, i| reply.srv(60, 0, 6343, &format!("c{i}.example.org")));
            if q.tcp { one(&many) } else { one(&q.answer().truncated()) }
        });
    });
}

#[test]
fn nonsense_in_txt_is_remarked_on_and_changes_nothing_else() {
    isolated("faults::nonsense_in_txt_is_remarked_on_and_changes_nothing_else", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        rig.round();
        rig.discovery.take_remarks();
        let long = [b'x'; 255];
        liar.say(move |q| match q.kind {
            SRV => good(q),
            _ => one(&q.answer().txt(
                60,
                &[b"", b"no equals sign", b"\xff\xfe=\xfd", &long, b"=", b"polling=9999", b"sampling=5"],
            )),
        });
        assert!(rig.round());
        assert_eq!((rig.found().sampling, rig.found().polling_secs), (Some(5), Some(7)));
        let remarks = rig.discovery.take_remarks();
        assert_eq!(remarks.len(), 6, "{remarks:#?}");
        assert!(!rig.round() && rig.discovery.take_remarks().is_empty(), "said once");
        liar.say(|q| match q.kind {
            SRV => good(q),
            _ if !q.tcp => one(&q.answer().truncated()),
            _ => one(&q.answer().txt(60, &vec![&b"polling=abc"[..]; 1000])),
        });
        rig.round();
        assert_eq!(rig.found().polling_secs, Some(7));
        assert_eq!(rig.status().remarks.len(), 17);
    });
}

#[test]
fn times_to_live_of_zero_and_beyond_reason_are_none() {
    isolated("faults::times_to_live_of_zero_and_beyond_reason_are_none", || {
        let liar = Liar::new(good);
        for (ttl, longest) in
            [(0, 300), (1 << 31, 300), (u32::MAX, 300), ((1 << 31) - 1, 86_400), (1, 13), (40, 40)]
        {
            liar.say(move |q| match q.kind {
                SRV => one(&q.answer().srv(ttl, 0, 6343, "c.example.org")),
                _ => one(&q.answer().txt(ttl, &[b"polling=7"])),
            });
            // After a longer time to live it would be taken for the rest of that, counted down by a cache.
            let mut rig = Rig::example();
            rig.round();
            let wait = rig.wait();
            assert!(
                wait <= Duration::from_secs(longest) && wait >= Duration::from_secs(longest) * 3 / 4,
                "{ttl}: {wait:?}"
            );
        }
    });
}

#[test]
fn none_is_told_with_authority_and_for_as_long_as_the_soa_says() {
    isolated("faults::none_is_told_with_authority_and_for_as_long_as_the_soa_says", || {
        let (liar, mut rig) = (Liar::new(good), Rig::example());
        keeps(&liar, &mut rig, "refers to others", |q| {
            one(&q.answer().authority("org", NS, 600, &name("ns.example.net")))
        });
        for (code, minimum, secs) in [(3, 40, 40), (0, 5000, 300), (3, 1, 10)] {
            liar.say(move |q| one(&q.code(code).authority("example.org", SOA, 3600, &soa(minimum))));
            rig.round();
            assert_eq!((rig.discovery.verdict(), rig.status().ttl_secs), (&Verdict::None, Some(secs)));
        }
        liar.say(good);
        assert!(rig.round());
    });
}

#[test]
fn the_second_server_answers_where_the_first_is_dead_or_broken() {
    isolated("faults::the_second_server_answers_where_the_first_is_dead_or_broken", || {
        let two = "nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:4 attempts:1\n";
        let (_second, mut rig) = (Liar::at("127.0.0.2", true, good), Rig::new(two, Some(".example.org")));
        rig.round();
        assert_eq!(rig.hosts(), ["c.example.org"], "nobody listens at the first");
        let first = Liar::new(|q| one(&q.code(2)));
        rig.round();
        assert!(rig.status().last_error.is_none());
        assert!(!first.take_asked().is_empty());
        first.say(|_| Vec::new());
        rig.round();
        assert!(rig.status().last_error.is_none(), "the first is silent");
    });
}

#[test]
fn a_dead_first_server_does_not_cost_each_name_its_deadline() {
    isolated("faults::a_dead_first_server_does_not_cost_each_name_its_deadline", || {
        let nothing = |q: &Question| one(&q.answer().authority("org", SOA, 60, &soa(60)));
        let last_only =
            move |q: &Question| if q.name.ends_with("six.example") { good(q) } else { nothing(q) };
        let (dead, _alive) = (Liar::new(|_| Vec::new()), Liar::at("127.0.0.2", true, last_only));
        let mut rig = Rig::new(
            "nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:4 attempts:1\n\
             search one.example two.example three.example four.example five.example six.example\n",
            None,
        );
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c.example.org"]);
        let names: std::collections::BTreeSet<_> = dead.take_asked().into_iter().map(|q| q.name).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    });
}

#[test]
fn an_order_to_ask_gives_up_a_round_with_a_server_that_is_silent() {
    isolated("faults::an_order_to_ask_gives_up_a_round_with_a_server_that_is_silent", || {
        let (silent, mut rig) = (Liar::new(|_| Vec::new()), Rig::example());
        let _second = Liar::at("127.0.0.2", true, good);
        rig.begin(|| !silent.take_asked().is_empty());
        assert_eq!(rig.discovery.next_tick(), None, "an answer is waited for");
        rig.resolv_conf("nameserver 127.0.0.2\n");
        rig.discovery.ask_now(rig.now);
        assert_eq!(rig.discovery.next_tick(), Some(rig.now));
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c.example.org"]);
        assert!(silent.take_asked().is_empty());
    });
}

#[test]
fn a_comment_in_another_encoding_hides_no_server() {
    isolated("faults::a_comment_in_another_encoding_hides_no_server", || {
        let (_liar, mut rig) = (Liar::at("127.0.0.2", true, good), Rig::example());
        rig.resolv_conf(b"# B\xfcro\nnameserver 127.0.0.2\noptions timeout:4 attempts:1\n");
        assert!(rig.round(), "{:?}", rig.status());
        assert_eq!(rig.hosts(), ["c.example.org"]);
    });
}
