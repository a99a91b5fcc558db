//! Rights: capabilities of the agent beside those that its configuration needs, and the sockets and programs that it must be
//! let to. In: facts. Out: checks.

use super::super::Check;
use super::super::facts::{Door, Facts, Rights};
use crate::agent::privileges::{Need, needed};

const CAP_DAC_OVERRIDE: u8 = 1;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let needs = facts.config.settings().map(needed).unwrap_or_default();
    let mut all: Vec<Check> = needs.iter().map(|need| capability(facts, need)).collect();
    if needs.is_empty() && facts.config.settings().is_some() {
        all.push(Check::good("capabilities", "the configuration needs none"));
    }
    all.extend(facts.doors.iter().map(|door| of_door(facts, door)));
    all
}

fn capability(facts: &Facts, need: &Need) -> Check {
    let what = need.capability.to_string();
    let held = facts.rights.as_ref().and_then(|rights| rights.capabilities);
    match held {
        None => Check::unsure(
            &what,
            format!("will be needed: {}", need.reason),
            "the unit grants it, or a drop-in: man 8 hsflowd",
        ),
        Some(held) if held >> need.capability.index() & 1 == 1 => {
            Check::good(&what, format!("the agent has it: {}", need.reason))
        }
        Some(_) if need.vital => Check::wrong(
            &what,
            format!("the agent does not have it: {}", need.reason),
            "systemctl restart hsflowd; what the unit does not grant has a drop-in: systemctl cat hsflowd, man 8 hsflowd",
        ),
        Some(_) => Check::unsure(
            &what,
            format!("the agent does not have it, and may do without: {}", need.reason),
            "where something is missing, the drop-in for it: man 8 hsflowd",
        ),
    }
}

fn of_door(facts: &Facts, door: &Door) -> Check {
    let Door { of, path, owner, wanted } = door;
    let what = format!("access {of}");
    let Some((uid, gid, mode)) = *owner else {
        let remedy = format!(
            "install or start it; where this host has none, take {of} {{ }} out of {}",
            facts.config.file()
        );
        return Check::wrong(&what, format!("there is no {path}"), remedy);
    };
    match &facts.rights {
        None => {
            Check::unsure(&what, format!("{path} is there; whose agent is to be let in is not known"), "")
        }
        Some(rights) if may(rights, (uid, gid, mode), *wanted) => {
            Check::good(&what, format!("{path} lets the agent in"))
        }
        Some(rights) => {
            let found = format!(
                "{path} (user {uid}, group {gid}, mode {mode:o}) does not let user {} in",
                rights.uid
            );
            let remedy = format!(
                "a drop-in with SupplementaryGroups={gid} (systemctl edit hsflowd; docker.conf, open-vswitch.conf are such), then systemctl restart hsflowd"
            );
            Check::wrong(&what, found, remedy)
        }
    }
}

/// As the kernel decides: the first of owner, group and others that fits counts alone.
fn may(rights: &Rights, (uid, gid, mode): (u32, u32, u32), wanted: u32) -> bool {
    let overrides =
        rights.uid == 0 || rights.capabilities.is_some_and(|held| held >> CAP_DAC_OVERRIDE & 1 == 1);
    let place = match () {
        () if rights.uid == uid => 6,
        () if rights.groups.contains(&gid) => 3,
        () => 0,
    };
    overrides || (mode >> place) & wanted != 0
}
