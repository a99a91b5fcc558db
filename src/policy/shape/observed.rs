//! What `ip` and `tc` show, as devices and their parts.
//!
//! In: the JSON of links and qdiscs, the text of classes and filters (their JSON lacks the figures, or names keys
//! twice). Out: devices, or [`Unreadable`], because a list that cannot be read is not an empty one. Rule: a part that
//! cannot be read is not ours, and a part of ours that cannot be read is like nothing that is wanted, so it is made
//! anew. Spec: tc(8), tc-u32(8), tc-flower(8); iproute2's `print_rate` and `print_size`.

use super::plan::{At, Chain, Fields, Filter, Key, Selector, Target, What};
use super::{ALIAS, END, IFB};
use crate::policy::wanted::Hits;
use serde_json::Value;
use std::collections::BTreeMap;

/// Root qdiscs that the kernel makes itself, and makes again when another is taken away.
const DEFAULTS: [&str; 6] = ["mq", "fq_codel", "pfifo_fast", "noqueue", "fq", "noop"];
/// A key that no packet has.
const UNREADABLE: Key = Key { value: 1, mask: 0, at: 0 };

/// By name.
pub type Devices = BTreeMap<String, Device>;

/// What a program printed is no list of devices or qdiscs: nobody knows what is there.
#[derive(Debug, thiserror::Error)]
#[error("{program} does not print what it should, and nothing is changed: {why}")]
pub struct Unreadable {
    program: &'static str,
    why: serde_json::Error,
}

/// A device as it is.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The kernel's number.
    pub index: u64,
    /// Bytes of layer 3.
    pub mtu: u32,
    /// Its address of layer 2.
    pub address: String,
    /// Packets that are sent to it pass.
    pub is_up: bool,
    /// Of one end of a pair: the other is up too.
    pub has_carrier: bool,
    /// Made by us: an intermediate device, or the end of a pair into a namespace.
    pub is_made: bool,
    /// Kind and handle of a root qdisc that is neither ours nor the kernel's default.
    pub foreign_root: Option<String>,
    /// Others have filters on ingress or egress.
    pub has_others: bool,
    /// What is ours, and whether there is a clsact.
    pub parts: BTreeMap<At, Seen>,
}

/// A part that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What.
    pub what: What,
    /// Of filters: the kernel's handles, in their order.
    pub handles: Vec<String>,
    /// What it met.
    pub hits: Hits,
}

impl Seen {
    fn new(what: What, hits: Hits) -> Self {
        Self { what, handles: Vec::new(), hits }
    }
}

impl Device {
    /// Whether anything of ours is there.
    pub fn has_ours(&self) -> bool {
        self.is_made || self.parts.keys().any(|at| *at != At::Hook)
    }

    /// Whether the clsact is ours, or would be.
    pub fn owns_hook(&self) -> bool {
        let ours = |at: &At| matches!(at, At::Filters(chain @ (Chain::Ingress | Chain::Egress), at) if *at >= chain.preference(true));
        !self.parts.contains_key(&At::Hook) || self.parts.keys().any(ours)
    }

    /// Classes, of `tc -s class show`.
    pub fn read_classes(&mut self, text: &str) {
        let mut last = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some((id, what)) = class(&words) {
                last = Some(id);
                self.parts.insert(At::Class(id), Seen::new(what, Hits::default()));
            } else if let Some(seen) = last.and_then(|id| self.parts.get_mut(&At::Class(id))) {
                seen.hits = sent(&words).unwrap_or(seen.hits);
            }
        }
    }

    /// Filters, of `tc -s filter show`.
    pub fn read_filters(&mut self, chain: Chain, text: &str) {
        let mut last = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first() == Some(&"filter") {
                let preference = after(&words, "pref").and_then(|text| text.parse::<u16>().ok());
                last =
                    preference.filter(|at| chain.has(*at)).map(|preference| At::Filters(chain, preference));
                self.has_others |= last.is_none();
            }
            let Some(at) = last else { continue };
            let seen = self.parts.entry(at).or_insert_with(|| {
                let kind = words.iter().position(|word| *word == "pref").and_then(|at| words.get(at + 2));
                let [kind, protocol] = [kind.copied(), after(&words, "protocol")]
                    .map(|word| word.unwrap_or_default().to_owned());
                Seen::new(What::Filters { kind, protocol, filters: Vec::new() }, Hits::default())
            });
            seen.read_filter(&words);
        }
    }
}

impl Seen {
    fn read_filter(&mut self, words: &[&str]) {
        let What::Filters { kind, filters, .. } = &mut self.what else { return };
        let is_flower = kind == "flower";
        match (words, filters.last_mut()) {
            (["filter", ..], _) => {
                let handle = after(words, "fh").filter(|handle| !handle.ends_with(':'));
                if let Some(handle) = handle.or_else(|| after(words, "handle")) {
                    let class = ["flowid", "*flowid", "classid"].iter().find_map(|key| after(words, key));
                    let by =
                        if is_flower { Selector::Fields(Fields::new()) } else { Selector::Bits(Vec::new()) };
                    filters.push(Filter { by, to: class.and_then(minor).map(Target::Class) });
                    self.handles.push(handle.to_owned());
                }
            }
            (["match", ..], Some(Filter { by: Selector::Bits(keys), .. })) => {
                keys.push(key(words).unwrap_or(UNREADABLE));
            }
            (["action", ..], Some(filter)) => {
                let device = after(words, "device").map(|word| word.trim_end_matches(')').to_owned());
                let police = after(words, "rate").and_then(rate).zip(after(words, "burst").and_then(size));
                let police = police.filter(|_| words.contains(&"police"));
                let police = police.map(|(rate, burst)| Target::Police { rate, burst });
                filter.to = device.map(Target::Device).or(police);
            }
            // Said by the protocol already.
            (["eth_type", _], _) => {}
            (
                [name, value],
                Some(Filter { by: Selector::Fields(fields), to: None | Some(Target::Class(_)) }),
            ) => {
                fields.insert((*name).to_owned(), value.replace("0x", ""));
            }
            _ => {
                let met = sent(words).unwrap_or_default();
                self.hits.bytes += met.bytes;
                self.hits.packets += met.packets;
            }
        }
    }
}

/// Devices with their qdiscs, of `ip -j link show` and `tc -s -j qdisc show`.
///
/// # Errors
/// One of the two is no list.
pub fn devices(links: &str, qdiscs: &str) -> Result<Devices, Unreadable> {
    let mut devices = Devices::new();
    for link in list("ip", links)? {
        let Some(name) = link["ifname"].as_str() else { continue };
        let is_marked = link["ifalias"].as_str().is_some_and(|alias| alias.starts_with(ALIAS));
        let has =
            |flag: &str| link["flags"].as_array().is_some_and(|flags| flags.iter().any(|its| its == flag));
        let device = Device {
            index: link["ifindex"].as_u64().unwrap_or_default(),
            mtu: link["mtu"].as_u64().and_then(|mtu| u32::try_from(mtu).ok()).unwrap_or(1500),
            address: link["address"].as_str().unwrap_or_default().to_owned(),
            is_up: has("UP"),
            has_carrier: !has("NO-CARRIER"),
            is_made: is_marked && [IFB, END].iter().any(|start| name.starts_with(start)),
            ..Device::default()
        };
        devices.insert(name.to_owned(), device);
    }
    for qdisc in list("tc", qdiscs)? {
        if let Some(device) = qdisc["dev"].as_str().and_then(|name| devices.get_mut(name)) {
            device.read_qdisc(&qdisc);
        }
    }
    Ok(devices)
}

impl Device {
    fn read_qdisc(&mut self, qdisc: &Value) {
        let text = |key: &str| qdisc[key].as_str().unwrap_or_default();
        let (kind, handle) = (text("kind"), text("handle"));
        let number = |key: &str| qdisc[key].as_u64().unwrap_or_default();
        let hits = Hits { packets: number("packets"), bytes: number("bytes") };
        let options = &qdisc["options"];
        if kind == "clsact" || kind == "ingress" {
            self.parts.insert(At::Hook, Seen::new(What::Clsact, hits));
        } else if qdisc["root"].as_bool() == Some(true) {
            let ours = [bucket(options), What::Tree { has_rest: true }, What::Tree { has_rest: false }];
            match ours.into_iter().find(|what| what.handle() == handle) {
                Some(what) => drop(self.parts.insert(At::Root, Seen::new(what, hits))),
                None if handle == "0:" && DEFAULTS.contains(&kind) => {}
                None => self.foreign_root = Some(format!("{kind} {handle}")),
            }
        } else if kind == "bfifo" && text("parent").starts_with("5f0") {
            let limit = options["limit"].as_u64().unwrap_or_default();
            if let Some(id) = minor(text("parent")) {
                self.parts.insert(At::Leaf(id), Seen::new(What::Leaf { limit }, hits));
            }
        }
    }
}

fn bucket(options: &Value) -> What {
    let rate = options["rate"].as_u64().unwrap_or_default().saturating_mul(8);
    // A number, or with details a text.
    let burst = options["burst"].as_str().map_or(options["burst"].as_u64(), size).unwrap_or_default();
    let waits = u128::from(options["lat"].as_u64().unwrap_or_default()) * u128::from(rate) / 8_000_000;
    What::Bucket { rate, burst, limit: u64::try_from(waits).unwrap_or_default().saturating_add(burst) }
}

fn class(words: &[&str]) -> Option<(u16, What)> {
    let ["class", "htb", id, ..] = words else { return None };
    let (of_rate, of_size) = (|key| after(words, key).and_then(rate), |key| after(words, key).and_then(size));
    let what = What::Class {
        rate: of_rate("rate")?,
        ceil: of_rate("ceil")?,
        burst: of_size("burst")?,
        cburst: of_size("cburst")?,
        quantum: after(words, "quantum").and_then(|text| text.parse().ok()),
    };
    Some((minor(id)?, what))
}

fn after<'w>(words: &[&'w str], key: &str) -> Option<&'w str> {
    words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied()
}

fn minor(id: &str) -> Option<u16> {
    u16::from_str_radix(id.split_once(':')?.1, 16).ok()
}

fn key(words: &[&str]) -> Option<Key> {
    let (value, mask) = after(words, "match")?.split_once('/')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    Some(Key { value: hex(value)?, mask: hex(mask)?, at: after(words, "at")?.parse().ok()? })
}

fn sent(words: &[&str]) -> Option<Hits> {
    let ["Sent", bytes, "bytes", packets, "pkt", ..] = words else { return None };
    Some(Hits { bytes: bytes.parse().ok()?, packets: packets.parse().ok()? })
}

#[allow(clippy::cast_possible_truncation)] // what is outside the range is no figure
fn scaled(text: &str, units: &[(&str, u32)], base: u64) -> Option<u64> {
    let (unit, power) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    let whole = number * base.pow(*power) as f64;
    (0.0..1e18).contains(&whole).then_some(whole.round() as u64)
}

fn rate(text: &str) -> Option<u64> {
    scaled(text, &[("Tbit", 4), ("Gbit", 3), ("Mbit", 2), ("Kbit", 1), ("bit", 0)], 1000)
}

/// `12500b/1`: the second figure is that of cells.
fn size(text: &str) -> Option<u64> {
    let text = text.split('/').next().unwrap_or_default();
    scaled(text, &[("Gb", 3), ("Mb", 2), ("Kb", 1), ("b", 0)], 1024)
}

fn list(program: &'static str, text: &str) -> Result<Vec<Value>, Unreadable> {
    serde_json::from_str(text).map_err(|why| Unreadable { program, why })
}
