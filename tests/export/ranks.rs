//! Stand-bys on loopback: who gets datagrams while the better ones work, fail, and come back.

use crate::spaces::{collector, eventually, listen, receive};
use hsflow::config::model::CollectorSettings;
use hsflow::export::report::State;
use hsflow::export::{Applied, Collectors};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ranked(port: u16, rank: u16) -> CollectorSettings {
    CollectorSettings { rank, ..collector("127.0.0.1", port) }
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

fn counts(collectors: &mut Collectors, now: Duration) -> Vec<u64> {
    collectors.status(now).iter().map(|status| status.counts.datagrams).collect()
}

#[test]
fn a_stand_by_gets_datagrams_only_while_every_better_one_fails() {
    let (first, second, third) = (listen("127.0.0.1:0"), listen("127.0.0.1:0"), listen("127.0.0.1:0"));
    let address = first.local_addr().expect("bound").to_string();
    let mut collectors = Collectors::new("/");
    let wanted = [ranked(port(&third), 2), ranked(port(&first), 0), ranked(port(&second), 1)];
    collectors.apply(&wanted, secs(0));
    collectors.send(b"one", secs(1));
    assert_eq!(receive(&first).0, b"one");
    assert_eq!(counts(&mut collectors, secs(1)), [0, 1, 0]);
    let states: Vec<_> = collectors.status(secs(1)).into_iter().map(|status| status.state).collect();
    assert_eq!(states, [State::StandBy, State::Running, State::StandBy]);
    assert_eq!(collectors.destinations().count(), 1, "sub-agents do not send to stand-bys either");

    drop(first);
    eventually("the refusal is seen", || {
        // Again and again: a program that another test begins has the socket until it is executed.
        collectors.send(b"lost", secs(2));
        matches!(collectors.status(secs(2))[1].state, State::Degraded { .. })
    });
    collectors.send(b"two", secs(3));
    assert_eq!(receive(&second).0, b"two");
    let states: Vec<_> = collectors.status(secs(3)).into_iter().map(|status| status.state).collect();
    assert!(matches!(states[..], [State::StandBy, State::Degraded { .. }, State::Running]), "{states:?}");
    assert!(collectors.tick(secs(3)) && !collectors.tick(secs(3)), "the settings file has to say so");
    assert_eq!(collectors.destinations().count(), 2);

    let again = listen(&address);
    for second in 4..8 {
        collectors.send(b"three", secs(second));
    }
    assert_eq!(receive(&again).0, b"three", "it goes on being tried");
    let before = counts(&mut collectors, secs(9));
    collectors.send(b"four", secs(9));
    let after = counts(&mut collectors, secs(9));
    assert_eq!((after[1] - before[1], after[2] - before[2], after[0]), (1, 0, 0), "and takes over again");
}

#[test]
fn a_collector_that_changes_rank_keeps_its_counters() {
    let (a, b) = (listen("127.0.0.1:0"), listen("127.0.0.1:0"));
    let mut collectors = Collectors::new("/");
    collectors.apply(&[ranked(port(&a), 0), ranked(port(&b), 1)], secs(0));
    collectors.send(b"one", secs(1));
    let applied = collectors.apply(&[ranked(port(&a), 1), ranked(port(&b), 0)], secs(2));
    assert_eq!(applied, Applied { kept: 2, ..Applied::default() });
    collectors.send(b"two", secs(3));
    assert_eq!((receive(&a).0, receive(&b).0), (b"one".to_vec(), b"two".to_vec()));
    assert_eq!(counts(&mut collectors, secs(3)), [1, 1]);
}

/// One that finds nobody but `there`.
fn resolver(collectors: Collectors) -> Collectors {
    collectors.with_resolver(Arc::new(|host| match host {
        "there" => Ok(vec!["127.0.0.1:0".parse().expect("an address")]),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    }))
}

fn named(host: &str, rank: u16) -> CollectorSettings {
    CollectorSettings { rank, ..collector(host, 9) }
}

#[test]
fn a_stand_by_is_not_waited_for_but_steps_in_where_the_better_ones_have_no_address() {
    let mut collectors = resolver(Collectors::new("/"));
    assert!(!collectors.awaits_names(), "there is nobody");
    collectors.apply(&[named("absent", 0), ranked(9, 1)], secs(0));
    assert!(collectors.awaits_names(), "the first is being looked up");
    eventually("the lookup fails", || {
        collectors.tick(secs(1));
        !collectors.awaits_names()
    });
    collectors.send(b"one", secs(2));
    assert_eq!(collectors.destinations().count(), 1, "the stand-by");

    let mut collectors = resolver(Collectors::new("/"));
    collectors.apply(&[named("absent", 0), named("there", 0), ranked(9, 1)], secs(0));
    eventually("one of the first is there", || {
        collectors.tick(secs(1));
        !collectors.awaits_names()
    });
    collectors.apply(&[named("absent", 0), named("gone", 1)], secs(2));
    eventually("nobody is to be found", || {
        collectors.tick(secs(3));
        collectors
            .status(secs(3))
            .iter()
            .all(|status| matches!(status.state, State::Degraded { .. } | State::StandBy))
    });
    assert!(collectors.awaits_names());
}
