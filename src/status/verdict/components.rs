//! What the states of the components come to. In: components, and which objects the file names. Out: a finding for each
//! that does not run. Rule: what cannot work here is a fault where a line of the file asks for it by name, and no fault
//! where it is preset or where the settings themselves say that there is nothing to do.

use super::remedy::{self, Place};
use super::{Finding, Severity};
use crate::status::registry::{Component, State};
use crate::status::snapshot::Snapshot;

/// What one component says of another; that one's own finding is enough.
const ELSEWHERE: &str = "see dns-sd";

pub(super) fn findings(snapshot: &Snapshot) -> impl Iterator<Item = Finding> {
    snapshot.components.iter().filter_map(|component| of_one(snapshot, component))
}

fn of_one(snapshot: &Snapshot, component: &Component) -> Option<Finding> {
    let (severity, cause) = match &component.state {
        State::Running | State::Disabled => return None,
        State::Degraded { reason } => (Severity::Degraded, reason),
        State::Unavailable { reason } if reason.ends_with(ELSEWHERE) => return None,
        State::Unavailable { reason } if is_missed(snapshot, &component.name, reason) => {
            (Severity::Degraded, reason)
        }
        State::Unavailable { reason } => (Severity::Information, reason),
    };
    let place = Place { component: &component.name, file: file_of(snapshot) };
    Some(Finding {
        what: component.name.clone(),
        severity,
        cause: cause.clone(),
        since: Some(component.since),
        remedy: remedy::of(&place, cause),
    })
}

/// Something that a line of the file names is not on this host.
fn is_missed(snapshot: &Snapshot, component: &str, reason: &str) -> bool {
    remedy::is_absence(component, reason) && snapshot.settings.named.iter().any(|name| name == component)
}

/// The file's path alone.
pub(super) fn file_of(snapshot: &Snapshot) -> &str {
    let file = snapshot.settings.file.as_str();
    let path = file.split(" (absent").next().unwrap_or(file);
    if path.is_empty() { "/etc/hsflowd.conf" } else { path }
}
