//! All who bring policies about, as one.
//!
//! In: what is wanted. Out: what came of it, for every carrier. Rule: each looks at its own policies alone, one after
//! the other; who does not work costs the others nothing, and who has nothing to do need not be installed.

use crate::policy::apply::{Runner, Tables, take_out};
use crate::policy::bridge::Bridges;
use crate::policy::cumulus::Cumulus;
use crate::policy::lines::Dialect;
use crate::policy::model::{Netns, Policy, PolicyName};
use crate::policy::shape::Traffic;
use crate::policy::wanted::{Carrier, Hits, Jump, Outcome, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

const SWITCH: &str = "/run/openvswitch";
const CUMULUS: &str = "/usr/cumulus/bin";
/// cl-acltool programs the hardware.
const CUMULUS_DEADLINE: Duration = Duration::from_secs(60);

/// One of each.
#[derive(Debug)]
pub struct Backends {
    runner: Runner,
    tables: Tables,
    traffic: Traffic,
    bridges: Bridges,
    /// On Cumulus Linux.
    cumulus: Option<Cumulus>,
    /// Those that carry nothing, and are known to have left nothing.
    idle: BTreeSet<Carrier>,
}

impl Backends {
    /// On this host.
    pub fn new(runner: &Runner, dialect: Dialect) -> Self {
        let cumulus = (dialect == Dialect::Cumulus).then(|| {
            let folders = [CUMULUS, "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into).into();
            let runner = runner.clone().with_folders(folders).with_deadline(CUMULUS_DEADLINE);
            Cumulus::new(runner, Path::new("/"))
        });
        Self {
            runner: runner.clone(),
            tables: Tables::new(runner.clone()),
            traffic: Traffic::new(runner.clone()),
            bridges: Bridges::new(runner.clone(), SWITCH.into()),
            cumulus,
            idle: BTreeSet::new(),
        }
    }

    /// Ours may stand in these namespaces, from before.
    pub fn remember(&mut self, namespaces: impl IntoIterator<Item = Netns>) {
        let all: BTreeSet<_> = namespaces.into_iter().collect();
        self.traffic.remember(all.iter().cloned());
        self.tables.remember(all);
    }

    /// The namespaces in which ours may stand, beside our own.
    pub fn namespaces(&self) -> impl Iterator<Item = &Netns> {
        self.tables.namespaces().chain(self.traffic.namespaces())
    }

    /// Takes out what is over, whoever put it there, and nothing else: in how many steps, and what did not work.
    /// `others` are what else is in force.
    pub async fn take_out(
        &mut self,
        over: &Wanted,
        others: &[Policy],
        now: SystemTime,
    ) -> (usize, Vec<String>) {
        let Self { runner, traffic, bridges, cumulus, .. } = self;
        let cumulus = async {
            match cumulus {
                Some(cumulus) => cumulus.take_out(over).await,
                None => Default::default(),
            }
        };
        // Each has its programs, and the time of one is no other's.
        let all = tokio::join!(
            take_out(runner, over.of(Carrier::Tables)),
            traffic.take_out(over, others, now),
            bridges.take_out(over),
            cumulus
        );
        let mut sum = (0, Vec::new());
        for (steps, faults) in <[_; 4]>::from(all) {
            sum.0 += steps;
            sum.1.extend(faults);
        }
        sum
    }

    /// Whether one carries nothing, and has left nothing.
    pub fn is_idle(&self, carrier: Carrier) -> bool {
        self.idle.contains(&carrier)
    }

    /// From now on our jumps have this place.
    pub const fn put_jumps(&mut self, jump: Jump) {
        self.tables.put_jumps(jump);
    }

    /// Brings everything about.
    pub async fn apply(&mut self, wanted: &Wanted, now: SystemTime) -> Vec<(Carrier, Outcome)> {
        let mut tables = self.tables.apply(wanted, now).await;
        forgive(&mut tables, wanted.of(Carrier::Tables).next().is_none());
        let mut all = vec![(Carrier::Tables, tables)];
        for carrier in [Carrier::Traffic, Carrier::Bridge, Carrier::Cumulus] {
            all.extend(self.apply_one(carrier, wanted, now).await.map(|outcome| (carrier, outcome)));
        }
        all
    }

    /// One that is not iptables, where there is something to do or to take away.
    async fn apply_one(&mut self, carrier: Carrier, wanted: &Wanted, now: SystemTime) -> Option<Outcome> {
        let is_unused = wanted.of(carrier).next().is_none();
        if is_unused && self.idle.contains(&carrier) {
            return None;
        }
        let mut outcome = match (carrier, &mut self.cumulus) {
            (Carrier::Traffic, _) => self.traffic.apply(wanted, now).await,
            (Carrier::Bridge, _) => self.bridges.apply(wanted, now).await,
            (Carrier::Cumulus, Some(cumulus)) => cumulus.apply(wanted, now).await,
            (Carrier::Tables, _) | (Carrier::Cumulus, None) => return None,
        };
        forgive(&mut outcome, is_unused);
        // A switch that is away may have flows of ours when it is back; its back end knows when there are none.
        if is_unused && outcome.trouble.is_none() && carrier != Carrier::Bridge {
            self.idle.insert(carrier);
        } else {
            self.idle.remove(&carrier);
        }
        Some(outcome)
    }

    /// What that would do, as texts for people.
    ///
    /// # Errors
    /// The host's state could not be read.
    pub async fn plan(&mut self, wanted: &Wanted, now: SystemTime) -> Result<Vec<String>, String> {
        let mut texts = self.tables.plan(wanted, now).await?;
        if wanted.of(Carrier::Traffic).next().is_some() {
            texts.extend(self.traffic.plan(wanted, now).await?);
        }
        if wanted.of(Carrier::Bridge).next().is_some() {
            texts.extend(self.bridges.plan(wanted, now).await?);
        }
        if let Some(cumulus) = &mut self.cumulus {
            texts.extend(cumulus.plan(wanted, now).await?);
        }
        Ok(texts)
    }

    /// What policies met.
    pub async fn count(&mut self) -> BTreeMap<PolicyName, Hits> {
        let mut all = self.tables.count().await;
        all.extend(self.traffic.count().await);
        all.extend(self.bridges.count().await);
        all
    }

    /// Takes everything of ours away.
    pub async fn clear(&mut self) -> Vec<(Carrier, Outcome)> {
        let nothing = Wanted { is_cumulus: self.cumulus.is_some(), ..Wanted::default() };
        self.idle.clear();
        self.apply(&nothing, SystemTime::UNIX_EPOCH).await
    }
}

/// A program that is not there is no trouble for who needs none.
fn forgive(outcome: &mut Outcome, is_unused: bool) {
    if is_unused && outcome.trouble.as_ref().is_some_and(|why| why.ends_with("is not installed")) {
        outcome.trouble = None;
    }
}
