//! `/etc/hsflowd/policy.toml` and `policy.d/*.toml`: texts in, policies and every fault out.
//!
//! Rule: one bad policy, group or protection costs only itself; a file that is not TOML costs the file; both are said
//! with line, column and key. Files say more together than each alone: groups of one name are one, all protections
//! hold, a policy's name is given once, and only the first file sets limits. What is well formed and still not to be
//! taken up (a group that is nowhere, a protected address) is said last, when all files are known. Spec: TOML 1.1.

mod action;
mod fault;
mod policy;
mod table;

pub use fault::{Fault, FaultKind};

use super::lines::Dialect;
use super::model::{
    Group, GroupName, Groups, Limits, Policy, PolicyName, PortAt, Protected, Selector, WordFault,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use table::{Source, Table};
use toml::de::DeTable;

/// Bytes of a file that is read at all.
pub const MOST_BYTES: usize = 4 << 20;
const TOP: [&str; 4] = ["limits", "protect", "group", "policy"];
const MOST: u64 = 1_000_000;

/// What files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// By name.
    pub policies: Vec<Policy>,
    /// Of all files.
    pub groups: Groups,
    /// Of all files.
    pub protected: Vec<Protected>,
    /// Of the first file.
    pub limits: Limits,
    /// In the order of the files; at most 100 of each, then a count.
    pub faults: Vec<Fault>,
}

/// Where a policy was said.
type Places = BTreeMap<PolicyName, (usize, Range<usize>)>;

/// Reads files by name and text, in the order in which they count.
pub fn parse(files: &[(&str, &str)], dialect: Dialect) -> Wishes {
    let (mut wishes, mut places) = (Wishes::default(), Places::new());
    let mut limits = None;
    let mut sources: Vec<_> = files.iter().map(|(name, text)| Source::new(name, text)).collect();
    for (number, source) in sources.iter_mut().enumerate() {
        let text = source.text;
        if text.len() > MOST_BYTES {
            source.fault(&(0..0), "", FaultKind::Size(text.len()));
            continue;
        }
        match DeTable::parse(text) {
            Ok(root) => {
                let mut root = Table::root(source, &root);
                read(&mut root, number, (&mut wishes, &mut places, &mut limits), (files, dialect));
            }
            Err(why) => {
                let kind = FaultKind::Syntax(why.message().replace(char::is_control, " ").into());
                source.fault(&why.span().unwrap_or(0..0), "", kind);
            }
        }
    }
    wishes.limits = limits.unwrap_or_default();
    admit(&mut wishes, &places, &mut sources);
    wishes.faults = sources.into_iter().flat_map(Source::finish).collect();
    wishes
}

fn read<'t>(
    root: &mut Table<'_, 't>,
    number: usize,
    (wishes, places, limits): (&mut Wishes, &mut Places, &mut Option<Limits>),
    (files, dialect): (&[(&'t str, &'t str)], Dialect),
) {
    root.know(&TOP);
    if number == 0 {
        *limits = read_limits(root);
    } else if let Some(value) = root.get("limits") {
        root.refuse::<()>("limits", value, FaultKind::Conflict("the first file alone sets limits"));
    }
    for value in root.list("protect") {
        let keys = ["peer", "protocol", "port", "at", "forwarded"];
        let table = Table::of(root.source, value, "protect", &keys);
        wishes.protected.extend(table.and_then(|mut table| protected(&mut table)));
    }
    for (name, value) in root.each("group") {
        let path = root.inside("group", name.get_ref());
        let Some(mut table) = Table::of(root.source, value, &path, &["addresses", "guests"]) else {
            continue;
        };
        let known =
            GroupName::from_str(name.get_ref()).map_err(|why| table.source.fault(&name.span(), &path, why));
        if let Some((name, group)) = known.ok().zip(group(&mut table)) {
            let whole = wishes.groups.entry(name).or_default();
            whole.addresses.extend(group.addresses);
            whole.guests.extend(group.guests);
        }
    }
    for (name, value) in root.each("policy") {
        let path = root.inside("policy", name.get_ref());
        let Some(mut table) = Table::of(root.source, value, &path, &policy::keys()) else { continue };
        let known =
            PolicyName::from_str(name.get_ref()).map_err(|why| table.source.fault(&name.span(), &path, why));
        let Ok(policy_name) = known else { continue };
        if let Some((first, _)) = places.get(&policy_name) {
            let first = files.get(*first).map_or_else(String::new, |(name, _)| (*name).to_owned());
            table.source.fault(&name.span(), &path, FaultKind::Twice(first));
            continue;
        }
        places.insert(policy_name.clone(), (number, name.span()));
        wishes.policies.extend(policy::read(&mut table, policy_name, dialect));
    }
}

fn read_limits(root: &mut Table<'_, '_>) -> Option<Limits> {
    let mut table = root.inner("limits", &["policies", "lines", "groups", "members"])?;
    let default = Limits::default();
    let mut number = |key, default: usize| {
        table.number(key, 1..=MOST).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    Some(Limits {
        policies: number("policies", default.policies),
        lines: number("lines", default.lines),
        groups: number("groups", default.groups),
        members: number("members", default.members),
    })
}

fn protected(table: &mut Table<'_, '_>) -> Option<Protected> {
    if table.get("peer").is_none() {
        return table.refuse_all(FaultKind::Missing("'peer', an address or prefix"));
    }
    let peer = table.one("peer", FromStr::from_str);
    let protocol = table.one("protocol", FromStr::from_str);
    let port = table.number("port", 1..=u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    let at = table.one("at", |word| match word {
        "peer" => Ok(PortAt::Peer),
        "host" => Ok(PortAt::Host),
        _ => Err(WordFault { what: "'at'", allowed: "peer (it is the peer's port) or host (this host's)" }),
    });
    let forwarded = table.flag("forwarded");
    let service = match (protocol, port, at) {
        (None, None, None) => None,
        (Some(protocol), Some(port), Some(at)) => Some((protocol, port, at)),
        _ if !table.is_clean() => return None,
        _ => return table.refuse_all(FaultKind::Missing("'protocol', 'port' and 'at' go together")),
    };
    table.is_clean().then_some(Protected { peer: peer?, service, host: Vec::new(), forwarded })
}

fn group(table: &mut Table<'_, '_>) -> Option<Group> {
    let addresses = table.many("addresses", FromStr::from_str).into_iter().collect();
    let mut guests = Vec::new();
    for value in table.list("guests") {
        let path = table.name("guests");
        let keys = ["engine", "name", "image", "pod_namespace"];
        let Some(mut guest) = Table::of(table.source, value, &path, &keys) else { continue };
        let mut text = |key| guest.one(key, |text| Ok::<_, WordFault>(text.to_owned()));
        let selector = Selector {
            engine: text("engine"),
            name: text("name"),
            image: text("image"),
            pod_namespace: text("pod_namespace"),
        };
        if selector.is_empty() {
            guest.refuse_all::<()>(FaultKind::Missing(
                "engine, name, image or pod_namespace; else it would be every guest",
            ));
        }
        guests.push(selector);
    }
    table.is_clean().then_some(Group { addresses, guests })
}

/// The last word, when everything is known: caps, groups, protections.
fn admit(wishes: &mut Wishes, places: &Places, sources: &mut [Source<'_>]) {
    let mut beside = 0;
    let (limits, mut too_much) = (wishes.limits, Vec::new());
    wishes.groups.retain(|name, group| match limits.check_group(group, beside) {
        Ok(()) => {
            beside += 1;
            true
        }
        Err(why) => {
            too_much.push((format!("group.{name}"), None, why));
            false
        }
    });
    wishes.policies.sort_by(|a, b| a.name.cmp(&b.name));
    let policies = std::mem::take(&mut wishes.policies);
    let (admitted, refused) = limits.admit(policies, &wishes.groups, &wishes.protected);
    wishes.policies = admitted;
    let refused = refused.into_iter().map(|(name, why)| (format!("policy.{name}"), places.get(&name), why));
    for (key, place, why) in too_much.into_iter().chain(refused) {
        // A group may be in many files.
        let (number, span) = place.cloned().unwrap_or_default();
        if let Some(source) = sources.get_mut(number) {
            source.fault(&span, &key, why);
        }
    }
}

#[cfg(test)]
mod tests;
