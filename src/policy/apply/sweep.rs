//! Taking out what is over, whoever put it there, without knowing what else is wanted.
//!
//! In: names of policies that have ended, and where they were. Out: how many changes that took. Rule: one transaction
//! for each table, in which nothing but rules of these policies is named; what is gone already is no fault.

use super::generation::Generation;
use super::namespace::find;
use super::place::Place;
use super::runner::Runner;
use crate::policy::model::{Netns, Policy};
use std::collections::{BTreeMap, BTreeSet};

/// Takes out the rules of these policies: how many transactions, and in which namespaces it did not work.
pub async fn take_out<'p>(
    runner: &Runner,
    over: impl IntoIterator<Item = &'p Policy>,
) -> (usize, Vec<String>) {
    let mut places: BTreeMap<Option<Netns>, BTreeSet<&str>> = BTreeMap::new();
    for policy in over {
        places.entry(policy.netns.clone()).or_default().insert(policy.name.as_str());
    }
    let (mut steps, mut faults) = (0, Vec::new());
    for (namespace, names) in places {
        let runner = match namespace.as_ref().map(find) {
            None => runner.clone(),
            Some(Ok(found)) => runner.inside(&found.path),
            // With all its rules.
            Some(Err(lost)) if lost.is_gone() => continue,
            Some(Err(lost)) => {
                faults.push(lost.to_string());
                continue;
            }
        };
        match Place::new(runner, Generation::unknown()).sweep(&names).await {
            Ok(done) => steps += done,
            Err(failed) => {
                let at = namespace.map(|netns| format!("{netns}: ")).unwrap_or_default();
                faults.push(format!("{at}{failed}"));
            }
        }
    }
    (steps, faults)
}
