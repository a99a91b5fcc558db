//! Dropped packets with their reasons. In: discarded-packet samples. Out: rows by reason. Rules: reasons are bounded, more are
//! one row; what the agent did not tell of is counted apart. Spec: sFlow Dropped Packet Notification Structures.

use super::counter::Losses;
use super::flows::Packet;
use super::text::clean;
use crate::sflow::decode::Framed;
use crate::sflow::flow::FlowRecord;
use crate::sflow::sample::DiscardHeader;
use crate::wire::netlink::drop_monitor::codes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Reasons that are told apart.
const MOST: usize = 256;
const SLICE: Duration = Duration::from_secs(2);
const SLICES: usize = 5;

/// Packets that were dropped for one reason, or that a counter says were dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DropRow {
    /// The reason in sFlow's word, or the name of a counter.
    pub reason: String,
    /// The kernel's or the chip's own word for it.
    pub detail: String,
    /// In a second.
    pub rate: Option<f64>,
    /// As far as is known.
    pub total: Option<u64>,
    /// The last packet.
    pub last: String,
    /// A counter says so; else each packet was told.
    pub counted: bool,
}

/// Seconds between two times, of which rates are taken: not too few, or the first packet of all is a flood.
pub(super) fn covered(begin: Duration, time: Duration) -> f64 {
    time.saturating_sub(begin).as_secs_f64().max(1.0)
}

#[derive(Clone, Debug, Default)]
struct Reason {
    total: u64,
    /// By number of the slice, modulo their count.
    recent: [(u64, u32); SLICES],
    last: String,
}

fn slice(time: Duration) -> u64 {
    time.as_secs() / SLICE.as_secs()
}

impl Reason {
    fn add(&mut self, time: Duration) {
        self.total += 1;
        let number = slice(time);
        let at = usize::try_from(number % SLICES as u64).unwrap_or(0);
        if let Some(place) = self.recent.get_mut(at) {
            if place.0 != number {
                *place = (number, 0);
            }
            place.1 = place.1.saturating_add(1);
        }
    }

    fn recent(&self, time: Duration) -> f64 {
        let now = slice(time);
        let young = self.recent.iter().filter(|(number, _)| *number <= now && number + (SLICES as u64) > now);
        young.map(|(_, count)| f64::from(*count)).sum()
    }
}

/// All reasons of an agent.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    reasons: BTreeMap<(u32, String), Reason>,
    began: Option<Duration>,
    unseen: Losses,
}

impl Drops {
    pub(super) fn take(&mut self, time: Duration, sample: &Framed<DiscardHeader, FlowRecord>) {
        let header = &sample.header;
        self.began.get_or_insert(time);
        let detail = sample.records.iter().find_map(|record| match record {
            FlowRecord::LinuxDropReason(said) => Some(clean(&said.reason)),
            FlowRecord::HwTrap(said) => Some(clean(&format!("{} {}", said.group, said.trap))),
            _ => None,
        });
        let mut key = (header.reason, detail.unwrap_or_default());
        if self.reasons.len() >= MOST && !self.reasons.contains_key(&key) {
            key = (codes::UNKNOWN, "others".to_owned());
        }
        let reason = self.reasons.entry(key).or_default();
        reason.add(time);
        reason.last = Packet::of(&sample.records).map_or_else(String::new, |packet| packet.text());
        self.unseen.note(header.source, header.drops);
    }

    /// Those that the agent knew of and did not tell one by one.
    pub fn unseen(&self) -> u64 {
        self.unseen.total()
    }

    pub(super) fn rows(&self, time: Duration) -> Vec<DropRow> {
        let oldest = Duration::from_secs((slice(time) + 1).saturating_sub(SLICES as u64) * SLICE.as_secs());
        let secs = covered(oldest.max(self.began.unwrap_or_default()), time);
        let row = |((code, detail), reason): (&(u32, String), &Reason)| DropRow {
            reason: codes::name(*code).map_or_else(|| format!("reason {code}"), str::to_owned),
            detail: detail.clone(),
            rate: Some(reason.recent(time) / secs),
            total: Some(reason.total),
            last: reason.last.clone(),
            counted: false,
        };
        self.reasons.iter().map(row).collect()
    }
}
