//! One network namespace: from what `tc` has to what it is to have.
//!
//! In: policies. Out: what came of it. Rule: each round reads what is there and plans from that, so a change by others is
//! repaired and a restart adopts what stands; a device is changed by one `tc -batch`. Of a policy that is refused the
//! version before stays, where there was one, and the other policies are as wanted; where nobody can be blamed, what was
//! in force before comes back.

use super::IFB;
use super::made::{Made, made};
use super::observed::{Device, Devices, Unreadable, devices};
use super::plan::{At, Chain, Classifier, Line, Parts, Target, What, ifb, lanes, steps, whole};
use crate::policy::apply::{Failed, Runner, entrance};
use crate::policy::model::{Policy, PolicyName};
use crate::policy::wanted::{Hits, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// Plans for the same policies, before somebody else is said to undo them.
const ROUNDS: usize = 3;

#[derive(Debug)]
pub(super) struct Place {
    runner: Runner,
    /// What was last in force.
    live: BTreeMap<PolicyName, Policy>,
    good: BTreeMap<String, Parts>,
}

/// Why it is not as wanted.
enum Stop {
    /// Of these policies something is refused.
    Refused(BTreeSet<PolicyName>, String),
    Trouble(String),
}

/// Why it is not known what is there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unseen {
    /// It could not be asked.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The answer is none.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Self::Trouble(failed.to_string())
    }
}

impl From<Unseen> for Stop {
    fn from(unseen: Unseen) -> Self {
        Self::Trouble(unseen.to_string())
    }
}

impl Place {
    pub(super) fn new(runner: Runner) -> Self {
        Self { runner, live: BTreeMap::new(), good: BTreeMap::new() }
    }

    pub(super) async fn apply(&mut self, policies: Vec<Policy>, by: Classifier) -> Outcome {
        let mut outcome = Outcome::default();
        let mut tried: BTreeMap<_, _> =
            policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        let mut refused = BTreeMap::new();
        loop {
            match self.reach(&tried, by, &mut outcome).await {
                Ok(()) => break,
                Err(Stop::Refused(names, why)) if names.iter().any(|name| tried.contains_key(name)) => {
                    for name in names {
                        let before = self.live.get(&name).filter(|before| tried.get(&name) != Some(*before));
                        match before.cloned() {
                            Some(before) => drop(tried.insert(name.clone(), before)),
                            None => drop(tried.remove(&name)),
                        }
                        refused.entry(name).or_insert_with(|| why.clone());
                    }
                }
                Err(Stop::Refused(_, why) | Stop::Trouble(why)) => {
                    outcome.trouble = Some(self.go_back(why).await);
                    return outcome;
                }
            }
        }
        outcome.faults.extend(refused);
        self.live = tried;
        outcome
    }

    pub(super) async fn plan(&self, policies: &[Policy], by: Classifier) -> Result<Vec<String>, Unseen> {
        let mut there = self.observe().await?;
        let (lanes, _) = lanes(policies.iter(), by);
        let mut texts = Vec::new();
        for made in made(&lanes, &there) {
            texts.extend(made.here.lines().map(|line| format!("ip {line}")));
            texts.extend(made.inside.iter().map(|(name, line)| format!("in {name}: ip {line}")));
            let device = there.entry(made.name).or_default();
            (device.is_up, device.is_made) = (true, true);
        }
        let (wanted, _) = whole(&lanes, &there);
        let changes = changes(&wanted, &there);
        texts
            .extend(changes.into_iter().flat_map(|(_, lines)| lines).map(|line| format!("tc {}", line.text)));
        texts.extend(orphans(&wanted, &there).map(|name| format!("ip link del dev {name}")));
        Ok(texts)
    }

    /// Brings devices of these policies to what the others want of them, where something of ours is there at all.
    pub(super) async fn take_out(
        &self,
        over: &[Policy],
        others: &[Policy],
        by: Classifier,
    ) -> Result<usize, String> {
        let there = self.observe().await.map_err(|why| why.to_string())?;
        let ((gone, _), (living, _)) = (lanes(over.iter(), by), lanes(others.iter(), by));
        let devices = gone.keys().filter_map(|(name, _)| there.get_key_value(name));
        let names: BTreeSet<_> = devices.flat_map(|(name, device)| [name.clone(), ifb(device)]).collect();
        let is_its = |name: &str| names.contains(name) && there.get(name).is_some_and(Device::has_ours);
        let (wanted, _) = whole(&living, &there);
        let mut steps = 0;
        for (_, lines) in changes(&wanted, &there).into_iter().filter(|(name, _)| is_its(name)) {
            steps += lines.len();
            self.carry_out(&lines, None).await.map_err(|(Stop::Refused(_, why) | Stop::Trouble(why))| why)?;
        }
        for name in orphans(&wanted, &there).filter(|name| names.contains(*name)) {
            self.runner.run("ip", &["link", "del", "dev", name], "").await.map_err(|why| why.to_string())?;
            steps += 1;
        }
        Ok(steps)
    }

    pub(super) async fn count(&self) -> BTreeMap<PolicyName, Hits> {
        let mut hits: BTreeMap<PolicyName, Hits> = BTreeMap::new();
        let Ok(there) = self.observe().await else { return hits };
        for (device, parts) in &self.good {
            let Some(device) = there.get(device) else { continue };
            for (at, part) in parts {
                let is_counter =
                    matches!(at, At::Root | At::Class(_) | At::Filters(Chain::Ingress | Chain::Egress, _));
                if let (true, Some(of), Some(seen)) = (is_counter, &part.of, device.parts.get(at)) {
                    let sum = hits.entry(of.clone()).or_default();
                    sum.bytes += seen.hits.bytes;
                    sum.packets += seen.hits.packets;
                }
            }
        }
        hits
    }

    async fn reach(
        &mut self,
        policies: &BTreeMap<PolicyName, Policy>,
        by: Classifier,
        outcome: &mut Outcome,
    ) -> Result<(), Stop> {
        let (lanes, unfit) = lanes(policies.values(), by);
        let (mut there, mut without) = (self.observe().await?, BTreeMap::new());
        let missing = made(&lanes, &there);
        for made in &missing {
            outcome.steps += 1;
            match self.make(made).await {
                Err(failed @ Failed::Deadline { .. }) => return Err(failed.into()),
                Err(failed) => {
                    without.extend(made.of.iter().map(|name| (name.clone(), failed.to_string())));
                }
                Ok(()) => {}
            }
        }
        if !missing.is_empty() {
            there = self.observe().await?;
        }
        for _ in 0..ROUNDS {
            let (wanted, faults) = whole(&lanes, &there);
            let changes = changes(&wanted, &there);
            if changes.is_empty() {
                for name in orphans(&wanted, &there) {
                    self.runner.run("ip", &["link", "del", "dev", name], "").await?;
                    outcome.steps += 1;
                }
                outcome.faults = unfit.into_iter().chain(faults).collect();
                for (name, fault) in &mut outcome.faults {
                    // What it waits for could not be made.
                    *fault = without.remove(name).unwrap_or_else(|| fault.clone());
                }
                self.good = wanted;
                return Ok(());
            }
            for (device, lines) in &changes {
                outcome.steps += lines.len();
                self.carry_out(lines, wanted.get(device)).await?;
            }
            there = self.observe().await?;
        }
        Err(Stop::Trouble("somebody else changes what tc does as fast as we do".to_owned()))
    }

    async fn carry_out(&self, lines: &[Line], parts: Option<&Parts>) -> Result<(), Stop> {
        let input: String = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
        match self.runner.run("tc", &["-batch", "-"], &input).await {
            Err(Failed::Status { stderr, .. }) => {
                let all = || parts.into_iter().flat_map(BTreeMap::values).filter_map(|part| part.of.clone());
                let names = guilty(&stderr, lines).map_or_else(|| all().collect(), |name| [name].into());
                Err(Stop::Refused(names, stderr))
            }
            Err(failed) => Err(failed.into()),
            Ok(_) => Ok(()),
        }
    }

    /// To what was in force before, from what is there now; on top of `why`, what stops that.
    async fn go_back(&self, why: String) -> String {
        let back = async {
            let there = self.observe().await?;
            for (device, lines) in changes(&self.good, &there) {
                self.carry_out(&lines, self.good.get(&device)).await?;
            }
            Ok(())
        };
        match back.await {
            Ok(()) => why,
            Err(Stop::Refused(_, again) | Stop::Trouble(again)) if again == why => why,
            Err(Stop::Refused(_, again) | Stop::Trouble(again)) => format!("{again}, and before that: {why}"),
        }
    }

    async fn make(&self, made: &Made) -> Result<(), Failed> {
        if !made.here.is_empty() {
            self.runner.run("ip", &["-batch", "-"], &made.here).await?;
        }
        if let Some((name, line)) = &made.inside {
            let missing = |why| Failed::Denied { program: "ip".to_owned(), why };
            let runner = self.runner.inside(&entrance(name).map_err(missing)?);
            runner.run("ip", &["-batch", "-"], line).await?;
        }
        Ok(())
    }

    async fn observe(&self) -> Result<Devices, Unseen> {
        let links = self.runner.run("ip", &["-j", "link", "show"], "").await?;
        let mut there =
            devices(&links, &self.runner.run("tc", &["-s", "-d", "-j", "qdisc", "show"], "").await?)?;
        for (name, device) in &mut there {
            let show = async |what: &[&str]| {
                let words = [&["-s", "-d"], what, &["dev", name.as_str()]].concat();
                match self.runner.run("tc", &words, "").await {
                    // What vanishes meanwhile has nothing of ours.
                    Err(Failed::Status { stderr, .. }) if is_gone(&stderr) => Ok(String::new()),
                    shown => shown,
                }
            };
            if device.parts.contains_key(&At::Root) {
                device.read_classes(&show(&["class", "show"]).await?);
                device.read_filters(Chain::Root, &show(&["filter", "show"]).await?);
            }
            if device.parts.contains_key(&At::Hook) {
                device.read_filters(Chain::Ingress, &show(&["filter", "show", "ingress"]).await?);
                device.read_filters(Chain::Egress, &show(&["filter", "show", "egress"]).await?);
            }
        }
        Ok(there)
    }
}

/// The device, or the qdisc that was asked for.
fn is_gone(said: &str) -> bool {
    ["Cannot find device", "No such device", "Parent Qdisc doesn't exist"]
        .iter()
        .any(|words| said.contains(words))
}

/// Devices of ours that nothing goes to any more.
fn orphans<'d>(wanted: &BTreeMap<String, Parts>, there: &'d Devices) -> impl Iterator<Item = &'d str> {
    let goes_to = |what: &What| match what {
        What::Filters { filters, .. } => filters.first().and_then(|filter| match &filter.to {
            Some(Target::Device(to)) => Some(to.clone()),
            _ => None,
        }),
        _ => None,
    };
    let parts = wanted.values().flat_map(BTreeMap::values);
    let used: BTreeSet<String> = parts.filter_map(|part| goes_to(&part.what)).collect();
    let ours = there.iter().filter(|(_, device)| device.is_made);
    ours.filter(move |(name, _)| !used.contains(*name)).map(|(name, _)| name.as_str())
}

/// The lines for each device that is not as wanted; intermediate devices first, as others send to them.
fn changes(wanted: &BTreeMap<String, Parts>, there: &Devices) -> Vec<(String, Vec<Line>)> {
    let nothing = Parts::new();
    let ours = there
        .iter()
        .filter(|(name, device)| wanted.contains_key(*name) || (device.has_ours() && !device.is_made));
    let mut found: Vec<_> = ours
        .map(|(name, device)| {
            let may_unhook = device.owns_hook() && device.has_ours() && !device.has_others;
            let parts = wanted.get(name).unwrap_or(&nothing);
            (name.clone(), steps(name, &device.parts, parts, may_unhook))
        })
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    found.sort_by_key(|(name, _)| !name.starts_with(IFB));
    found
}

/// Whose line it was that `tc -batch` stopped at.
fn guilty(said: &str, lines: &[Line]) -> Option<PolicyName> {
    let (_, rest) = said.split_once("Command failed -:")?;
    let number: usize = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    lines.get(number.checked_sub(1)?)?.of.clone()
}
