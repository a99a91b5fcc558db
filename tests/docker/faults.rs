//! What an engine may do wrong, and what that costs: one message, and its own container at most.

use crate::liar::{Liar, chunked, container, description, id, refusal, whole};
use crate::life::states;
use crate::rig::{Watched, patient, quick};
use hsflow::collect::guests::{News, docker};
use hsflow::host::Clock;
use hsflow::sample::guest::GuestState;
use hsflow::status::registry::State;
use serde_json::{Value, json};
use std::time::Duration;

const SOCKET: &str = "/var/run/docker.sock";

fn watch(liar: &Liar) -> Watched {
    Watched::start(liar.as_ref(), patient())
}

fn watch_at_once(containers: &[Value]) -> (Liar, Watched) {
    let liar = Liar::start(containers);
    liar.listen(SOCKET);
    let watched = watch(&liar);
    (liar, watched)
}

#[test]
fn without_a_socket_the_engine_is_unavailable_until_one_appears() {
    let liar = Liar::start(&[container(1, "web")]);
    let watched = watch(&liar);
    let reason = watched.wait("unavailable", |told| match &told.state {
        Some(State::Unavailable { reason }) => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.contains(SOCKET) && reason.contains("/run/podman/podman.sock"), "{reason}");
    liar.listen("/run/podman/podman.sock");
    watched.wait_running();
    assert_eq!(watched.told().guests[&id(1)].name, "web");
}

#[test]
fn a_greeting_that_is_none_is_said_with_its_reason() {
    let version =
        |newest: &str, oldest: &str| whole(&json!({ "ApiVersion": newest, "MinAPIVersion": oldest }));
    for (resource, answer, reason) in [
        ("/version", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), "/version is not HTTP: invalid HTTP version"),
        ("/version", b"HTTP/1.1 200 OK\r\nContent-Len".to_vec(), "/version ended before its end"),
        (
            "/version",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Ap".to_vec(),
            "/version ended before its end",
        ),
        (
            "/version",
            b"HTTP/1.1 200 OK\r\n\r\n{\"Ap".to_vec(),
            "/version: EOF while parsing a string at line 1 column 4",
        ),
        ("/version", refusal(500, "no\nway"), "/version: status 500: no\\nway"),
        ("/version", vec![], "no answer to /version within 2s"),
        ("/version", version("1.18", "1.1"), "the engine knows API 1.18 and older, and 1.24 is needed"),
        (
            "/version",
            version("1.70", "1.60"),
            "the engine wants API 1.60 or newer, and 1.52 is the newest known here",
        ),
        ("/version", whole(&json!({ "ApiVersion": 1.41 })), "the engine names no version of its API"),
        (
            "/version",
            chunked(&"x".repeat(100_000), 1000),
            "the answer to /version is longer than 65536 bytes",
        ),
        (
            "/events",
            refusal(400, "client version 1.41 is too old"),
            "/v1.41/events: status 400: client version 1.41 is too old",
        ),
        (
            "/containers/json",
            b"HTTP/1.1 200 OK\r\n\r\n[{\"Id\"".to_vec(),
            "EOF while parsing an object at line 1 column 6",
        ),
        (
            "/containers/json",
            whole(&json!({ "message": "no" })),
            "invalid type: map, expected a sequence at line 1 column 0",
        ),
    ] {
        let liar = Liar::start(&[container(1, "web")]);
        let right = liar.book().answers.get(resource).cloned();
        // Only silence is waited for.
        let pace = if answer.is_empty() { quick() } else { patient() };
        liar.answer(resource, answer);
        liar.listen(SOCKET);
        let watched = Watched::start(liar.as_ref(), pace);
        let said = watched.wait_degraded();
        assert!(said.ends_with(reason), "{said}");
        match right {
            Some(right) => liar.answer(resource, right),
            None => _ = liar.book().answers.remove(resource),
        }
        watched.wait_running();
        assert!(watched.told().guests.contains_key(&id(1)));
    }
}

#[test]
fn a_description_that_cannot_be_read_costs_its_own_container() {
    let names = ["good", "half", "silent", "refused", "types", "empty", "long"];
    let containers: Vec<_> = (1..).zip(names).map(|(number, name)| container(number, name)).collect();
    let liar = Liar::start(&containers);
    liar.answer(&description(&id(2)), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"Id\":\"00".to_vec());
    liar.answer(&description(&id(3)), vec![]);
    liar.answer(&description(&id(4)), refusal(500, "layer missing"));
    let wrong =
        json!({ "Name": 7, "State": { "Status": "running", "Pid": "x" }, "Config": [], "HostConfig": 1 });
    liar.answer(&description(&id(5)), whole(&wrong));
    liar.answer(&description(&id(6)), whole(&json!({})));
    liar.answer(&description(&id(7)), chunked(&format!("\"{}", "x".repeat(9 << 20)), 1 << 16));
    liar.listen(SOCKET);
    let watched =
        Watched::start(liar.as_ref(), docker::Pace { recheck: Duration::from_millis(300), ..quick() });
    watched.wait_running();
    let known: Vec<_> = watched.told().guests.values().map(|guest| guest.name.clone()).collect();
    assert_eq!(known, ["good", &id(5)[..12]]);
    // The list is read again, and those in doubt are asked about again.
    liar.contain(&containers);
    watched.wait("all", |told| (told.guests.len() == names.len()).then_some(()));
    liar.answer(&description(&id(1)), whole(&json!({})));
    liar.say_event("update", &id(1));
    liar.answer("/containers/json", b"HTTP/1.1 200 OK\r\n\r\n[[[".to_vec());
    liar.book().asked.clear();
    liar.wait_asked("/containers/json", 2);
    assert_eq!(watched.told().guests.len(), names.len(), "doubts end nothing");
}

#[test]
fn events_that_cannot_be_read_are_passed_over() {
    let (liar, watched) = watch_at_once(&[container(1, "web")]);
    watched.wait_running();
    liar.say("{\"Type\":\"container\",\"Act\n[]\n7\n\n");
    liar.say(&format!("{{\"{}", "x".repeat(5 << 20)));
    liar.say("\"}\n");
    liar.say_event("die", "../../info");
    liar.say_event("die", &id(99));
    liar.contain(&[container(1, "web"), container(2, "late")]);
    let event = json!({ "Type": "container", "Action": "start", "Actor": { "ID": id(2) } }).to_string();
    event.split_inclusive(',').for_each(|piece| liar.say(piece));
    liar.say("\n");
    watched.wait_guest(&id(2), "late", |guest| guest.name == "late");
    assert!(watched.told().guests.contains_key(&id(1)));
    assert!(!liar.book().asked.iter().any(|target| target.contains("info")));
}

#[test]
fn ten_thousand_dead_containers_cost_no_questions() {
    let dead = |number| json!({ "Id": id(number), "Names": [format!("/d{number}")], "State": "exited", "Labels": { "a": "b" } });
    let mut entries: Vec<Value> = (100..10_100).map(dead).collect();
    entries.push(json!({ "Id": id(1), "Names": ["/web"], "State": "running" }));
    let liar = Liar::start(&[container(1, "web")]);
    liar.answer("/containers/json", whole(&Value::Array(entries)));
    liar.listen(SOCKET);
    let watched = watch(&liar);
    watched.wait_running();
    assert_eq!(watched.told().guests.len(), 1);
    assert!(liar.book().asked.len() < 10, "{:?}", liar.book().asked);
}

#[test]
fn five_hundred_containers_cost_one_question_each() {
    let containers: Vec<_> = (1..=500).map(|number| container(number, &format!("web{number}"))).collect();
    let liar = Liar::start(&containers);
    liar.listen(SOCKET);
    let clock = Clock::system();
    let started = clock.now();
    let watched = watch(&liar);
    watched.wait_running();
    println!("500 containers known after {:?}", clock.now() - started);
    assert_eq!(watched.told().guests.len(), 500);
    let asked = std::mem::take(&mut liar.book().asked);
    let described = asked.iter().filter(|target| target.contains("/v1.41/containers/0")).count();
    assert_eq!(described, 500);
}

#[test]
fn a_change_without_an_event_is_found_in_the_list() {
    let (liar, watched) = {
        let liar = Liar::start(&[container(1, "web"), container(2, "db"), container(3, "cache")]);
        liar.listen(SOCKET);
        let pace = docker::Pace { recheck: Duration::from_millis(200), ..quick() };
        let watched = Watched::start(liar.as_ref(), pace);
        (liar, watched)
    };
    watched.wait_running();
    let mut paused = container(2, "db");
    paused["State"]["Status"] = "paused".into();
    liar.book().answers.remove(&description(&id(1)));
    liar.contain(&[paused, container(3, "cash"), container(4, "new")]);
    watched.wait_gone(&id(1));
    watched.wait_guest(&id(2), "paused", |guest| guest.state == GuestState::Paused);
    watched.wait_guest(&id(3), "renamed", |guest| guest.name == "cash");
    watched.wait_guest(&id(4), "new", |_| true);
}

#[test]
fn a_container_whose_networks_change_is_told_again_and_one_that_does_not_change_is_not() {
    let (liar, watched) = watch_at_once(&[container(1, "web"), container(2, "db")]);
    watched.wait_running();
    let before = watched.told().news.len();
    liar.say_event("update", &id(1));
    liar.wait_asked(&description(&id(1)), 2);
    let network = json!({ "Type": "network", "Action": "connect", "Actor": { "ID": id(9), "Attributes": { "container": id(2) } } });
    liar.say(&format!("{network}\n"));
    watched.wait("told again", |told| (told.news.len() > before).then_some(()));
    let told = watched.told();
    assert!(
        matches!(&told.news[before..], [News::One(guest)] if guest.id == id(2)),
        "{:?}",
        &told.news[before..]
    );
}

#[test]
fn a_connection_that_ends_is_made_again_and_what_ended_meanwhile_goes() {
    let (liar, watched) = watch_at_once(&[container(1, "web"), container(2, "db")]);
    watched.wait_running();
    liar.book().answers.remove(&description(&id(1)));
    liar.contain(&[container(2, "db"), container(3, "new")]);
    liar.hang_up();
    watched.wait_gone(&id(1));
    watched.wait_guest(&id(3), "new", |_| true);
    watched.wait_running();
    assert_eq!(states(&watched.told().news, &id(1)).last_chunk(), Some(&[Some(GuestState::Shutdown), None]));
    let degraded = watched.told().news.iter().any(|news| {
        matches!(news, News::State(State::Degraded { reason }) if reason.ends_with("docker.sock: /v1.41/events ended before its end"))
    });
    assert!(degraded);
}
