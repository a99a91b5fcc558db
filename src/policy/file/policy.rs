//! One `[policy.NAME]`: who wants what, on which packets, for how long.

use super::action::action;
use super::fault::FaultKind;
use super::table::{Table, wrong};
use crate::policy::lines::{self, Dialect};
use crate::policy::model::{
    Body, Direction, End, Expiry, Match, Policy, PolicyName, PrefixFault, Rule, Traffic, Tunnel, Vni,
};
use std::collections::BTreeSet;
use std::str::FromStr;

const GENERAL: [&str; 7] = ["owner", "priority", "expires", "netns", "force", "action", "lines"];
const TRAFFIC: [&str; 15] = [
    "bridge",
    "direction",
    "from",
    "to",
    "source",
    "destination",
    "protocol",
    "source_port",
    "destination_port",
    "fragments",
    "dscp",
    "state",
    "vni",
    "gre_key",
    "above",
];
/// Of whom a file says nothing.
const OWNER: &str = "file";
const PRIORITY: u16 = 1000;

/// All keys of a policy.
pub(super) fn keys() -> Vec<&'static str> {
    GENERAL.into_iter().chain(TRAFFIC).collect()
}

/// Reads a policy; `None` where anything in it is wrong, after all of that was noted.
pub(super) fn read(table: &mut Table<'_, '_>, name: PolicyName, dialect: Dialect) -> Option<Policy> {
    let owner = table.one("owner", FromStr::from_str).or_else(|| OWNER.parse().ok());
    let priority = table.number("priority", 0..=u64::from(u16::MAX));
    let is_never = table.get("expires").is_none_or(|value| value.get_ref().as_str() == Some("never"));
    let expires = if is_never { None } else { table.time("expires") };
    let netns = table.one("netns", FromStr::from_str);
    let forced = table.flag("force");
    let body = body(table, dialect);
    let policy = Policy {
        name,
        owner: owner?,
        priority: priority.unwrap_or(PRIORITY),
        expiry: expires.map_or(Expiry::Never, Expiry::After),
        netns,
        forced,
        body: body?,
    };
    table.is_clean().then_some(policy)
}

fn body(table: &mut Table<'_, '_>, dialect: Dialect) -> Option<Body> {
    match (table.get("lines").is_some(), table.get("action").is_some()) {
        (true, false) if table.any(&TRAFFIC).is_none() => raw(table, dialect),
        (true, _) => {
            let why = "'lines' say everything themselves: no match and no action beside them";
            table.refuse_all(FaultKind::Conflict(why))
        }
        (false, false) => table.refuse_all(FaultKind::Missing("'action' or 'lines'")),
        (false, true) => {
            let (traffic, action) = (traffic(table), action(table)?);
            if !table.is_clean() {
                return None;
            }
            let rule = Match::new(traffic).and_then(|matching| Rule::new(matching, action));
            rule.map(|rule| Body::Rule(Box::new(rule))).or_else(|why| table.refuse_all(why).ok_or(())).ok()
        }
    }
}

fn raw(table: &mut Table<'_, '_>, dialect: Dialect) -> Option<Body> {
    let values = table.list("lines");
    let texts: Option<Vec<_>> = values.iter().map(|value| value.get_ref().as_str()).collect();
    let Some(texts) = texts else {
        let value = values.iter().find(|value| value.get_ref().as_str().is_none())?;
        return table.refuse("lines", value, wrong(value, "a text"));
    };
    match lines::parse(texts, dialect) {
        Ok(rules) => Some(Body::Lines(rules)),
        Err(faults) => {
            for fault in faults {
                if let Some(value) = values.get(fault.line - 1) {
                    table.refuse::<()>("lines", value, FaultKind::Line(fault));
                }
            }
            None
        }
    }
}

fn traffic(table: &mut Table<'_, '_>) -> Traffic {
    let (from, to) = (table.one("from", FromStr::from_str), table.one("to", FromStr::from_str));
    let bridge = table.one("bridge", FromStr::from_str);
    let directions: BTreeSet<_> = table.many("direction", Direction::from_str).into_iter().collect();
    Traffic {
        directions: if table.get("direction").is_some() {
            directions
        } else if bridge.is_some() {
            [Direction::Forward].into()
        } else {
            Direction::possible(from.is_some(), to.is_some())
        },
        bridge,
        from,
        to,
        sources: table.many("source", end),
        destinations: table.many("destination", end),
        protocol: table.one("protocol", FromStr::from_str),
        source_ports: table.many("source_port", FromStr::from_str),
        destination_ports: table.many("destination_port", FromStr::from_str),
        fragments: table.flag("fragments"),
        dscp: table.one("dscp", FromStr::from_str),
        states: table.many("state", FromStr::from_str).into_iter().collect(),
        tunnel: tunnel(table),
        above: table.one("above", FromStr::from_str),
    }
}

/// `@web` is a group, all else an address.
fn end(text: &str) -> Result<End, FaultKind> {
    match text.strip_prefix('@') {
        Some(group) => Ok(End::Group(group.parse()?)),
        None => text.parse().map(End::Prefix).map_err(|why: PrefixFault| why.into()),
    }
}

fn tunnel(table: &mut Table<'_, '_>) -> Option<Tunnel> {
    let vni: Option<u32> = table.number("vni", 0..=(1 << 24) - 1);
    let key = table.number("gre_key", 0..=u64::from(u32::MAX));
    match (vni.and_then(|vni| Vni::try_from(vni).ok()), key) {
        (Some(_), Some(_)) => {
            table.refuse_all(FaultKind::Conflict("a packet has a VNI or a GRE key, not both"))
        }
        (Some(vni), None) => Some(Tunnel::Vni(vni)),
        (None, key) => key.map(Tunnel::GreKey),
    }
}
