//! What there is to say of interfaces: those that the configuration names and that are not there, links that are down,
//! samplers that have nothing to sample. In: the snapshot's table. Out: findings, one for all interfaces of a kind.

use super::Finding;
use super::components::file_of;
use crate::status::registry::some_of;
use crate::status::snapshot::{Interface, Snapshot};

pub(super) fn findings(snapshot: &Snapshot) -> impl Iterator<Item = Finding> {
    [missing_agent_device(snapshot), links_down(snapshot), without_samples(snapshot)].into_iter().flatten()
}

/// The taps' own components tell of `dev` in `pcap`, collectors of `dev` in `collector`.
fn missing_agent_device(snapshot: &Snapshot) -> Option<Finding> {
    let is_set = |key: &str| {
        let value = snapshot.settings.values.iter().find(|value| value.key == key)?;
        value.value.clone().map(|text| (text, value.origin.clone()))
    };
    let (device, origin) = is_set("agent")?;
    // An address that is named decides alone.
    if is_set("agentIP").is_some() || snapshot.interfaces.is_empty() {
        return None;
    }
    let is_it = |i: &Interface| i.name == device || i.alias.as_deref() == Some(device.as_str());
    if snapshot.interfaces.iter().any(is_it) {
        return None;
    }
    let cause = format!("agent = {device} ({origin}) names an interface that this host does not have");
    let file = file_of(snapshot);
    let remedy = format!(
        "ip -br link shows those that there are; write agent = NAME in {file}, then hsflowctl reload"
    );
    Some(Finding::degraded("agent", cause, remedy))
}

/// Of hardware, and of what is sampled: ends of containers come and go.
fn links_down(snapshot: &Snapshot) -> Option<Finding> {
    let is_wanted = |i: &&Interface| i.kind == "physical" || i.sampling.source.is_some();
    let down = names(snapshot, |i| i.admin_up && !i.oper_up && is_wanted(&i));
    let cause = format!("the link is down: {}", listed(&down)?);
    Some(Finding::information("links", cause, ""))
}

fn without_samples(snapshot: &Snapshot) -> Option<Finding> {
    let is_idle = |i: &Interface| {
        let s = &i.sampling;
        i.oper_up && s.source.is_some() && s.warning.is_none() && s.samples == 0 && s.unknown == 0
    };
    let cause = format!("no packet was sampled yet: {}", listed(&names(snapshot, is_idle))?);
    Some(Finding::information(
        "samples",
        cause,
        "hsflowctl explain sample-rate NAME says how many packets make a sample",
    ))
}

fn names(snapshot: &Snapshot, test: impl Fn(&Interface) -> bool) -> Vec<&str> {
    snapshot.interfaces.iter().filter(|i| test(i)).map(|i| i.name.as_str()).collect()
}

fn listed(names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| some_of(names, ", ", " and "))
}
