//! What there is to say of the process itself. In: its identity in the snapshot, lines of its log that were lost. Out: a finding
//! where the one before it did not end by itself, and one where its log is not whole. Rule: a service manager that starts it
//! again must not hide that it died; after a day it is history.

use super::Finding;
use crate::status::snapshot::Snapshot;

const NEWS_SECS: u64 = 24 * 3600;

pub(super) fn findings(snapshot: &Snapshot) -> impl Iterator<Item = Finding> {
    follows_a_crash(snapshot).into_iter().chain(log_with_gaps(snapshot))
}

fn log_with_gaps(snapshot: &Snapshot) -> Option<Finding> {
    let lines = snapshot.losses.log_lines;
    let cause =
        format!("{lines} lines could not be written: no room, or the file of -D has its greatest size");
    let remedy = "df -h on the file of -D, and rotate it; without -D the journal has the log";
    (lines > 0).then(|| Finding::information("log", cause, remedy))
}

fn follows_a_crash(snapshot: &Snapshot) -> Option<Finding> {
    let agent = &snapshot.agent;
    if !agent.follows_a_crash || agent.uptime_secs >= NEWS_SECS {
        return None;
    }
    let cause = format!(
        "the agent before this one was killed or crashed; this one was started {} s ago, and numbers begin anew",
        agent.uptime_secs
    );
    let remedy = "systemctl status hsflowd and journalctl -u hsflowd say how it ended, and how often";
    Some(Finding::information("agent", cause, remedy))
}
