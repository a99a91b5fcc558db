//! Chains of ours: what is in them, how two states differ, and the text that makes one of the other.
//!
//! In: two states of one table. Out: input for `iptables-restore --noflush`, one transaction. Rule: a rule that stays is
//! not touched, so its counters go on; places are counted in our own chains only, and of the kernel's chains nothing is
//! named but our jump, by all its words, and its place only to make it the first.

use crate::policy::model::{Chain, Family, Table};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;

/// What marks the jumps from the kernel's chains into ours, and begins the comment of every rule.
pub(super) const OURS: &str = "hsflowd-policy";

/// A rule of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainRule {
    /// Its comment: whose it is, and a sum over its words. `None` is a rule that is none of ours, in our chain.
    pub mark: Option<String>,
    /// The words behind the name of the chain.
    pub words: String,
    /// Packets and bytes, as observed; 0 of one that is wanted.
    pub counters: (u64, u64),
}

impl ChainRule {
    /// Whose it is.
    pub fn policy(&self) -> Option<&str> {
        self.mark.as_deref()?.split(':').nth(1)
    }
}

/// A chain of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChain {
    /// In their order.
    pub rules: Vec<ChainRule>,
    /// The words of our jumps to it; one is right.
    pub jumps: Vec<String>,
    /// Rules of others stand before the first of them.
    pub is_behind: bool,
    /// Somebody else jumps to it, so it cannot be removed, only emptied.
    pub is_pinned: bool,
}

/// The chains of a table.
pub type Chains = BTreeMap<Chain, OwnChain>;
/// All chains of ours.
pub type Tables = BTreeMap<(Family, Table), Chains>;

/// The words of the jump into a chain of ours.
pub(super) fn jump(chain: Chain) -> String {
    format!("-m comment --comment {OURS} -j {}", chain.ours())
}

/// The text that makes `to` of `from`, in a table; `None` where they are alike.
pub(super) fn difference(table: Table, from: &Chains, to: &Chains) -> Option<String> {
    let none = OwnChain::default();
    let (mut declared, mut rules, mut jumps, mut gone) =
        (String::new(), String::new(), String::new(), String::new());
    for chain in Chain::ALL {
        let (is, was) = (to.get(&chain), from.get(&chain));
        let (old, new) = (was.unwrap_or(&none), is.unwrap_or(&none));
        if is.is_some() && was.is_none() {
            let _ = writeln!(declared, ":{} - [0:0]", chain.ours());
        }
        jump_edits(chain, old, new, &mut jumps);
        if is.is_some() || old.is_pinned {
            rule_edits(chain, &old.rules, &new.rules, &mut rules);
        } else if was.is_some() {
            let _ = writeln!(gone, "-F {0}\n-X {0}", chain.ours());
        }
    }
    let body = [declared, rules, jumps, gone].concat();
    (!body.is_empty()).then(|| format!("*{}\n{body}COMMIT\n", table.name()))
}

/// One that is to come first is taken out and put in again, in the same transaction.
fn jump_edits(chain: Chain, old: &OwnChain, new: &OwnChain, text: &mut String) {
    let stay = if old.is_behind && !new.is_behind { 0 } else { old.jumps.len().min(new.jumps.len()) };
    for words in old.jumps.iter().skip(stay) {
        let _ = writeln!(text, "-D {} {words}", chain.builtin());
    }
    for words in new.jumps.iter().skip(stay) {
        let _ = writeln!(text, "-I {} 1 {words}", chain.builtin());
    }
}

/// First all deletions, from the end, then all insertions, from the start: so every place is the one it has by then.
fn rule_edits(chain: Chain, old: &[ChainRule], new: &[ChainRule], text: &mut String) {
    let kept = kept(old, new);
    let mut stays = vec![false; new.len()];
    let mut at = old.len();
    for (rule, new_place) in (1..=old.len()).rev().zip(kept.iter().rev()) {
        match new_place {
            Some(place) => stays[*place] = true,
            None => {
                let _ = writeln!(text, "-D {} {rule}", chain.ours());
                at -= 1;
            }
        }
    }
    for (place, (rule, stays)) in (1..).zip(new.iter().zip(stays)) {
        if stays {
            continue;
        }
        let name = chain.ours();
        let _ = if place > at { write!(text, "-A {name}") } else { write!(text, "-I {name} {place}") };
        let _ = writeln!(text, " {}", rule.words);
        at += 1;
    }
}

/// For each old rule its place among the new ones, where it may stay: as many as can without changing their order.
fn kept(old: &[ChainRule], new: &[ChainRule]) -> Vec<Option<usize>> {
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::with_capacity(new.len());
    for (place, rule) in new.iter().enumerate() {
        if let Some(mark) = &rule.mark {
            places.entry(mark).or_default().push_back(place);
        }
    }
    let mut take = |rule: &ChainRule| places.get_mut(rule.mark.as_deref()?)?.pop_front();
    longest_rise(old.iter().map(&mut take).collect())
}

/// Keeps the longest run of places that rises, in n log n steps; the others become `None`.
fn longest_rise(mut places: Vec<Option<usize>>) -> Vec<Option<usize>> {
    // For each length of a run: where the run with the lowest end ends. And for each place: what came before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; places.len()];
    for (at, place) in places.iter().enumerate() {
        if place.is_some() {
            let length = ends.partition_point(|end| places[*end] < *place);
            before[at] = length.checked_sub(1).map(|shorter| ends[shorter]);
            if length == ends.len() { ends.push(at) } else { ends[length] = at }
        }
    }
    let mut stays = vec![false; places.len()];
    let mut at = ends.last().copied();
    while let Some(place) = at {
        stays[place] = true;
        at = before[place];
    }
    for (place, stays) in places.iter_mut().zip(stays) {
        *place = place.filter(|_| stays);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn longest_by_trying(places: &[usize]) -> usize {
        (0_u32..1 << places.len())
            .filter(|set| {
                let chosen: Vec<_> =
                    (0..places.len()).filter(|at| set >> at & 1 == 1).map(|at| places[at]).collect();
                chosen.is_sorted_by(|a, b| a < b)
            })
            .map(u32::count_ones)
            .max()
            .unwrap() as usize
    }

    proptest! {
        #[test]
        fn no_more_rules_could_stay(places in prop::collection::vec(0usize..10, 0..9)) {
            let kept: Vec<_> = longest_rise(places.iter().copied().map(Some).collect()).into_iter().flatten().collect();
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(kept.len(), longest_by_trying(&places));
        }
    }
}
