//! From what is there to what is wanted: steps, each a text for one program and the text that undoes it.
//!
//! In: [`Desired`] and [`Observed`]. Out: [`Step`]s in the order in which they are safe: first what new rules need, then
//! the rules, each table in one transaction, then what no rule needs any more; so at no time is less dropped or
//! protected than before and after. Rule: only our chains, our jumps and our sets are named; a plan of what is there
//! already is empty. Spec: iptables-restore(8), ipset(8).

mod chains;
mod desired;
mod observed;
mod render;
mod sets;
mod standing;
mod tunnel;

pub use chains::{ChainRule, Chains, OwnChain, Tables};
pub(in crate::policy) use desired::addresses;
pub use desired::{Desired, Members};
pub use observed::Observed;
pub(in crate::policy) use render::{matches, sum};
pub use sets::{Member, Set, SetName, Sets};

use super::model::{Family, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Who reads a step's text from its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `ipset restore`; not a transaction, but every line may be given again.
    Ipset,
    /// `iptables-restore --noflush` or `ip6tables-restore --noflush`; all or nothing.
    Tables(Family),
}

impl Program {
    /// Its name and arguments, `lock_secs` to wait for others that change rules.
    pub fn command(self, lock_secs: u32) -> (&'static str, Vec<String>) {
        match self {
            Self::Ipset => ("ipset", vec!["restore".into()]),
            Self::Tables(family) => {
                let name = if family == Family::V4 { "iptables-restore" } else { "ip6tables-restore" };
                (name, vec!["--noflush".into(), "-w".into(), lock_secs.to_string()])
            }
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who makes it.
    pub program: Program,
    /// What it reads.
    pub input: String,
    /// What it would read to take the change back; steps are undone from the last to the first.
    pub undo: String,
    /// The kernel may still be letting go of a set that rules named a moment ago: try again for a while.
    pub may_be_busy: bool,
}

/// How this host's programs print our rules: learned from a reading right after all was as wanted. A rule with our
/// comment that reads otherwise later was changed by somebody, and is put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echoes(BTreeMap<(Family, Table, String), String>);

impl Echoes {
    /// Takes over how everything reads.
    pub fn learn(observed: &Observed) -> Self {
        let all = observed
            .tables
            .iter()
            .flat_map(|(place, chains)| chains.values().map(move |chain| (place, chain)));
        let rules = all.flat_map(|((family, table), chain)| {
            let marked = chain.rules.iter().filter_map(|rule| Some((rule.mark.clone()?, rule.words.clone())));
            marked.map(|(mark, words)| ((*family, *table, mark), words))
        });
        Self(rules.collect())
    }

    /// The tables as they will read once they are as desired: the words of rules that were never read are those that
    /// are wanted, and no counter is known.
    pub fn of(&self, desired: &Desired, observed: &Observed) -> Tables {
        let mut tables = desired.tables.clone();
        for ((family, table), chains) in &mut tables {
            for rule in chains.values_mut().flat_map(|chain| &mut chain.rules) {
                let known = rule.mark.clone().and_then(|mark| self.0.get(&(*family, *table, mark)));
                if let Some(words) = known {
                    rule.words.clone_from(words);
                }
            }
        }
        for (place, chains) in &observed.tables {
            for (name, _) in chains.iter().filter(|(_, chain)| chain.is_pinned) {
                tables.entry(*place).or_default().entry(*name).or_default().is_pinned = true;
            }
        }
        tables
    }

    /// What is there, less the marks of rules that read otherwise than they did.
    fn trust(&self, observed: &Observed) -> Tables {
        let mut tables = observed.tables.clone();
        for ((family, table), chains) in &mut tables {
            for rule in chains.values_mut().flat_map(|chain| &mut chain.rules) {
                let known = rule.mark.clone().and_then(|mark| self.0.get(&(*family, *table, mark)));
                if known.is_some_and(|words| *words != rule.words) {
                    rule.mark = None;
                }
            }
        }
        tables
    }
}

/// The steps from what is there to what is wanted; none where it is there.
pub fn plan(desired: &Desired, observed: &Observed, echoes: &Echoes) -> Vec<Step> {
    let (from, to) = (&observed.sets, &desired.sets);
    let ipset = |(input, undo): (String, String), may_be_busy| {
        (!input.is_empty()).then_some(Step { program: Program::Ipset, input, undo, may_be_busy })
    };
    let mut steps: Vec<_> = ipset(sets::make(from, to), false).into_iter().collect();
    steps.extend(tables(&desired.tables, &echoes.trust(observed)));
    steps.extend(ipset(sets::remove_members(from, to), false));
    steps.extend(ipset(sets::destroy(from, to), true));
    steps
}

/// The steps that take out the rules and the addresses of these policies, and touch nothing else.
pub fn sweep(over: &BTreeSet<&str>, observed: &Observed) -> Vec<Step> {
    let mut left = observed.tables.clone();
    for chain in left.values_mut().flat_map(BTreeMap::values_mut) {
        chain.rules.retain(|rule| !rule.policy().is_some_and(|name| over.contains(name)));
    }
    let mut steps: Vec<_> = tables(&left, &observed.tables).collect();
    let mut sets = observed.sets.clone();
    for (_, set) in sets.iter_mut().filter(|(name, _)| name.is_of_drops()) {
        set.members.retain(|_, member| !over.contains(member.comment.as_str()));
    }
    let (input, undo) = sets::remove_members(&observed.sets, &sets);
    if !input.is_empty() {
        steps.push(Step { program: Program::Ipset, input, undo, may_be_busy: false });
    }
    steps
}

fn tables<'t>(desired: &'t Tables, observed: &'t Tables) -> impl Iterator<Item = Step> + 't {
    let places: BTreeSet<_> = desired.keys().chain(observed.keys()).copied().collect();
    places.into_iter().filter_map(|place| {
        let none = Chains::new();
        let (from, to) = (observed.get(&place).unwrap_or(&none), desired.get(&place).unwrap_or(&none));
        let (family, table) = place;
        let input = chains::difference(table, from, to)?;
        let undo = chains::difference(table, to, from).unwrap_or_default();
        Some(Step { program: Program::Tables(family), input, undo, may_be_busy: false })
    })
}
