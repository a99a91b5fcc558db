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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::frame::LinkType;
    use crate::sflow::datagram::{Datagrams, Stream, Unsent};
    use crate::sflow::decode::{Framed, Sample, decode};
    use crate::sflow::flow::FlowRecord;
    use crate::sflow::flow::packet::SampledHeader;

    fn sample(discards: &mut Discards, discard: &Discard<'_>) -> Framed<DiscardHeader, FlowRecord> {
        let header = discards.take(discard);
        let mut datagrams = Datagrams::new(1400, [192, 0, 2, 1].into());
        let mut stream = Stream::new([192, 0, 2, 1].into(), 0);
        let mut sent = Vec::new();
        let mut send = |unsent: Unsent<'_>| sent.extend(decode(stream.complete(unsent)).unwrap().samples);
        datagrams.add_discard(1, &header, |out| encode(discard, out), &mut send).unwrap();
        datagrams.flush(1, &mut send);
        match sent.pop() {
            Some(Sample::Discard(sample)) => sample,
            other => panic!("{other:?}"),
        }
    }

    fn shown(discard: &Discard<'_>) -> Option<SampledHeader<'static>> {
        match sample(&mut Discards::default(), discard).records.pop() {
            Some(FlowRecord::SampledHeader(header)) => Some(header),
            _ => None,
        }
    }

    #[test]
    fn records_stand_in_the_c_agents_order() {
        let discard = Discard {
            input: Some(7),
            reason: 258,
            reason_name: Some("NETFILTER_DROP"),
            symbol: Some("nf_hook_slow"),
            trap: Some(("acl_drops", "ingress_flow_action_drop")),
            bytes: &[2; 300],
            wire_len: 1514,
            time: Some(1_700_000_000_000_000_001),
            ..Discard::default()
        };
        let mut discards = Discards::default();
        let first = sample(&mut discards, &discard);
        discards.lost(4);
        let second = sample(&mut discards, &Discard { input: None, ..discard });
        let source = DataSource { class: 0, index: 0 };
        let header = DiscardHeader { sequence: 1, source, drops: 0, input: 7, output: 0, reason: 258 };
        assert_eq!(first.header, header);
        assert_eq!(second.header, DiscardHeader { sequence: 2, drops: 4, input: 0, ..header });
        let formats: Vec<_> = first.records.iter().map(|record| record.tag().format).collect();
        assert_eq!(formats, [1043, 1042, 1038, 1041, 1]);
        let json = serde_json::to_string(&first.records).unwrap();
        let names = [
            "NETFILTER_DROP",
            "nf_hook_slow",
            "acl_drops",
            "ingress_flow_action_drop",
            "1700000000000000001",
        ];
        assert!(names.iter().all(|name| json.contains(name)), "{json}");
    }

    #[test]
    fn the_header_is_told_by_its_link_as_in_flow_samples() {
        let told = |discard: &Discard<'_>| {
            shown(discard)
                .map(|shown| (shown.protocol, shown.frame_length, shown.stripped, shown.header.len()))
        };
        let ethernet = Discard { bytes: &[2; 300], wire_len: 1514, ..Discard::default() };
        assert_eq!(told(&ethernet), Some((1, 1518, 4, 128)));
        let ip = Discard { link: LinkType::Ip, bytes: &[0x45; 60], wire_len: 1500, ..ethernet };
        assert_eq!(told(&ip), Some((11, 1500, 0, 60)));
        assert_eq!(told(&Discard { bytes: &[0x60; 60], ..ip }), Some((12, 1500, 0, 60)));
        assert_eq!(told(&Discard { bytes: &[], protocol: 0x0800, ..ip }), Some((11, 1500, 0, 0)));
    }

    #[test]
    fn a_packet_that_no_header_describes_is_reported_without_one() {
        let discard =
            Discard { link: LinkType::Other(772), bytes: &[2; 300], reason: 3, ..Discard::default() };
        let sample = sample(&mut Discards::default(), &discard);
        assert_eq!((sample.header.reason, sample.records.len()), (3, 0));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = format!("{}ü{}", "x".repeat(63), "y".repeat(200));
        assert_eq!(name(&long), "x".repeat(63));
        assert_eq!(name(&long[..63]), long[..63]);
        assert_eq!(name(&"z".repeat(65)), "z".repeat(64));
    }
}
