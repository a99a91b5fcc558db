//! One network namespace: from what is there to what is wanted, and back where that does not work.
//!
//! In: what is wanted of the kernel. Out: how many changes it took, or what stopped them. Rule: what was planned is
//! read back, and planned again from what was read until nothing is left to do; so memory that is out of date costs a
//! round and never a rule. Only where the kernel's count of transactions shows that ours alone came to what was known,
//! they are believed, and read at the next look at all. What a failure left half done is taken back.

use super::generation::Generation;
use super::precedence::Precedence;
use super::runner::{Failed, Runner};
use super::stop::{Stop, has_no_sets};
use crate::policy::model::{Family, Table};
use crate::policy::plan::{Desired, Echoes, Observed, Program, Step, plan, sweep};
use crate::policy::wanted::Jump;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Seconds that iptables waits for its lock; less than the runner waits for iptables.
const LOCK_SECS: u32 = 10;
/// Plans for one wish, before somebody else is said to undo them.
const ROUNDS: usize = 4;
/// How long the kernel may hold a set that no rule names any more.
const BUSY: (u32, Duration) = (200, Duration::from_millis(10));

/// The rules and sets of ours in a namespace.
#[derive(Debug)]
pub(super) struct Place {
    runner: Runner,
    generation: Generation,
    echoes: Echoes,
    precedence: Precedence,
    /// What was there at that time, where nothing failed since.
    known: Option<(View, SystemTime)>,
}

/// What is there.
#[derive(Debug)]
struct View {
    observed: Observed,
    /// Of nftables, when it was there.
    generation: Option<u32>,
    /// All of it was read, and nothing believed.
    is_read: bool,
}

impl Place {
    /// The number of transactions is of the same namespace, or unknown.
    pub(super) fn new(runner: Runner, generation: Generation) -> Self {
        let (echoes, precedence) = (Echoes::default(), Precedence::default());
        Self { runner, generation, echoes, precedence, known: None }
    }

    /// From now on the same namespace is entered so, and our jumps have this place.
    pub(super) fn enter_by(&mut self, runner: Runner, jump: Jump) {
        (self.runner, self.precedence.jump) = (runner, jump);
    }

    /// Makes it so, and says in how many steps. What stopped it is taken back as far as it went.
    pub(super) async fn reach(&mut self, desired: &Desired, now: SystemTime) -> Result<usize, Stop> {
        let remembered = self.remembered(now);
        let mut is_memory = remembered.is_some();
        let mut view = match remembered {
            Some(view) => view,
            None => self.look().await?,
        };
        let (before, mut done) = (view.observed.clone(), 0);
        for _ in 0..ROUNDS {
            if !self.precedence.insists(now) {
                view.observed.accept_places();
            }
            let is_moved = view.observed.has_jump_behind();
            let desired = &desired.beside(&view.observed);
            let steps = plan(desired, &view.observed, &self.echoes);
            if steps.is_empty() && (!is_memory || done > 0) {
                if view.is_read {
                    self.echoes = Echoes::learn(&view.observed);
                }
                self.known = Some((view, now));
                return Ok(done);
            }
            match self.carry_out(&steps).await {
                Ok(()) if steps.is_empty() => (view, is_memory) = (self.look_after(&view).await?, false),
                Ok(()) => {
                    if is_moved {
                        self.precedence.moved(now);
                    }
                    view = self.after(view, is_memory, &steps, desired).await?;
                    done += steps.len();
                }
                // It may have been planned from what is no longer so.
                Err(_) if is_memory => (view, is_memory) = (self.look().await?, false),
                // Then nothing was done yet.
                Err(stop @ Stop::Sets(_)) => return Err(stop),
                Err(stop) => return Err(self.go_back(before, stop).await),
            }
        }
        Err(Stop::Trouble("somebody else changes our rules as fast as we do".to_owned()))
    }

    /// What was there, unless somebody else changed rules since. Then what was believed and never read is to read as
    /// it was meant.
    fn remembered(&mut self, now: SystemTime) -> Option<View> {
        let (view, then) = self.known.take()?;
        if view.generation != self.generation.read() {
            if !view.is_read {
                self.echoes = Echoes::learn(&view.observed);
            }
            return None;
        }
        Some(View { observed: aged(view.observed, then, now), ..view })
    }

    async fn look(&mut self) -> Result<View, Failed> {
        // First the number: who changes something meanwhile is noticed the next time.
        let generation = self.generation.read();
        Ok(View { observed: self.observe().await?, generation, is_read: true })
    }

    /// What was believed is read; if nobody changed anything, that is how it prints.
    async fn look_after(&mut self, view: &View) -> Result<View, Failed> {
        let fresh = self.look().await?;
        if !view.is_read && self.generation.read() == view.generation {
            self.echoes = Echoes::learn(&fresh.observed);
        }
        Ok(fresh)
    }

    /// What is there after steps that succeeded: read where they changed something, and all where others did.
    async fn after(
        &mut self,
        view: View,
        is_memory: bool,
        steps: &[Step],
        desired: &Desired,
    ) -> Result<View, Failed> {
        let tables = steps.iter().filter(|step| step.program != Program::Ipset).count();
        let generation = self.generation.read();
        let one_each = view.generation.and_then(|then| Some(then.wrapping_add(u32::try_from(tables).ok()?)));
        let is_ours = generation.is_some() && generation == one_each;
        if !is_ours && generation != view.generation {
            return self.look().await;
        }
        let is_believed = is_memory && is_ours && tables > 0;
        let is_touched = |program| steps.iter().any(|step| step.program == program);
        let is_due = |program| is_touched(program) && (program == Program::Ipset || !is_believed);
        let mut observed = self.read_back(view.observed, is_due).await?;
        if is_believed {
            observed.tables = self.echoes.of(desired, &observed);
        }
        Ok(View { observed, generation, is_read: view.is_read && !is_believed })
    }

    /// The steps that [`Place::reach`] would take.
    pub(super) async fn steps(&self, desired: &Desired, jump: Jump) -> Result<Vec<Step>, Failed> {
        let mut observed = self.observe().await?;
        if jump == Jump::Stays {
            observed.accept_places();
        }
        Ok(plan(&desired.beside(&observed), &observed, &self.echoes))
    }

    /// Takes out what is of these policies, in how many steps.
    pub(super) async fn sweep(&self, over: &BTreeSet<&str>) -> Result<usize, Failed> {
        let steps = sweep(over, &self.observe().await?);
        for step in &steps {
            self.run(step.program, &step.input).await?;
        }
        Ok(steps.len())
    }

    /// Reads everything.
    pub(super) async fn observe(&self) -> Result<Observed, Failed> {
        let all = [Program::Tables(Family::V4), Program::Tables(Family::V6), Program::Ipset];
        self.read(Observed::default(), |program| all.contains(&program)).await
    }

    async fn read_back(
        &self,
        mut observed: Observed,
        is_due: impl Fn(Program) -> bool,
    ) -> Result<Observed, Failed> {
        observed.tables.retain(|(family, _), _| !is_due(Program::Tables(*family)));
        if is_due(Program::Ipset) {
            observed.sets.clear();
        }
        self.read(observed, is_due).await
    }

    async fn read(
        &self,
        mut observed: Observed,
        is_wanted: impl Fn(Program) -> bool,
    ) -> Result<Observed, Failed> {
        let save = |family, name| {
            let is_wanted = is_wanted(Program::Tables(family));
            async move { if is_wanted { self.save(name).await } else { Ok(String::new()) } }
        };
        let sets = async {
            match is_wanted(Program::Ipset) {
                true => self.runner.run("ipset", &["save"], "").await,
                false => Ok(String::new()),
            }
        };
        let (v4, v6, sets) =
            tokio::join!(save(Family::V4, "iptables-save"), save(Family::V6, "ip6tables-save"), sets);
        observed.read_tables(Family::V4, &v4?);
        observed.read_tables(Family::V6, &v6?);
        // Who wants no set needs no program for them.
        match sets {
            Err(failed) if has_no_sets(&failed) => {}
            sets => observed.read_sets(&sets?),
        }
        Ok(observed)
    }

    /// All tables. The legacy programs look up which there are in a file of root's; who is not root asks for each.
    async fn save(&self, name: &str) -> Result<String, Failed> {
        match self.runner.run(name, &["-c"], "").await {
            Err(Failed::Denied { why, .. } | Failed::Status { stderr: why, .. })
                if why.contains("tables_names") =>
            {
                let mut all = String::new();
                for table in Table::ALL {
                    all += &self.runner.run(name, &["-c", "-t", table.name()], "").await?;
                }
                Ok(all)
            }
            outcome => outcome,
        }
    }

    async fn carry_out(&self, steps: &[Step]) -> Result<(), Stop> {
        for step in steps {
            let result = self.run(step.program, &step.input).await;
            match result {
                Err(failed) if has_no_sets(&failed) => return Err(Stop::Sets(failed)),
                Err(failed) if step.may_be_busy && failed.is_about_input() => self.insist(step).await?,
                Err(failed) if failed.is_about_input() => {
                    return Err(Stop::Input { failed, input: step.input.clone() });
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn run(&self, program: Program, input: &str) -> Result<(), Failed> {
        let (name, arguments) = program.command(LOCK_SECS);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.runner.run(name, &arguments, input).await.map(drop)
    }

    /// One line at a time, because what is gone is not there the second time.
    async fn insist(&self, step: &Step) -> Result<(), Failed> {
        for line in step.input.lines() {
            let mut left = BUSY.0;
            while let Err(failed) = self.run(step.program, &format!("{line}\n")).await {
                let is_gone = failed.to_string().contains("does not exist");
                if is_gone {
                    break;
                }
                if left == 0 {
                    return Err(failed);
                }
                left -= 1;
                tokio::time::sleep(BUSY.1).await;
            }
        }
        Ok(())
    }

    /// To what was there before: planned from what is there now, because sets may be half done.
    async fn go_back(&mut self, before: Observed, stop: Stop) -> Stop {
        let desired = Desired::again(before);
        let back = async { self.carry_out(&self.steps(&desired, Jump::Stays).await?).await };
        match back.await {
            Ok(()) => stop,
            Err(again) => Stop::Trouble(format!("{again}, and before that: {stop}")),
        }
    }
}

/// What was there, as it is after some time in which only the kernel's clock ran.
fn aged(mut observed: Observed, then: SystemTime, now: SystemTime) -> Observed {
    let passed = now.duration_since(then).unwrap_or_default().as_secs();
    let passed = u32::try_from(passed).unwrap_or(u32::MAX);
    for set in observed.sets.values_mut() {
        set.members.retain(|_, member| member.secs == 0 || member.secs > passed);
        set.members.values_mut().for_each(|member| member.secs = member.secs.saturating_sub(passed));
    }
    observed
}
