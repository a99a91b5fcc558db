//! Detection as a whole, by simulated traffic of which one packet in a thousand is sampled: 1,400-byte packets of UDP,
//! counted by destination and source port; 50 Mb/s are too much, which is five samples in a second.

use super::super::flow::{flows, tests::datagram};
use super::super::odds::{self, Case};
use super::*;
use crate::policy::model::Protocol;
use crate::sample::random::Random;
use etherparse::PacketBuilder;

const PACKET: f64 = 1400.0;
const ONE_IN: u32 = 1000;
const NEEDED: u32 = 5;
/// Samples a second of 100 Mb/s and of 5 Mb/s.
const ATTACK: f64 = 100e6 / 8.0 / PACKET / 1000.0;
const NORMAL: f64 = ATTACK / 20.0;

fn rule() -> Rule {
    Rule {
        fields: vec![Field::Destination, Field::SourcePort],
        only: Only { protocol: Some(Protocol::UDP), ..Only::default() },
        measure: Measure::Bytes,
        raise_per_sec: 50_000_000 / 8,
        release_per_sec: 25_000_000 / 8,
        duration: Duration::ZERO,
        hold: Duration::from_secs(1),
        most: 4,
        window: Duration::from_secs(1),
        slices: 10,
        places: 64,
    }
}

/// A datagram with one sample of UDP to 10.0.0.`to`.
fn packet(to: u8, source_port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 7], [10, 0, 0, to], 64);
    packet.udp(source_port, 9).write(&mut bytes, &[0; 50]).unwrap();
    datagram(&[(1400, &bytes)])
}

/// Time passes, and packets come.
struct Course {
    detector: Detector,
    random: Random,
    now: f64,
    events: Vec<Event>,
}

impl Course {
    fn new(random: Random) -> Self {
        Self { detector: Detector::new(rule(), RandomState::new()), random, now: 0.0, events: Vec::new() }
    }

    /// Seconds to the next sample of a stream.
    fn pause(&mut self, per_sec: f64) -> f64 {
        -(1.0 - self.random.fraction()).ln() / per_sec
    }

    fn wait_until(&mut self, at: f64) {
        while let Some(tick) = self.detector.next_tick().filter(|tick| tick.as_secs_f64() <= at) {
            let events = &mut self.events;
            self.detector.tick(tick, &mut |event| events.push(*event));
        }
        self.now = at;
    }

    fn come(&mut self, datagram: &[u8]) {
        let Self { detector, events, now, .. } = self;
        let now = Duration::from_secs_f64(*now);
        flows(datagram, &mut |flow| detector.flow(now, flow, &mut |event| events.push(*event))).unwrap();
    }

    /// A steady stream of these, in turn, until the moment or the first event.
    fn stream(&mut self, datagrams: &[Vec<u8>], per_sec: f64, until: f64, to_the_first: bool) {
        for datagram in datagrams.iter().cycle() {
            let next = self.now + self.pause(per_sec);
            if next > until || (to_the_first && !self.events.is_empty()) {
                return self.wait_until(until);
            }
            self.wait_until(next);
            self.come(datagram);
        }
    }
}

#[test]
fn attacks_are_seen_when_the_table_says() {
    const RUNS: u32 = 2000;
    let attack = [packet(2, 53)];
    let mut random = Random::new(7);
    let mut seen = Vec::new();
    for _ in 0..RUNS {
        let mut course = Course::new(random.clone());
        // It begins anywhere in a slice.
        course.now = 10.0 + course.random.fraction();
        let begin = course.now;
        course.stream(&attack, ATTACK, begin + 4.0, true);
        seen.extend(course.events.first().map(|event| event.at.as_secs_f64() - begin));
        random = course.random;
    }
    for secs in [0.2, 0.4, 0.6, 0.9, 1.2, 2.0, 3.0] {
        let part = seen.iter().filter(|at| **at <= secs).count() as f64 / f64::from(RUNS);
        let [least, most] = [0.9, 1.0].map(|window| 1.0 - odds::quiet(NEEDED, ATTACK, window, secs));
        let slack = |told: f64| 4.0 * (told * (1.0 - told) / f64::from(RUNS)).sqrt() + 0.002;
        assert!(
            part > least - slack(least) && part < most + slack(most),
            "{secs} s: {part}, {least} to {most}"
        );
    }
    let case = Case {
        threshold_bps: 50e6,
        one_in: ONE_IN,
        window_secs: 1.0,
        slices: 10,
        attack_bps: 100e6,
        normal_bps: 5e6,
        packet_bytes: PACKET,
    };
    let row = odds::row(&case);
    assert_eq!(row.needed, NEEDED);
    seen.sort_by(f64::total_cmp);
    let median = seen[seen.len() / 2];
    assert!((median - row.median_secs).abs() < 0.03, "{median}, not {}", row.median_secs);
}

#[test]
fn normal_traffic_causes_no_more_false_alarms_than_the_table_says() {
    const SECS: f64 = 30_000.0;
    // Legitimate answers to ten hosts, each as heavy as the heaviest.
    let normal: Vec<_> = (10..20).map(|to| packet(to, [53, 123, 443][usize::from(to % 3)])).collect();
    let mut course = Course::new(Random::new(8));
    // Which of them comes is chance, not turn: a turn would be more even than traffic is.
    let each = normal.len() as f64;
    while course.now < SECS {
        let next = course.now + course.pause(NORMAL * each);
        course.wait_until(next);
        let one = course.random.number() % normal.len() as u64;
        course.come(&normal[usize::try_from(one).unwrap()]);
    }
    let raised = course.events.iter().filter(|event| event.change == Change::Raise).count() as f64;
    let [least, most] = [0.9, 1.0].map(|window| each * SECS * odds::alarms_per_sec(NEEDED, NORMAL, window));
    assert!(most > 50.0, "enough to compare: {most}");
    assert!(
        raised > least - 4.0 * least.sqrt() && raised < most + 4.0 * most.sqrt(),
        "{raised}: {least} to {most}"
    );
}

#[test]
fn an_attack_is_one_alarm_that_names_it_and_ends_with_it() {
    let mut course = Course::new(Random::new(9));
    let (attack, normal) = ([packet(2, 53)], [packet(9, 443)]);
    course.stream(&normal, 1.0, 5.0, false);
    assert_eq!((course.events.len(), course.detector.next_tick()), (0, None));
    course.stream(&attack, 10.0 * ATTACK, 10.0, false);
    let [event] = course.events[..] else { panic!("{:?}", course.events) };
    assert_eq!(
        (event.change, event.key.to_string().as_str()),
        (Change::Raise, "destination=10.0.0.2 source_port=53")
    );
    let (seen, [low, high]) = event.per_sec();
    assert!(low < seen && seen < high && seen >= 50e6 / 8.0);
    assert_eq!(course.detector.raised(), 1);
    course.wait_until(14.0);
    let [_, event] = course.events[..] else { panic!("{:?}", course.events) };
    assert_eq!(event.change, Change::Release);
    let at = event.at.as_secs_f64();
    assert!((11.0..12.3).contains(&at), "a second after the window has emptied: {at}");
    assert_eq!((course.detector.raised(), course.detector.next_tick()), (0, None));
}

#[test]
fn the_confidence_bounds_hold_the_truth_as_often_as_they_say() {
    const RUNS: u32 = 1000;
    let truth = 1e9 / 8.0;
    let mut random = Random::new(10);
    let mut inside = 0;
    for _ in 0..RUNS {
        let mut course = Course::new(random);
        course.stream(&[packet(2, 53)], 10.0 * ATTACK, 0.999, false);
        let key = course.events.first().unwrap().key;
        let told = course.detector.window.estimate(course.detector.hasher.hash_one(key), &key);
        inside += u32::from(told.low() <= truth * 0.999 && truth * 0.999 <= told.high());
        random = course.random;
    }
    // 95 %, less what a normal law is off for some ninety samples, give or take four sigmas.
    assert!((915..=980).contains(&inside), "{inside} of {RUNS}");
}

#[test]
fn a_flood_of_keys_hides_no_attack_and_makes_none() {
    let mut course = Course::new(Random::new(12));
    let attack = packet(2, 53);
    let flood: Vec<_> = (0..2000).map(|port| packet(3, port)).collect();
    // Of 64 places, each is taken over by some thirty keys.
    for round in 0..200 {
        course.wait_until(f64::from(round) * 0.01);
        flood.iter().skip(round as usize * 10).take(10).for_each(|datagram| course.come(datagram));
        if round % 5 == 0 {
            course.come(&attack);
        }
    }
    let [event] = course.events[..] else { panic!("{:?}", course.events) };
    assert_eq!((event.change, event.key.source_port), (Change::Raise, Some(53)));
}

#[test]
fn packets_of_no_key_are_counted_and_a_rate_of_packets_needs_no_bytes() {
    let rule =
        Rule { measure: Measure::Packets, raise_per_sec: 5000, fields: vec![Field::SourcePort], ..rule() };
    let mut detector = Detector::new(rule.clone(), RandomState::new());
    let bytes = packet(2, 53);
    let mut fragment = Vec::new();
    let head = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 7], [10, 0, 0, 2], 64);
    head.udp(53, 9).write(&mut fragment, &[0; 50]).unwrap();
    fragment[21] = 100; // the fragment's place
    let fragment = datagram(&[(1400, &fragment)]);
    flows(&fragment, &mut |flow| detector.flow(Duration::ZERO, flow, &mut |_| panic!("no key"))).unwrap();
    assert_eq!(detector.unkeyed(), 1);
    let mut detector = Detector::new(Rule { fields: vec![Field::Protocol], ..rule }, RandomState::new());
    let mut raised = Vec::new();
    for ms in 1..=6 {
        let now = Duration::from_millis(ms);
        flows(&bytes, &mut |flow| detector.flow(now, flow, &mut |event| raised.push(event.at))).unwrap();
    }
    assert_eq!(raised, [Duration::from_millis(5)]);
}

#[test]
fn a_part_of_a_link_is_too_much_on_as_many_links_as_there_are() {
    let fields = vec![Field::Sampled];
    let whole = Rule { measure: Measure::Link, raise_per_sec: WHOLE / 10, fields, places: 128, ..rule() };
    let mut detector = Detector::new(Rule { most: 100, ..whole }, RandomState::new());
    let sample = |index: u32| {
        let mut bytes = packet(2, 53);
        // The source and its number: behind the 28 bytes of the datagram, tag, length, sequence and class of the sample, which shows an interface then.
        bytes[44..48].copy_from_slice(&index.to_be_bytes());
        bytes
    };
    let mut raised = Vec::new();
    let mut come = |detector: &mut Detector, index| {
        flows(&sample(index), &mut |flow| {
            assert_eq!(flow.sample.source, crate::sflow::ids::DataSource::interface(index));
            detector.flow(Duration::ZERO, flow, &mut |event| raised.push((index, event.per_sec().0)));
        })
        .unwrap();
    };
    come(&mut detector, 1);
    assert_eq!(detector.passed(), 1, "its speed is not known");
    // A sample is 11.2 Mbit: the tenth of a link of 100 Mb/s, and not of one of 200.
    for index in 1..=60 {
        detector.link(index, if index % 2 == 0 { 200_000_000 } else { 100_000_000 });
        detector.link(index, 0);
        come(&mut detector, index);
    }
    let odd: Vec<_> = (1..=60).step_by(2).map(|index| (index, 112_000_000.0)).collect();
    assert_eq!((raised, detector.passed()), (odd, 1));
}
