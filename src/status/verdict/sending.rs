//! What there is to say of the way out: a stream that stands still, losses on the way in and out, features that the file
//! names in vain. In: the counters of the snapshot. Out: findings. Rule: a loss that is counted is said with its number.

use super::Finding;
use super::components::file_of;
use crate::status::registry::{State, some_of};
use crate::status::snapshot::{Collector, Snapshot};

/// Intervals without a datagram after which a stream stands still; the host's counters alone are due once in each.
const INTERVALS: u64 = 3;
/// Beyond these: names are looked up, the machine is busy.
const GRACE_SECS: u64 = 10;

pub(super) fn findings(snapshot: &Snapshot) -> impl Iterator<Item = Finding> {
    let stalled = snapshot.collectors.iter().filter_map(|collector| stalled(snapshot, collector));
    let lost = snapshot.collectors.iter().filter_map(|collector| lost(snapshot, collector));
    let inactive = snapshot.settings.inactive.iter().map(|feature| {
        Finding::information(
            "configuration",
            format!("has no effect: {feature}"),
            "hsflowctl check says the same of the whole file",
        )
    });
    stalled
        .chain(lost)
        .chain(samples_lost(snapshot))
        .chain(readers_behind(snapshot))
        .chain(guests(snapshot))
        .chain(inactive)
}

/// Counters are due, nothing stands against them, and nothing goes out.
fn stalled(snapshot: &Snapshot, collector: &Collector) -> Option<Finding> {
    let polling = u64::from(snapshot.settings.polling_secs);
    let patience = polling * INTERVALS + GRACE_SECS;
    // Other settings begin anew: with the old ones nothing may have been due.
    let in_force = snapshot.settings.in_force_secs;
    let silent = collector.last_send_secs_ago.map_or(in_force, |secs| secs.min(in_force));
    // What was in trouble until now gets its next datagram within an interval.
    let was_in_trouble = collector.last_error_secs_ago.is_some_and(|secs| secs <= patience);
    let is_expected = polling > 0 && snapshot.agent.address.is_some() && runs(snapshot, "collectors");
    let component = format!("collector {}", collector.name);
    if !is_expected || was_in_trouble || silent <= patience || !runs(snapshot, &component) {
        return None;
    }
    let cause = format!("nothing was sent for {silent} s, though counters are due every {polling} s");
    let remedy = "journalctl -u hsflowd says what the agent met; systemctl restart hsflowd".to_owned();
    Some(Finding::degraded(&component, cause, remedy))
}

fn runs(snapshot: &Snapshot, component: &str) -> bool {
    snapshot.components.iter().any(|c| c.name == component && c.state == State::Running)
}

/// It works now, and did not.
fn lost(snapshot: &Snapshot, collector: &Collector) -> Option<Finding> {
    let component = format!("collector {}", collector.name);
    if collector.lost == 0 || !runs(snapshot, &component) {
        return None;
    }
    let last = collector.last_error.as_deref().unwrap_or("unknown");
    let cause = format!("{} datagrams were lost earlier; the last error was: {last}", collector.lost);
    let host = collector.name.split(' ').next().unwrap_or_default();
    Some(Finding::information(&component, cause, &format!("hsflowctl explain collector {host}")))
}

fn samples_lost(snapshot: &Snapshot) -> Option<Finding> {
    let (dropped, made) = (snapshot.telemetry.dropped_samples, snapshot.telemetry.flow_samples);
    if dropped == 0 {
        return None;
    }
    let cause = format!(
        "{dropped} packet samples were lost between kernel and agent, {made} were made; the sample pool tells collectors of it"
    );
    let remedy =
        format!("sample less: a larger sampling.SPEED = N in {}, then hsflowctl reload", file_of(snapshot));
    Some(Finding::information("samples", cause, &remedy))
}

fn readers_behind(snapshot: &Snapshot) -> Option<Finding> {
    let slow = snapshot.readers.iter().filter(|reader| reader.dropped > 0);
    let slow: Vec<_> =
        slow.map(|reader| format!("process {} ({} datagrams)", reader.pid, reader.dropped)).collect();
    let cause =
        format!("programs of this host that read along are too slow: {}", some_of(&slow, ", ", " and "));
    (!slow.is_empty()).then(|| Finding::information("stream", cause, "ps -p PID shows which"))
}

fn guests(snapshot: &Snapshot) -> Option<Finding> {
    let wrong = snapshot.guests.iter().filter_map(|g| Some(format!("{}: {}", g.name, g.problem.as_ref()?)));
    let wrong: Vec<_> = wrong.collect();
    (!wrong.is_empty()).then(|| {
        Finding::information("guests", some_of(&wrong, "; ", "; and "), "hsflowctl explain guest NAME")
    })
}
