//! What is to be done to a port so that `tc` samples its packets: from what is wanted and what is there to steps.
//!
//! In: a [`Wish`] (or none), and the qdisc and filters of the port as they were read, brought up to date with the outcome of
//! each step ([`Port::apply`]). Out: the next steps ([`Port::plan`]); none when all is as wished, or nothing more can be done
//! now ([`Port::standing`] tells which). Rules: only filters that carry our mark are ever in a step; a rate changes in
//! place where the kernel samples; the qdisc is made where there is none, and removed only where we made it and nobody has put
//! a filter there; hardware comes first, and the kernel where that refuses; a filter in the kernel stays until hardware, which
//! is asked again, has taken one. Pure.

mod outcome;
mod retry;
mod words;

use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::Qdisc;
use crate::wire::netlink::tc_sample::{Found, Ours, PREFERENCES, Sampling, Wanted};
use std::sync::Arc;

pub use retry::{HARDWARE_AGAIN, retry_after};

/// Both, in the order in which everything here lists them.
pub const HOOKS: [Hook; 2] = [Hook::Ingress, Hook::Egress];

/// Answers that mean something here, by their numbers on Linux.
pub mod errno {
    #![allow(missing_docs)] // errno(3)
    pub const EPERM: i32 = 1;
    pub const ENOENT: i32 = 2;
    pub const EEXIST: i32 = 17;
    pub const ENODEV: i32 = 19;
    pub const EINVAL: i32 = 22;
    pub const EOPNOTSUPP: i32 = 95;
    pub const ETIMEDOUT: i32 = 110;
}

/// How a port is to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Arriving packets, leaving packets.
    pub samplings: [Option<Sampling>; 2],
    /// The kernel samples too, not only the port's hardware.
    pub software: bool,
}

/// The kernel's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its number.
    pub errno: i32,
    /// Its words, where it has any.
    pub words: Option<Arc<str>>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the `clsact` qdisc.
    AddQdisc,
    /// Makes a filter.
    Add(Hook, u16, Wanted),
    /// Makes the action of this number sample otherwise.
    Retune(Hook, u32, Sampling),
    /// Removes our filter with this preference.
    Remove(Hook, u16),
    /// Removes our qdisc, with what filters of ours are on it.
    RemoveQdisc,
}

/// Why packets are not sampled as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel refuses.
    Refused(Refusal),
    /// A qdisc of somebody else has no place for filters of leaving packets.
    IngressQdisc,
    /// Others have all our preferences.
    Full,
    /// Somebody removes the filter whenever it is made.
    Contested,
}

/// What samples the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The port's hardware.
    Hardware,
    /// Hardware and kernel, each what it sees.
    Both,
    /// The kernel; with the driver's refusal where hardware was asked.
    Kernel(Option<Refusal>),
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What samples, in one direction at least.
    pub by: Option<By>,
    /// What stands in the way, in one direction at least.
    pub obstacle: Option<Obstacle>,
}

impl Standing {
    /// Nothing samples, and something stands in the way.
    pub fn fails(&self) -> bool {
        self.by.is_none() && self.obstacle.is_some()
    }
}

/// The filters of one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    ours: Vec<Ours>,
    /// Preferences of others.
    taken: Vec<u16>,
    /// Hardware was asked, and answered this.
    refused: Option<Refusal>,
    obstacle: Option<Obstacle>,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    qdisc: Option<Qdisc>,
    own_qdisc: bool,
    sides: [Side; 2],
    /// Something happened that only another look can tell.
    pub stale: bool,
}

impl Side {
    /// What the filters of a hook are.
    pub fn of(found: &[Found]) -> Self {
        let mut ours: Vec<Ours> =
            found.iter().filter_map(|f| if let Found::Ours(o) = f { Some(*o) } else { None }).collect();
        ours.shrink_to_fit();
        let mine = |preference: &u16| ours.iter().any(|one| one.preference == *preference);
        let taken = found.iter().filter_map(|found| match found {
            Found::Head(preference) => Some(*preference).filter(|preference| !mine(preference)),
            Found::Foreign(preference) => Some(*preference),
            Found::Ours(_) => None,
        });
        Self { taken: taken.collect(), ours, ..Self::default() }
    }

    fn free(&self, leaving: impl Fn(u16) -> bool) -> Option<u16> {
        let held = |p: u16| self.ours.iter().any(|o| o.preference == p) && !leaving(p);
        PREFERENCES.into_iter().find(|p| !self.taken.contains(p) && !held(*p))
    }

    fn serving(&self, sampling: Sampling, software: bool) -> Option<&Ours> {
        let serving = self.ours.iter().filter(|one| one.sampling == sampling && is_placed(one, software));
        serving.max_by_key(|one| one.skip_sw)
    }
}

/// Whether a filter is where it should be: with hardware alone wished, one that is in hardware and in the kernel samples what
/// the hardware hands up twice.
fn is_placed(one: &Ours, software: bool) -> bool {
    if software { !one.skip_sw } else { one.skip_sw || !one.in_hw }
}

impl Port {
    /// What was read now, where something is known of before.
    pub fn observed(before: &Self, qdisc: Option<Qdisc>, sides: [Side; 2]) -> Self {
        let marked = sides.iter().flat_map(|side| &side.ours).any(|one| one.own_qdisc);
        let unmarked = sides.iter().all(|side| side.ours.is_empty());
        // Without a filter of ours there is no mark: then what was made in this process counts.
        let own_qdisc = qdisc == Some(Qdisc::Clsact) && (marked || (unmarked && before.own_qdisc));
        let mut port = Self { qdisc, own_qdisc, sides, stale: false };
        for (side, old) in port.sides.iter_mut().zip(&before.sides) {
            if !side.ours.is_empty() {
                side.refused.clone_from(&old.refused);
            }
        }
        port
    }

    /// Somebody removed the qdisc: one that is there later is not ours.
    pub fn disown(&mut self) {
        self.own_qdisc = false;
    }

    /// The next steps; they are to be taken in this order, and the outcome of each told before the next plan.
    pub fn plan(&self, wish: Option<&Wish>) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.stale {
            return steps;
        }
        let samplings = wish.map_or([None; 2], |wish| wish.samplings);
        let software = wish.is_some_and(|wish| wish.software);
        if self.qdisc.is_none() {
            // The filters have to wait: their cookie tells whether this went well.
            let wanted =
                samplings.iter().zip(&self.sides).any(|(s, side)| s.is_some() && side.obstacle.is_none());
            return if wanted { vec![Step::AddQdisc] } else { steps };
        }
        let all_ours = self.sides.iter().all(|side| side.taken.is_empty() && side.obstacle.is_none());
        if samplings == [None; 2] && self.own_qdisc && all_ours {
            // Filters and all: that is one step, and the kernel takes its time for each.
            return vec![Step::RemoveQdisc];
        }
        for ((hook, side), sampling) in HOOKS.into_iter().zip(&self.sides).zip(samplings) {
            self.plan_side(hook, side, sampling, software, &mut steps);
        }
        steps
    }

    fn plan_side(
        &self,
        hook: Hook,
        side: &Side,
        sampling: Option<Sampling>,
        software: bool,
        steps: &mut Vec<Step>,
    ) {
        if side.obstacle.is_some() {
            return;
        }
        let serving = sampling.and_then(|sampling| side.serving(sampling, software));
        let tunable = |one: &&Ours| !one.in_hw && !one.skip_sw && one.action != 0;
        let kept = serving.or_else(|| side.ours.iter().find(tunable).filter(|_| sampling.is_some()));
        let leaving = |preference| kept.is_none_or(|kept| kept.preference != preference);
        let removed = side.ours.iter().filter(|one| leaving(one.preference));
        steps.extend(removed.map(|one| Step::Remove(hook, one.preference)));
        let Some(sampling) = sampling else { return };
        match (serving, kept) {
            // Hardware is asked beside the kernel's filter, which goes when there is another.
            (Some(one), _) if !software && !one.skip_sw && side.refused.is_none() => {
                let wanted = Wanted { sampling, skip_sw: true, own_qdisc: self.own_qdisc };
                steps.extend(side.free(leaving).map(|preference| Step::Add(hook, preference, wanted)));
            }
            (Some(_), _) => {}
            (None, Some(kept)) => steps.push(Step::Retune(hook, kept.action, sampling)),
            // Filters of leaving packets would be found with those of arriving ones there.
            (None, None) if self.qdisc == Some(Qdisc::Ingress) && hook == Hook::Egress => {}
            (None, None) => {
                let skip_sw = !software && side.refused.is_none();
                let wanted = Wanted { sampling, skip_sw, own_qdisc: self.own_qdisc };
                steps.extend(side.free(leaving).map(|preference| Step::Add(hook, preference, wanted)));
            }
        }
    }

    /// Nothing can be done to this port now, for this reason.
    pub fn obstruct(&mut self, refusal: &Refusal) {
        self.hinder(&Obstacle::Refused(refusal.clone()));
    }

    /// The same for any reason.
    pub fn hinder(&mut self, obstacle: &Obstacle) {
        self.sides.iter_mut().for_each(|side| side.obstacle = Some(obstacle.clone()));
    }

    /// Hardware that refused, and may not always, is to be asked again.
    pub fn ask_hardware_again(&mut self) {
        self.sides.iter_mut().for_each(|side| _ = side.refused.take_if(|refusal| !refusal.is_lasting()));
    }

    /// The kernel samples only until hardware, asked again, does.
    pub fn awaits_hardware(&self) -> bool {
        self.sides.iter().filter_map(|side| side.refused.as_ref()).any(|refusal| !refusal.is_lasting())
    }

    /// How far it has come; to be asked when there is no plan.
    pub fn standing(&self, wish: &Wish) -> Standing {
        let mut standing = Standing::default();
        for ((hook, side), sampling) in HOOKS.into_iter().zip(&self.sides).zip(wish.samplings) {
            let Some(sampling) = sampling else { continue };
            if let Some(one) = side.serving(sampling, wish.software) {
                standing.by.get_or_insert(match (one.in_hw, one.skip_sw) {
                    (true, true) => By::Hardware,
                    (true, false) => By::Both,
                    (false, _) => By::Kernel(side.refused.clone()),
                });
            } else {
                let no_place = || self.qdisc == Some(Qdisc::Ingress) && hook == Hook::Egress;
                let why = side.obstacle.clone().or_else(|| no_place().then_some(Obstacle::IngressQdisc));
                let full =
                    || (self.qdisc.is_some() && side.free(|_| false).is_none()).then_some(Obstacle::Full);
                standing.obstacle = why.or_else(full).or(standing.obstacle);
            }
        }
        standing
    }

    /// Why a filter of ours is still there; to be asked where none is wished and there is no plan.
    pub fn leftover(&self) -> Option<&Obstacle> {
        self.sides.iter().filter(|side| !side.ours.is_empty()).find_map(|side| side.obstacle.as_ref())
    }

    fn side(&mut self, hook: Hook) -> &mut Side {
        let [ingress, egress] = &mut self.sides;
        if hook == Hook::Ingress { ingress } else { egress }
    }
}

#[cfg(test)]
mod tests;
