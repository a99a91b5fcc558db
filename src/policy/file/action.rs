//! The key `action`: a word, or a table with one key that says how much, what or where to.

use super::fault::FaultKind;
use super::table::Table;
use crate::policy::model::{Action, Mark, Rate, Redirect, Shape, WordFault};
use std::str::FromStr;
use std::time::Duration;

const WORDS: WordFault = WordFault {
    what: "an action",
    allowed: "accept, drop or reject; others are tables: { limit = \"10 Mbit/s\" }",
};
pub(super) const TABLES: [&str; 4] = ["limit", "mark", "shape", "redirect"];
pub(super) const MARK: [&str; 2] = ["dscp", "class"];
pub(super) const REDIRECT: [&str; 2] = ["device", "netns"];
const ONE: &str = "one of limit, mark, shape and redirect";
pub(super) const SHAPE: [&str; 6] = ["rate", "ceil", "share", "of", "burst_ms", "latency_ms"];
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
        ["mark"] => mark(&mut table.inner("mark", &MARK)?),
        ["shape"] => shape(&mut table.inner("shape", &SHAPE)?),
        ["redirect"] => redirect(&mut table.inner("redirect", &REDIRECT)?),
        _ => table.refuse_all(FaultKind::Missing(ONE)),
    }
}

fn mark(table: &mut Table<'_, '_>) -> Option<Action> {
    let (dscp, class) = (table.one("dscp", FromStr::from_str), table.one("class", FromStr::from_str));
    table.is_clean().then_some(Action::Mark(Mark { dscp, class }))
}

fn shape(table: &mut Table<'_, '_>) -> Option<Action> {
    let (rate, ceil) = bandwidth(table)?;
    let mut millis = |key, least| table.number(key, least..=LONGEST_MS).map(Duration::from_millis);
    let (burst, latency) = (millis("burst_ms", 1), millis("latency_ms", 0));
    Some(Action::Shape(Shape { rate, ceil, burst, latency }))
}

/// What is guaranteed, and up to what is borrowed: by rates, or by a share (in percent) of the whole.
fn bandwidth(table: &mut Table<'_, '_>) -> Option<(Rate, Option<Rate>)> {
    let has = |table: &Table<'_, '_>, keys: [&str; 2]| keys.map(|key| table.get(key).is_some());
    match (has(table, ["rate", "ceil"]), has(table, ["share", "of"])) {
        ([true, _], [false, false]) => {
            let (rate, ceil) = (table.one("rate", FromStr::from_str), table.one("ceil", FromStr::from_str));
            Some((rate?, ceil))
        }
        ([false, false], [true, true]) => {
            let (share, of) = (table.number("share", 1..=100), table.one("of", FromStr::from_str));
            let part = |whole: u64| (whole.saturating_mul(share?) / 100 >= 1).then_some(whole * share? / 100);
            match of? {
                Rate::Bits(whole) => Some((Rate::Bits(part(whole)?), of)),
                // The model refuses packets, in its own words.
                packets => Some((packets, of)),
            }
        }
        _ => table.refuse_all(FaultKind::Missing("'rate', or 'share' and 'of'")),
    }
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
