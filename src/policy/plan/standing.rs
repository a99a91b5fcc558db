//! The order of rules that may stand in any: as they stand already, and what is new behind them.
//!
//! In: what is wanted, and what is there. Out: the same wish in the order that costs least. Rule: only neighbours of one
//! priority that all drop, or all accept, and count no rate, change places, so no packet fares otherwise; but one that
//! several of them match counts for the one that was there first. Reason: iptables reads a whole chain to put a rule
//! into it, and nothing to put one at its end.

use super::chains::ChainRule;
use super::desired::Desired;
use super::observed::Observed;
use super::render::Place;
use crate::policy::model::{Action, Body, Policy};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

/// Rules of each chain that may stand in any order among themselves.
pub(super) type Runs = BTreeMap<Place, Vec<Range<usize>>>;

/// What a policy does to whatever it matches, where that is all: true drops, false accepts.
pub(super) fn plain(policy: &Policy) -> Option<bool> {
    let Body::Rule(rule) = &policy.body else { return None };
    match rule.action() {
        Action::Drop if rule.matching().traffic().above.is_none() => Some(true),
        Action::Accept if rule.matching().traffic().above.is_none() => Some(false),
        _ => None,
    }
}

impl Desired {
    /// What was there, in the order in which it stood.
    pub fn again(there: Observed) -> Self {
        Self { tables: there.tables, sets: there.sets, ..Self::default() }
    }

    /// The same, with what may stand in any order as it stands there.
    #[must_use]
    pub fn beside(&self, observed: &Observed) -> Self {
        let mut desired = self.clone();
        for ((family, table, chain), runs) in &self.runs {
            let place = (*family, *table);
            let there = observed.tables.get(&place).and_then(|chains| chains.get(chain));
            let own = desired.tables.get_mut(&place).and_then(|chains| chains.get_mut(chain));
            let (Some(there), Some(own)) = (there, own) else { continue };
            // One that stands twice has two places.
            let mut places: HashMap<&str, VecDeque<usize>> = HashMap::with_capacity(there.rules.len());
            for (at, rule) in there.rules.iter().enumerate() {
                places.entry(rule.mark.as_deref().unwrap_or_default()).or_default().push_back(at);
            }
            let mut place = |rule: &ChainRule| places.get_mut(rule.mark.as_deref()?)?.pop_front();
            for run in runs {
                let Some(rules) = own.rules.get_mut(run.clone()) else { continue };
                let mut placed: Vec<_> = rules
                    .iter_mut()
                    .map(|rule| (place(rule).unwrap_or(usize::MAX), std::mem::take(rule)))
                    .collect();
                placed.sort_by_key(|(at, _)| *at);
                for (rule, (_, standing)) in rules.iter_mut().zip(placed) {
                    *rule = standing;
                }
            }
        }
        desired
    }
}
