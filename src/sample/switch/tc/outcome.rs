//! What became of a step. In: the step, and the kernel's answer. Out: the port as it is now. Rules: an answer that leaves open
//! what there is makes another look necessary; a refusal by hardware leaves the kernel to be asked, one by the kernel is an
//! obstacle.

use super::{Obstacle, Port, Refusal, Step, errno};
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::Qdisc;
use crate::wire::netlink::tc_sample::{Ours, Wanted};

impl Port {
    /// Notes the outcome of a step: the filter as the kernel tells of it, where it does.
    pub fn apply(&mut self, step: &Step, outcome: Result<Option<Ours>, Refusal>) {
        match (*step, outcome) {
            // Whether it was taken or not.
            (_, Err(refusal)) if refusal.errno == errno::ETIMEDOUT => self.stale = true,
            (Step::AddQdisc, Ok(_)) => (self.qdisc, self.own_qdisc) = (Some(Qdisc::Clsact), true),
            (Step::AddQdisc, Err(refusal)) if refusal.errno == errno::EEXIST => self.stale = true,
            (Step::AddQdisc, Err(refusal)) => self.obstruct(&refusal),
            (Step::RemoveQdisc, Ok(_)) => *self = Self::default(),
            // Somebody needs it after all.
            (Step::RemoveQdisc, Err(_)) => self.own_qdisc = false,
            (Step::Add(hook, preference, wanted), outcome) => self.added(hook, preference, wanted, outcome),
            (Step::Retune(hook, action, sampling), Ok(_)) => {
                let ours = self.side(hook).ours.iter_mut().filter(|one| one.action == action);
                ours.for_each(|one| one.sampling = sampling);
            }
            // The other way is to make it anew.
            (Step::Retune(hook, action, _), Err(_)) => {
                let ours = self.side(hook).ours.iter_mut().filter(|one| one.action == action);
                ours.for_each(|one| one.action = 0);
            }
            (Step::Remove(hook, preference), Ok(_)) => {
                self.side(hook).ours.retain(|one| one.preference != preference);
            }
            (Step::Remove(..), Err(refusal)) if is_gone(refusal.errno) => self.stale = true,
            (Step::Remove(hook, _), Err(refusal)) => {
                self.side(hook).obstacle = Some(Obstacle::Refused(refusal))
            }
        }
    }

    fn added(&mut self, hook: Hook, preference: u16, wanted: Wanted, outcome: Result<Option<Ours>, Refusal>) {
        let side = self.side(hook);
        match outcome {
            Ok(told) => {
                let Wanted { sampling, skip_sw, own_qdisc } = wanted;
                let made = Ours { preference, sampling, skip_sw, in_hw: skip_sw, action: 0, own_qdisc };
                // One is the rule, and a list that grows makes room for four.
                side.ours.reserve_exact(1);
                side.ours.push(told.unwrap_or(made));
            }
            Err(refusal) if refusal.errno == errno::EEXIST => side.taken.push(preference),
            // Of the driver, and of a kernel that has no driver to ask; a filter that samples meanwhile needs nothing else.
            Err(refusal) if wanted.skip_sw && !(is_final(refusal.errno) && side.ours.is_empty()) => {
                side.refused = Some(refusal);
            }
            // `EINVAL`: the qdisc has gone meanwhile, which is told in this way only.
            Err(refusal) => side.obstacle = Some(Obstacle::Refused(refusal)),
        }
    }
}

impl Refusal {
    /// Hardware will not answer otherwise later: its driver cannot do it.
    pub fn is_lasting(&self) -> bool {
        self.errno == errno::EOPNOTSUPP
    }
}

/// Not for the kernel to change: privilege, module, interface.
fn is_final(number: i32) -> bool {
    [errno::EPERM, errno::ENOENT, errno::ENODEV].contains(&number)
}

/// The filter, its qdisc or its interface is no more.
fn is_gone(number: i32) -> bool {
    [errno::ENOENT, errno::EINVAL, errno::ENODEV].contains(&number)
}
