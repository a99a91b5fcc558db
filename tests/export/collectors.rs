//! Collectors on loopback: sending, refusal, reload, host names.

use crate::spaces::{collector, eventually, listen, reason, receive};
use hsflow::export::report::State;
use hsflow::export::{Applied, Collectors, Resolve};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let (free, probe) = (port(&listen("127.0.0.1:0")), listen("127.0.0.1:0"));
    probe.connect(("127.0.0.1", free)).expect("loopback");
    // A program that another test begins has the socket until it is executed.
    eventually("nobody has it", || probe.send(b"x").is_err());
    free
}

fn started(wanted: &[hsflow::config::model::CollectorSettings]) -> Collectors {
    let mut collectors = Collectors::new("/");
    collectors.apply(wanted, secs(0));
    collectors
}

#[test]
fn every_collector_gets_the_same_bytes_over_either_protocol() {
    let receivers = [listen("127.0.0.1:0"), listen("[::1]:0"), listen("127.0.0.1:0")];
    let wanted = [
        collector("127.0.0.1", port(&receivers[0])),
        collector("::1", port(&receivers[1])),
        collector("127.0.0.1", port(&receivers[2])),
    ];
    let mut collectors = started(&wanted);
    for datagram in [&[1_u8; 1400][..], &[2; 28], &[]] {
        collectors.send(datagram, secs(1));
        for receiver in &receivers {
            assert_eq!(receive(receiver).0, datagram);
        }
    }
    for status in collectors.status(secs(4)) {
        assert_eq!(status.state, State::Running);
        assert_eq!((status.counts.datagrams, status.counts.bytes, status.counts.lost), (3, 1428, 0));
        assert_eq!((status.last_success_secs_ago, status.last_error), (Some(3), None));
    }
}

#[test]
fn a_refusing_collector_loses_nothing_for_itself_or_others_and_recovers() {
    let (good, late) = (listen("127.0.0.1:0"), free_port());
    let mut collectors = started(&[collector("127.0.0.1", late), collector("127.0.0.1", port(&good))]);
    collectors.send(b"first", secs(1));
    eventually("the refusal is seen", || reason(&collectors.status(secs(1))[0]).starts_with("refused"));
    let listener = listen(&format!("127.0.0.1:{late}"));
    collectors.send(b"second", secs(2));
    assert_eq!(receive(&listener).0, b"second");
    assert!(reason(&collectors.status(secs(2))[0]).starts_with("refused"), "one datagram proves nothing yet");
    collectors.send(b"third", secs(3));
    assert_eq!(receive(&listener).0, b"third");
    for expected in [b"first".as_slice(), b"second", b"third"] {
        assert_eq!(receive(&good).0, expected);
    }
    let status = collectors.status(secs(3));
    assert_eq!(status[0].state, State::Running);
    assert_eq!(
        (status[0].counts.datagrams, status[0].counts.lost, status[0].counts.errors.refused),
        (3, 0, 1)
    );
    assert_eq!(status[0].last_error.as_deref(), Some("refused: nothing listens on that port"));
    assert_eq!(status[0].last_error_secs_ago, Some(2));
}

#[test]
fn a_pending_refusal_does_not_cost_the_next_datagram() {
    let late = free_port();
    let mut collectors = started(&[collector("127.0.0.1", late)]);
    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    probe.connect(("127.0.0.1", late)).unwrap();
    collectors.send(b"lost on the way", secs(1));
    // The same refusal, seen on another socket: the first one has it too by then.
    probe.send(b"x").unwrap();
    eventually("the refusal is here", || probe.send(b"x").is_err());
    let listener = listen(&format!("127.0.0.1:{late}"));
    collectors.send(b"arrives", secs(2));
    assert_eq!(receive(&listener).0, b"arrives");
    assert_eq!(collectors.status(secs(2))[0].counts.errors.refused, 1);
}

#[test]
fn a_datagram_that_is_too_long_is_counted_and_the_socket_stays() {
    let receiver = listen("127.0.0.1:0");
    let mut collectors = started(&[collector("127.0.0.1", port(&receiver))]);
    collectors.send(&vec![0; 70_000], secs(1));
    let counts = collectors.status(secs(1))[0].counts;
    assert_eq!((counts.errors.too_big, counts.lost, counts.datagrams), (1, 1, 0));
    collectors.send(b"fits", secs(1));
    assert_eq!(receive(&receiver).0, b"fits");
    assert_eq!(collectors.status(secs(1))[0].state, State::Running);
}

#[test]
fn a_reload_keeps_the_socket_and_counters_of_those_that_stay() {
    let receivers = [listen("127.0.0.1:0"), listen("127.0.0.1:0"), listen("127.0.0.1:0")];
    let [a, b, c] = [0, 1, 2].map(|n| collector("127.0.0.1", port(&receivers[n])));
    let mut collectors = started(&[a.clone(), b.clone()]);
    collectors.send(b"one", secs(1));
    let before = receive(&receivers[1]).1;
    let applied = collectors.apply(&[c.clone(), b.clone(), b, c], secs(2));
    assert_eq!(applied, Applied { kept: 1, added: 1, removed: 1, repeated: 2 });
    collectors.send(b"two", secs(2));
    assert_eq!(receive(&receivers[1]), (b"two".to_vec(), before), "same source port");
    assert_eq!(receive(&receivers[2]).0, b"two");
    let counts: Vec<_> = collectors.status(secs(2)).iter().map(|s| s.counts.datagrams).collect();
    assert_eq!(counts, [1, 2]);
}

type Found = io::Result<Vec<SocketAddr>>;

/// A resolver whose answers the test gives, and how often it was asked.
fn scripted() -> (Resolve, mpsc::Sender<Found>, Arc<AtomicUsize>) {
    let (answers, script) = mpsc::channel();
    let (script, asked) = (Mutex::new(script), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let resolve: Resolve = Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        script.lock().expect("no panic").recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    });
    (resolve, answers, asked)
}

/// Waits for the answer as the agent does.
fn answered(collectors: &mut Collectors, now: Duration) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(secs(5), collectors.answered().notified()).await })
        .expect("an answer within 5 s");
    collectors.tick(now)
}

fn loopback() -> Found {
    Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
}

#[test]
fn a_stuck_lookup_delays_nobody_and_its_late_answer_counts() {
    let (resolve, answers, asked) = scripted();
    let (good, named) = (listen("127.0.0.1:0"), listen("127.0.0.1:0"));
    let mut collectors = Collectors::new("/").with_resolver(resolve);
    collectors.apply(&[collector("c.example", port(&named)), collector("127.0.0.1", port(&good))], secs(100));
    collectors.send(b"one", secs(101));
    assert_eq!(receive(&good).0, b"one");
    assert_eq!(collectors.status(secs(101))[0].state, State::Resolving);
    assert_eq!(collectors.destinations().count(), 1);
    assert_eq!(collectors.next_tick(), Some(secs(110)));
    assert!(!collectors.tick(secs(110)));
    assert_eq!(reason(&collectors.status(secs(110))[0]), "cannot resolve c.example: no answer within 10 s");
    assert_eq!(collectors.next_tick(), None, "nothing to do but wait for the one lookup");
    collectors.tick(secs(1000));
    answers.send(loopback()).unwrap();
    assert!(answered(&mut collectors, secs(1001)));
    collectors.send(b"two", secs(1001));
    assert_eq!(receive(&named).0, b"two");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let status = &collectors.status(secs(1001))[0];
    assert_eq!((&status.state, status.counts.lost, status.counts.datagrams), (&State::Running, 1, 1));
    assert_eq!(status.address.as_deref(), Some("127.0.0.1"));
}

#[test]
fn failed_lookups_are_repeated_less_and_less_often() {
    let (resolve, answers, _) = scripted();
    let mut collectors = Collectors::new("/").with_resolver(resolve);
    let mut now = secs(0);
    collectors.apply(&[collector("c.example", 6343)], now);
    let mut pauses = Vec::new();
    for n in 0..7 {
        answers.send(if n == 3 { Ok(vec![]) } else { Err(io::Error::other("no such name")) }).unwrap();
        answered(&mut collectors, now);
        let text = if n == 3 { "it has no address" } else { "no such name" };
        assert_eq!(reason(&collectors.status(now)[0]), format!("cannot resolve c.example: {text}"));
        let next = collectors.next_tick().unwrap();
        pauses.push((next - now).as_secs());
        now = next;
        collectors.tick(now);
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn a_name_is_followed_when_its_address_moves_and_kept_when_it_cannot_be_resolved() {
    let (resolve, answers, _) = scripted();
    let v4 = listen("127.0.0.1:0");
    let port = port(&v4);
    let v6 = listen(&format!("[::1]:{port}"));
    let six = || SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    let mut collectors = Collectors::new("/").with_resolver(resolve);
    collectors.apply(&[collector("c.example", port)], secs(0));
    answers.send(loopback()).unwrap();
    assert!(answered(&mut collectors, secs(1)));
    assert_eq!(collectors.next_tick(), Some(secs(301)));

    let mut at = |answer, now, changed| {
        collectors.tick(now);
        answers.send(answer).unwrap();
        assert_eq!(answered(&mut collectors, now), changed);
        collectors.send(b"x", now);
        collectors.status(now).remove(0)
    };
    // Still among the answers, though no longer first.
    at(Ok(vec![six(), SocketAddr::from(([127, 0, 0, 1], 0))]), secs(301), false);
    receive(&v4);
    let status = at(Err(io::Error::other("server failure")), secs(601), false);
    receive(&v4);
    assert_eq!(status.state, State::Running);
    assert_eq!(status.last_error.as_deref(), Some("cannot resolve c.example: server failure"));
    at(Ok(vec![six()]), secs(611), true);
    receive(&v6);
}

#[test]
fn literal_addresses_ask_for_no_wakeups_and_no_lookups() {
    let (resolve, _answers, asked) = scripted();
    let mut collectors = Collectors::new("/").with_resolver(resolve);
    collectors.apply(
        &[collector("127.0.0.1", 6343), collector("::1", 6343), collector("fe80::1%lo", 6343)],
        secs(0),
    );
    collectors.tick(secs(1000));
    assert_eq!((collectors.next_tick(), asked.load(Ordering::SeqCst)), (None, 0));
}

#[test]
fn the_system_resolver_knows_localhost() {
    let mut collectors = Collectors::new("/");
    collectors.apply(&[collector("localhost", 6343)], secs(0));
    assert!(answered(&mut collectors, secs(0)));
    let address = collectors.status(secs(0))[0].address.clone().unwrap();
    assert!(["127.0.0.1", "::1"].contains(&address.as_str()), "{address}");
}

#[test]
fn status_serialises_flat_for_the_operator() {
    let json = serde_json::to_value(started(&[collector("fe80::1%absent0", 6343)]).status(secs(9))).unwrap();
    assert_eq!(json[0]["state"], "degraded");
    assert_eq!(json[0]["reason"], "no device named absent0");
    assert_eq!(json[0]["counts"]["errors"]["other"], 1);
    assert_eq!(json[0]["last_error_secs_ago"], 9);
}
