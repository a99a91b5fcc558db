//! What is done when: ends, changes brought about, looks at what stands, files read anew, the stop.
//!
//! In: time, the book. Out: the state file, what the back ends make of it. Rules: what is kept is on the disk before
//! anything of it is in force; what is no longer wanted stays there until it is known to be gone, for whoever sweeps;
//! what is to happen after so long does so whatever becomes of the date.

use super::parts::Parts;
use super::{COUNT, HOLD, LONGEST, LOOK_NOW, Service};
use crate::policy::book::{Ended, KeptPolicy, Stage};
use crate::policy::file::OnStop;
use crate::policy::own;
use crate::policy::wanted::Carrier;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

const LOOK: Duration = Duration::from_secs(60);
/// While a back end or the disk does not work.
const LOOK_SOON: Duration = Duration::from_secs(5);
/// The date was set; less is a clock that is being brought right.
const SET: Duration = Duration::from_secs(1);
/// Policies that are no longer wanted and cannot be taken out; of more, those who sweep do not know.
const MOST_LEAVING: usize = 1000;
const READ: &str = "files stay as they were read before";

impl Service {
    pub(super) fn pause(&mut self) -> Duration {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut next = self.look_at.min(self.count_at);
        if let Some(end) = self.book.next_end() {
            let end = now + end.duration_since(wall).unwrap_or_default().min(LONGEST);
            next = next.min(end.max(self.applied + HOLD.min(LOOK_NOW)));
        }
        next = self.manager.beat(now).map_or(next, |beat| next.min(beat));
        next.saturating_duration_since(now).min(LONGEST)
    }

    pub(super) async fn on_time(&mut self) {
        let now = self.clock.now();
        let is_ended = self.end();
        let is_due = self.book.next_end().is_some_and(|end| end <= self.clock.wall());
        let may_retry = now >= self.applied + HOLD;
        if is_ended || now >= self.look_at || (is_due && may_retry) {
            self.bring_about().await;
        }
        if now >= self.count_at {
            // A host without policies runs three programs less each time.
            let is_any = self.book.policies().next().is_some();
            self.hits = if is_any { self.backends.count().await } else { BTreeMap::new() };
            self.book.host_has(&own::addresses());
            self.count_at = self.clock.now() + COUNT;
            self.publish();
        }
        self.manager.beat(self.clock.now());
    }

    /// Notices that the date was set.
    pub(super) fn follow_clocks(&mut self) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let (then, before) = std::mem::replace(&mut self.clocks, (now, wall));
        let Some(expected) = before.checked_add(now.saturating_duration_since(then)) else { return };
        if apart(expected, wall) >= SET {
            self.book.follow(expected, wall);
            self.note(
                "clock",
                "the date was set: what waits to be confirmed waits as long as before".to_owned(),
            );
            // Its ends are others, in the kernel and on the disk.
            self.look_at = now;
        }
    }

    /// Takes out of the book what is over, and says so.
    pub(super) fn end(&mut self) -> bool {
        self.follow_clocks();
        let ended = self.book.expire(self.clock.wall());
        for ended in &ended {
            let text = match ended {
                Ended::Over(name) => format!("policy {name}: its time is over"),
                Ended::Unconfirmed(name) => format!("policy {name}: taken back, nobody confirmed it"),
                Ended::Reverted(name) => {
                    format!("policy {name}: the former is back, nobody confirmed the new")
                }
            };
            self.note("expiry", text);
        }
        !ended.is_empty()
    }

    /// Makes the host as the book wants it.
    pub(super) async fn bring_about(&mut self) {
        self.keep();
        self.carry_out().await;
    }

    /// Writes what must outlive us, and what may be in force and must not.
    pub(super) fn keep(&mut self) {
        let mut kept = self.book.keep();
        let of_policies = self.book.policies().filter_map(|policy| policy.netns.clone());
        kept.namespaces = of_policies.chain(self.backends.namespaces().cloned()).collect();
        self.in_force.extend(kept.there().map(|kept| (kept.said.name.clone(), kept.clone())));
        kept.policies.extend(self.leaving(&kept.policies));
        self.unkept = self.store.write(&kept, self.clock.wall()).err().map(|why| why.to_string());
    }

    /// Those that are not wanted, and that their carrier has not taken out yet.
    fn leaving(&self, kept: &[KeptPolicy]) -> Vec<KeptPolicy> {
        let names: BTreeSet<_> = kept.iter().map(|kept| &kept.said.name).collect();
        let gone = self.in_force.iter().filter(|(name, _)| !names.contains(name) && !self.book.has(name));
        gone.map(|(_, kept)| KeptPolicy { stage: Stage::Leaving, ..kept.clone() })
            .take(MOST_LEAVING)
            .collect()
    }

    pub(super) async fn carry_out(&mut self) {
        let wall = self.clock.wall();
        let wanted = self.book.wanted(wall);
        let mut steps = 0;
        for (carrier, outcome) in self.backends.apply(&wanted, wall).await {
            self.book.settle(carrier, &outcome, wall);
            steps += outcome.steps;
            match outcome.trouble {
                Some(why) => self.troubles.insert(carrier, why),
                None => self.troubles.remove(&carrier),
            };
        }
        self.forget();
        self.applied = self.clock.now();
        let is_well = self.troubles.is_empty() && self.unkept.is_none();
        self.look_at = self.applied + if is_well { LOOK } else { LOOK_SOON };
        log::debug!("{} policies wanted, {steps} steps", wanted.policies.len());
        self.publish();
    }

    /// Of what is known to be gone nothing is kept any more.
    fn forget(&mut self) {
        let Self { in_force, book, troubles, .. } = self;
        let is_in_trouble = |carrier: Carrier| troubles.contains_key(&carrier);
        let before = in_force.len();
        let mut leaving = 0;
        in_force.retain(|name, kept| {
            let may_stand = book.has(name) || is_in_trouble(book.base().carrier(&kept.said));
            leaving += usize::from(may_stand && !book.has(name));
            may_stand && (book.has(name) || leaving <= MOST_LEAVING)
        });
        if in_force.len() < before {
            self.keep();
        }
    }

    pub(super) async fn reload(&mut self, parts: &mut Parts) {
        self.manager.reloading();
        self.wrong.clear();
        match self.files.read() {
            Ok(wishes) => {
                self.settings = wishes.service.clone();
                self.backends.put_jumps(self.settings.jump);
                self.reactions.clone_from(&wishes.reactions);
                let rest = wishes.rest.clone();
                for told in self.book.replace_files(wishes, self.clock.wall()) {
                    self.note("files", told);
                }
                self.note("files", "files are read anew".to_owned());
                if let Err(why) = parts.hear(rest) {
                    self.wrong.push(format!("{READ}: {why}"));
                }
            }
            Err(why) => self.wrong.push(format!("{READ}: {why}")),
        }
        self.end();
        self.bring_about().await;
        parts.follow(&self.reactions, &self.settings.agent);
        self.manager.ready();
    }

    pub(super) async fn stop(&mut self) {
        self.manager.stopping();
        self.clerk.orders.close();
        if self.settings.on_stop == OnStop::Remove {
            for (carrier, outcome) in self.backends.clear().await {
                if let Some(why) = outcome.trouble {
                    log::error!("{carrier:?}: not taken away: {why}");
                }
            }
        }
        log::info!(
            "ended; policies {}",
            if self.settings.on_stop == OnStop::Keep { "stay" } else { "are taken away" }
        );
    }
}

fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|before| before.duration())
}
