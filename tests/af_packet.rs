//! The AF_PACKET source against the kernel, on veth pairs in a namespace of each test's own. The witnesses are what
//! was sent, frame by frame, and what `ip` says.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

#[path = "support/link.rs"]
mod link;
#[path = "support/netns.rs"]
mod netns;
#[path = "support/scenarios.rs"]
mod scenarios;
mod support;
#[path = "support/visit.rs"]
mod visit;

use hsflow::host::Clock;
use hsflow::sample::frame::Frame;
use hsflow::source::af_packet::{Tap, Taps, probe};
use hsflow::source::{Finding, Obstacle, Source};
use link::{Link, OURS, STEP, drain, frame_of, tap};
use netns::{isolated, json, run};
use nix::sys::socket::{MsgFlags, send};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use visit::visit;

fn source(taps: &[Tap]) -> Taps {
    let mut source = Taps::new().unwrap();
    taps.iter().for_each(|tap| source.add(*tap).unwrap());
    source
}

fn ours<'a>(frame: &Frame<'a>) -> Option<Frame<'a>> {
    (frame.protocol == OURS).then_some(*frame)
}

fn drops(source: &mut Taps) -> usize {
    let mut total = 0;
    source.check(Clock::system().now(), &mut |finding| match finding {
        Finding::Lost { added, .. } => total += added as usize,
        other => panic!("{other:?}"),
    });
    total
}

#[test]
fn every_frame_comes_once_at_one_to_one() {
    isolated("every_frame_comes_once_at_one_to_one", || {
        let link = Link::new();
        let mut source = source(&[tap(link.far, 1)]);
        let mut frames = 0;
        for _ in 0..20 {
            link.send_many(2500);
            visit(&mut source, STEP, |frame| frames += usize::from(ours(frame).is_some())).unwrap();
        }
        drain(&mut source, |frame| frames += usize::from(ours(frame).is_some()));
        assert_eq!((frames, drops(&mut source)), (link.delivered(), 0));
        assert!((40_000..=50_000).contains(&frames), "{frames}");
    });
}

#[test]
fn direction_interface_and_time_are_those_of_the_frame() {
    isolated("direction_interface_and_time_are_those_of_the_frame", || {
        scenarios::direction_interface_and_time(source)
    });
}

#[test]
fn loopback_shows_a_frame_once() {
    isolated("loopback_shows_a_frame_once", || scenarios::loopback_once(source, None));
}

#[test]
fn the_frame_is_cut_and_its_length_is_not() {
    isolated("the_frame_is_cut_and_its_length_is_not", || scenarios::cut(source));
}

#[test]
fn a_frame_that_the_card_will_cut_has_its_whole_length() {
    isolated("a_frame_that_the_card_will_cut_has_its_whole_length", || scenarios::cut_by_the_card(source));
}

#[test]
fn a_tag_that_was_taken_out_of_the_frame_is_told() {
    isolated("a_tag_that_was_taken_out_of_the_frame_is_told", || scenarios::tag_taken_out(source));
}

#[test]
fn runts_are_frames_or_nothing() {
    isolated("runts_are_frames_or_nothing", || {
        let link = Link::new();
        let mut source = source(&[tap(link.near, 1), tap(link.far, 1)]);
        let whole = frame_of(16, [2, 0, 0, 0, 0, 2]);
        for length in 0..=whole.len() {
            // The kernel refuses most that are shorter than a header, depending on the privileges.
            let _ = send(link.sender_fd(), &whole[..length], MsgFlags::empty());
        }
        let mut longest = 0;
        drain(&mut source, |frame| {
            assert_eq!(frame.bytes.len(), frame.wire_len as usize);
            longest = longest.max(frame.wire_len);
        });
        assert_eq!(longest, 16);
    });
}

#[test]
fn the_kernel_takes_one_in_n_at_random() {
    isolated("the_kernel_takes_one_in_n_at_random", || {
        let link = Link::new();
        for (one_in, sent) in [(10, 240_000), (100, 240_000)] {
            let mut source = source(&[tap(link.far, one_in)]);
            let (mut frames, before) = (0, link.delivered());
            let count = |frame: &Frame<'_>| usize::from(frame.one_in == one_in && frame.protocol == OURS);
            for _ in 0..40 {
                link.send_many(sent / 40);
                visit(&mut source, STEP, |frame| frames += count(frame)).unwrap();
            }
            drain(&mut source, |frame| frames += count(frame));
            frames += drops(&mut source);
            let sent = link.delivered() - before;
            assert!(sent >= 200_000, "{sent}");
            let (n, p) = (f64::from(u32::try_from(sent).unwrap()), 1.0 / f64::from(one_in));
            let z = (f64::from(u32::try_from(frames).unwrap()) - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(z.abs() <= 4.5, "1:{one_in}: {frames} of {sent}, z = {z}");
        }
    });
}

#[test]
fn a_rate_changed_while_frames_wait_applies_to_later_frames_only() {
    isolated("a_rate_changed_while_frames_wait_applies_to_later_frames_only", || {
        let link = Link::new();
        let (mut witness, mut source) = (source(&[tap(link.far, 1)]), source(&[tap(link.far, 1)]));
        let mut send = |count| {
            link.send_many(count);
            let mut passed = 0;
            drain(&mut witness, |_| passed += 1);
            passed
        };
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        let mut count = |frame: &Frame<'_>| *seen.entry(frame.one_in).or_default() += 1;
        let rate = |one_in| NonZeroU32::new(one_in).unwrap();
        let first: usize = send(3000);
        // These wait in the ring; the next rate has a smaller one.
        assert!(source.set_rate(link.far, rate(1000), &mut count).unwrap());
        send(15_000);
        assert!(source.set_rate(link.far, rate(2), &mut count).unwrap());
        let half = send(5000) / 2;
        assert!(source.set_rate(link.far, rate(1), &mut count).unwrap());
        let last = send(700);
        drain(&mut source, &mut count);
        assert!(!source.set_rate(99, rate(1), &mut count).unwrap());
        assert_eq!(seen[&1], first + last);
        assert!((half - 200..half + 200).contains(&seen[&2]), "{half}: {seen:?}");
        assert!((1..60).contains(&seen[&1000]), "{seen:?}");
        assert_eq!(drops(&mut source), 0);
    });
}

#[test]
fn what_had_no_room_is_counted_and_told_once() {
    isolated("what_had_no_room_is_counted_and_told_once", || {
        let link = Link::new();
        let mut source = source(&[tap(link.far, 1)]);
        for _ in 0..2 {
            let (mut frames, before) = (0, link.delivered());
            link.send_many(40_000);
            drain(&mut source, |_| frames += 1);
            let dropped = drops(&mut source);
            assert_eq!(frames + dropped, link.delivered() - before);
            assert!(dropped > 0 && frames > 15_000, "{frames} frames, {dropped} dropped");
            assert_eq!(drops(&mut source), 0);
        }
    });
}

#[test]
fn promiscuous_mode_lasts_as_long_as_its_tap() {
    isolated("promiscuous_mode_lasts_as_long_as_its_tap", || {
        let link = Link::new();
        let promiscuity = || json("ip -d -j link show far")[0]["promiscuity"].as_u64();
        let mut source = source(&[tap(link.far, 400)]);
        assert_eq!(promiscuity(), Some(0));
        source.add(Tap { promiscuous: true, ..tap(link.far, 400) }).unwrap();
        assert_eq!((promiscuity(), source.taps().count()), (Some(1), 1));
        assert!(source.remove(link.far) && !source.remove(link.far));
        // A program that another test begins has the socket too until it is executed.
        let limit = std::time::Duration::from_secs(20);
        support::wait_until("the end of promiscuous mode", limit, || {
            (promiscuity() == Some(0)).then_some(())
        });
    });
}

#[test]
fn a_tap_outlives_down_and_ends_with_its_interface() {
    isolated("a_tap_outlives_down_and_ends_with_its_interface", || {
        let link = Link::new();
        let mut source = source(&[tap(link.near, 1), tap(link.far, 1)]);
        run("ip link set near down");
        drain(&mut source, |_| {});
        assert_eq!(drops(&mut source), 0);
        run("ip link set near up");
        link.send_many(10);
        let mut frames = 0;
        drain(&mut source, |frame| frames += usize::from(ours(frame).is_some()));
        assert_eq!(frames, 20);

        run("ip link del near");
        drain(&mut source, |_| {});
        let mut gone = Vec::new();
        source.check(Clock::system().now(), &mut |finding| gone.push(finding));
        assert_eq!(gone, link.both().map(Finding::Gone));
        assert_eq!(source.taps().count(), 0);
        assert!(matches!(source.add(tap(link.near, 1)), Err(Obstacle::NoInterface(_))));
    });
}

#[test]
fn an_interface_that_is_down_can_be_tapped_and_may_vanish_before_it_is_up() {
    isolated("an_interface_that_is_down_can_be_tapped_and_may_vanish_before_it_is_up", || {
        let link = Link::new();
        run("ip link set near down");
        let mut source = source(&[tap(link.near, 1)]);
        visit(&mut source, STEP, |_| {}).unwrap();
        run("ip link del near");
        let mut gone = Vec::new();
        source.check(Clock::system().now(), &mut |finding| gone.push(finding));
        assert_eq!(gone, [Finding::Gone(link.near)]);
    });
}

#[test]
fn probe_says_what_is_missing() {
    isolated("probe_says_what_is_missing", || {
        let link = Link::new();
        assert_eq!(probe(None), Ok(()));
        assert_eq!(probe(Some(link.near)), Ok(()));
        for index in [0, 4711, u32::MAX] {
            assert!(matches!(probe(Some(index)), Err(Obstacle::NoInterface(_))), "{index}");
        }
        // The kernel counts capabilities by thread, and this thread is the test's own.
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_NET_RAW).unwrap();
        let denied = probe(Some(link.near)).unwrap_err();
        assert!(matches!(denied, Obstacle::Denied { capability: "CAP_NET_RAW", .. }));
        assert!(denied.to_string().starts_with("CAP_NET_RAW is missing (socket AF_PACKET: "), "{denied}");
    });
}
