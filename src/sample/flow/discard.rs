//! Samples of dropped packets.
//!
//! In: what a source says of a drop. Out: the header and the records of its sample, in the C agent's order. Rules: what
//! the source did not tell has no record, and a packet that no sampled header describes none either: the reason is news
//! without it; names are cut to 64 bytes, between characters; lengths are those of flow samples, the
//! link's checksum counted.
//! Spec: sFlow Dropped Packet Notification Structures.

use super::header::Header;
use crate::sample::frame::{Discard, Frame};
use crate::sflow::flow::kernel::{Function, HwTrap, LinuxDropReason, Timestamp};
use crate::sflow::ids::DataSource;
use crate::sflow::sample::{DiscardHeader, SampleWriter};
use crate::sflow::xdr::Full;
use std::borrow::Cow;

/// Most bytes of a dropped packet in its sample.
pub const HEADER_BYTES: usize = 128;
const MAX_NAME: usize = 64;

/// The numbers of the samples of dropped packets, which are of one data source, `0:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discards {
    sequence: u32,
    drops: u32,
}

impl Discards {
    /// The header of the next sample.
    pub fn take(&mut self, discard: &Discard<'_>) -> DiscardHeader {
        self.sequence = self.sequence.wrapping_add(1);
        DiscardHeader {
            sequence: self.sequence,
            source: DataSource { class: 0, index: 0 },
            drops: self.drops,
            input: discard.input.unwrap_or(0),
            output: 0,
            reason: discard.reason,
        }
    }

    /// Counts drops that no sample is sent of: lost on the way here, or over the limit.
    pub fn lost(&mut self, added: u32) {
        self.drops = self.drops.wrapping_add(added);
    }
}

/// Encodes all records.
pub fn encode(discard: &Discard<'_>, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
    if let Some(nanoseconds) = discard.time {
        out.record(&Timestamp { nanoseconds })?;
    }
    if let Some(reason) = discard.reason_name {
        out.record(&LinuxDropReason { reason: name(reason) })?;
    }
    if let Some(symbol) = discard.symbol {
        out.record(&Function { symbol: name(symbol) })?;
    }
    if let Some((group, trap)) = discard.trap {
        out.record(&HwTrap { group: name(group), trap: name(trap) })?;
    }
    let frame = Frame {
        link: discard.link,
        protocol: discard.protocol,
        bytes: discard.bytes,
        wire_len: discard.wire_len,
        ..Frame::default()
    };
    Header::of(&frame).map_or(Ok(()), |header| header.encode(HEADER_BYTES, out))
}

fn name(text: &str) -> Cow<'_, str> {
    let end = text.floor_char_boundary(MAX_NAME);
    Cow::Borrowed(text.get(..end).unwrap_or_default())
}
