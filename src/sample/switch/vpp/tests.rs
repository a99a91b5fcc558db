//! Numbers, losses and records of VPP's interfaces.

use super::*;
use crate::host::Clock;
use proptest::prelude::*;

const DEFAULT: Vpp = Vpp { if_offset: 1_000_000_000, os_index: true };
const ALONE: Vpp = Vpp { os_index: false, ..DEFAULT };

fn told(index: u64, os_index: Option<u64>, sequence: u64) -> Interface<'static> {
    let (index, sequence) = (Some(index), Some(sequence));
    Interface { index, os_index, sequence, name: Some("eth".into()), ..Interface::default() }
}

fn frame(if_index: u32, output: u32, lost: u32) -> Frame<'static> {
    let (input, output) = (End::Interface(if_index), End::Interface(output));
    Frame { if_index, input, output, lost, ..Frame::default() }
}

#[test]
fn a_number_is_linuxs_or_vpps_with_an_offset_or_vpps_own() {
    let now = Clock::system().now();
    let number = |settings: &Vpp, os_index| {
        Ports::new(settings.clone()).learn(&told(7, os_index, 1), now).map(|port| port.index)
    };
    assert_eq!(number(&DEFAULT, Some(42)), Some(42));
    assert_eq!([None, Some(0)].map(|none| number(&DEFAULT, none)), [Some(1_000_000_007); 2]);
    assert_eq!(number(&ALONE, Some(42)), Some(7));
    assert_eq!(number(&Vpp { if_offset: 0, ..DEFAULT }, None), Some(7));
    assert_eq!(number(&Vpp { if_offset: u32::MAX, ..DEFAULT }, None), None);
    assert_eq!(number(&DEFAULT, Some(1 << 32)), None);
}

#[test]
fn an_interface_without_name_or_number_is_none() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    for index in [0, 1 << 32] {
        assert_eq!(ports.learn(&told(index, None, 1), now), None);
    }
    assert_eq!(ports.learn(&Interface { name: None, ..told(1, None, 1) }, now), None);
    assert_eq!(ports.iter().count(), 0);
}

#[test]
fn a_packet_is_no_sample_until_its_interface_is_known_and_loses_nothing() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    assert_eq!(ports.place(&frame(1, 2, 3)), None);
    ports.learn(&told(1, Some(11), 1), now).unwrap();
    let placed = ports.place(&frame(1, 2, 4)).unwrap();
    assert_eq!((placed.if_index, placed.input, placed.output), (11, End::Interface(11), End::Unknown));
    assert_eq!(placed.lost, 7);
    ports.learn(&told(2, Some(12), 2), now).unwrap();
    let placed = ports.place(&frame(1, 2, 0)).unwrap();
    assert_eq!((placed.output, placed.lost), (End::Interface(12), 0));
}

#[test]
fn vpps_total_of_losses_is_counted_once_and_from_when_it_was_first_heard() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    ports.learn(&told(1, None, 1), now).unwrap();
    let mut lost = |sequence, drops| {
        ports.note(&Status { sequence: Some(sequence), drops: Some(drops) });
        ports.learn(&told(1, None, sequence + 1), now).unwrap();
        [0, 0].map(|lost| ports.place(&frame(1, 0, lost)).unwrap().lost)
    };
    assert_eq!(lost(2, 500), [0, 0]);
    assert_eq!(lost(4, 510), [10, 0]);
    assert_eq!(lost(6, 510), [0, 0]);
    assert_eq!(lost(1, 3), [3, 0], "VPP has started again");
}

#[test]
fn after_vpp_has_started_again_its_interfaces_have_to_be_told_anew() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    ports.learn(&told(1, Some(11), 8), now).unwrap().samples = 5;
    ports.note(&Status { sequence: Some(1), drops: None });
    assert_eq!(ports.place(&frame(1, 0, 0)), None);
    assert_eq!(ports.learn(&told(1, Some(11), 2), now).unwrap().samples, 5, "its samples are numbered on");
    assert!(ports.place(&frame(1, 0, 0)).is_some());
}

#[test]
fn counters_that_are_told_too_often_are_not_all_sent() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    let mut next = |sequence, now| {
        let port = ports.learn(&told(1, None, sequence), now).unwrap();
        let next = port.next_sample(now);
        next.iter().for_each(|_| port.sampled(now));
        next
    };
    let later = now + CLOSEST;
    assert_eq!([next(1, now), next(2, now), next(3, later), next(4, later)], [Some(1), None, Some(2), None]);
}

#[test]
fn a_number_claimed_twice_stays_the_first_ones_until_vpp_starts_again() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    for round in 0..3 {
        for (own, index) in [(1, 11), (2, 1_000_000_002)] {
            let told = told(own, Some(11), 2 * round + own);
            let port = ports.learn(&told, now).unwrap();
            assert_eq!((port.index, port.shares), (index, own == 2));
            assert_eq!(ports.take_changed(), round == 0, "and neither evicts the other");
        }
    }
    assert_eq!(ports.place(&frame(1, 2, 0)).unwrap().output, End::Interface(1_000_000_002));
    assert_eq!(ports.learn(&told(2, Some(11), 1), now).unwrap().index, 11);
}

#[test]
fn interfaces_are_bounded_and_silent_ones_are_forgotten() {
    let now = Clock::system().now();
    let mut ports = Ports::new(DEFAULT);
    let accepted = (1..=MOST as u64 + 5).filter(|n| ports.learn(&told(*n, None, *n), now).is_some()).count();
    assert_eq!((accepted, ports.iter().count()), (MOST, MOST));
    let later = now + SILENT;
    assert!(ports.take_changed() && !ports.take_changed());
    ports.learn(&told(3, None, 1 << 20), later).unwrap();
    ports.forget_silent(later);
    assert!(ports.take_changed());
    assert_eq!(ports.iter().map(|port| port.index).collect::<Vec<_>>(), [1_000_000_003]);
}

#[test]
fn counters_that_vpp_does_not_tell_are_unknown_and_unicast_is_what_is_left() {
    let rx = Counts { octets: Some(1 << 40), packets: Some(100), multicasts: Some(7), ..Counts::default() };
    let interface = Interface { rx, admin_up: Some(1), oper_up: Some(0), ..told(1, None, 1) };
    let record = generic_interface(&interface, 9);
    assert_eq!((record.if_index, record.if_type, record.if_status), (9, 6, 1));
    assert_eq!((record.in_octets, record.in_ucast_pkts, record.in_multicast_pkts), (1 << 40, 93, 7));
    assert_eq!((record.out_octets, record.in_broadcast_pkts), (u64::MAX, u32::MAX));
}

proptest! {
    /// Whatever comes, no two interfaces have one number, and all losses are told with packets in the end.
    #[test]
    fn numbers_are_of_one_interface_and_losses_add_up(
        steps in prop::collection::vec((0_u64..9, prop::option::of(0_u64..5), 0_u32..9, 0_u64..5), 0..200),
    ) {
        let now = Clock::system().now();
        let mut ports = Ports::new(Vpp { if_offset: 2, os_index: true });
        let (mut total, mut truth, mut found) = (0, 0_u64, 0_u64);
        ports.note(&Status { sequence: None, drops: Some(0) });
        for (index, os_index, lost, drops) in steps {
            let _ = ports.learn(&Interface { sequence: None, ..told(index, os_index, 0) }, now);
            total += drops;
            ports.note(&Status { sequence: None, drops: Some(total) });
            truth += u64::from(lost) + drops;
            let own = u32::try_from(index).unwrap();
            found += ports.place(&frame(own, 3, lost)).map_or(0, |frame| u64::from(frame.lost));
            let mut numbers: Vec<_> = ports.iter().map(|port| port.index).collect();
            numbers.sort_unstable();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
        }
        prop_assert_eq!(found + u64::from(ports.lost), truth);
    }
}
