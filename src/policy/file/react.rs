//! `[[react]]`: what traffic is too much, and what is done about it.

use super::action::action;
use super::fault::FaultKind;
use super::table::Table;
use crate::policy::model::{Action, Direction, Owner, PolicyName, WordFault};
use crate::policy::react::reaction::{LONGEST, Reaction, Threshold};
use crate::policy::react::{Field, Only};
use std::str::FromStr;
use std::time::Duration;

pub(super) const KEYS: [&str; 12] = [
    "name",
    "keys",
    "filter",
    "threshold",
    "release",
    "duration",
    "hold",
    "most",
    "action",
    "direction",
    "priority",
    "life",
];
pub(super) const FILTER: [&str; 5] = ["source", "destination", "protocol", "source_port", "destination_port"];
/// Reactions in all: each takes some 2 MB.
const MOST: usize = 8;
/// Policies of one reaction at a time.
const MOST_POLICIES: u64 = 256;
const POLICIES: usize = 16;
const HOLD: Duration = Duration::from_secs(10);
const LIFE: Duration = Duration::from_secs(60);
/// Ahead of policies that say none.
const PRIORITY: u16 = 500;
/// Owner of all that detection asks for.
pub(in crate::policy) const OWNER: &str = "react";

pub(super) fn read(root: &mut Table<'_, '_>, into: &mut Vec<Reaction>) {
    for value in root.list("react") {
        let Some(mut table) = Table::of(root.source, value, "react", &KEYS) else { continue };
        if into.len() >= MOST {
            table.refuse_all::<()>(FaultKind::Conflict("there are 8 reactions already, as many as may be"));
            return;
        }
        if let Some(reaction) = reaction(&mut table) {
            if into.iter().any(|other| other.name == reaction.name) {
                table.refuse_all::<()>(FaultKind::Conflict("another reaction has this name"));
            } else {
                into.push(reaction);
            }
        }
    }
}

fn reaction(table: &mut Table<'_, '_>) -> Option<Reaction> {
    for (key, what) in [
        ("name", "'name'"),
        ("keys", "'keys', the fields that packets are counted together by"),
        ("threshold", "'threshold', a rate or a part of the link's speed"),
        ("action", "'action'"),
    ] {
        if table.get(key).is_none() {
            table.refuse_all::<()>(FaultKind::Missing(what));
        }
    }
    let directions: Vec<_> = table.many("direction", Direction::from_str);
    let here = [Direction::In, Direction::Forward];
    let reaction = Reaction {
        name: table.one("name", name)?,
        fields: table.many("keys", field),
        only: only(table),
        threshold: table.one("threshold", threshold)?,
        release: table.one("release", threshold),
        duration: table.time("duration").unwrap_or_default(),
        hold: table.time("hold").unwrap_or(HOLD),
        most: table.number("most", 1..=MOST_POLICIES).unwrap_or(POLICIES),
        action: action(table)?,
        directions: if directions.is_empty() { here.into() } else { directions.into_iter().collect() },
        priority: table.number("priority", 0..=u64::from(u16::MAX)).unwrap_or(PRIORITY),
        life: table.time("life").unwrap_or(LIFE),
    };
    check(table, &reaction);
    table.is_clean().then_some(reaction)
}

/// What is well formed, key by key, and does not go together.
fn check(table: &mut Table<'_, '_>, reaction: &Reaction) {
    if matches!(reaction.action, Action::Shape(_) | Action::Redirect(_) | Action::Accept) {
        table.refuse_all::<()>(FaultKind::Conflict("a reaction drops, rejects, limits or marks"));
    }
    if matches!(reaction.threshold, Threshold::Percent(_)) && !reaction.fields.contains(&Field::Sampled) {
        let why = "a part of a link's speed is of one link: 'keys' must have 'sampled'";
        table.refuse_all::<()>(FaultKind::Conflict(why));
    }
    let why = match reaction.release.map(|release| release.is_above(reaction.threshold)) {
        Some(None) => {
            Some("'threshold' and 'release' are both bits a second, both packets a second or both per cent")
        }
        Some(Some(true)) => Some("'release' is not above 'threshold'"),
        None | Some(Some(false)) => None,
    };
    if let Some(why) = why {
        table.refuse_all::<()>(FaultKind::Conflict(why));
    }
    if table.is_clean()
        && let Ok(owner) = OWNER.parse::<Owner>()
        && let Err(why) = reaction.check(&owner)
    {
        table.refuse_all::<()>(why);
    }
}

fn name(text: &str) -> Result<PolicyName, FaultKind> {
    if text.len() > LONGEST {
        return Err(crate::policy::model::NameFault::Length { longest: LONGEST, len: text.len() }.into());
    }
    Ok(text.parse::<PolicyName>()?)
}

/// Those that a policy can say, and where it was sampled.
fn field(word: &str) -> Result<Field, WordFault> {
    match word {
        "source" => Ok(Field::Source),
        "destination" => Ok(Field::Destination),
        "source_port" => Ok(Field::SourcePort),
        "destination_port" => Ok(Field::DestinationPort),
        "protocol" => Ok(Field::Protocol),
        "sampled" => Ok(Field::Sampled),
        _ => Err(WordFault {
            what: "a field",
            allowed: "source, destination, source_port, destination_port, protocol or sampled",
        }),
    }
}

fn threshold(text: &str) -> Result<Threshold, FaultKind> {
    let Some(number) = text.strip_suffix('%') else { return Ok(text.parse().map(Threshold::Rate)?) };
    let part = crate::policy::model::digits(number.trim_end_matches(' '));
    part.filter(|part| (1..=100).contains(part))
        .map(Threshold::Percent)
        .ok_or(FaultKind::Number { first: 1, last: 100 })
}

fn only(table: &mut Table<'_, '_>) -> Only {
    let Some(mut table) = table.inner("filter", &FILTER) else { return Only::default() };
    Only {
        sources: table.many("source", FromStr::from_str),
        destinations: table.many("destination", FromStr::from_str),
        protocol: table.one("protocol", FromStr::from_str),
        source_ports: table.many("source_port", FromStr::from_str),
        destination_ports: table.many("destination_port", FromStr::from_str),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Wishes, parse};
    use super::*;
    use crate::policy::lines::Dialect;

    fn one(text: &str) -> Wishes {
        parse(&[("policy.toml", text)], Dialect::Linux)
    }

    const GOOD: &str = r#"
[[react]]
name = "reflection"
keys = ["destination", "source_port"]
filter = { protocol = "udp", source_port = ["1-1023", 11211] }
threshold = "100 Mbit/s"
release = "20 Mbit/s"
duration = "1s"
hold = "30s"
most = 8
action = "drop"
direction = "forward"
priority = 7
life = "5m"

[[react]]
name = "bulk"
keys = ["source", "sampled"]
threshold = "10 %"
release = "2 %"
action = { mark = { dscp = 10 } }
"#;

    #[test]
    fn a_reaction_says_what_it_says_and_has_defaults() {
        let wishes = one(GOOD);
        assert_eq!(wishes.faults, []);
        let [reflection, bulk] = &wishes.reactions[..] else { panic!("two") };
        assert_eq!(reflection.fields, [Field::Destination, Field::SourcePort]);
        assert_eq!(reflection.only.source_ports.len(), 2);
        assert_eq!((reflection.most, reflection.priority), (8, 7));
        assert_eq!(reflection.life, Duration::from_secs(300));
        assert_eq!((bulk.threshold, bulk.release), (Threshold::Percent(10), Some(Threshold::Percent(2))));
        assert_eq!((bulk.hold, bulk.most, bulk.duration), (HOLD, POLICIES, Duration::ZERO));
        assert_eq!(bulk.directions, [Direction::In, Direction::Forward].into());
    }

    #[test]
    fn each_fault_costs_its_reaction_and_says_why() {
        let base =
            "[[react]]\nname = \"a\"\nkeys = \"source\"\nthreshold = \"1 Mbit/s\"\naction = \"drop\"\n";
        assert_eq!(one(base).reactions.len(), 1);
        for (old, new, said) in [
            ("name = \"a\"\n", "", "missing; 'name'"),
            ("\"source\"", "\"colour\"", "a field is source"),
            ("\"source\"", "\"source_port\"", "port"),
            ("1 Mbit/s", "0 %", "1 to 100"),
            ("1 Mbit/s", "10 %", "'keys' must have 'sampled'"),
            ("1 Mbit/s", "fast", "a rate is"),
            ("\"drop\"", "\"accept\"", "drops, rejects, limits or marks"),
            ("\"drop\"", "\"drop\"\nrelease = \"2 Mbit/s\"", "not above"),
            ("\"drop\"", "\"drop\"\nrelease = \"2 pps\"", "both"),
            ("\"drop\"", "\"drop\"\nrelease = \"2 %\"", "both"),
            ("\"drop\"", "\"drop\"\nmost = 0", "1 to 256"),
            ("\"drop\"", "\"drop\"\nlive = \"1m\"", "did you mean 'life'"),
        ] {
            let wishes = one(&base.replace(old, new));
            let told: Vec<_> = wishes.faults.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|fault| fault.contains(said)), "{new}: {told:?}");
            assert!(wishes.reactions.is_empty(), "{new}");
        }
        assert_eq!(one(&format!("{base}{base}")).reactions.len(), 1, "a name is one reaction's");
    }
}
