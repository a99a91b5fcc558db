//! Plans against a chip that is simulated: whatever happens, what is wanted is what it has in the end.

use super::*;
use proptest::prelude::*;

fn rates(ingress: u32) -> Rates {
    Rates { ingress, egress: 0, group: 1 }
}

fn wish(name: &str, ingress: u32) -> Option<Wish> {
    Some(Wish { name: name.to_owned(), rates: rates(ingress) })
}

fn fail() -> Result<(), String> {
    Err("exit status 1".to_owned())
}

/// A moment that time can be taken from.
fn start() -> Instant {
    crate::host::Clock::system().now() + Duration::from_hours(1)
}

#[test]
fn a_port_is_set_once_and_again_only_for_another_rate() {
    let (mut plan, now) = (PortRates::default(), start());
    plan.want(3, wish("swp1", 1000));
    let call = plan.next_call(now).unwrap();
    assert_eq!(call, Call { if_index: 3, name: "swp1".into(), rates: rates(1000) });
    assert_eq!(plan.next_call(now), None, "it runs");
    plan.ended(&call, Ok(()), now);
    plan.want(3, wish("swp1", 1000));
    assert_eq!((plan.next_call(now), plan.open(), plan.wake_at(now)), (None, 0, None));
    plan.want(3, wish("swp1", 10_000));
    assert_eq!(plan.next_call(now).unwrap().rates, rates(10_000));
}

#[test]
fn a_failure_is_tried_again_later_each_time_and_at_once_for_another_rate() {
    let (mut plan, mut now) = (PortRates::default(), start());
    plan.want(3, wish("swp1", 1000));
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let call = plan.next_call(now).unwrap();
        plan.ended(&call, fail(), now);
        assert_eq!(plan.next_call(now), None);
        let at = plan.wake_at(now).unwrap();
        pauses.push((at - now).as_secs());
        now = at;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    let call = plan.next_call(now).unwrap();
    assert_eq!(plan.wake_at(now), None, "a command that runs is not waited for with a deadline of the past");
    plan.ended(&call, fail(), now);
    plan.want(3, wish("swp1", 400));
    let call = plan.next_call(now).unwrap();
    plan.ended(&call, Ok(()), now);
    let state = PortState { set: Some(rates(400)), fault: None };
    assert_eq!((plan.take_changed(), plan.wake_at(now)), (BTreeMap::from([(3, Some(state))]), None));
}

#[test]
fn what_is_wanted_while_a_command_runs_comes_after_it() {
    let (mut plan, now) = (PortRates::default(), start());
    plan.want(3, wish("swp1", 1000));
    let call = plan.next_call(now).unwrap();
    plan.want(3, wish("swp1", 10_000));
    assert_eq!(plan.next_call(now), None);
    plan.ended(&call, fail(), now);
    assert_eq!(plan.next_call(now).unwrap().rates, rates(10_000), "the pause is for what failed");
}

#[test]
fn at_the_end_only_ports_that_may_have_a_rate_are_set_to_none() {
    let (mut plan, now) = (PortRates::default(), start());
    for (if_index, name) in [(1, "swp1"), (2, "swp2"), (3, "swp3")] {
        plan.want(if_index, wish(name, 1000));
    }
    plan.want(4, wish("swp4", 0));
    let calls = [plan.next_call(now).unwrap(), plan.next_call(now).unwrap()];
    plan.ended(&calls[0], Ok(()), now);
    plan.ended(&calls[1], fail(), now);
    plan.end_all();
    let ends: Vec<_> = std::iter::from_fn(|| plan.next_call(now)).collect();
    assert_eq!(
        ends.iter().map(|call| (call.if_index, call.rates)).collect::<Vec<_>>(),
        [(1, rates(0)), (2, rates(0))]
    );
    ends.iter().for_each(|call| plan.ended(call, Ok(()), now));
    assert_eq!((plan.open(), plan.given_up(), plan.ports.len()), (0, 0, 0));
}

#[test]
fn at_the_end_a_port_that_is_denied_is_tried_once_and_given_up() {
    let (mut plan, now) = (PortRates::default(), start());
    for (if_index, name) in [(1, "swp1"), (2, "swp2")] {
        plan.want(if_index, wish(name, 1000));
    }
    let denied = plan.next_call(now).unwrap();
    plan.ended(&denied, fail(), now);
    let under_way = plan.next_call(now).unwrap();
    plan.end_all();
    assert_eq!(plan.open(), 2, "one that is set for the first time is waited for");
    plan.ended(&under_way, fail(), now);
    for left in [1, 0] {
        let call = plan.next_call(now).unwrap();
        assert!(call.rates.is_zero());
        plan.ended(&call, fail(), now);
        assert_eq!(plan.open(), left);
    }
    assert_eq!((plan.next_call(now), plan.given_up()), (None, 2));
}

#[test]
fn only_ports_that_something_happened_to_are_told_of() {
    let (mut plan, now) = (PortRates::default(), start());
    for if_index in 0..100 {
        plan.want(if_index, wish(&format!("swp{if_index}"), 1000));
    }
    assert_eq!(plan.take_changed().len(), 100);
    let call = plan.next_call(now).unwrap();
    assert!(plan.take_changed().is_empty());
    plan.ended(&call, Ok(()), now);
    plan.release(7);
    let state = PortState { set: Some(rates(1000)), fault: None };
    assert_eq!(plan.take_changed(), BTreeMap::from([(0, Some(state)), (7, None)]));
}

#[test]
fn a_port_that_has_gone_needs_nothing_and_its_name_may_come_back() {
    let (mut plan, now) = (PortRates::default(), start());
    plan.want(3, wish("swp1", 1000));
    let call = plan.next_call(now).unwrap();
    plan.release(3);
    plan.want(9, wish("swp1", 1000));
    assert_eq!(plan.next_call(now), None, "the command for the old one still runs");
    plan.ended(&call, Ok(()), now);
    assert_eq!(plan.next_call(now).unwrap().if_index, 9);
    plan.want(9, wish("swp1s0", 1000));
    assert_eq!(plan.next_call(now).unwrap().name, "swp1s0", "another name, another port of the chip");
}

proptest! {
    #[test]
    fn whatever_is_wanted_and_whatever_fails_the_chip_has_it_in_the_end(
        steps in prop::collection::vec((0_u32..5, prop::option::of(0_u32..4), any::<bool>(), any::<bool>()), 0..80),
    ) {
        let (mut plan, mut now) = (PortRates::default(), start());
        let mut chip = BTreeMap::<u32, Rates>::new();
        let mut wanted = BTreeMap::<u32, Rates>::new();
        let mut running: Option<Call> = None;
        for (if_index, ingress, good, finish) in steps {
            let name = format!("swp{if_index}");
            plan.want(if_index, ingress.and_then(|n| wish(&name, n)));
            wanted.insert(if_index, rates(ingress.unwrap_or(0)));
            if running.is_none() {
                running = plan.next_call(now);
            }
            if let Some(call) = running.take_if(|_| finish) {
                // One that failed may have done its work all the same.
                chip.insert(call.if_index, call.rates);
                plan.ended(&call, if good { Ok(()) } else { fail() }, now);
            }
        }
        if let Some(call) = running {
            plan.ended(&call, fail(), now);
        }
        for _ in 0..50 {
            now += LONGEST_PAUSE;
            while let Some(call) = plan.next_call(now) {
                chip.insert(call.if_index, call.rates);
                plan.ended(&call, Ok(()), now);
            }
        }
        prop_assert_eq!((plan.open(), plan.running.len()), (0, 0));
        for (if_index, rates) in wanted {
            prop_assert_eq!(chip.get(&if_index).copied().unwrap_or(super::tests::rates(0)), rates);
        }
    }
}
