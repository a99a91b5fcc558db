//! The thread with a bus that a test makes, and what is told of its answers.

use super::*;
use crate::wire::optics::{Fault, NoOptics};
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::channel;

fn port(index: u32) -> Port {
    Port { index, name: format!("swp{index}") }
}

fn state_of(answers: &[(u32, Result<Readings, OpticsError>)]) -> (Optics, Option<State>) {
    let (mut optics, now) = (Optics::default(), Duration::ZERO);
    for (index, answer) in answers {
        optics.schedule.begin(*index, now);
        optics.note(&port(*index), answer, now);
    }
    let state = optics.state();
    (optics, state)
}

fn broken() -> Result<Readings, OpticsError> {
    Err(OpticsError::Read { block: Block::LOWER, errno: libc::EIO })
}

/// Panics at port 13, which has no luck.
struct Unlucky<'a> {
    asked: &'a AtomicU32,
}

impl Eeprom for Unlucky<'_> {
    fn read_block(&mut self, port: &Port, _: Block) -> Result<[u8; 128], SysError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert_ne!(port.index, 13);
        Err(SysError::new("script", port.name.as_str(), Errno::EOPNOTSUPP))
    }
}

#[test]
fn a_panic_costs_one_port_and_the_thread_goes_on() {
    let (desk, asked) = (Desk::default(), AtomicU32::new(0));
    let (orders, received) = channel();
    [12, 13, 14].into_iter().for_each(|index| orders.send(port(index)).unwrap());
    drop(orders);
    work(&received, &desk, || Ok(Unlucky { asked: &asked }));
    let answers = desk.answers.into_inner().unwrap();
    let said: Vec<_> = answers.into_iter().map(|(port, answer)| (port.index, answer.unwrap_err())).collect();
    let unsupported = OpticsError::Unsupported;
    assert_eq!(said, [(12, unsupported.clone()), (13, OpticsError::Program), (14, unsupported)]);
}

#[test]
fn the_end_does_not_wait_for_ports_that_are_left() {
    let (desk, asked) = (Desk::default(), AtomicU32::new(0));
    let (orders, received) = channel();
    (0..4000).for_each(|index| orders.send(port(index)).unwrap());
    desk.ending.store(true, Ordering::Relaxed);
    work(&received, &desk, || Ok(Unlucky { asked: &asked }));
    assert_eq!(asked.into_inner(), 0);
}

#[test]
fn a_socket_that_cannot_be_opened_is_tried_anew_for_each_port() {
    let (desk, opened) = (Desk::default(), AtomicU32::new(0));
    let (orders, received) = channel();
    [1, 2].into_iter().for_each(|index| orders.send(port(index)).unwrap());
    drop(orders);
    work(&received, &desk, || {
        opened.fetch_add(1, Ordering::Relaxed);
        Err::<Kernel, _>(SysError::new("socket", "NETLINK_GENERIC", Errno::EMFILE))
    });
    assert_eq!((opened.into_inner(), desk.answers.into_inner().unwrap().len()), (2, 2));
}

#[test]
fn modules_that_measure_nothing_are_no_fault_and_drivers_without_any_are_no_state_to_worry_about() {
    let nothing = Err(OpticsError::NoOptics(NoOptics::Copper));
    let (optics, state) = state_of(&[(1, Err(OpticsError::Unsupported)), (2, nothing)]);
    assert_eq!(state, Some(State::Running));
    assert!(optics.explain(2).unwrap().contains("copper"));
    let (_, state) = state_of(&[(1, Err(OpticsError::Unsupported))]);
    assert!(matches!(state, Some(State::Unavailable { .. })));
    assert_eq!(state_of(&[]).1, None);
}

#[test]
fn broken_modules_are_named_and_how_many_more() {
    let answers: Vec<_> = (1..=6).map(|index| (index, broken())).collect();
    let (mut optics, state) = state_of(&answers);
    let Some(State::Degraded { reason }) = state else { panic!("{state:?}") };
    assert_eq!(
        reason,
        "cannot be read: the transceivers of swp1, swp2, swp3, swp4 and 2 more; see hsflowctl explain interface swp1"
    );
    (1..=6).for_each(|index| optics.forget(index));
    assert_eq!(optics.state(), None, "ports that are gone take their faults with them");
}

#[test]
fn failures_in_a_row_are_counted_and_forgotten_with_the_first_success() {
    let sum = Fault::Checksum { block: Block::LOWER, name: "CC_BASE", stored: 1, computed: 2 };
    let fault = || Err(OpticsError::Fault(sum));
    let (optics, _) = state_of(&[(1, fault()), (1, broken()), (1, fault())]);
    assert_eq!(optics.ports[&1].failures, 3);
    let (optics, state) = state_of(&[(1, fault()), (1, Ok(Readings::default()))]);
    assert_eq!((optics.ports[&1].failures, state), (0, Some(State::Running)));
}

#[test]
fn an_empty_cage_that_its_driver_calls_gone_is_asked_once_an_hour_and_a_port_that_is_gone_is_forgotten() {
    let (mut optics, start) = (Optics::default(), Duration::ZERO);
    let hour = Duration::from_secs(3600);
    optics.schedule.begin(1, start);
    assert_eq!(optics.take(&port(1), Err(OpticsError::Gone), true, start), None);
    assert!(!optics.schedule.begin(1, hour - Duration::from_secs(1)));
    assert!(optics.schedule.begin(1, hour));
    assert_eq!(optics.state(), Some(State::Running), "an empty cage is no fault");
    optics.take(&port(1), Ok(Readings::default()), false, hour);
    assert_eq!((optics.explain(1), optics.schedule.begin(1, hour)), (None, true));
}

#[test]
fn a_right_that_is_missing_is_logged_for_one_port_and_a_fault_for_each() {
    let (optics, _) = state_of(&[(1, Err(OpticsError::Denied)), (2, broken())]);
    assert!(!optics.is_news(&port(3), &OpticsError::Denied));
    let fault = broken().unwrap_err();
    assert_eq!([2, 3].map(|index| optics.is_news(&port(index), &fault)), [false, true]);
}
