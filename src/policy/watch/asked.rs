//! What detection has asked the desk for, and is to ask again.
//!
//! In: [`Event`]s of reactions, detection's time. Out: [`Wish::Put`] for a key that is too much, again before its life ends,
//! and [`Wish::Remove`] when that is over on every link where it was. Rules: a key may be too
//! much on several links, policies are no more than their reaction's `most`, and who finds no room is asked for when there is
//! some; what the desk refuses is said once.

use super::AGAIN;
use crate::policy::desk::{Answer, Desk, Origin, Receipt, Rejection, Wish};
use crate::policy::model::{Owner, Policy, PolicyName};
use crate::policy::react::detector::WHOLE;
use crate::policy::react::reaction::Threshold;
use crate::policy::react::{Change, Event, Reaction};
use crate::sflow::ids::DataSource;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;

/// Names of which it was said that they were refused.
const MOST_SAID: usize = 1024;

/// A policy that detection wants or wants no more.
#[derive(Debug)]
struct Standing {
    policy: Policy,
    reaction: PolicyName,
    /// Policies that the reaction may have.
    most: usize,
    /// The links where its key is too much, for a key may have one; none when that is over.
    raised: BTreeSet<Option<DataSource>>,
    /// The desk was asked for it.
    is_asked: bool,
    /// To be said (again) then, on detection's clock.
    due: Duration,
}

/// A policy, whether it was to be removed, and what the desk says to that.
pub(super) type Said = (PolicyName, bool, Result<Receipt, Rejection>);

/// All that stands.
#[derive(Debug)]
pub(super) struct Asked {
    desk: Desk,
    owner: Owner,
    standing: BTreeMap<PolicyName, Standing>,
    answers: JoinSet<Said>,
    said: BTreeSet<PolicyName>,
    refused: u64,
}

impl Asked {
    /// For this desk; all is `owner`'s.
    pub(super) fn new(desk: Desk, owner: Owner) -> Self {
        let (standing, answers, said) = (BTreeMap::new(), JoinSet::new(), BTreeSet::new());
        Self { desk, owner, standing, answers, said, refused: 0 }
    }

    /// A key of the reaction is too much on a link, or is no more.
    pub(super) fn event(&mut self, time: Duration, reaction: &Reaction, event: &Event) {
        let policy = match reaction.policy(&event.key, &self.owner) {
            Ok(policy) => policy,
            Err(why) => return log::info!(target: "react", "{}: {}: {why}", reaction.name, event.key),
        };
        let name = policy.name.clone();
        log::info!(target: "react", "{name}: {}", text(reaction, event));
        let standing = self.standing.entry(name.clone()).or_insert_with(|| Standing {
            policy,
            reaction: reaction.name.clone(),
            most: reaction.most,
            raised: BTreeSet::new(),
            is_asked: false,
            due: time,
        });
        let was_over = standing.raised.is_empty();
        match event.change {
            Change::Raise => standing.raised.insert(event.key.sampled),
            Change::Release => standing.raised.remove(&event.key.sampled),
        };
        if was_over != standing.raised.is_empty() {
            self.say(time, &name);
        }
    }

    /// Says what is due.
    pub(super) fn say_due(&mut self, time: Duration) {
        let due = self.standing.iter().filter(|(_, standing)| standing.due <= time);
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        due.iter().for_each(|name| self.say(time, name));
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.standing.values().map(|standing| standing.due).min()
    }

    /// Times that a policy found no room.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// Waits for what the desk says; none where it was asked for nothing.
    pub(super) async fn answer(&mut self) -> Option<Said> {
        self.answers.join_next().await?.ok()
    }

    /// Puts or removes; whatever comes of it, it is said again when it is due.
    fn say(&mut self, time: Duration, name: &PolicyName) {
        let has_room = self.has_room(name);
        let Some(standing) = self.standing.get_mut(name) else { return };
        let is_over = standing.raised.is_empty();
        if !standing.is_asked && is_over {
            self.standing.remove(name);
            return;
        }
        standing.due = time + AGAIN;
        if !has_room {
            self.refused += 1;
            return;
        }
        standing.is_asked = true;
        let wish = if is_over {
            Wish::Remove(vec![name.clone()])
        } else {
            let life = standing.policy.expiry.left(SystemTime::UNIX_EPOCH).unwrap_or(AGAIN);
            standing.due = time + life / 2;
            Wish::Put { policies: vec![standing.policy.clone()], confirm: None }
        };
        let by = format!("reaction '{}'", standing.reaction);
        match self.desk.order(wish, Origin::Reaction, by) {
            Ok(answer) => {
                self.answers.spawn(answer_of(name.clone(), is_over, answer));
            }
            Err(_) => standing.due = time + AGAIN,
        }
    }

    fn has_room(&self, name: &PolicyName) -> bool {
        let Some(own) = self.standing.get(name).filter(|standing| !standing.is_asked) else { return true };
        let is_like = |other: &&Standing| other.is_asked && other.reaction == own.reaction;
        self.standing.values().filter(is_like).count() < own.most
    }

    /// Takes note of it.
    pub(super) fn answered(&mut self, time: Duration, (name, was_over, answer): Said) {
        let Some(standing) = self.standing.get_mut(&name) else { return };
        match answer {
            Err(Rejection::Busy | Rejection::Ending) => standing.due = time + AGAIN,
            // It may have been raised again meanwhile.
            _ if was_over && standing.raised.is_empty() => drop(self.standing.remove(&name)),
            Ok(_) | Err(Rejection::Trouble(_)) => {}
            Err(why) => {
                if self.said.len() >= MOST_SAID {
                    self.said.clear();
                }
                if self.said.insert(name) {
                    log::warn!(target: "react", "not done: {why}");
                }
            }
        }
    }
}

async fn answer_of(name: PolicyName, is_over: bool, answer: Answer) -> Said {
    (name, is_over, answer.await.unwrap_or(Err(Rejection::Ending)))
}

/// What is known of it, for the log.
fn text(reaction: &Reaction, event: &Event) -> String {
    let (seen, [low, high]) = event.per_sec();
    let (unit, words) = match reaction.threshold {
        Threshold::Rate(_) => (1.0, "a second"),
        Threshold::Percent(_) => (WHOLE as f64 / 100.0, "% of the link"),
    };
    let [seen, low, high] = [seen, low, high].map(|value| value / unit);
    let what = if event.change == Change::Raise { "too much" } else { "over" };
    let (key, samples) = (event.key, event.estimate.samples);
    format!("{what}: {key}: {seen:.0} {words} by {samples} samples, 95 % within {low:.0} and {high:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::desk::{self, Clerk};
    use crate::policy::file::parse;
    use crate::policy::lines::Dialect;
    use crate::policy::react::{Field, Key};

    const REACTION: &str = "[[react]]\nname = \"bulk\"\nkeys = [\"destination\", \"sampled\"]\n\
        threshold = \"10 %\"\nmost = 2\nlife = \"30s\"\naction = \"drop\"\n";

    fn event(change: Change, to: u8, link: u32) -> Event {
        let sampled = Some(DataSource::interface(link));
        let key = Key { destination: Some([10, 0, 0, to].into()), sampled, ..Key::default() };
        Event {
            change,
            key,
            at: Duration::ZERO,
            estimate: Default::default(),
            window: Duration::from_secs(1),
        }
    }

    /// What the orders that wait are.
    fn orders(clerk: &mut Clerk) -> Vec<&'static str> {
        let mut all = Vec::new();
        while let Ok(order) = clerk.orders.try_recv() {
            order.reply.send(Ok(Receipt::default())).unwrap();
            all.push(if matches!(order.wish, Wish::Put { .. }) { "put" } else { "remove" });
        }
        all
    }

    fn with_asked(test: impl AsyncFnOnce(Asked, Clerk, Reaction)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let reaction = parse(&[("policy.toml", REACTION)], Dialect::Linux).reactions.remove(0);
            assert!(reaction.fields.contains(&Field::Sampled));
            let (desk, clerk) = desk::open();
            test(Asked::new(desk, "react".parse().unwrap()), clerk, reaction).await;
        });
    }

    #[test]
    fn what_is_too_much_on_two_links_stands_until_it_is_over_on_both() {
        with_asked(async |mut asked, mut clerk, reaction| {
            let steps = [
                (Change::Raise, 1, vec!["put"]),
                (Change::Raise, 2, vec![]),
                (Change::Release, 1, vec![]),
                (Change::Release, 2, vec!["remove"]),
            ];
            for (change, link, expected) in steps {
                asked.event(Duration::ZERO, &reaction, &event(change, 1, link));
                assert_eq!(orders(&mut clerk), expected, "{change:?} {link}");
            }
            while let Some(said) = asked.answer().await {
                asked.answered(Duration::ZERO, said);
            }
            assert_eq!(asked.next(), None, "nothing is kept of what is over");
        });
    }

    #[test]
    fn policies_of_all_links_are_no_more_than_may_be_and_who_waits_has_its_turn() {
        with_asked(async |mut asked, mut clerk, reaction| {
            let at = |secs| Duration::from_secs(secs);
            for (to, expected) in [(1, vec!["put"]), (2, vec!["put"]), (3, vec![]), (4, vec![])] {
                asked.event(at(0), &reaction, &event(Change::Raise, to, to.into()));
                assert_eq!(orders(&mut clerk), expected, "{to}");
            }
            asked.event(at(0), &reaction, &event(Change::Release, 4, 4));
            assert_eq!(orders(&mut clerk), [""; 0], "it never was in force");
            asked.say_due(at(1));
            assert_eq!((orders(&mut clerk), asked.refused()), (vec![], 3));
            asked.event(at(1), &reaction, &event(Change::Release, 1, 1));
            assert_eq!(orders(&mut clerk), ["remove"]);
            while let Some(said) = asked.answer().await {
                asked.answered(at(1), said);
            }
            asked.say_due(at(2));
            assert_eq!(orders(&mut clerk), ["put"]);
            asked.say_due(at(15));
            assert_eq!(orders(&mut clerk), ["put"], "the older one is renewed before its life ends");
        });
    }
}
