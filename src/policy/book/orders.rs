//! Orders: all of one or nothing, and what it did, so that it can be undone.

use super::Book;
use super::entry::{Confirm, Entry};
use crate::policy::desk::{Origin, Rejection, State, Wish};
use crate::policy::model::{Expiry, Group, GroupName, Owner, Policy, PolicyName, Prefix};
use crate::policy::wanted::Carrier;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// What an order did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether anything is other than before.
    pub changed: bool,
    /// Entries that it made.
    pub(super) put: Vec<(PolicyName, u64)>,
    /// What was there under their names.
    before: Vec<(PolicyName, Option<Entry>)>,
    /// Who has something to do for it.
    pub carriers: BTreeSet<Carrier>,
}

impl Book {
    /// Takes an order. [`Wish::Plan`] changes nothing; see [`Book::preview`].
    ///
    /// # Errors
    /// Why not; then nothing is changed.
    pub fn take(
        &mut self,
        wish: &Wish,
        origin: Origin,
        by: &str,
        now: SystemTime,
    ) -> Result<Change, Rejection> {
        self.is_slow_enough(wish, origin, now)?;
        let wish = match wish {
            Wish::If(name, version, wish) if version.is(self.entries.get(name).map(|entry| entry.serial)) => {
                wish.as_ref()
            }
            Wish::If(name, ..) => return Err(Rejection::Changed(name.clone())),
            wish => wish,
        };
        let mut change = match wish {
            Wish::Put { policies, confirm } => self.put(policies, *confirm, (origin, by), now)?,
            Wish::Remove(names) => self.remove(names)?,
            Wish::RemoveOf(owner) => self.remove_of(owner, origin),
            Wish::Confirm(name) => self.confirm(name)?,
            Wish::Group(name, members) => self.group(name, members.as_ref(), now)?,
            Wish::Guests(members) => {
                let changed = self.guests != *members;
                let other = |name: &&GroupName| self.guests.get(*name) != members.get(*name);
                let all: BTreeSet<_> =
                    self.guests.keys().chain(members.keys()).filter(other).cloned().collect();
                self.guests.clone_from(members);
                all.iter().for_each(|name| self.retry(name, now));
                let carriers = all.iter().flat_map(|name| self.carriers_of(name)).collect();
                Change { changed, carriers, ..Change::default() }
            }
            Wish::Plan(policies) => self.may_put(policies).map(|()| Change::default())?,
            // One in another is nobody's.
            Wish::If(name, ..) => return Err(Rejection::Changed(name.clone())),
        };
        let base = self.base();
        let before = change.before.iter().filter_map(|(_, entry)| entry.as_ref());
        let all = before.chain(change.put.iter().filter_map(|(name, _)| self.entries.get(name)));
        change.carriers.extend(all.map(|entry| base.carrier(&entry.policy)).collect::<BTreeSet<_>>());
        self.generation += u64::from(change.changed);
        Ok(change)
    }

    fn is_slow_enough(&mut self, wish: &Wish, origin: Origin, now: SystemTime) -> Result<(), Rejection> {
        let wish = if let Wish::If(_, _, wish) = wish { wish } else { wish };
        let writes = match wish {
            // A plan asks as much of the host as what it plans.
            Wish::Put { policies, .. } | Wish::Plan(policies) => policies.len().max(1),
            Wish::Remove(names) => names.len(),
            Wish::RemoveOf(_) | Wish::Confirm(_) | Wish::Group(..) | Wish::If(..) => 1,
            Wish::Guests(_) => 0,
        };
        // Our own detection has caps of its own, and must not be shut out by those who ask.
        let is_free = origin != Origin::Asked || writes == 0;
        let may = is_free || self.bucket.take(writes, self.pace.writes_per_second, now);
        may.then_some(()).ok_or(Rejection::Busy)
    }

    fn put(
        &mut self,
        policies: &[Policy],
        confirm: Option<Duration>,
        (origin, by): (Origin, &str),
        now: SystemTime,
    ) -> Result<Change, Rejection> {
        for policy in policies {
            self.not_of_file(&policy.name)?;
        }
        self.may_put(policies)?;
        let mut change = Change::default();
        for policy in policies {
            let old = self.entries.get(&policy.name);
            if confirm.is_none() && old.is_some_and(|old| old.is_same(policy, origin)) {
                continue;
            }
            let old = old.cloned();
            self.serial += 1;
            let confirm = confirm.and_then(|wait| now.checked_add(wait)).map(|until| {
                // What was not confirmed itself is nothing to fall back on.
                let before = old.clone().and_then(|old| match old.confirm {
                    Some(confirm) => confirm.before,
                    None => Some(Box::new(old)),
                });
                Confirm { until, before }
            });
            let entry = Entry {
                policy: self.taken_up(policy.clone(), now),
                said: policy.clone(),
                origin,
                by: by.to_owned(),
                state: State::Waiting,
                since: now,
                confirm,
                serial: self.serial,
            };
            self.entries.insert(policy.name.clone(), entry);
            change.put.push((policy.name.clone(), self.serial));
            change.before.push((policy.name.clone(), old));
        }
        change.changed = !change.put.is_empty();
        Ok(change)
    }

    /// With its end as a point in time; one without end gets the default life, unless that is for ever.
    pub(super) fn taken_up(&self, policy: Policy, now: SystemTime) -> Policy {
        let life = self.pace.default_life.map_or(Expiry::Never, Expiry::After);
        let expiry = if policy.expiry == Expiry::Never { life } else { policy.expiry };
        Policy { expiry: expiry.from(now), ..policy }
    }

    fn not_of_file(&self, name: &PolicyName) -> Result<(), Rejection> {
        let is_file = self.entries.get(name).is_some_and(|entry| entry.origin == Origin::File);
        if is_file || self.spent.contains_key(name) { Err(Rejection::OfFile(name.clone())) } else { Ok(()) }
    }

    fn remove(&mut self, names: &[PolicyName]) -> Result<Change, Rejection> {
        names.iter().try_for_each(|name| self.not_of_file(name))?;
        let before: Vec<_> = names
            .iter()
            .filter_map(|name| self.entries.remove(name).map(|entry| (name.clone(), Some(entry))))
            .collect();
        Ok(Change { changed: !before.is_empty(), before, ..Change::default() })
    }

    fn remove_of(&mut self, owner: &Owner, origin: Origin) -> Change {
        let is_its = |entry: &Entry| entry.origin == origin && entry.policy.owner == *owner;
        let its = self.entries.extract_if(.., |_, entry| is_its(entry));
        let before: Vec<_> = its.map(|(name, entry)| (name, Some(entry))).collect();
        Change { changed: !before.is_empty(), before, ..Change::default() }
    }

    fn confirm(&mut self, name: &PolicyName) -> Result<Change, Rejection> {
        let base = self.base();
        let entry = self.entries.get_mut(name).ok_or_else(|| Rejection::Unknown(name.clone()))?;
        let carriers = [base.carrier(&entry.policy)].into();
        Ok(Change { changed: entry.confirm.take().is_some(), carriers, ..Change::default() })
    }

    fn group(
        &mut self,
        name: &GroupName,
        members: Option<&BTreeSet<Prefix>>,
        now: SystemTime,
    ) -> Result<Change, Rejection> {
        let no = |why| Rejection::Group(name.clone(), why);
        if self.groups.contains_key(name) {
            return Err(no("it comes from a file, and only the file can change it"));
        }
        let old = self.asked.remove(name);
        let verdict = match members {
            None if old.is_none() => Err(no("there is none")),
            None if self.is_named(name) => Err(no("policies name it; remove them first")),
            None => Ok(()),
            Some(members) => {
                let group = Group { addresses: members.clone(), guests: Vec::new() };
                let room = self.limits.check_group(&group, self.all_groups().len());
                room.map_err(|_| no("more groups or more addresses than [limits] allows")).and_then(|()| {
                    self.asked.insert(name.clone(), members.clone());
                    self.still_fit()
                })
            }
        };
        if let Err(why) = verdict {
            self.asked.remove(name);
            self.asked.extend(old.map(|old| (name.clone(), old)));
            return Err(why);
        }
        let changed = self.asked.get(name) != old.as_ref();
        if changed {
            self.retry(name, now);
        }
        Ok(Change { changed, carriers: self.carriers_of(name).collect(), ..Change::default() })
    }

    fn carriers_of(&self, group: &GroupName) -> impl Iterator<Item = Carrier> {
        let (base, group) = (self.base(), group.clone());
        let its = self.entries.values().filter(move |entry| super::names(&entry.policy, &group));
        its.map(move |entry| base.carrier(&entry.policy))
    }

    /// Whether everything could still be taken, after groups became others.
    fn still_fit(&self) -> Result<(), Rejection> {
        let groups = self.all_groups();
        let fits = |policy: &Policy| {
            let verdict = self.limits.check(policy, 0, &groups, &self.protected);
            verdict.map_err(|why| Rejection::Refused { name: policy.name.clone(), why })
        };
        self.entries.values().try_for_each(|entry| {
            let before = entry.confirm.as_ref().and_then(|confirm| confirm.before.as_ref());
            fits(&entry.policy).and_then(|()| before.map_or(Ok(()), |before| fits(&before.policy)))
        })
    }

    /// Takes an order back, where no later one changed the same.
    pub fn undo(&mut self, change: Change) {
        for ((name, serial), (_, before)) in change.put.into_iter().zip(change.before).rev() {
            if self.entries.get(&name).is_none_or(|entry| entry.serial != serial) {
                continue;
            }
            match before {
                Some(before) => self.entries.insert(name, before),
                None => self.entries.remove(&name),
            };
            self.generation += 1;
        }
    }
}

impl Entry {
    /// Whether the same is asked for again; one that lasts so long from now on is another.
    fn is_same(&self, policy: &Policy, origin: Origin) -> bool {
        let is_fixed = !matches!(policy.expiry, Expiry::After(_)) && policy.expiry == self.policy.expiry;
        is_fixed && self.said == *policy && self.origin == origin && self.confirm.is_none()
    }
}
