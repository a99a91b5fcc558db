//! The key `action`: a word, or a table with one key that says how much, what or where to.

use super::fault::FaultKind;
use super::table::Table;
use crate::policy::model::{Action, Mark, Redirect, Shape, WordFault};
use std::str::FromStr;
use std::time::Duration;

const WORDS: WordFault = WordFault {
    what: "an action",
    allowed: "accept, drop or reject; others are tables: { limit = \"10 Mbit/s\" }",
};
const TABLES: [&str; 4] = ["limit", "mark", "shape", "redirect"];
const ONE: &str = "one of limit, mark, shape and redirect";
const LONGEST_MS: u64 = 10_000;

/// `None` with a fault where it is none.
pub(super) fn action(table: &mut Table<'_, '_>) -> Option<Action> {
    let value = table.get("action")?;
    if value.get_ref().is_str() {
        return table.one("action", |word| match word {
            "accept" => Ok(Action::Accept),
            "drop" => Ok(Action::Drop),
            "reject" => Ok(Action::Reject),
            _ => Err(WORDS),
        });
    }
    let mut table = table.inner("action", &TABLES)?;
    let given: Vec<_> = TABLES.into_iter().filter(|key| table.get(key).is_some()).collect();
    match given.as_slice() {
        ["limit"] => table.one("limit", FromStr::from_str).map(Action::Limit),
        ["mark"] => mark(&mut table.inner("mark", &["dscp", "class"])?),
        ["shape"] => shape(&mut table.inner("shape", &["rate", "ceil", "burst_ms", "latency_ms"])?),
        ["redirect"] => redirect(&mut table.inner("redirect", &["device", "netns"])?),
        _ => table.refuse_all(FaultKind::Missing(ONE)),
    }
}

fn mark(table: &mut Table<'_, '_>) -> Option<Action> {
    let (dscp, class) = (table.one("dscp", FromStr::from_str), table.one("class", FromStr::from_str));
    table.is_clean().then_some(Action::Mark(Mark { dscp, class }))
}

fn shape(table: &mut Table<'_, '_>) -> Option<Action> {
    let rate = table.one("rate", FromStr::from_str);
    if table.get("rate").is_none() {
        return table.refuse_all(FaultKind::Missing("'rate'"));
    }
    let ceil = table.one("ceil", FromStr::from_str);
    let mut millis = |key| table.number(key, 1..=LONGEST_MS).map(Duration::from_millis);
    let (burst, latency) = (millis("burst_ms"), millis("latency_ms"));
    Some(Action::Shape(Shape { rate: rate?, ceil, burst, latency }))
}

fn redirect(table: &mut Table<'_, '_>) -> Option<Action> {
    match (table.get("device").is_some(), table.get("netns").is_some()) {
        (true, false) => {
            table.one("device", FromStr::from_str).map(|device| Action::Redirect(Redirect::Device(device)))
        }
        (false, true) => {
            table.one("netns", FromStr::from_str).map(|netns| Action::Redirect(Redirect::Netns(netns)))
        }
        _ => table.refuse_all(FaultKind::Missing("'device' or 'netns', one of them")),
    }
}
