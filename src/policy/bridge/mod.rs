//! Open vSwitch bridges: policies between ports of one bridge, whose packets iptables never sees.
//!
//! In: what is wanted. Out: flows in table 0 of the bridges, in one bundle each, and what they met. Rule: a flow is ours
//! by its cookie; flows of a controller, of an operator and of the fail mode are neither named nor replaced. Needs to
//! write to the bridges' management sockets, which belong to root. Spec: ovs-ofctl(8), ovs-vsctl(8).

mod desired;
mod flows;
mod matches;
mod meters;
mod ports;

pub use desired::{Desired, Has};
pub use flows::{Flow, Seen, bundle, parse};
pub use meters::{Meter, Meters};

use super::apply::{Failed, Runner};
use super::model::{Action, Body, Policy, PolicyName, Redirect};
use super::wanted::{Carrier, Hits, Outcome, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

/// Versions with bundles.
const VERSIONS: &str = "OpenFlow13,OpenFlow14,OpenFlow15";

/// All bridges of one Open vSwitch.
#[derive(Debug)]
pub struct Bridges {
    runner: Runner,
    /// Where its sockets are, `/run/openvswitch`.
    folder: PathBuf,
    /// How the bridge prints our flows, by bridge and cookie, and what they had beside it: one that reads otherwise was
    /// changed by somebody.
    echoes: BTreeMap<(String, u64), (String, Vec<String>)>,
    /// Whose flow has a cookie, as of the last apply.
    owners: BTreeMap<String, BTreeMap<u64, PolicyName>>,
    /// Meters of ours by bridge; a meter bears no mark, so these are all that we can know.
    meters: BTreeMap<String, BTreeSet<u32>>,
    is_clear: bool,
}

/// What one bridge is to do.
struct Change {
    seen: Vec<Seen>,
    has: Has,
    desired: Desired,
    gone: BTreeSet<u64>,
    new: Vec<Flow>,
}

impl Bridges {
    /// Of the Open vSwitch with its sockets in a folder.
    pub fn new(runner: Runner, folder: PathBuf) -> Self {
        let (echoes, owners, meters) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { runner, folder, echoes, owners, meters, is_clear: false }
    }

    /// Brings every bridge there; a bridge that takes a bundle takes all of it.
    pub async fn apply(&mut self, wanted: &Wanted, now: SystemTime) -> Outcome {
        let mut outcome = Outcome::default();
        let by_bridge = by_bridge(wanted);
        // Nothing of ours is there, nothing is wanted: a host without Open vSwitch is asked once.
        if by_bridge.is_empty() && self.is_clear {
            return outcome;
        }
        let present = match self.list().await {
            Ok(present) => present,
            Err(Failed::Missing(_)) if by_bridge.is_empty() => return outcome,
            // What a run before may have left is looked for when it is there again; what this one has is missed.
            Err(Failed::Status { .. }) if by_bridge.is_empty() && self.has_nothing() => return outcome,
            Err(why) => return Outcome { trouble: Some(explain(&why)), ..outcome },
        };
        for (bridge, policies) in &by_bridge {
            if !present.contains(bridge) {
                let why = format!("Open vSwitch has no bridge {bridge}");
                outcome.faults.extend(policies.iter().map(|policy| (policy.name.clone(), why.clone())));
            }
        }
        self.owners.retain(|bridge, _| present.contains(bridge));
        self.meters.retain(|bridge, _| present.contains(bridge));
        self.echoes.retain(|(bridge, _), _| present.contains(bridge));
        let none = Vec::new();
        for bridge in &present {
            let policies = by_bridge.get(bridge).unwrap_or(&none);
            match self.bring(bridge, policies, wanted, now).await {
                Ok((faults, steps)) => {
                    outcome.faults.extend(faults);
                    outcome.steps += steps;
                }
                Err(why) => outcome.trouble = Some(format!("{bridge}: {}", explain(&why))),
            }
        }
        self.is_clear = by_bridge.is_empty() && outcome.trouble.is_none();
        outcome
    }

    /// The bundles that [`Self::apply`] would give to bridges.
    ///
    /// # Errors
    /// Open vSwitch does not answer.
    pub async fn plan(&mut self, wanted: &Wanted, now: SystemTime) -> Result<Vec<String>, String> {
        let by_bridge = by_bridge(wanted);
        let present = match self.list().await {
            Ok(present) => present,
            Err(_) if by_bridge.is_empty() => return Ok(Vec::new()),
            Err(why) => return Err(explain(&why)),
        };
        let (mut texts, none) = (Vec::new(), Vec::new());
        for bridge in &present {
            let policies = by_bridge.get(bridge).unwrap_or(&none);
            let change = self.compare(bridge, policies, wanted, now).await.map_err(|why| explain(&why))?;
            if !(change.gone.is_empty() && change.new.is_empty()) {
                texts.push(format!(
                    "ovs-ofctl --bundle add-flows {bridge}:\n{}",
                    bundle(change.gone, &change.new)
                ));
            }
        }
        Ok(texts)
    }

    /// What policies met, of bridges that answer.
    pub async fn count(&mut self) -> BTreeMap<PolicyName, Hits> {
        let mut all: BTreeMap<_, Hits> = BTreeMap::new();
        for (bridge, owners) in &self.owners {
            let Ok(seen) = self.observe(bridge).await else { continue };
            for (seen, name) in seen.iter().filter_map(|seen| Some((seen, owners.get(&seen.cookie)?))) {
                let hits = all.entry(name.clone()).or_default();
                hits.packets += seen.packets;
                hits.bytes += seen.bytes;
            }
        }
        all
    }

    /// Takes all flows of ours away.
    pub async fn clear(&mut self) -> Outcome {
        self.apply(&Wanted::default(), SystemTime::UNIX_EPOCH).await
    }

    /// Takes flows of these policies away, as they were given to bridges, and nothing else.
    pub async fn take_out(&self, over: &Wanted) -> (usize, Vec<String>) {
        let (mut steps, mut faults) = (0, Vec::new());
        let by_bridge = by_bridge(over);
        // Where Open vSwitch does not run, no flow is left.
        if by_bridge.is_empty() || !self.folder.join("db.sock").exists() {
            return (steps, faults);
        }
        for (bridge, policies) in by_bridge {
            match self.take_out_of(&bridge, policies, over).await {
                Ok(done) => steps += done,
                Err(why) => faults.push(format!("{bridge}: {}", explain(&why))),
            }
        }
        (steps, faults)
    }

    async fn take_out_of(
        &self,
        bridge: &str,
        policies: Vec<&Policy>,
        over: &Wanted,
    ) -> Result<usize, Failed> {
        if !self.list().await?.contains(bridge) {
            return Ok(0);
        }
        // Of a time when none of them had ended.
        let were = Desired::new(policies, &over.members, &Has::default(), SystemTime::UNIX_EPOCH);
        let cookies: BTreeSet<_> =
            were.flows.iter().filter(|flow| !flow.is_shared()).map(Flow::cookie).collect();
        let seen = self.observe(bridge).await?;
        let gone: BTreeSet<_> =
            seen.iter().map(|seen| seen.cookie).filter(|at| cookies.contains(at)).collect();
        if gone.is_empty() {
            return Ok(0);
        }
        self.give(bridge, &bundle(gone, &[])).await.map(|()| 1)
    }

    fn has_nothing(&self) -> bool {
        self.owners.values().all(BTreeMap::is_empty)
    }

    async fn list(&self) -> Result<BTreeSet<String>, Failed> {
        let socket = self.folder.join("db.sock");
        if !socket.exists() {
            // It would say the same, and write it into the system's log each time.
            let (program, stderr) =
                ("ovs-vsctl".to_owned(), format!("{}: No such file or directory", socket.display()));
            return Err(Failed::Status { program, code: 1, stderr });
        }
        let db = format!("--db=unix:{}", socket.display());
        let text = self.runner.run("ovs-vsctl", &[&db, "--timeout=10", "list-br"], "").await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How ovs-ofctl is told of a bridge.
    fn target(&self, bridge: &str) -> String {
        format!("unix:{}", self.folder.join(format!("{bridge}.mgmt")).display())
    }

    /// Asks a bridge something, or tells it.
    async fn ofctl(
        &self,
        bridge: &str,
        command: &[&str],
        more: &[&str],
        input: &str,
    ) -> Result<String, Failed> {
        let target = self.target(bridge);
        let arguments = [&["-O", VERSIONS, "--timeout=10"], command, &[&*target], more].concat();
        self.runner.run("ovs-ofctl", &arguments, input).await
    }

    async fn observe(&self, bridge: &str) -> Result<Vec<Seen>, Failed> {
        Ok(parse(&self.ofctl(bridge, &["dump-flows"], &[], "").await?))
    }

    async fn give(&self, bridge: &str, bundle: &str) -> Result<(), Failed> {
        self.ofctl(bridge, &["--bundle", "add-flows"], &["-"], bundle).await.map(drop)
    }

    /// Asks only for what the policies name.
    async fn has(&self, bridge: &str, policies: &[&Policy], seen: &[Seen]) -> Result<Has, Failed> {
        let mut has = Has::default();
        let rules = || {
            policies
                .iter()
                .filter_map(|policy| if let Body::Rule(rule) = &policy.body { Some(rule) } else { None })
        };
        let names_port = rules().any(|rule| {
            rule.matching().traffic().from.is_some()
                || matches!(rule.action(), Action::Redirect(Redirect::Device(_)))
        });
        if names_port {
            has.ports = Some(ports::parse(&self.ofctl(bridge, &["dump-ports-desc"], &[], "").await?));
        }
        if rules().any(|rule| matches!(rule.action(), Action::Limit(_))) {
            has.meters = match self.ofctl(bridge, &["dump-meters"], &[], "").await {
                // A switch that knows none says so again when it is given one.
                Err(why) if is_about_flows(&why) => Default::default(),
                printed => meters::parse(&printed?),
            };
            for number in seen.iter().filter(|seen| !seen.is_ours()).flat_map(Seen::meters) {
                has.meters.entry(number).or_default().insert("somebody's".to_owned());
            }
        }
        Ok(has)
    }

    async fn compare(
        &self,
        bridge: &str,
        policies: &[&Policy],
        wanted: &Wanted,
        now: SystemTime,
    ) -> Result<Change, Failed> {
        let seen = self.observe(bridge).await?;
        let has = self.has(bridge, policies, &seen).await?;
        let mut desired = Desired::new(policies.iter().copied(), &wanted.members, &has, now);
        desired.yield_to(&seen);
        Ok(self.difference(bridge, desired, seen, has))
    }

    fn difference(&self, bridge: &str, desired: Desired, seen: Vec<Seen>, has: Has) -> Change {
        let flows: BTreeMap<_, _> = desired.flows.iter().map(|flow| (flow.cookie(), flow)).collect();
        let is_good = |seen: &&Seen| {
            let Some(flow) = flows.get(&seen.cookie) else { return false };
            match self.echoes.get(&(bridge.to_owned(), seen.cookie)) {
                Some((words, more)) => *words == seen.words && more == flow.more(),
                None => seen.has(flow.more()),
            }
        };
        let ours = || seen.iter().filter(|seen| seen.is_ours());
        let good: BTreeSet<_> = ours().filter(is_good).map(|seen| seen.cookie).collect();
        let gone = ours().map(|seen| seen.cookie).filter(|cookie| !good.contains(cookie)).collect();
        let new = desired.flows.iter().filter(|flow| !good.contains(&flow.cookie())).cloned().collect();
        Change { seen, has, desired, gone, new }
    }

    async fn bring(
        &mut self,
        bridge: &str,
        policies: &[&Policy],
        wanted: &Wanted,
        now: SystemTime,
    ) -> Result<(BTreeMap<PolicyName, String>, usize), Failed> {
        let mut change = self.compare(bridge, policies, wanted, now).await?;
        let mut ours: BTreeSet<_> =
            change.seen.iter().filter(|seen| seen.is_ours()).flat_map(Seen::meters).collect();
        let steps = usize::from(!(change.gone.is_empty() && change.new.is_empty()));
        if steps > 0 {
            change = self.measure(bridge, change).await?;
            ours.extend(change.desired.meters.values().map(|meter| meter.number));
            let whole = bundle(change.gone.iter().copied(), &change.new);
            match self.give(bridge, &whole).await {
                Err(why) if !is_about_flows(&why) => return Err(why),
                Err(_) => {
                    let guilty = self.guilty(bridge, &change.new).await?;
                    change.desired.faults.extend(guilty);
                    change.desired.without_faulty();
                    let seen = self.observe(bridge).await?;
                    change = self.difference(bridge, change.desired, seen, change.has);
                    self.give(bridge, &bundle(change.gone.iter().copied(), &change.new)).await?;
                }
                Ok(()) => {}
            }
            change.seen = self.observe(bridge).await?;
            self.learn(bridge, &change.desired, &change.seen);
        }
        self.meters.entry(bridge.to_owned()).or_default().extend(ours);
        self.unmeasure(bridge, &change).await?;
        let owners = change.desired.flows.iter().map(|flow| (flow.cookie(), flow.policy.clone())).collect();
        self.owners.insert(bridge.to_owned(), owners);
        Ok((change.desired.faults, steps))
    }

    /// Makes the meters that flows will name.
    async fn measure(&self, bridge: &str, mut change: Change) -> Result<Change, Failed> {
        let missing =
            change.desired.meters.iter().filter(|(_, meter)| !change.has.meters.contains_key(&meter.number));
        let mut faults = BTreeMap::new();
        for (policy, meter) in missing {
            match self.ofctl(bridge, &["add-meter"], &[&meter.text()], "").await {
                Err(why) if !is_about_flows(&why) => return Err(why),
                Err(why) => drop(faults.insert(policy.clone(), format!("this bridge limits nothing: {why}"))),
                Ok(_) => {}
            }
        }
        if faults.is_empty() {
            return Ok(change);
        }
        change.desired.faults.extend(faults);
        change.desired.without_faulty();
        Ok(self.difference(bridge, change.desired, change.seen, change.has))
    }

    /// Takes meters of ours away that no flow names any more.
    async fn unmeasure(&mut self, bridge: &str, change: &Change) -> Result<(), Failed> {
        let named: BTreeSet<_> = change.seen.iter().flat_map(Seen::meters).collect();
        for number in self.meters.get(bridge).into_iter().flatten().filter(|number| !named.contains(number)) {
            // One that is not there is no fault.
            self.ofctl(bridge, &["del-meter"], &[&format!("meter={number}")], "").await?;
        }
        self.meters
            .insert(bridge.to_owned(), change.desired.meters.values().map(|meter| meter.number).collect());
        Ok(())
    }

    fn learn(&mut self, bridge: &str, desired: &Desired, seen: &[Seen]) {
        let flows: BTreeMap<_, _> = desired.flows.iter().map(|flow| (flow.cookie(), flow)).collect();
        self.echoes.retain(|(of, _), _| of != bridge);
        let ours = seen.iter().filter_map(|seen| Some((seen, flows.get(&seen.cookie)?)));
        let echo = |(seen, flow): (&Seen, &&Flow)| {
            ((bridge.to_owned(), seen.cookie), (seen.words.clone(), flow.more().to_vec()))
        };
        self.echoes.extend(ours.map(echo));
    }

    /// Adds by halves, so that of many flows one bad policy is found in few runs; what is good stays added.
    async fn guilty(&self, bridge: &str, new: &[Flow]) -> Result<BTreeMap<PolicyName, String>, Failed> {
        let policies: Vec<_> = new.chunk_by(|a, b| a.policy == b.policy).collect();
        let (mut guilty, mut open) = (BTreeMap::new(), vec![policies.as_slice()]);
        while let Some(part) = open.pop() {
            match (self.give(bridge, &bundle([], part.iter().copied().flatten())).await, part) {
                (Ok(()), _) => {}
                (Err(why), _) if !is_about_flows(&why) => return Err(why),
                (Err(why), [one]) => {
                    guilty.extend(one.first().map(|flow| (flow.policy.clone(), why.to_string())))
                }
                (Err(_), part) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.extend([second, first]);
                }
            }
        }
        Ok(guilty)
    }
}

fn by_bridge(wanted: &Wanted) -> BTreeMap<String, Vec<&Policy>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for policy in wanted.of(Carrier::Bridge) {
        let Body::Rule(rule) = &policy.body else { continue };
        if let Some(bridge) = &rule.matching().traffic().bridge {
            all.entry(bridge.to_string()).or_default().push(policy);
        }
    }
    all
}

/// Whether ovs-ofctl could not read a line that it was given, or the switch answered with an error of OpenFlow.
fn is_about_flows(why: &Failed) -> bool {
    let Failed::Status { stderr, .. } = why else { return false };
    let is_refusal = |part: &str| part.starts_with("Error OFP") || part.contains("OFPT_ERROR");
    stderr.split("; ").any(|part| part.starts_with("ovs-ofctl: -:") || is_refusal(part))
}

/// With what can be done about it.
fn explain(why: &Failed) -> String {
    let text = why.to_string();
    let help = if text.contains("No such file") || text.contains("refused") {
        "Open vSwitch does not run"
    } else if matches!(why, Failed::Denied { .. }) {
        "its sockets are root's: the drop-in for Open vSwitch lets hsflowd-policy write to them"
    } else if text.contains("negotiation") {
        "the bridge speaks no OpenFlow 1.3 to 1.5: set its column 'protocols'"
    } else if text.contains("signal 14") || matches!(why, Failed::Deadline { .. }) {
        "ovs-vswitchd is busy or stopped"
    } else {
        return text;
    };
    format!("{help} ({text})")
}
