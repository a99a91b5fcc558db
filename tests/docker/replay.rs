//! Engines that are not installed, by their words as the published schema has them: see `tests/fixtures/docker/README.md`.

use crate::liar::{Liar, chunked, container, description, id, whole};
use crate::life::states;
use crate::rig::{Watched, patient};
use hsflow::sample::guest::GuestState;
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn newer_engines_are_understood_in_the_newest_api_that_both_know() {
    for engine in ["engine-24", "engine-27", "engine-28", "engine-29"] {
        replay(engine);
    }
}

#[test]
fn an_engine_that_is_upgraded_is_asked_in_its_new_api_and_loses_no_container() {
    let liar = Liar::start(&[container(1, "web")]);
    liar.answer("/version", whole(&value("engine-24", "version.json")));
    liar.listen("/var/run/docker.sock");
    let watched = Watched::start(liar.root.path(), patient());
    watched.wait_running();
    let before = watched.told().guests.clone();
    liar.book().asked.clear();
    liar.answer("/version", whole(&value("engine-29", "version.json")));
    liar.hang_up();
    let events = format!("/v{}/events", value("engine-29", "expected.json")["api"].as_str().unwrap());
    watched.wait("the new API", |_| {
        liar.book().asked.iter().any(|asked| asked.starts_with(&events)).then_some(())
    });
    watched.wait_running();
    assert_eq!(watched.told().guests, before);
    assert_eq!(states(&watched.told().news, &id(1)), [Some(GuestState::Running)]);
}

/// What an engine has said.
fn text(engine: &str, name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docker");
    std::fs::read_to_string(fixtures.join(engine).join(name)).unwrap()
}

fn value(engine: &str, name: &str) -> Value {
    serde_json::from_str(&text(engine, name)).unwrap()
}

fn replay(engine: &str) {
    let (text, value) = (|name| text(engine, name), |name| value(engine, name));
    let (expected, mut inspect) = (value("expected.json"), value("inspect.json"));
    let id = expected["id"].as_str().unwrap();
    let liar = Liar::start(&[]);
    liar.answer("/version", whole(&value("version.json")));
    liar.answer("/containers/json", chunked(&text("list.json"), 61));
    liar.answer(&description(id), chunked(&text("inspect.json"), 113));
    liar.listen("/var/run/docker.sock");
    let watched = Watched::start(liar.root.path(), patient());
    watched.wait_running();
    let guest = watched.told().guests[id].clone();
    let told = json!({
        "id": guest.id, "name": guest.name, "hostname": guest.hostname, "image": guest.image, "labels": guest.labels,
        "pid": guest.pid, "cpus": guest.cpus, "memory_max": guest.memory_max, "api": expected["api"],
    });
    assert_eq!((told, guest.state), (expected.clone(), GuestState::Running), "{engine}");
    for line in text("events.jsonl").split_inclusive('\n') {
        let event: Value = serde_json::from_str(line).unwrap();
        let (before, action) = (watched.told().news.len(), event["Action"].as_str().unwrap());
        match action {
            "pause" => {
                (inspect["State"]["Status"], inspect["State"]["Paused"]) = ("paused".into(), true.into());
                liar.answer(&description(id), whole(&inspect));
                liar.say(line);
                watched.wait_guest(id, "paused", |guest| guest.state == GuestState::Paused);
            }
            "disconnect" => {
                liar.say(line);
                watched.wait("told again", |told| (told.news.len() > before).then_some(()));
            }
            "die" => {
                liar.book().answers.remove(&description(id));
                liar.say(line);
                watched.wait_gone(id);
            }
            _ => liar.say(line),
        }
    }
    let prefix = format!("/v{}/", expected["api"].as_str().unwrap());
    let asked = std::mem::take(&mut liar.book().asked);
    assert!(
        asked
            .iter()
            .all(|target| target.starts_with(&prefix) || ["/version", "/_ping"].contains(&target.as_str()))
    );
    let described = asked.iter().filter(|target| target.ends_with(&description(id))).count();
    assert_eq!(described, 4, "health checks lead to no question: {asked:?}");
}
