//! Time: nothing grows while the agent polls and interfaces come and go.

use crate::netns::ip_batch;
use crate::rig::{LIMIT, Rig, assert_whole, isolated, samples};
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;

/// Polls every second, so many times, with ten new interfaces in each second.
fn soak(polls: usize) {
    const WARM: usize = 6;
    let rig = Rig::running("polling = 1\ninterfaceCounters = all");
    let poll = |n: usize| {
        ip_batch(
            &(0..5).map(|p| format!("link add n{n}p{p} type veth peer name n{n}q{p}\n")).collect::<String>(),
        );
        rig.next_sample(DataSource::HOST);
        ip_batch(&(0..5).map(|p| format!("link del n{n}p{p}\n")).collect::<String>());
    };
    (0..WARM).for_each(poll);
    // By then the news of interfaces has been read.
    rig.next_sample(DataSource::HOST);
    let (descriptors, resident) = (rig.descriptors(), rig.own_kib());
    (WARM..polls).for_each(poll);
    rig.next_sample(DataSource::HOST);
    rig.assert_same_size(descriptors.len(), resident);
    let sent = rig.datagrams();
    assert_whole(&sent);
    assert!(samples(&sent, DataSource::HOST).len() > polls);
    wait_until("only loopback is left", LIMIT, || {
        (rig.snapshot()["interfaces"].as_array()?.len() == 1).then_some(())
    });
}

#[test]
fn twenty_polls_leave_nothing_behind() {
    isolated(|| soak(20));
}

#[test]
#[ignore = "five minutes; tests/long.sh runs it"]
fn long_three_hundred_polls_leave_nothing_behind() {
    isolated(|| soak(300));
}
