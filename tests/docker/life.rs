//! The life of containers under a real dockerd, beside what `docker inspect` says of them.

use crate::dockerd::Dockerd;
use crate::rig::{PATIENCE, Watched, patient, skips};
use crate::support::wait_until;
use hsflow::collect::guests::News;
use hsflow::sample::guest::{Guest, GuestState};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NEEDS: &[&str] = &["dockerd", "docker", "unshare"];

#[test]
fn what_is_told_of_containers_is_what_docker_inspect_says() {
    const NAME: &str = "what_is_told_of_containers_is_what_docker_inspect_says";
    if skips(NAME, NEEDS) {
        return;
    }
    let dockerd = Dockerd::start(&["--bridge=none"]);
    let plain = dockerd.sleeper("plain", "");
    let rich = dockerd.sleeper(
        "rich",
        "--hostname inside --label tier=front --label empty= --cpus 1.5 --memory 64m \
         --env NVIDIA_VISIBLE_DEVICES=GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a",
    );
    let paused = dockerd.sleeper("resting", "");
    dockerd.docker("pause resting");
    dockerd.docker("create --name never bb true");
    dockerd.docker("run --network none --name over bb true");
    let watched = Watched::start(&dockerd.root(), patient());
    watched.wait_running();
    let guests = watched.told().guests.clone();
    compare(&dockerd, &guests);
    assert_eq!(guests.keys().collect::<Vec<_>>(), sorted(&[&plain, &rich, &paused]));
    assert_eq!(guests[&rich].gpus, ["GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a"]);
    assert_eq!((guests[&rich].cpus, guests[&rich].memory_max), (Some(2), Some(64 << 20)));
}

#[test]
fn every_change_of_a_container_is_told_and_only_its_end_ends_it() {
    const NAME: &str = "every_change_of_a_container_is_told_and_only_its_end_ends_it";
    if skips(NAME, NEEDS) {
        return;
    }
    let dockerd = Dockerd::start(&["--bridge=none"]);
    let watched = Watched::start(&dockerd.root(), patient());
    watched.wait_running();
    let run = "run -d --network none --name one --memory 32m --memory-swap 32m bb sh -c".split(' ');
    let script = "trap : HUP; while :; do sleep 1; done";
    let id = dockerd.docker_args(&run.chain([script]).collect::<Vec<_>>());
    let id = id.lines().last().unwrap();
    let first = watched.wait_guest(id, "started", |guest| guest.state == GuestState::Running);
    assert_eq!(first.memory_max, Some(32 << 20));
    dockerd.docker("pause one");
    watched.wait_guest(id, "paused", |guest| guest.state == GuestState::Paused);
    dockerd.docker("unpause one");
    watched.wait_guest(id, "unpaused", |guest| guest.state == GuestState::Running);
    dockerd.docker("kill -s HUP one");
    // Its own process goes on; the one that takes too much memory is another.
    let _ = dockerd.attempt("exec one dd if=/dev/zero of=/dev/null bs=200M count=1");
    let question = "events --since 10m --until 0s --filter container=one --filter event=oom";
    wait_until("memory runs out", PATIENCE, || dockerd.docker(question).contains(" oom ").then_some(()));
    dockerd.docker("update --memory 48m --memory-swap 48m one");
    watched.wait_guest(id, "another limit", |guest| guest.memory_max == Some(48 << 20));
    dockerd.docker("rename one two");
    let renamed = watched.wait_guest(id, "renamed", |guest| guest.name == "two");
    assert_eq!(renamed.pid, first.pid);
    {
        use GuestState::{Paused, Running};
        let states = states(&watched.told().news, id);
        assert_eq!(states, [Some(Running), Some(Paused), Some(Running)], "no signal ended it");
    }
    compare(&dockerd, &watched.told().guests);
    dockerd.docker("restart -t 0 two");
    watched.wait_guest(id, "another process", |guest| guest.pid.is_some() && guest.pid != first.pid);
    compare(&dockerd, &watched.told().guests);
    dockerd.docker("stop -t 0 two");
    watched.wait_gone(id);
    dockerd.docker("start two");
    watched.wait_guest(id, "started again", |guest| guest.state == GuestState::Running);
    dockerd.docker("rm -f two");
    watched.wait_gone(id);
    let states = states(&watched.told().news, id);
    assert_eq!(states.last_chunk(), Some(&[Some(GuestState::Shutdown), None]));
}

/// Everything told is as `docker ps` and `docker inspect` have it.
#[track_caller]
pub(crate) fn compare(dockerd: &Dockerd, guests: &BTreeMap<String, Guest>) {
    assert_eq!(differences(dockerd, guests), [""; 0]);
}

/// What is told otherwise than `docker ps` and `docker inspect` have it.
pub(crate) fn differences(dockerd: &Dockerd, guests: &BTreeMap<String, Guest>) -> Vec<String> {
    let ids = dockerd.docker("ps -q --no-trunc");
    let ids: Vec<_> = ids.lines().collect();
    if ids.is_empty() {
        return differences_from(&ids, "[]", guests);
    }
    let descriptions = dockerd.docker_args(&[&["inspect"], ids.as_slice()].concat());
    differences_from(&ids, &descriptions, guests)
}

/// What is told otherwise than of these ids, as this list of descriptions has them.
pub(crate) fn differences_from(
    ids: &[&str],
    descriptions: &str,
    guests: &BTreeMap<String, Guest>,
) -> Vec<String> {
    let mut found = Vec::new();
    if !guests.keys().eq(sorted(ids)) {
        found.push(format!("told {:?}, there are {ids:?}", guests.keys()));
    }
    for said in serde_json::from_str::<Vec<Value>>(descriptions).unwrap() {
        let Some(guest) = guests.get(said["Id"].as_str().unwrap()) else { continue };
        let labels = said["Config"]["Labels"].as_object().cloned().unwrap_or_default();
        let state = if guest.state == GuestState::Paused { "paused" } else { "running" };
        let told = json!([
            guest.name,
            guest.pid,
            guest.hostname,
            guest.image,
            guest.labels,
            state,
            guest.memory_max.unwrap_or(0)
        ]);
        let (config, own) = (&said["Config"], &said["State"]);
        let name = said["Name"].as_str().unwrap().trim_start_matches('/');
        let memory = &said["HostConfig"]["Memory"];
        let wanted =
            json!([name, own["Pid"], config["Hostname"], config["Image"], labels, own["Status"], memory]);
        if told != wanted {
            found.push(format!("told {told}, is {wanted}"));
        }
    }
    found
}

fn sorted<T: AsRef<str>>(ids: &[T]) -> Vec<&str> {
    let mut ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
    ids.sort_unstable();
    ids
}

/// The states in which this container was told of, without repetitions, and whether it was told gone at the end.
pub(crate) fn states(news: &[News], id: &str) -> Vec<Option<GuestState>> {
    let mut states = Vec::new();
    for told in news {
        match told {
            News::One(guest) if guest.id == id => states.push(Some(guest.state)),
            News::Gone(gone) if gone == id => states.push(None),
            _ => {}
        }
    }
    states.dedup();
    states
}
