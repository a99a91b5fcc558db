//! The back end of iptables, ip6tables and ipset, in all namespaces that policies name.
//!
//! In: what is wanted. Out: what came of it. Rule: a policy that a program refuses is taken out and the others are in
//! force; whom the program does not name is found by halves, on top of what stood before. A namespace that cannot be
//! entered costs its own policies, and a host without sets those that need some.

use super::generation::Generation;
use super::guilty::guilty;
use super::namespace::{Id, Namespaces, Shares};
use super::place::Place;
use super::runner::Runner;
use super::stop::Stop;
use crate::policy::model::{Netns, Policy, PolicyName};
use crate::policy::plan::{Desired, Members};
use crate::policy::wanted::{Carrier, Hits, Jump, Outcome, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::slice::from_ref;
use std::time::SystemTime;

/// Attempts for one [`Wanted`] in one namespace; whoever is under suspicion then is not in force.
const MOST_TRIALS: usize = 256;

/// The back end.
#[derive(Debug)]
pub struct Tables {
    runner: Runner,
    jump: Jump,
    namespaces: Namespaces,
    states: BTreeMap<Option<Id>, State>,
    /// Names of namespaces in which something of ours may stand.
    names: BTreeSet<Netns>,
    /// Those that were said by the process before this one, and are not looked at yet.
    inherited: BTreeSet<Netns>,
}

#[derive(Debug)]
struct State {
    place: Place,
    /// What was last in force.
    live: BTreeMap<PolicyName, Policy>,
}

impl Tables {
    /// With nothing known of the kernel.
    pub fn new(runner: Runner) -> Self {
        let (namespaces, states) = (Namespaces::default(), BTreeMap::new());
        let (names, inherited) = (BTreeSet::new(), BTreeSet::new());
        Self { runner, jump: Jump::default(), namespaces, states, names, inherited }
    }

    /// From the next [`Tables::apply`] on, our jumps have this place.
    pub const fn put_jumps(&mut self, jump: Jump) {
        self.jump = jump;
    }

    /// Observes, plans, applies, reads back; on failure finds the guilty policies, takes them out, and leaves the
    /// last good state.
    pub async fn apply(&mut self, wanted: &Wanted, now: SystemTime) -> Outcome {
        let shares = self.namespaces.share(wanted.of(Carrier::Tables), &self.names, now);
        let Shares { all, faults, hidden } = shares;
        let mut outcome = Outcome { faults, ..Outcome::default() };
        self.states.retain(|id, _| all.contains_key(id));
        let inherited = self.inherited.difference(&hidden).cloned().collect();
        self.inherited.retain(|name| hidden.contains(name));
        self.names = hidden;
        for (id, mut share) in all {
            if !share.names.is_disjoint(&inherited) && self.is_strange(share.entrance.as_deref()).await {
                outcome.faults.extend(self.namespaces.disown(&mut share.policies, &inherited));
            }
            let is_over = share.policies.is_empty() && id.is_some();
            let concerned: Vec<_> = share.policies.iter().map(|policy| policy.name.clone()).collect();
            let state = self.state(id, share.entrance.as_deref());
            let (of_one, stop) = state.apply(share.policies, &wanted.members, now).await;
            outcome.faults.extend(of_one.faults);
            outcome.steps += of_one.steps;
            if is_over && stop.is_none() {
                self.states.remove(&id);
                continue;
            }
            let at =
                share.names.first().map(|name| format!("network namespace {name}: ")).unwrap_or_default();
            self.names.extend(share.names);
            match stop {
                None => {}
                Some(Stop::Lacking(why)) if id.is_some() => {
                    outcome.faults.extend(concerned.into_iter().map(|name| (name, format!("{at}{why}"))));
                }
                Some(stop) => outcome.trouble = outcome.trouble.or_else(|| Some(format!("{at}{stop}"))),
            }
        }
        outcome
    }

    /// What apply would do, as texts for people; changes nothing.
    ///
    /// # Errors
    /// The kernel's state could not be read, or a namespace not be found.
    pub async fn plan(&mut self, wanted: &Wanted, now: SystemTime) -> Result<Vec<String>, String> {
        let shares = self.namespaces.clone().share(wanted.of(Carrier::Tables), &self.names, now);
        if let Some(why) = shares.faults.into_values().next() {
            return Err(why);
        }
        let mut texts = Vec::new();
        for (id, share) in shares.all {
            let desired = Desired::new(&share.policies, &wanted.members, now);
            let stranger;
            let place = match self.states.get(&id) {
                Some(state) => &state.place,
                None => {
                    stranger = Place::new(self.inside(share.entrance.as_deref()), Generation::unknown());
                    &stranger
                }
            };
            let steps = place.steps(&desired, self.jump).await.map_err(|failed| failed.to_string())?;
            let at = share.names.first().map(|netns| format!(" in {netns}")).unwrap_or_default();
            texts.extend(steps.iter().map(|step| {
                let (program, _) = step.program.command(0);
                format!("{program}{at}:\n{}", step.input)
            }));
        }
        Ok(texts)
    }

    /// What policies met: their rules, or the members of sets of those that drop by address.
    pub async fn count(&mut self) -> BTreeMap<PolicyName, Hits> {
        let mut all: BTreeMap<PolicyName, Hits> = BTreeMap::new();
        for state in self.states.values() {
            let Ok(observed) = state.place.observe().await else { continue };
            let chains = observed.tables.values().flat_map(BTreeMap::values);
            for rule in chains.flat_map(|chain| &chain.rules) {
                let Some(Ok(name)) = rule.policy().map(str::parse) else { continue };
                let hits = all.entry(name).or_default();
                hits.packets += rule.counters.0;
                hits.bytes += rule.counters.1;
            }
            let drops = observed.sets.iter().filter(|(name, _)| name.is_of_drops());
            for member in drops.flat_map(|(_, set)| set.members.values()) {
                let Ok(name) = member.comment.parse() else { continue };
                let hits = all.entry(name).or_default();
                hits.packets += member.counters.0;
                hits.bytes += member.counters.1;
            }
        }
        all
    }

    /// Takes everything of ours away.
    pub async fn clear(&mut self) -> Outcome {
        self.apply(&Wanted::default(), SystemTime::UNIX_EPOCH).await
    }

    /// Takes up namespaces that policies named before this process was: where none names them any more, the next
    /// [`Tables::apply`] takes away what is ours. Those that are gone are passed over.
    pub fn remember(&mut self, namespaces: impl IntoIterator<Item = Netns>) {
        self.names.extend(namespaces);
        self.inherited.clone_from(&self.names);
    }

    /// The namespaces in which something of ours may stand, beside our own: what to [`Tables::remember`] the next time.
    pub fn namespaces(&self) -> impl Iterator<Item = &Netns> {
        self.names.iter()
    }

    /// Nothing of ours is there: a process that is in it is none that had a policy before we began.
    async fn is_strange(&self, entrance: Option<&Path>) -> bool {
        let place = Place::new(self.inside(entrance), Generation::unknown());
        place.observe().await.is_ok_and(|there| there.tables.is_empty() && there.sets.is_empty())
    }

    fn inside(&self, entrance: Option<&Path>) -> Runner {
        entrance.map_or_else(|| self.runner.clone(), |path| self.runner.inside(path))
    }

    fn state(&mut self, id: Option<Id>, entrance: Option<&Path>) -> &mut State {
        let (runner, jump) = (self.inside(entrance), self.jump);
        let state = self.states.entry(id).or_insert_with(|| {
            let generation = if id.is_none() { Generation::here() } else { Generation::unknown() };
            State { place: Place::new(runner.clone(), generation), live: BTreeMap::new() }
        });
        // The name by which it was entered may be gone, and another be left.
        state.place.enter_by(runner, jump);
        state
    }
}

impl State {
    /// What came of it, and what stopped it where nothing did.
    async fn apply(
        &mut self,
        mut policies: Vec<Policy>,
        members: &Members,
        now: SystemTime,
    ) -> (Outcome, Option<Stop>) {
        let mut outcome = Outcome::default();
        let elsewhere: BTreeSet<_> = Desired::new(&policies, members, now).elsewhere.into_iter().collect();
        policies.retain(|policy| !elsewhere.contains(&policy.name));
        let why = "iptables cannot carry out all of it";
        outcome.faults.extend(elsewhere.into_iter().map(|name| (name, why.to_owned())));

        let (mut base, others): (Vec<_>, Vec<_>) =
            policies.into_iter().partition(|policy| self.live.get(&policy.name) == Some(policy));
        let (mut waiting, mut is_reached, mut trials) = (vec![others], false, 0);
        while let Some(mut suspects) = waiting.pop().or_else(|| (!is_reached).then(Vec::new)) {
            let trial = [base.as_slice(), &suspects].concat();
            let desired = Desired::new(&trial, members, now);
            trials += 1;
            let (failed, input) = match self.place.reach(&desired, now).await {
                Ok(steps) => {
                    outcome.steps += steps;
                    (base, is_reached) = (trial, true);
                    continue;
                }
                Err(Stop::Sets(failed)) => {
                    is_reached = false;
                    let needs =
                        |policy: &Policy| !Desired::new(from_ref(policy), members, now).sets.is_empty();
                    let guilty = trial.iter().filter(|policy| needs(policy));
                    outcome.faults.extend(guilty.map(|policy| (policy.name.clone(), failed.to_string())));
                    base.retain(|policy| !needs(policy));
                    suspects.retain(|policy| !needs(policy));
                    waiting.push(suspects);
                    continue;
                }
                Err(Stop::Input { failed, input }) => (failed, input),
                Err(stop) => return (outcome, Some(stop)),
            };
            is_reached = false;
            let why = failed.to_string();
            let named = guilty(&input, &why).filter(|name| trial.iter().any(|policy| policy.name == *name));
            if let Some(name) = named {
                base.retain(|policy| policy.name != name);
                suspects.retain(|policy| policy.name != name);
                outcome.faults.insert(name, why);
                waiting.push(suspects);
            } else if suspects.len() == 1 || (trials >= MOST_TRIALS && !suspects.is_empty()) {
                outcome.faults.extend(suspects.into_iter().map(|policy| (policy.name, why.clone())));
            } else if suspects.is_empty() && (base.is_empty() || trials >= MOST_TRIALS) {
                return (outcome, Some(Stop::Trouble(why)));
            } else if suspects.is_empty() {
                waiting.push(std::mem::take(&mut base));
            } else {
                let second = suspects.split_off(suspects.len() / 2);
                waiting.extend([second, suspects]);
            }
        }
        self.live = base.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        (outcome, None)
    }
}
