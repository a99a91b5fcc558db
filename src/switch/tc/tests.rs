//! The end, and ports that are not there: nothing here reaches what the machine has.

use super::*;
use crate::host::Clock;
use crate::sample::switch::tc::Refusal;

#[test]
fn a_port_that_cannot_be_looked_at_is_not_forgotten_with_its_filters() {
    let now = Clock::system().now();
    let mut tc = Tc { swept: true, ..Tc::open().unwrap() };
    tc.wish([(4711, None)]);
    let refusal = Refusal { errno: nix::errno::Errno::ENOBUFS as i32, words: None };
    tc.ports.get_mut(&4711).unwrap().unseen(&refusal);
    tc.settle(&[4711], now);
    assert!(tc.ports[&4711].retry.is_some_and(|retry| retry > now));
}

#[test]
fn the_end_does_not_wait_for_ports_and_says_how_many_are_left() {
    let now = Clock::system().now();
    let mut tc = Tc { swept: true, ..Tc::open().unwrap() };
    tc.wish((1..=100).map(|port| (port + 1_000_000, None)));
    assert_eq!(tc.remove_all(now, &|| false), 100);
    assert_eq!(tc.remove_all(now, &|| true), 0);
}
