//! From what a device has to what it is to have.
//!
//! In: the parts found and the parts wanted. Out: lines of `tc -batch`. Rule: what is there and stays is changed in
//! place; what is new is made before what is old goes; one root qdisc takes another's place in one step. So what is
//! limited stays limited. Nothing is remembered: what a crash or somebody else left is a place to start from.

use super::Line;
use super::amount::LARGEST;
use super::part::{At, Chain, Filter, Parts, Target, What};
use crate::policy::shape::observed::Seen;
use std::collections::BTreeMap;

/// The lines; `may_unhook` is that the clsact qdisc is ours alone, and goes when nothing of ours hangs on it.
pub fn steps(device: &str, seen: &BTreeMap<At, Seen>, wanted: &Parts, may_unhook: bool) -> Vec<Line> {
    let root = |what: Option<&What>| what.map(What::handle);
    let wanted_root = wanted.get(&At::Root).map(|part| &part.what);
    let stays = root(wanted_root) == root(seen.get(&At::Root).map(|seen| &seen.what));
    let there: BTreeMap<At, &Seen> =
        seen.iter().filter(|(at, _)| stays || !at.is_inner()).map(|(at, seen)| (*at, seen)).collect();
    let tree = wanted_root.cloned().unwrap_or(What::Clsact);
    let (mut lines, mut old) = (Vec::new(), Vec::new());
    for (at, part) in wanted {
        let found = there.get(at).copied();
        match (&part.what, at) {
            (What::Filters { kind, protocol, filters }, At::Filters(chain, preference)) => {
                let place = Place { device, root: tree.handle(), chain: *chain, preference: *preference };
                let (new, gone) = place.change((kind, protocol, filters), found);
                lines.extend(new.into_iter().map(|text| part.line(text)));
                old.extend(gone);
            }
            (what, at) if found.is_none_or(|found| !what.is_like(&found.what)) => {
                lines.push(part.line(what.line(device, &tree, *at)));
            }
            _ => {}
        }
    }
    old.extend(there.keys().rev().filter(|at| !wanted.contains_key(at)).filter_map(|at| match at {
        At::Filters(chain, preference) => {
            let place = Place { device, root: tree.handle(), chain: *chain, preference: *preference };
            Some(place.clear())
        }
        At::Hook => may_unhook.then(|| format!("qdisc del dev {device} clsact")),
        At::Class(id) => Some(format!("class del dev {device} classid {}{id:x}", tree.handle())),
        At::Root => Some(format!("qdisc del dev {device} root")),
        // It goes with its class.
        At::Leaf(_) => None,
    }));
    lines.extend(old.into_iter().map(|text| Line { text, of: None }));
    lines
}

/// One preference.
struct Place<'p> {
    device: &'p str,
    root: &'p str,
    chain: Chain,
    preference: u16,
}

impl Place<'_> {
    fn chain(&self) -> String {
        match self.chain {
            Chain::Root => format!("parent {}", self.root),
            Chain::Ingress => "ingress".to_owned(),
            Chain::Egress => "egress".to_owned(),
        }
    }

    fn clear(&self) -> String {
        format!("filter del dev {} {} pref {}", self.device, self.chain(), self.preference)
    }

    /// Lines for what is new, and for what is old.
    fn change(&self, wanted: (&str, &str, &[Filter]), seen: Option<&Seen>) -> (Vec<String>, Vec<String>) {
        let (kind, protocol, filters) = wanted;
        let (mut new, mut left) = (Vec::new(), Vec::new());
        match seen.map(|seen| (&seen.what, &seen.handles)) {
            Some((What::Filters { kind: its, protocol: found, filters }, handles))
                if (its.as_str(), found.as_str()) == (kind, protocol) =>
            {
                left = filters.iter().zip(handles).collect();
            }
            // A preference has one classifier with one protocol.
            Some(_) => new.push(self.clear()),
            None => {}
        }
        let of = format!("dev {} {} protocol {protocol} pref {}", self.device, self.chain(), self.preference);
        for filter in filters {
            match left.iter().position(|(found, _)| filter.is_like(found)) {
                Some(at) => drop(left.swap_remove(at)),
                None => new.push(format!("filter add {of} {} {}", filter.by, self.target(filter))),
            }
        }
        let gone = left.into_iter().map(|(_, handle)| format!("filter del {of} handle {handle} {kind}"));
        (new, gone.collect())
    }

    fn target(&self, filter: &Filter) -> String {
        match &filter.to {
            Some(Target::Device(to)) => format!("action mirred egress redirect dev {to}"),
            // What it counts may be many segments at once.
            Some(Target::Police { rate, burst }) => {
                format!(
                    "action police rate {rate}bit burst {burst}b mtu {LARGEST}b conform-exceed drop/continue"
                )
            }
            Some(Target::Class(id)) => format!("flowid {}{id:x}", self.root),
            None => String::new(),
        }
    }
}
