//! What becomes of alerts; the feed itself needs a kernel: tests/generic_sources.rs and tests/vm.

use super::*;
use crate::config::parse;
use crate::sample::frame::{Frame, LinkType};
use std::borrow::Cow;

const START: u64 = 1_800_000_000_000_000_000;

#[derive(Default)]
struct Seen(Vec<(u32, Option<u32>, LinkType, u32)>);

impl Sink for Seen {
    fn packet(&mut self, _: &Frame<'_>) {
        panic!("a drop is no sample");
    }

    fn discard(&mut self, discard: &Discard<'_>) {
        self.0.push((discard.reason, discard.input, discard.link, discard.wire_len));
    }
}

fn judge(body: &str) -> Judge {
    let text = format!("sflow {{ collector {{ ip=::1 }} dropmon {{ {body} }} }}");
    let settings = parse("test", &text).settings.unwrap_or_else(|| panic!("{body}"));
    Judge::new(settings.modules.dropmon.unwrap())
}

/// A UDP packet to a closed port, in an Ethernet frame of 114 bytes.
const FRAME: [u8; 34] = [
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0,
    0, 1,
];

fn software(reason: &'static str, symbol: &'static str) -> Alert<'static> {
    Alert {
        origin: Some(Origin::Software),
        reason: Some(Cow::Borrowed(reason)).filter(|reason| !reason.is_empty()),
        symbol: Some(Cow::Borrowed(symbol)),
        in_index: Some(3),
        timestamp: Some(START),
        protocol: Some(0x0800),
        payload: Some(&FRAME),
        original_length: Some(114),
        ..Alert::default()
    }
}

fn hardware(group: &'static str, trap: &'static str) -> Alert<'static> {
    Alert {
        origin: Some(Origin::Hardware),
        trap_group: Some(Cow::Borrowed(group)),
        trap: Some(Cow::Borrowed(trap)),
        ..Alert { reason: None, symbol: None, ..software("", "") }
    }
}

fn codes(body: &str, alerts: &[Alert<'_>]) -> Vec<u32> {
    let (mut judge, mut seen) = (judge(body), Seen::default());
    alerts.iter().for_each(|alert| judge.pass(alert, &mut seen));
    seen.0.iter().map(|(reason, ..)| *reason).collect()
}

#[test]
fn a_drop_becomes_an_event_of_its_interface_and_length() {
    let mut seen = Seen::default();
    judge("").pass(&software("NO_SOCKET", "__udp4_lib_rcv+0x1/0x2"), &mut seen);
    assert_eq!(seen.0, [(3, Some(3), LinkType::Ethernet, 114)]);
}

#[test]
fn a_packet_of_a_tunnel_starts_with_ip() {
    let mut seen = Seen::default();
    let inner = Alert {
        payload: Some(&FRAME[14..]),
        original_length: Some(100),
        in_index: None,
        ..software("NETFILTER_DROP", "nf_hook_slow+0xa/0xb")
    };
    judge("").pass(&inner, &mut seen);
    assert_eq!(seen.0, [(258, None, LinkType::Ip, 100)]);
}

#[test]
fn only_what_was_asked_for_is_let_in() {
    let both = [software("NO_SOCKET", "x"), hardware("l3_drops", "blackhole_route")];
    assert_eq!(codes("", &both), [3, 269]);
    assert_eq!(codes("sw=off", &both), [269]);
    assert_eq!(codes("hw=off", &both), [3]);
    assert_eq!(codes("start=off sw=off hw=off", &both), [0; 0]);
    assert_eq!(codes("start=off sw=off hw=off sw_passive=on", &both), [3]);
    assert_eq!(codes("start=off sw=off hw=off hw_passive=on", &both), [269]);
}

#[test]
fn without_reasons_the_function_decides() {
    assert_eq!(codes("rn=off", &[software("NO_SOCKET", "__udp4_lib_rcv+0x1/0x2")]), [289]);
}

#[test]
fn an_unlisted_trap_is_reported_only_if_wanted_and_a_control_trap_never() {
    let traps = [hardware("new_group", "new_trap"), hardware("lldp", "lldp"), hardware("", "arp_request")];
    assert_eq!(codes("", &traps), [0; 0]);
    assert_eq!(codes("hw_unknown=on", &traps), [codes::UNKNOWN]);
    assert_eq!(codes("hw_unknown=on hw=off", &traps), [0; 0]);
}

#[test]
fn hidden_are_drops_whose_trap_function_or_reason_matches() {
    let alerts = [software("NO_SOCKET", "__udp4_lib_rcv+0x1"), hardware("l3_drops", "blackhole_route")];
    assert_eq!(codes("hide=NO_SOCK", &alerts), [269]);
    assert_eq!(codes("hide=udp4", &alerts), [269]);
    assert_eq!(codes("hide=^black", &alerts), [3]);
    let mut judge = judge("hide=.");
    alerts.iter().for_each(|alert| judge.pass(alert, &mut Seen::default()));
    assert_eq!(judge.counts, Counts { alerts: 2, hidden: 2, ..Counts::default() });
}

#[test]
fn hidden_and_meaningless_alerts_do_not_use_up_the_quota() {
    let alerts = [
        software("NOT_DROPPED_YET", "x"),
        hardware("l3_drops", "blackhole_route"),
        software("NO_SOCKET", "x"),
    ];
    let (mut judge, mut seen) = (judge("limit=1 hide=black"), Seen::default());
    alerts.iter().chain(&alerts).for_each(|alert| judge.pass(alert, &mut seen));
    assert_eq!(seen.0.len(), 1);
    assert_eq!(judge.counts, Counts { alerts: 6, ignored: 2, hidden: 2, suppressed: 1 });
}

#[test]
fn after_too_many_alerts_nothing_is_handed_on() {
    let (mut judge, mut seen) = (judge("max=5 max_trip=2"), Seen::default());
    for at in 0..12 {
        let timestamp = Some(START + at / 6 * 1_000_000_000);
        judge.pass(&Alert { timestamp, ..software("NO_SOCKET", "x") }, &mut seen);
        assert_eq!(judge.tripped, at == 11);
    }
    assert_eq!((seen.0.len(), judge.counts.suppressed), (11, 1));
}
