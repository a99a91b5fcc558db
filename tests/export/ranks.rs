//! Stand-bys on loopback: who gets datagrams while the better ones work, fail, and come back.

use crate::spaces::{collector, eventually, listen, receive};
use hsflow::config::model::CollectorSettings;
use hsflow::export::report::State;
use hsflow::export::{Applied, Collectors};
use std::net::UdpSocket;
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
    collectors.send(b"lost", secs(2));
    eventually("the refusal is seen", || {
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
