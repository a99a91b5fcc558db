//! Flows, and the bundle that brings a bridge there.
//!
//! In: flows that are wanted, what `ovs-ofctl dump-flows` printed. Out: what is there, and the text of one bundle, which the
//! switch takes wholly or not at all. Rule: a flow is ours by the upper half of its cookie; the lower half is a sum of all
//! that its policy says, so where cookies are the same, flows are, but for what the bridge and other policies make of them
//! ([`Flow::more`]). Spec: ovs-ofctl(8).

use super::desired::{DISCOVERY, TRACK};
use crate::policy::model::PolicyName;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The upper half of every cookie of ours: `hsfp`.
pub(super) const OURS: u64 = 0x6873_6670 << 32;
/// A flow of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Whose.
    pub policy: PolicyName,
    pub(super) cookie: u64,
    pub(super) priority: u16,
    pub(super) matches: String,
    pub(super) actions: String,
    /// 0 is no end.
    pub(super) secs: u64,
    /// What the bridge's ports, its meters and other policies make of it: not in the cookie, but in what is printed.
    pub(super) more: Vec<String>,
}

/// A flow that is there, as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose it is.
    pub cookie: u64,
    /// Met by it.
    pub packets: u64,
    /// Of layer 2.
    pub bytes: u64,
    /// Table, priority, match and actions, without anything that changes by itself.
    pub words: String,
}

impl Flow {
    /// Whether other policies of the bridge need it too.
    pub const fn is_shared(&self) -> bool {
        matches!(self.priority, DISCOVERY | TRACK)
    }

    /// What is not in its cookie, in the words in which it is printed.
    pub fn more(&self) -> &[String] {
        &self.more
    }

    /// Names it among all flows.
    pub const fn cookie(&self) -> u64 {
        self.cookie
    }
}

impl Seen {
    /// Whether it is one of ours.
    pub const fn is_ours(&self) -> bool {
        self.cookie >> 32 == OURS >> 32
    }

    /// Whether it has these words.
    pub fn has(&self, more: &[String]) -> bool {
        let words = self.words.split([',', ' ']).map(|word| word.trim_start_matches("actions="));
        let words: BTreeSet<_> = words.collect();
        more.iter().all(|word| words.contains(&**word))
    }

    /// The meters that it gives packets to.
    pub fn meters(&self) -> impl Iterator<Item = u32> {
        self.words
            .split(" actions=")
            .skip(1)
            .flat_map(|all| all.split(','))
            .filter_map(|action| action.strip_prefix("meter:")?.parse().ok())
    }

    /// Priority and match, whatever their order.
    pub(super) fn place(&self) -> Option<BTreeSet<&str>> {
        let (place, _) = self.words.split_once(" actions=")?;
        let mut words: BTreeSet<_> = place.split(',').map(str::trim).collect();
        words.remove("table=0").then_some(words)
    }
}

/// Reads what `ovs-ofctl dump-flows` printed; lines of another form are none of ours.
pub fn parse(text: &str) -> Vec<Seen> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Seen> {
    let (head, actions) = line.trim().split_once(" actions=")?;
    let rest = head.strip_prefix("cookie=0x")?;
    let (cookie, rest) = rest.split_once(", ")?;
    let mut seen =
        Seen { cookie: u64::from_str_radix(cookie, 16).ok()?, packets: 0, bytes: 0, words: String::new() };
    for word in rest.split(", ").flat_map(|part| part.split(',')) {
        match word.split_once('=').unwrap_or((word, "")) {
            ("n_packets", count) => seen.packets = count.parse().ok()?,
            ("n_bytes", count) => seen.bytes = count.parse().ok()?,
            ("duration" | "idle_age" | "hard_age" | "hard_timeout" | "idle_timeout", _) => {}
            _ => {
                let comma = if seen.words.is_empty() { "" } else { "," };
                let _ = write!(seen.words, "{comma}{word}");
            }
        }
    }
    let _ = write!(seen.words, " actions={actions}");
    Some(seen)
}

/// The bundle that takes flows away by their cookies, then adds flows.
pub fn bundle<'f>(gone: impl IntoIterator<Item = u64>, new: impl IntoIterator<Item = &'f Flow>) -> String {
    let mut text = String::new();
    for cookie in gone {
        let _ = writeln!(text, "delete cookie={cookie:#x}/-1");
    }
    for flow in new {
        let _ = write!(text, "add cookie={:#x},table=0,priority={},", flow.cookie, flow.priority);
        if flow.secs > 0 {
            let _ = write!(text, "hard_timeout={},", flow.secs);
        }
        let comma = if flow.matches.is_empty() { "" } else { "," };
        let _ = writeln!(text, "{}{comma}actions={}", flow.matches, flow.actions);
    }
    text
}
