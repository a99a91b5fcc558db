//! Steps taken, until nothing is left to do. In: ports that were looked at. Out: the same as the kernel has made them. Rules: what
//! a kernel lacks is asked for at one port before others; a qdisc goes only after another look at what is on it; between two
//! portions of steps the end may come, and leaves each port as it is then known.

use super::requests::BATCH;
use super::{GoesOn, ROUNDS, Tc};
use crate::sample::switch::tc::{Refusal, Step, errno};
use crate::wire::netlink::clsact::Qdisc;

impl Tc {
    /// Step by step until nothing is left to do.
    pub(super) fn work(&mut self, due: &[u32], goes_on: GoesOn<'_>) {
        for _ in 0..ROUNDS + due.len() {
            let mut steps: Vec<(u32, Step)> = Vec::new();
            for (index, tracked) in due.iter().filter_map(|index| Some((*index, self.ports.get(index)?))) {
                let planned = tracked.port.plan(tracked.wish.as_ref());
                steps.extend(planned.into_iter().map(|step| (index, step)));
            }
            let makes = |(_, step): &&(u32, Step)| matches!(step, Step::Add(..) | Step::AddQdisc);
            if let Some((first, _)) = steps.iter().find(makes).copied().filter(|_| !self.proven) {
                // The kernel would look for a missing module for each of them.
                steps.retain(|(index, _)| *index == first);
            }
            if steps.is_empty() {
                return;
            }
            for portion in steps.chunks(BATCH) {
                if !goes_on() {
                    return;
                }
                let portion = self.confirmed(portion);
                if !self.take(&portion, due) {
                    break;
                }
                // What our own steps tell would fill the socket, and news that is lost costs a look at all ports. Its errors
                // come again.
                let _ = self.read_news();
            }
        }
    }

    /// A filter that somebody has put on our qdisc since it was looked at would go with it.
    fn confirmed(&mut self, steps: &[(u32, Step)]) -> Vec<(u32, Step)> {
        let mut confirmed = steps.to_vec();
        confirmed.retain(|(index, step)| {
            *step != Step::RemoveQdisc || {
                self.look_at(*index, Some(Qdisc::Clsact));
                self.ports.get(index).is_some_and(|tracked| tracked.port.plan(None).contains(step))
            }
        });
        confirmed
    }

    /// False where the kernel lacks something, which makes all plans others.
    fn take(&mut self, steps: &[(u32, Step)], due: &[u32]) -> bool {
        let (ports, mut lacking) = (&mut self.ports, None);
        let proven = &mut self.proven;
        self.requests.batch(steps, |(index, step), outcome| {
            let made = matches!(step, Step::Add(..));
            match &outcome {
                Err(refusal)
                    if (made || step == Step::AddQdisc)
                        && [errno::ENOENT, errno::EPERM].contains(&refusal.errno) =>
                {
                    (*proven, lacking) = (false, Some(refusal.clone()));
                }
                Err(refusal) if made && refusal.errno == errno::ENODEV => {}
                _ => *proven |= made,
            }
            if let Some(tracked) = ports.get_mut(&index) {
                tracked.port.apply(&step, outcome);
            }
        });
        let Some(refusal) = lacking.filter(|_| !self.proven) else { return true };
        self.give_up(due, &refusal);
        false
    }

    /// What one port lacks, all lack.
    fn give_up(&mut self, due: &[u32], refusal: &Refusal) {
        for index in due {
            let Some(tracked) = self.ports.get_mut(index) else { continue };
            if tracked.wish.as_ref().is_some_and(|wish| tracked.port.standing(wish).by.is_none()) {
                tracked.port.obstruct(refusal);
            }
        }
    }
}
