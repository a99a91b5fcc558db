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
    assert_eq!((plan.next_call(now), plan.open(), plan.wake_at()), (None, 0, None));
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
        let at = plan.wake_at().unwrap();
        pauses.push((at - now).as_secs());
        now = at;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    let call = plan.next_call(now).unwrap();
    plan.ended(&call, fail(), now);
    plan.want(3, wish("swp1", 400));
    let call = plan.next_call(now).unwrap();
    plan.ended(&call, Ok(()), now);
    let state = PortState { set: Some(rates(400)), fault: None };
    assert_eq!((plan.states().collect::<Vec<_>>(), plan.wake_at()), (vec![(3, state)], None));
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
    assert_eq!((plan.open(), plan.states().count()), (0, 0));
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
        prop_assert_eq!((plan.open(), plan.running()), (0, 0));
        for (if_index, rates) in wanted {
            prop_assert_eq!(chip.get(&if_index).copied().unwrap_or(super::tests::rates(0)), rates);
        }
    }
}
