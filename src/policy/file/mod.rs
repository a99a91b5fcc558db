//! `/etc/hsflowd/policy.toml` and `policy.d/*.toml`: texts in, policies and every fault out.
//!
//! Rule: one bad policy or group costs only itself; a file that is not TOML costs the file; whether a protection is lost
//! by either is said; both are said
//! with line, column and key. Files say more together than each alone: groups of one name are one, all protections
//! hold, a policy's name is given once, and only the first file sets limits. What is well formed and still not to be
//! taken up (a group that is nowhere, a protected address) is said last, when all files are known. Spec: TOML 1.1.

mod action;
mod fault;
mod keys;
mod policy;
mod react;
mod request;
mod rest;
mod service;
mod table;
pub mod write;

pub use fault::{Fault, FaultKind};
pub use keys::tables;
pub(in crate::policy) use react::OWNER as REACT;
pub use request::from_json;
pub use rest::{Rest, Unsafe};
pub use service::{OnStop, Pace, Service};

use super::lines::Dialect;
use super::model::{
    Group, GroupName, Groups, Limits, Policy, PolicyName, PortAt, Prefix, Protected, Selector, WordFault,
};
use super::react::Reaction;
use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use table::{Source, Table};
use toml::de::DeTable;

/// Bytes of a file that is read at all.
pub const MOST_BYTES: usize = 4 << 20;
const TOP: [&str; 7] = ["limits", "service", "rest", "protect", "group", "policy", "react"];
const PROTECT: [&str; 5] = ["peer", "protocol", "port", "at", "forwarded"];
const GROUP: [&str; 5] = ["addresses", "guests", "default", "bridge", "netns"];
const GUESTS: [&str; 4] = ["engine", "name", "image", "pod_namespace"];

/// What files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// By name.
    pub policies: Vec<Policy>,
    /// Of all files.
    pub groups: Groups,
    /// Of all files.
    pub protected: Vec<Protected>,
    /// Of all files.
    pub reactions: Vec<Reaction>,
    /// Of the first file.
    pub limits: Limits,
    /// How fast and how long those who ask may write; of the first file.
    pub pace: Pace,
    /// Of the first file.
    pub service: Service,
    /// Of the first file.
    pub rest: Rest,
    /// What is protected cannot be told: a protection is faulty, or stands in a file that cannot be read.
    pub has_lost_protection: bool,
    /// In the order of the files; at most 100 of each, then a count.
    pub faults: Vec<Fault>,
}

/// Where a policy was said.
type Places = BTreeMap<PolicyName, (usize, Range<usize>)>;

/// Files that were read, before the last word on what they say together.
struct Gathered<'t> {
    wishes: Wishes,
    places: Places,
    sources: Vec<Source<'t>>,
}

/// Reads files by name and text, in the order in which they count; this host may have any address.
pub fn parse(files: &[(&str, &str)], dialect: Dialect) -> Wishes {
    parse_on(&[], files, dialect)
}

/// The same on a host that has these addresses, and no others unless there are none.
pub fn parse_on(host: &[Prefix], files: &[(&str, &str)], dialect: Dialect) -> Wishes {
    let mut gathered = gather(files, dialect);
    gathered.wishes.protected.iter_mut().for_each(|protected| protected.host = host.to_vec());
    admit(&mut gathered.wishes, &gathered.places, &mut gathered.sources);
    gathered.finish()
}

fn gather<'t>(files: &[(&'t str, &'t str)], dialect: Dialect) -> Gathered<'t> {
    let (mut wishes, mut places) = (Wishes::default(), Places::new());
    let mut sources: Vec<_> = files.iter().map(|(name, text)| Source::new(name, text)).collect();
    for (number, source) in sources.iter_mut().enumerate() {
        let text = source.text;
        let is_lost = text.contains("protect");
        if text.len() > MOST_BYTES {
            wishes.has_lost_protection |= is_lost;
            source.fault(&(0..0), "", FaultKind::Size(text.len()));
            continue;
        }
        match DeTable::parse(text) {
            Ok(root) => {
                let mut root = Table::root(source, &root);
                read(&mut root, number, (&mut wishes, &mut places), (files, dialect));
            }
            Err(why) => {
                wishes.has_lost_protection |= is_lost;
                let kind = FaultKind::Syntax(why.message().replace(char::is_control, " ").into());
                source.fault(&why.span().unwrap_or(0..0), "", kind);
            }
        }
    }
    Gathered { wishes, places, sources }
}

impl Gathered<'_> {
    fn finish(self) -> Wishes {
        let faults = self.sources.into_iter().flat_map(Source::finish).collect();
        Wishes { faults, ..self.wishes }
    }
}

/// What JSON has instead of what is wanted.
fn wrong_json(value: &serde_json::Value, wanted: &'static str) -> FaultKind {
    use serde_json::Value;
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    FaultKind::Value { wanted, got }
}

fn read<'t>(
    root: &mut Table<'_, 't>,
    number: usize,
    (wishes, places): (&mut Wishes, &mut Places),
    (files, dialect): (&[(&'t str, &'t str)], Dialect),
) {
    root.know(&TOP);
    of_the_first(root, number, wishes);
    for value in root.list("protect") {
        let table = Table::of(root.source, value, "protect", &PROTECT);
        let protected = table.and_then(|mut table| protected(&mut table));
        wishes.has_lost_protection |= protected.is_none();
        wishes.protected.extend(protected);
    }
    react::read(root, &mut wishes.reactions);
    // A policy's name is the first one's who says it.
    let mut claim = |table: &mut Table<'_, 't>, name: &PolicyName, span: Range<usize>| {
        if let Some((first, _)) = places.get(name) {
            let first = files.get(*first).map_or_else(String::new, |(name, _)| (*name).to_owned());
            table.source.fault(&span, &table.path, FaultKind::Twice(first));
            return false;
        }
        places.insert(name.clone(), (number, span));
        true
    };
    for (name, value) in root.each("group") {
        let path = root.inside("group", name.get_ref());
        let Some(mut table) = Table::of(root.source, value, &path, &GROUP) else { continue };
        let known =
            GroupName::from_str(name.get_ref()).map_err(|why| table.source.fault(&name.span(), &path, why));
        let (Ok(group_name), span) = (known, name.span()) else { continue };
        let last = last_word(&mut table, &group_name).filter(|last| !wishes.policies.contains(last));
        if let Some((name, group)) = Some(group_name).zip(group(&mut table)) {
            wishes.policies.extend(last.filter(|last| claim(&mut table, &last.name, span)));
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
        if !claim(&mut table, &policy_name, name.span()) {
            continue;
        }
        wishes.policies.extend(policy::read(&mut table, policy_name, dialect));
    }
}

/// What the first file alone may say.
fn of_the_first(root: &mut Table<'_, '_>, number: usize, wishes: &mut Wishes) {
    if number == 0 {
        (wishes.limits, wishes.pace) = service::limits(root);
        wishes.service = service::service(root);
        wishes.rest = rest::read(root).unwrap_or_default();
    }
    for (key, why) in [
        ("limits", "the first file alone sets limits"),
        ("service", "the first file alone says how the service runs"),
        ("rest", "the first file alone says where requests are heard"),
    ] {
        if number > 0
            && let Some(value) = root.get(key)
        {
            root.refuse::<()>(key, value, FaultKind::Conflict(why));
        }
    }
}

fn protected(table: &mut Table<'_, '_>) -> Option<Protected> {
    if table.get("peer").is_none() {
        return table.refuse_all(FaultKind::Missing("'peer', an address or prefix"));
    }
    let peer = table.one("peer", FromStr::from_str);
    let protocol = table.one("protocol", FromStr::from_str);
    let port = table.number("port", 1..=u64::from(u16::MAX));
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
        let Some(mut guest) = Table::of(table.source, value, &path, &GUESTS) else { continue };
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

/// What becomes of packets to a group that no policy let through; where it is said in many files, each says it.
fn last_word(table: &mut Table<'_, '_>, name: &GroupName) -> Option<Policy> {
    let is_deny = table.one("default", |word| match word {
        "deny" => Ok(true),
        "allow" => Ok(false),
        _ => Err(WordFault { what: "'default'", allowed: "allow or deny" }),
    });
    let (bridge, netns) = (table.one("bridge", FromStr::from_str), table.one("netns", FromStr::from_str));
    is_deny.filter(|is_deny| *is_deny).and_then(|_| Policy::default_deny(name, bridge, netns))
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
