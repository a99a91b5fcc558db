//! The back end of `tc`, in all namespaces that policies name.
//!
//! In: what is wanted. Out: what came of it. Rule: a namespace that cannot be entered costs its own policies; one that no
//! policy names any more is left as it was found, and forgotten.

use super::classifier::probe;
use super::place::Place;
use super::plan::{Classifier, Selected};
use crate::policy::apply::{Namespaces, Runner, entrance};
use crate::policy::model::{Netns, Policy, PolicyName};
use crate::policy::wanted::{Carrier, Hits, Outcome, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// Shaping and redirection.
#[derive(Debug)]
pub struct Traffic {
    runner: Runner,
    namespaces: Namespaces,
    /// By one of the names that a namespace has.
    places: BTreeMap<Option<Netns>, Place>,
    /// What the kernel has, since somebody needed it.
    by: Option<Classifier>,
}

impl Traffic {
    /// Nothing is known yet.
    pub fn new(runner: Runner) -> Self {
        Self { runner, namespaces: Namespaces::default(), places: BTreeMap::new(), by: None }
    }

    /// Observes, plans, applies, reads back; on failure takes the guilty policies out.
    pub async fn apply(&mut self, wanted: &Wanted, now: SystemTime) -> Outcome {
        let (mut outcome, by) = (Outcome::default(), self.classifier(wanted).await);
        let (all, faults) = self.by_namespace(wanted, now);
        self.places.retain(|namespace, _| all.contains_key(namespace));
        outcome.faults.extend(faults);
        for (namespace, policies) in all {
            let is_over = policies.is_empty() && namespace.is_some();
            let names: Vec<_> = policies.iter().map(|policy| policy.name.clone()).collect();
            let of_one = match self.place(namespace.as_ref()) {
                Ok(place) => place.apply(policies, by).await,
                Err(why) => {
                    self.places.remove(&namespace);
                    outcome.faults.extend(names.into_iter().map(|name| (name, why.clone())));
                    continue;
                }
            };
            if is_over && of_one.trouble.is_none() {
                self.places.remove(&namespace);
            }
            outcome.faults.extend(of_one.faults);
            outcome.steps += of_one.steps;
            match of_one.trouble {
                // What another namespace wants and is not there or not permitted costs those for whom it is.
                Some(why) if namespace.is_some() && !is_over => {
                    outcome.faults.extend(names.into_iter().map(|name| (name, why.clone())));
                }
                trouble => outcome.trouble = outcome.trouble.or(trouble),
            }
        }
        outcome
    }

    /// Takes these out and nothing else, on devices that have something of ours; `others` are what else is in force.
    pub async fn take_out(
        &mut self,
        over: &Wanted,
        others: &[Policy],
        now: SystemTime,
    ) -> (usize, Vec<String>) {
        let all = Wanted { policies: others.iter().chain(&over.policies).cloned().collect(), ..over.clone() };
        let is_over: BTreeSet<_> = over.policies.iter().map(|policy| &policy.name).collect();
        let by = self.classifier(&all).await;
        let (mut steps, mut faults) = (0, Vec::new());
        // A namespace that is gone has taken all of it along.
        let (shares, _) = self.by_namespace(&all, now);
        for (namespace, policies) in shares {
            let (over, others): (Vec<_>, Vec<_>) =
                policies.into_iter().partition(|policy| is_over.contains(&policy.name));
            if over.is_empty() {
                continue;
            }
            let Ok(place) = self.place(namespace.as_ref()) else { continue };
            match place.take_out(&over, &others, by).await {
                Ok(done) => steps += done,
                Err(why) => faults.push(why),
            }
        }
        (steps, faults)
    }

    /// Takes up namespaces in which ours may stand from before this process; those that are gone are passed over.
    pub fn remember(&mut self, namespaces: impl IntoIterator<Item = Netns>) {
        for namespace in namespaces {
            let _ = self.place(Some(&namespace));
        }
    }

    /// The namespaces in which something of ours may stand, beside our own.
    pub fn namespaces(&self) -> impl Iterator<Item = &Netns> {
        self.places.keys().flatten()
    }

    /// What apply would do, as lines for a shell; changes nothing.
    ///
    /// # Errors
    /// What is there could not be read, or a namespace not be found.
    pub async fn plan(&mut self, wanted: &Wanted, now: SystemTime) -> Result<Vec<String>, String> {
        let (mut texts, by) = (Vec::new(), self.by.unwrap_or(Classifier::Flower));
        let (all, faults) = self.by_namespace(wanted, now);
        if let Some(why) = faults.into_values().next() {
            return Err(why);
        }
        for (namespace, policies) in all {
            let lines =
                self.place(namespace.as_ref())?.plan(&policies, by).await.map_err(|why| why.to_string())?;
            let at = namespace.map(|name| format!("in {name}: ")).unwrap_or_default();
            texts.extend(lines.into_iter().map(|line| format!("{at}{line}")));
        }
        Ok(texts)
    }

    /// Takes everything of ours away.
    pub async fn clear(&mut self) -> Outcome {
        self.apply(&Wanted::default(), SystemTime::UNIX_EPOCH).await
    }

    /// Bytes of layer 2 and packets that were shaped or redirected, by the kernel's counters.
    pub async fn count(&mut self) -> BTreeMap<PolicyName, Hits> {
        let mut all = BTreeMap::new();
        for place in self.places.values() {
            all.extend(place.count().await);
        }
        all
    }

    async fn classifier(&mut self, wanted: &Wanted) -> Classifier {
        let mut rules = wanted.of(Carrier::Traffic).filter_map(Policy::rule);
        if self.by.is_none() && rules.any(|rule| !Selected::is_everything_of(rule.matching())) {
            match probe(&self.runner).await {
                Ok(by) => {
                    log::info!("tc finds packets by {}", by.name());
                    self.by = Some(by);
                }
                Err(why) => log::warn!("what tc finds packets by is not known: {why}"),
            }
        }
        self.by.unwrap_or(Classifier::U32)
    }

    /// Our own namespace always; those that had policies until now, so that they lose them. And who is for none.
    fn by_namespace(
        &mut self,
        wanted: &Wanted,
        now: SystemTime,
    ) -> (BTreeMap<Option<Netns>, Vec<Policy>>, BTreeMap<PolicyName, String>) {
        let known = self.places.keys().flatten().cloned().collect();
        let shares = self.namespaces.share(wanted.of(Carrier::Traffic), &known, now);
        let all = shares.all.into_values().map(|share| (share.names.into_iter().next(), share.policies));
        (all.collect(), shares.faults)
    }

    fn place(&mut self, namespace: Option<&Netns>) -> Result<&mut Place, String> {
        let runner = match namespace {
            None => self.runner.clone(),
            Some(name) => self.runner.inside(&entrance(name)?),
        };
        Ok(self.places.entry(namespace.cloned()).or_insert_with(|| Place::new(runner)))
    }
}
