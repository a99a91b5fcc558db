//! Sampling by tc against the kernel, in a namespace of each test's own: what it leaves of the qdiscs and filters of others, on
//! many ports, and where the kernel has no `sample` action. The witness is what `tc` says. Samples themselves are proven
//! in `tests/vm/tc.test.sh`.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

#[path = "support/netns.rs"]
mod netns;

use hsflow::host::Clock;
use hsflow::sample::switch::tc::{Obstacle, Standing, Wish};
use hsflow::switch::tc::Tc;
use hsflow::wire::netlink::tc_sample::Sampling;
use netns::{ip_batch, isolated, run};
use std::cell::Cell;

const PORTS: u32 = 200;

fn wish(one_in: u32) -> Wish {
    let sampling = Some(Sampling { one_in, group: 1, trunc: 128 });
    Wish { samplings: [sampling, sampling], software: false }
}

fn index(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).unwrap()
}

fn tc(line: &str) -> String {
    run(&format!("tc {line}"))
}

/// All qdiscs of the namespace, and the filters of the user's port.
fn state() -> [String; 3] {
    [tc("qdisc show"), tc("filter show dev v0 ingress"), tc("filter show dev v1 egress")]
}

#[test]
fn many_ports_with_users_qdiscs_are_as_before_when_it_ends() {
    isolated("many_ports_with_users_qdiscs_are_as_before_when_it_ends", || {
        let links =
            (0..PORTS / 2).map(|n| format!("link add v{} up type veth peer name v{}", 2 * n, 2 * n + 1));
        ip_batch(&links.collect::<Vec<_>>().join("\n"));
        run("tc qdisc add dev v0 ingress");
        run("tc filter add dev v0 ingress pref 1 protocol ip u32 match ip dst 10.0.0.9/32 flowid 1:1");
        run("tc qdisc add dev v1 clsact");
        run("tc filter add dev v1 egress pref 9 protocol ip u32 match ip dst 10.0.0.9/32 flowid 1:1");
        let before = state();
        let now = Clock::system().now();
        let mut sampling = Tc::open().unwrap();
        let ports: Vec<u32> = (0..PORTS).map(|n| index(&format!("v{n}"))).collect();
        sampling.wish(ports.iter().map(|port| (*port, Some(wish(10)))));
        let again = sampling.turn(now, &|| true);
        let standings: Vec<Standing> = sampling.standings().map(|(_, standing)| standing).collect();
        assert_eq!(standings.len(), ports.len());
        let lacking = |standing: &Standing| matches!(&standing.obstacle, Some(Obstacle::Refused(_)));
        let made = tc("qdisc show").matches("clsact").count();
        if standings.iter().any(|standing| standing.by.is_some()) {
            assert!(standings.iter().all(|standing| standing.by.is_some()));
            assert_eq!(
                (made, again.is_some()),
                (ports.len() - 1, true),
                "v0 has no place for leaving packets"
            );
        } else {
            // What one port lacks, all lack: the kernel was asked about one.
            assert!(standings.iter().all(lacking), "{standings:?}");
            assert!(made <= 2, "{made} qdiscs");
            assert!(standings[0].obstacle.as_ref().unwrap().to_string().contains("modprobe"));
            assert!(again.is_some_and(|again| again > now), "it is tried again");
        }
        assert_eq!(sampling.remove_all(now, &|| true), 0);
        assert_eq!(state(), before);
    });
}

#[test]
fn a_filter_that_a_user_adds_while_all_is_removed_stays_with_its_qdisc() {
    isolated("a_filter_that_a_user_adds_while_all_is_removed_stays_with_its_qdisc", || {
        ip_batch("link add v0 up type veth peer name v1");
        let now = Clock::system().now();
        let mut sampling = Tc::open().unwrap();
        sampling.wish([(index("v0"), Some(wish(10)))]);
        sampling.turn(now, &|| true);
        assert!(tc("qdisc show dev v0").contains("clsact"));
        let asked = Cell::new(0);
        let meanwhile = || {
            asked.set(asked.get() + 1);
            // The port was looked at, and no step taken.
            if asked.get() == 2 {
                run("tc filter add dev v0 egress pref 9 protocol ip u32 match ip dst 10.0.0.9/32 flowid 1:1");
            }
            true
        };
        assert_eq!(sampling.remove_all(now, &meanwhile), 0);
        assert!(tc("filter show dev v0 egress").contains("pref 9"));
    });
}

#[test]
fn an_interface_that_there_is_not_is_a_refusal_of_its_own() {
    isolated("an_interface_that_there_is_not_is_a_refusal_of_its_own", || {
        let mut sampling = Tc::open().unwrap();
        sampling.wish([(4711, Some(wish(10)))]);
        sampling.turn(Clock::system().now(), &|| true);
        let standing = sampling.standings().next().unwrap().1;
        assert!(standing.by.is_none() && standing.obstacle.is_some(), "{standing:?}");
    });
}
