use super::Hosted;
use crate::rig::isolated;
use crate::support::wait_until;
use hsflow::host::Clock;
use hsflow::sample::guest::index::preferred;
use hsflow::sample::guest::uuid;
use hsflow::sample::random::Random;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After the last change, on a busy machine.
const SETTLED: Duration = Duration::from_secs(120);

#[test]
fn the_agent_has_the_containers_that_docker_has_whatever_becomes_of_them() {
    isolated(|| soak(10, Duration::from_secs(10)));
}

#[test]
#[ignore = "ten minutes and the time for 500 containers to start"]
fn long_five_hundred_containers_at_random_for_ten_minutes() {
    isolated(|| soak(500, Duration::from_secs(600)));
}

fn soak(most: u64, time: Duration) {
    let mut hosted = Hosted::running("docker { }");
    (0..most).for_each(|number| _ = hosted.dockerd.sleeper(&format!("first{number}"), ""));
    let first = settle(&hosted);
    let (files, kib) = (hosted.rig.descriptors().len(), hosted.rig.own_kib());
    let clock = Clock::system();
    let (start, mut random, mut acts) = (clock.now(), Random::new(7), 0);
    while clock.now() - start < time {
        act(&hosted, &mut random, acts);
        acts += 1;
    }
    let last = settle(&hosted);
    let of_one = |count: usize, sum: usize| count as f64 * (sum as f64) / first.len() as f64;
    println!(
        "{acts} acts: {} containers, {files} files, {kib} KiB; then {}, {}, {}",
        first.len(),
        last.len(),
        hosted.rig.descriptors().len(),
        hosted.rig.own_kib()
    );
    // Each has its files and its share of memory; nothing is left of those that have gone.
    assert!(hosted.rig.descriptors().len() as f64 <= of_one(last.len(), files) + 40.0);
    let grown = hosted.rig.own_kib().saturating_sub(kib);
    let more = (last.len().saturating_sub(first.len()) as u64) * 8;
    assert!(grown <= more + 1024, "{grown} KiB more");
    for (id, source) in &last {
        assert!(
            first.get(id).is_none_or(|before| before == source),
            "{id} was {:?}, is {source}",
            first.get(id)
        );
    }
    assert_whole_but_for_those_that_came_back(&hosted);

    hosted.rig.agent().stop(SETTLED);
    hosted.start();
    let again = settle(&hosted);
    assert!(again.keys().eq(last.keys()), "other containers after a restart of the agent");
    let moved = again.iter().filter(|(id, source)| last.get(*id) != Some(*source)).count();
    println!("{moved} of {} data sources are others after a restart of the agent", again.len());
    assert_hashed(&again);
    // Of those that share a hash, one that came first may have ended, and then its place is the next one's.
    assert!(moved * 50 <= again.len());
}

/// Each has the data source that its id says, or the next that none of the others has.
fn assert_hashed(sources: &BTreeMap<String, String>) {
    let of = |source: &String| source.split_once(':').unwrap().1.parse::<u32>().unwrap();
    let taken: BTreeSet<u32> = sources.values().map(of).collect();
    for (id, source) in sources {
        let wanted = preferred(uuid::parse_prefix(id).unwrap());
        assert!((wanted..of(source)).all(|index| taken.contains(&index)), "{id} is {source}, not 3:{wanted}");
    }
}

/// Waits until the agent has exactly the containers that run or are paused; their data sources by id.
fn settle(hosted: &Hosted) -> BTreeMap<String, String> {
    let ps = "ps -q --no-trunc --filter status=running --filter status=paused";
    wait_until("the agent has the containers that docker has", SETTLED, || {
        let guests = hosted.rig.try_snapshot()["guests"].as_array()?.clone();
        let word = |guest: &Value, key: &str| guest[key].as_str().unwrap().to_owned();
        let known: BTreeMap<_, _> =
            guests.iter().map(|guest| (word(guest, "id"), word(guest, "source"))).collect();
        assert_eq!(known.len(), guests.len(), "one container twice");
        assert_eq!(known.values().collect::<BTreeSet<_>>().len(), known.len(), "one data source twice");
        let listed = hosted.dockerd.docker(ps);
        let listed: BTreeSet<_> = listed.lines().map(str::to_owned).collect();
        (known.keys().cloned().collect::<BTreeSet<_>>() == listed).then_some(known)
    })
}

/// One of the things that people do to containers; it may be refused, as it is theirs.
fn act(hosted: &Hosted, random: &mut Random, number: u64) {
    let all = hosted.dockerd.docker("ps -a -q --no-trunc");
    let ids: Vec<&str> = all.lines().collect();
    let at = usize::try_from(random.number()).unwrap_or(0) % ids.len().max(1);
    let id = ids.get(at).copied().unwrap_or_default();
    let line = match random.number() % 9 {
        0..3 => format!("run -d --network none --name n{number} bb sleep 100000"),
        3 | 4 => format!("rm -f {id}"),
        5 => format!("stop -t 0 {id}"),
        6 => format!("start {id}"),
        7 => format!("pause {id}"),
        _ => format!("unpause {id}"),
    };
    let _ = hosted.dockerd.attempt(&line);
}

/// Samples of a container that came back begin with 1 again; between two beginnings none is missing.
fn assert_whole_but_for_those_that_came_back(hosted: &Hosted) {
    let mut last = BTreeMap::new();
    for sample in crate::rig::all_samples(&hosted.rig.datagrams()) {
        let number = sample.header.sequence;
        let before = last.insert(sample.header.source, number).unwrap_or(0);
        assert!(number == before + 1 || number == 1, "{} of {} after {before}", number, sample.header.source);
    }
}
