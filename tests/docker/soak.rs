//! Containers that come, go and change at random while they are watched.

use crate::dockerd::Dockerd;
use crate::life::{compare, differences};
use crate::rig::{Watched, patient, skips};
use crate::support::wait_until;
use hsflow::collect::guests::News;
use hsflow::host::Clock;
use hsflow::sample::random::Random;
use std::time::Duration;

#[test]
fn containers_that_change_at_random_are_those_that_docker_has() {
    const NAME: &str = "containers_that_change_at_random_are_those_that_docker_has";
    const MOST: u64 = 30;
    let time = Duration::from_secs(15);
    if skips(NAME, &["dockerd", "docker", "unshare"]) {
        return;
    }
    let dockerd = Dockerd::start(&["--bridge=none"]);
    let clock = Clock::system();
    let mut random = Random::new(5);
    (0..MOST).for_each(|number| _ = dockerd.sleeper(&format!("first{number}"), ""));
    let started = clock.now();
    // No reading of the list again: events alone have to do.
    let watched = Watched::start(&dockerd.root(), patient());
    watched.wait_running();
    println!("{MOST} containers known after {:?}", clock.now() - started);
    compare(&dockerd, &watched.told().guests);
    let mut done = 0_u64;
    while clock.now() - started < time || done < 60 {
        let slot = random.number() % MOST;
        act(&dockerd, &mut random, slot, done);
        done += 1;
    }
    // The last changes may still be on the way.
    wait_until("all is as docker describes it", Duration::from_secs(60), || {
        let guests = watched.told().guests.clone();
        differences(&dockerd, &guests).is_empty().then_some(())
    });
    // The stream of events; every question's connection is closed with its answer.
    wait_until("one connection is left", Duration::from_secs(60), || {
        (dockerd.connections() <= 1).then_some(())
    });
    let told = watched.told();
    assert!(told.broken.is_empty(), "{:?}", told.broken);
    let gone = told.news.iter().filter(|news| matches!(news, News::Gone(_))).count();
    println!("{done} acts, {} news, {gone} gone", told.news.len());
    assert!(gone > 0);
}

/// One of the things that people do to containers; it may be refused, as it is theirs.
fn act(dockerd: &Dockerd, random: &mut Random, slot: u64, number: u64) {
    let ids = dockerd
        .docker("ps -a -q --no-trunc --filter status=running --filter status=paused --filter status=exited");
    let ids: Vec<&str> = ids.lines().collect();
    let Some(id) = ids.get(usize::try_from(slot).unwrap() % ids.len().max(1)) else {
        dockerd.sleeper(&format!("n{number}"), "");
        return;
    };
    let line = match random.number() % 10 {
        0 | 1 => format!("run -d --network none --name n{number} bb sleep 100000"),
        2 => format!("run --rm --network none --name n{number} bb true"),
        3 => format!("rm -f {id}"),
        4 => format!("stop -t 0 {id}"),
        5 => format!("start {id}"),
        6 => format!("pause {id}"),
        7 => format!("unpause {id}"),
        8 => format!("rename {id} r{number}"),
        _ => format!("restart -t 0 {id}"),
    };
    let _ = dockerd.attempt(&line);
}
