//! dockerd killed, frozen and started again while its containers are polled: they are counted by their cgroups all the
//! while, and only what dockerd says when it is back ends one.

use super::Hosted;
use crate::rig::{Counters, all_samples, assert_whole, isolated, record, samples};
use crate::support::wait_until;
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::time::Duration;

/// For what dockerd takes ten seconds for on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Words that run a container which is never idle for long.
const BUSY: [&str; 4] = ["bb", "sh", "-c", "while :; do sleep 0.05; done"];

fn run_busy(hosted: &Hosted, options: &str) {
    let line = format!("run -d --network none {options}");
    let words: Vec<_> = line.split_whitespace().chain(BUSY).collect();
    hosted.dockerd.docker_args(&words);
}

/// State and CPU time.
fn cpu(sample: &Counters) -> (u32, u32) {
    let cpu = record!(sample, VirtCpu).unwrap();
    (cpu.state, cpu.cpu_time)
}

fn wait_state(hosted: &Hosted, part: &str) {
    wait_until(part, PATIENCE, || hosted.rig.component("docker").contains(part).then_some(()));
}

fn guests(hosted: &Hosted) -> usize {
    hosted.rig.snapshot()["guests"].as_array().unwrap().len()
}

/// Its CPU time goes on.
fn assert_counted(hosted: &Hosted, source: DataSource) {
    let (_, before) = cpu(&hosted.rig.next_sample(source));
    let what = format!("more CPU time of {source}");
    hosted.rig.wait(&what, |d| samples(d, source).last().is_some_and(|sample| cpu(sample).1 > before));
}

/// A container that ended while dockerd was away sends its last sample once dockerd is back, and goes.
fn assert_ended(hosted: &Hosted, name: &str, source: DataSource) {
    let last = |d: &[Datagram]| samples(d, source).last().is_some_and(|sample| cpu(sample).0 == 4);
    hosted.rig.wait("its last sample", last);
    wait_until("it has gone", PATIENCE, || hosted.try_guest(name).is_none().then_some(()));
    let all = hosted.rig.datagrams();
    let told = samples(&all, source);
    assert_eq!(told.iter().filter(|sample| cpu(sample).0 == 4).count(), 1);
    assert!(told.is_sorted_by_key(|sample| cpu(sample).1), "counters that went back");
}

/// Two containers that have sent, one of them to stay and one to end.
struct Two {
    stays: DataSource,
    ends: DataSource,
    /// Of the one that is to end.
    pid: Pid,
}

fn two(hosted: &Hosted) -> Two {
    run_busy(hosted, "--name stays");
    hosted.dockerd.sleeper("ends", "");
    let (stays, ends) = (hosted.source("stays"), hosted.source("ends"));
    let pid = Pid::from_raw(hosted.pid("ends").parse().unwrap());
    hosted.rig.first_sample(ends);
    Two { stays, ends, pid }
}

/// The one has sent its last sample, the other goes on as the same source, and nothing is missing.
#[track_caller]
fn assert_only_one_ended(hosted: &Hosted, stays: DataSource, ends: DataSource) {
    assert_ended(hosted, "ends", ends);
    assert_eq!((hosted.source("stays"), guests(hosted)), (stays, 1));
    assert_counted(hosted, stays);
    assert_whole(&hosted.rig.datagrams());
}

#[test]
fn containers_are_counted_on_while_dockerd_is_dead_and_one_that_ended_ends_when_it_is_back() {
    isolated(|| {
        let mut hosted = Hosted::waiting(&["--live-restore"], "docker { }");
        hosted.start();
        let Two { stays, ends, pid } = two(&hosted);

        hosted.dockerd.kill();
        wait_state(&hosted, "degraded");
        kill(pid, Signal::SIGKILL).unwrap();
        assert_counted(&hosted, stays);
        assert_eq!(guests(&hosted), 2, "nobody has said that one ended");
        let host = hosted.rig.next_sample(DataSource::HOST);
        assert_eq!(record!(host, VirtNode).map(|node| node.num_domains), Some(2));

        hosted.dockerd.launch();
        wait_state(&hosted, "running");
        assert_only_one_ended(&hosted, stays, ends);
    });
}

#[test]
fn a_frozen_dockerd_is_said_and_holds_up_no_sample() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        let Two { stays, ends, pid } = two(&hosted);

        hosted.dockerd.signal(Signal::SIGSTOP);
        kill(pid, Signal::SIGKILL).unwrap();
        assert_counted(&hosted, stays);
        // With other settings dockerd is asked at once, not after half a minute of silence.
        hosted.rig.reload("agentIP = 172.31.255.1 polling = 1 docker { refreshVMs = 300 }");
        wait_state(&hosted, "degraded");
        assert_counted(&hosted, stays);
        assert_eq!(guests(&hosted), 2);
        hosted.dockerd.signal(Signal::SIGCONT);
        wait_state(&hosted, "running");
        assert_only_one_ended(&hosted, stays, ends);
    });
}

#[test]
fn a_container_that_dockerd_starts_anew_is_the_same_source_and_counts_from_the_beginning() {
    isolated(|| {
        let mut hosted = Hosted::running("docker { }");
        run_busy(&hosted, "--name back --restart always");
        let (source, pid) = (hosted.source("back"), hosted.pid("back"));
        assert_counted(&hosted, source);
        hosted.dockerd.kill();
        wait_state(&hosted, "degraded");
        hosted.dockerd.launch();
        wait_until("another process", PATIENCE, || (hosted.pid("back") != pid).then_some(()));
        wait_state(&hosted, "running");
        assert_counted(&hosted, source);
        assert_eq!((hosted.source("back"), guests(&hosted)), (source, 1));

        // A collector takes a counter that goes back for one that went round, unless the numbering begins anew.
        let mut last: HashMap<DataSource, (u32, u32)> = HashMap::new();
        for sample in all_samples(&hosted.rig.datagrams()).filter(|sample| sample.header.source == source) {
            let (number, time) = (sample.header.sequence, cpu(sample).1);
            let (before, time_before) = last.insert(source, (number, time)).unwrap_or((0, 0));
            assert!(number == 1 || number == before + 1, "{number} after {before}");
            assert!(
                number == 1 || time >= time_before,
                "{time} ms after {time_before} ms in sample {number}"
            );
        }
    });
}
