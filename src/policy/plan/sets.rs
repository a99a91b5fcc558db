//! Sets of ours: groups, and drops by address, which the kernel forgets by itself when their time is over.
//!
//! In: the sets that are wanted and those that are there. Out: inputs for `ipset restore`. Rule: what comes in is put in
//! before the rules change, what goes is taken out after them; a set that cannot hold what is wanted is made anew
//! beside the old one and swapped. Spec: ipset(8), type `hash:net`.

use super::chains::OURS;
use crate::policy::model::{Direction, Family, GroupName, Prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// Begins the name of every set of ours.
pub(super) const PREFIX: &str = "hsflowd-";
/// While a set is made anew.
const NEW: &str = "hsflowd-new";
/// The kernel counts milliseconds in 31 bits.
pub(super) const LONGEST_SECS: u32 = 2_147_483;
/// Seconds that a timeout may differ from what is wanted: it runs while we look.
const CLOSE_SECS: u32 = 2;
const SMALLEST: usize = 65_536;

/// The name of a set of ours; the kernel allows 31 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(String);

impl SetName {
    /// Of the members of a group.
    pub(super) fn group(family: Family, group: &GroupName) -> Self {
        Self(format!("{PREFIX}g{}-{group}", digit(family)))
    }

    /// Of the addresses that one priority drops, as source (`src`) or destination (`dst`).
    pub(super) fn drops(family: Family, side: &str, directions: &BTreeSet<Direction>, priority: u16) -> Self {
        let letters = directions.iter().map(|direction| match direction {
            Direction::In => 'i',
            Direction::Forward => 'f',
            Direction::Out => 'o',
        });
        Self(format!("{PREFIX}drop{}-{side}-{}-{priority}", digit(family), letters.collect::<String>()))
    }

    /// Whether its members are addresses that policies drop, each with the policy's name.
    pub(in crate::policy) fn is_of_drops(&self) -> bool {
        self.0.strip_prefix(PREFIX).is_some_and(|name| name.starts_with("drop"))
    }

    /// One that there is; `None` of others' sets.
    pub(super) fn observed(name: &str) -> Option<Self> {
        name.starts_with(PREFIX).then(|| Self(name.to_owned()))
    }
}

const fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is said of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Seconds until it goes; 0 is never.
    pub secs: u32,
    /// The policy that wants it.
    pub comment: String,
    /// Packets and bytes that it met.
    pub counters: (u64, u64),
}

/// A set that is wanted or there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Type and options, as `ipset save` prints them behind the name.
    pub header: String,
    /// Who is in it.
    pub members: BTreeMap<Prefix, Member>,
}

/// All sets of ours.
pub type Sets = BTreeMap<SetName, Set>;

impl Set {
    pub(super) fn wanted(family: Family, members: BTreeMap<Prefix, Member>) -> Self {
        let family = if family == Family::V4 { "inet" } else { "inet6" };
        let most = members.len().next_power_of_two().max(SMALLEST);
        Self {
            header: format!("hash:net family {family} maxelem {most} timeout 0 counters comment"),
            members,
        }
    }

    /// Whether it is made so that it can hold what the other one holds.
    fn can_be(&self, wanted: &Self) -> bool {
        let word = |set: &Self, key: &str| {
            let mut words = set.header.split(' ').skip_while(|word| *word != key).skip(1);
            words.next().map(str::to_owned)
        };
        let number = |set: &Self| word(set, "maxelem").and_then(|most| most.parse::<usize>().ok());
        let kind = |set: &Self| set.header.split(' ').next().map(str::to_owned);
        let has = |option| self.header.split(' ').any(|word| word == option);
        kind(self) == kind(wanted)
            && word(self, "family") == word(wanted, "family")
            && word(self, "timeout").is_some()
            && has("comment")
            && has("counters")
            && number(self) >= number(wanted)
    }
}

impl Member {
    /// Whether the kernel may be left to it.
    fn is_close(&self, wanted: &Self) -> bool {
        if self.secs == 0 || wanted.secs == 0 {
            return self.secs == wanted.secs;
        }
        // What lasts longer than the kernel can count is put in again long before it goes.
        let is_far = wanted.secs == LONGEST_SECS && self.secs > LONGEST_SECS / 2;
        is_far || self.secs.abs_diff(wanted.secs) <= CLOSE_SECS
    }
}

/// Texts for one step, and what undoes it.
pub(super) type Edit = (String, String);

/// What must be there before rules change: sets, members, new times.
pub(super) fn make(from: &Sets, to: &Sets) -> Edit {
    let (mut text, mut undo) = (String::new(), String::new());
    let mut stale = from.keys().any(|name| name.0 == NEW);
    for (name, wanted) in to {
        match from.get(name) {
            None => {
                create(name, wanted, &mut text);
                let _ = writeln!(undo, "destroy {name}");
            }
            Some(set) if !set.can_be(wanted) => {
                if std::mem::take(&mut stale) {
                    let _ = writeln!(text, "destroy {NEW}");
                }
                swap(name, wanted, &mut text);
                swap(name, set, &mut undo);
            }
            Some(set) => add_missing(name, set, wanted, &mut text, &mut undo),
        }
    }
    (text, undo)
}

/// What may go when the rules have changed: members first.
pub(super) fn remove_members(from: &Sets, to: &Sets) -> Edit {
    let (mut text, mut undo) = (String::new(), String::new());
    for (name, wanted) in to {
        let Some(set) = from.get(name).filter(|set| set.can_be(wanted)) else { continue };
        for (prefix, member) in set.members.iter().filter(|(prefix, _)| !wanted.members.contains_key(prefix))
        {
            let _ = writeln!(text, "del {name} {prefix} -exist");
            add(&name.0, prefix, member, &mut undo);
        }
    }
    (text, undo)
}

/// Then sets that no rule names any more.
pub(super) fn destroy(from: &Sets, to: &Sets) -> Edit {
    let (mut text, mut undo) = (String::new(), String::new());
    let is_swapped = |name: &SetName, set: &Set| to.get(name).is_some_and(|wanted| !set.can_be(wanted));
    let was_cleared = from.iter().any(|(name, set)| is_swapped(name, set));
    for (name, set) in from.iter().filter(|(name, _)| !to.contains_key(name)) {
        if name.0 == NEW && was_cleared {
            continue;
        }
        let _ = writeln!(text, "destroy {name}");
        create(name, set, &mut undo);
    }
    (text, undo)
}

fn create(name: &SetName, set: &Set, text: &mut String) {
    let _ = writeln!(text, "create {name} {}", set.header);
    set.members.iter().for_each(|(prefix, member)| add(&name.0, prefix, member, text));
}

fn swap(name: &SetName, set: &Set, text: &mut String) {
    create(&SetName(NEW.to_owned()), set, text);
    let _ = writeln!(text, "swap {NEW} {name}\ndestroy {NEW}");
}

fn add_missing(name: &SetName, set: &Set, wanted: &Set, text: &mut String, undo: &mut String) {
    for (prefix, member) in &wanted.members {
        match set.members.get(prefix) {
            Some(there) if there.is_close(member) => {}
            Some(there) => {
                // With what it met until now.
                let renewed = Member { counters: there.counters, ..member.clone() };
                add(&name.0, prefix, &renewed, text);
                add(&name.0, prefix, there, undo);
            }
            None => {
                add(&name.0, prefix, member, text);
                let _ = writeln!(undo, "del {name} {prefix} -exist");
            }
        }
    }
}

fn add(name: &str, prefix: &Prefix, member: &Member, text: &mut String) {
    let comment = if member.comment.is_empty() { OURS } else { &member.comment };
    let met = match member.counters {
        (0, 0) => String::new(),
        (packets, bytes) => format!(" packets {packets} bytes {bytes}"),
    };
    let _ = writeln!(text, "add {name} {prefix} timeout {}{met} comment \"{comment}\" -exist", member.secs);
}
