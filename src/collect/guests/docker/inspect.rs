//! The description of a container.
//!
//! In: the answer to `/containers/ID/json`. Out: the guest. Rules: what is absent or wrong is unknown, and the rest counts;
//! texts are bounded, so that a guest costs little whatever its owner writes on it. Source: Docker Engine API, and the
//! states that Podman has beyond it.

use super::field::{Fields, Odd, shown, wrong};
use crate::sample::guest::{Engine, Guest, GuestState, uuid};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of a description.
pub(super) const LIMIT: usize = 8 << 20;
/// Bytes of a name, and of a label's value.
const TEXT: usize = 255;
/// Bytes of all labels of a guest.
const LABELS: usize = 4096;
/// GPUs of a guest.
const GPUS: usize = 64;

/// The container with this id, and what is wrong with its description. `None`: it does not say whether it lives.
///
/// # Errors
/// It is not JSON.
pub fn parse_inspect(id: &str, text: &[u8]) -> Result<(Option<Guest>, Vec<Odd>), serde_json::Error> {
    let mut fields = Fields::new(serde_json::from_slice(text)?);
    let name = match fields.text("/Name").map(name) {
        Some(name) if !name.is_empty() => name,
        _ => id.get(..12).unwrap_or(id).to_owned(),
    };
    let mut guest = Guest::new(Engine::Docker, id, name);
    let Some(state) = parse_state(&mut fields) else { return Ok((None, fields.odd)) };
    guest.state = state;
    let pid = fields.number("/State/Pid").and_then(|pid| u32::try_from(pid).ok());
    guest.pid = pid.filter(|pid| *pid > 0 && guest.state.is_alive());
    guest.hostname = words(&mut fields, "/Config/Hostname");
    guest.image = words(&mut fields, "/Config/Image");
    guest.labels = parse_labels(&mut fields);
    guest.cpus = parse_cpus(&mut fields);
    guest.memory_max = fields.limit("/HostConfig/Memory");
    guest.gpus = parse_gpus(&mut fields);
    Ok((Some(guest), fields.odd))
}

/// The name as people write it.
pub(super) fn name(text: &str) -> String {
    shown(text.strip_prefix('/').unwrap_or(text), TEXT)
}

/// A state by its name; of a name that is not known, [`GuestState::None`].
pub(super) fn state(name: &str) -> GuestState {
    match name {
        // Podman's `stopping` has been asked to end and has not.
        "running" | "stopping" => GuestState::Running,
        "paused" => GuestState::Paused,
        // One that restarts has no process until it has started.
        "exited" | "dead" | "removing" | "deleted" | "restarting" => GuestState::Shutdown,
        "stopped" => GuestState::Shutoff,
        _ => GuestState::None,
    }
}

fn parse_state(fields: &mut Fields) -> Option<GuestState> {
    let named = fields.text("/State/Status").map(state);
    let flags = match (fields.flag("/State/Paused"), fields.flag("/State/Running")) {
        (Some(true), _) => Some(GuestState::Paused),
        (_, Some(true)) => Some(GuestState::Running),
        (None, None) => None,
        _ => Some(GuestState::None),
    };
    named.filter(|state| *state != GuestState::None).or(flags).or(named)
}

fn words(fields: &mut Fields, field: &'static str) -> Option<String> {
    fields.text(field).filter(|text| !text.is_empty()).map(|text| shown(text, TEXT))
}

fn parse_labels(fields: &mut Fields) -> BTreeMap<String, String> {
    const FIELD: &str = "/Config/Labels";
    let (mut kept, mut size, mut left_out, mut odd) = (BTreeMap::new(), 0, 0, Vec::new());
    for (key, value) in fields.object(FIELD).into_iter().flatten() {
        let Some(text) = value.as_str() else {
            odd = vec![wrong("/Config/Labels/*", "text", value)];
            continue;
        };
        let (key, value) = (shown(key, TEXT), shown(text, TEXT));
        if size + key.len() + value.len() > LABELS {
            left_out += 1;
        } else {
            size += key.len() + value.len();
            kept.insert(key, value);
        }
    }
    if left_out > 0 {
        odd.push(Odd::TooMuch { field: FIELD, left_out, limit: LABELS });
    }
    fields.odd.append(&mut odd);
    kept
}

/// As the C agent has them, but a part of one CPU is one and not none.
fn parse_cpus(fields: &mut Fields) -> Option<u32> {
    let count = fields.limit("/HostConfig/CpuCount");
    let nano = fields.limit("/HostConfig/NanoCpus");
    let rounded = nano.map(|nano| nano.saturating_add(500_000_000) / 1_000_000_000);
    count.or(rounded.map(|cpus| cpus.max(1))).and_then(|cpus| u32::try_from(cpus).ok())
}

/// Those asked for by UUID, in the environment or from the engine.
fn parse_gpus(fields: &mut Fields) -> Vec<String> {
    let environment = fields.list("/Config/Env").iter().filter_map(Value::as_str);
    let listed = environment.filter_map(|text| text.strip_prefix("NVIDIA_VISIBLE_DEVICES="));
    let mut gpus: Vec<String> = listed.flat_map(|list| list.split(',')).filter_map(gpu).collect();
    let requests = fields.list("/HostConfig/DeviceRequests").iter();
    let ids = requests.filter_map(|request| request.get("DeviceIDs")?.as_array()).flatten();
    gpus.extend(ids.filter_map(Value::as_str).filter_map(gpu));
    gpus.sort();
    gpus.dedup();
    gpus.truncate(GPUS);
    gpus
}

fn gpu(text: &str) -> Option<String> {
    let text = text.trim();
    uuid::parse_prefix(text.strip_prefix("GPU-")?)?;
    Some(shown(text, 40))
}

#[cfg(test)]
mod tests;
