//! Filters as iproute2 asks for them, our own read back, those of others, and noise.

use super::super::clsact::Place;
use super::super::header::messages;
use super::super::tests::{cuts, damaged};
use super::*;
use crate::wire::ebpf::Hook;
use proptest::prelude::*;

const PLACE: Place = Place { if_index: 1, hook: Hook::Ingress, preference: 1 };
const SAMPLING: Sampling = Sampling { one_in: 1000, group: 3, trunc: 128 };
const WANTED: Wanted = Wanted { sampling: SAMPLING, skip_sw: true, own_qdisc: false };

/// `TCA_OPTIONS` of iproute2 6.1: tc filter add … handle 1 matchall skip_sw action sample rate 1000 group 3 trunc 128
/// continue cookie 6873666c6f77642d7273.
const IPROUTE2: &[u8] = b"\x58\x00\x02\x00\x54\x00\x01\x00\x0b\x00\x01\x00\x73\x61\x6d\x70\x6c\x65\x00\x00\
    \x34\x00\x02\x80\x18\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\
    \x08\x00\x03\x00\xe8\x03\x00\x00\x08\x00\x05\x00\x03\x00\x00\x00\x08\x00\x04\x00\x80\x00\x00\x00\
    \x0e\x00\x06\x00\x68\x73\x66\x6c\x6f\x77\x64\x2d\x72\x73\x00\x00\x08\x00\x03\x00\x02\x00\x00\x00";

fn payload(place: Place, wanted: &Wanted) -> Vec<u8> {
    let mut buffer = Vec::new();
    add(&mut buffer, 1, place, wanted);
    messages(&buffer).next().unwrap().unwrap().payload.to_vec()
}

fn ours(payload: &[u8]) -> Option<Ours> {
    match Found::parse(payload) {
        Ok(Found::Ours(ours)) => Some(ours),
        _ => None,
    }
}

#[test]
#[cfg(target_endian = "little")]
fn a_filter_is_asked_for_with_the_bytes_of_iproute2() {
    let payload = payload(PLACE, &WANTED);
    let words: Vec<u32> = payload[..20].as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)).collect();
    assert_eq!(words, [0, 1, 1, 4_294_967_282, 66304]);
    let options = Attributes::after(&payload, 20, "tcmsg").unwrap().find(2).unwrap().unwrap();
    assert_eq!(options.value, IPROUTE2);
}

#[test]
fn another_reader_sees_a_matchall_filter_with_a_sample_action() {
    use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage as R;
    use netlink_packet_route::tc::{TcActionAttribute, TcAttribute, TcFilterMatchAllOption, TcOption};
    let mut buffer = Vec::new();
    add(&mut buffer, 7, Place { if_index: 9, hook: Hook::Egress, preference: 4 }, &WANTED);
    let message = NetlinkMessage::<R>::deserialize(&buffer).unwrap();
    let NetlinkPayload::InnerMessage(R::NewTrafficFilter(filter)) = message.payload else { panic!() };
    assert_eq!((filter.header.index, u32::from(filter.header.parent)), (9, 0xFFFF_FFF3));
    let options = filter.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    });
    let matchall = options.unwrap().iter().map(|option| match option {
        TcOption::MatchAll(option) => option,
        other => panic!("{other:?}"),
    });
    let matchall: Vec<_> = matchall.collect();
    assert!(matchall.iter().any(|option| matches!(option, TcFilterMatchAllOption::Flags(2))));
    let actions = matchall.iter().find_map(|option| match option {
        TcFilterMatchAllOption::Action(actions) => Some(actions),
        _ => None,
    });
    let kind = TcActionAttribute::Kind("sample".to_owned());
    assert!(actions.is_some_and(|actions| actions.len() == 1 && actions[0].attributes.contains(&kind)));
}

#[test]
fn what_is_asked_for_reads_as_ours_with_who_made_the_qdisc() {
    for (skip_sw, own_qdisc) in [(false, false), (true, true)] {
        let wanted = Wanted { sampling: SAMPLING, skip_sw, own_qdisc };
        let read = ours(&payload(Place { preference: 5, ..PLACE }, &wanted)).unwrap();
        let want = Ours { preference: 5, sampling: SAMPLING, skip_sw, in_hw: false, action: 0, own_qdisc };
        assert_eq!(read, want);
    }
}

#[test]
fn a_filter_without_our_cookie_or_out_of_our_place_is_not_ours() {
    let whole = payload(PLACE, &WANTED);
    let cookie = whole.windows(10).position(|window| window == b"hsflowd-rs").unwrap();
    let with = |at: usize, byte: u8| {
        let mut other = whole.clone();
        other[at] = byte;
        Found::parse(&other)
    };
    assert_eq!(with(cookie, b'H'), Ok(Found::Foreign(1)), "another cookie");
    assert_eq!(with(8, 2), Ok(Found::Foreign(1)), "another handle");
    assert_eq!(with(8, 0), Ok(Found::Head(1)), "no handle");
    assert_eq!(with(18, 9), Ok(Found::Foreign(9)), "another preference");
    assert_eq!(with(17, 4), Ok(Found::Foreign(1)), "another protocol");
    assert_eq!(with(24, b'M'), Ok(Found::Foreign(1)), "another kind");
    let action = whole.windows(6).position(|window| window == b"sample").unwrap();
    assert_eq!(with(action, b'S'), Ok(Found::Foreign(1)), "another action");
}

#[test]
fn a_second_action_makes_it_somebody_elses() {
    let mut options = Vec::new();
    let mut list = actions(0, SAMPLING, COOKIE);
    push_attribute(&mut list, 2, b"");
    push_attribute(&mut options, TCA_MATCHALL_ACT, &list);
    let mut buffer = Vec::new();
    let request = Request::create(&mut buffer, NEW_FILTER, 1, &PLACE.header());
    let _ = request.attribute(TCA_KIND, KIND).attribute(TCA_OPTIONS, &options);
    assert_eq!(Found::parse(&buffer[16..]), Ok(Found::Foreign(1)));
}

#[test]
fn news_of_others_filters_behind_ours_concern_nobody() {
    let of = |preference| payload(Place { preference, ..PLACE }, &WANTED);
    let concerned: Vec<u16> = (0..12).filter(|preference| concerns(DEL_FILTER, &of(*preference))).collect();
    assert_eq!(concerned, [0, 1, 2, 3, 4, 5, 6, 7, 8], "0: all are removed");
    assert!(!concerns(NEW_FILTER, &of(49152)) && !concerns(RTM_NEWACTION, &of(1)));
    let mut qdisc = Vec::new();
    crate::wire::netlink::clsact::add_qdisc(&mut qdisc, 1, 7);
    assert!(concerns(NEW_QDISC, &qdisc[16..]) && concerns(DEL_QDISC, &qdisc[16..]));
    let at = qdisc.windows(6).position(|window| window == b"clsact").expect("its kind");
    qdisc[at..at + 6].copy_from_slice(b"fq_pie");
    assert!(!concerns(NEW_QDISC, &qdisc[16..]));
}

#[test]
fn every_cut_of_a_filter_is_an_error_or_not_ours() {
    let whole = payload(PLACE, &WANTED);
    for (cut, is_whole) in cuts(&whole, HEADER_LEN).filter(|(cut, _)| cut.len() < whole.len()) {
        assert_eq!(ours(cut), None);
        assert!(is_whole || Found::parse(cut).is_err() || cut.len() > 20, "{} bytes", cut.len());
    }
}

proptest! {
    #[test]
    fn any_rate_and_group_are_read_back(one_in in 1u32.., group: u32, trunc: u32, index in 1u32.., egress: bool) {
        let hook = if egress { Hook::Egress } else { Hook::Ingress };
        let sampling = Sampling { one_in, group, trunc };
        let read = ours(&payload(Place { if_index: index, hook, preference: 8 }, &Wanted { sampling, ..WANTED }));
        prop_assert_eq!(read.map(|ours| ours.sampling), Some(sampling));
    }

    #[test]
    fn a_damaged_filter_is_ours_only_with_the_mark(bytes in damaged(vec![payload(PLACE, &WANTED)])) {
        if ours(&bytes).is_some() {
            prop_assert!(bytes.windows(10).any(|window| window == COOKIE));
        }
    }
}
