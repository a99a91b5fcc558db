//! Files take the place of those before them.

use super::Book;
use super::entry::Entry;
use crate::policy::desk::{Origin, State};
use crate::policy::file::Wishes;
use crate::policy::model::Policy;
use std::time::SystemTime;

impl Book {
    /// Takes over what files say, instead of what they said. Policies that they say as before go on, with their time;
    /// those asked for give way where a file has their name, or nothing allows them any more. Says what gave way.
    pub fn replace_files(&mut self, wishes: Wishes, now: SystemTime) -> Vec<String> {
        let mut told = Vec::new();
        (self.groups, self.protected) = (wishes.groups, wishes.protected);
        (self.limits, self.pace) = (wishes.limits, wishes.pace);
        self.faults = wishes.faults.iter().map(ToString::to_string).collect();
        self.guests.retain(|name, _| self.groups.contains_key(name));
        let asked = std::mem::take(&mut self.asked);
        for (name, members) in asked {
            if self.groups.contains_key(&name) {
                told.push(format!("group {name}: a file says it now, what was asked for gives way"));
            } else {
                self.asked.insert(name, members);
            }
        }
        let old = std::mem::take(&mut self.entries);
        let (mut files, mut others): (std::collections::BTreeMap<_, _>, _) =
            old.into_iter().partition(|(_, entry): &(_, Entry)| entry.origin == Origin::File);
        let mut spent = std::mem::take(&mut self.spent);
        for policy in wishes.policies {
            if others.remove(&policy.name).is_some() {
                told.push(format!(
                    "policy {}: a file says it now, what was asked for gives way",
                    policy.name
                ));
            }
            if let Some(over) = spent.remove(&policy.name).filter(|over| over.said == policy) {
                self.spent.insert(policy.name.clone(), over);
                continue;
            }
            let same = files.remove(&policy.name).filter(|old| old.said == policy);
            let entry = same.unwrap_or_else(|| self.of_file(policy, now));
            self.entries.insert(entry.policy.name.clone(), entry);
        }
        for (name, entry) in others {
            match self.may_put(std::slice::from_ref(&entry.policy)) {
                Ok(()) => {
                    self.entries.insert(name, entry);
                }
                Err(why) => told.push(format!("policy {name}: gives way to the files: {why}")),
            }
        }
        self.generation += 1;
        told
    }

    fn of_file(&mut self, policy: Policy, now: SystemTime) -> Entry {
        self.serial += 1;
        Entry {
            policy: Policy { expiry: policy.expiry.from(now), ..policy.clone() },
            said: policy,
            origin: Origin::File,
            by: "files".to_owned(),
            state: State::Waiting,
            since: now,
            confirm: None,
            serial: self.serial,
        }
    }
}
