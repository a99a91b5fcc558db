//! The sampled packets as a capture file (draft-ietf-opsawg-pcap), for tcpdump and Wireshark. In: a datagram. Out: its
//! packets as records of a classic file with nanoseconds and Ethernet, each with what was sampled of it and the length that
//! it had. A packet that was sampled from its IP header on gets an Ethernet header of zeros before it. Times are the
//! agent's where it tells them (`0:1043`), else those of the datagram. Pure.

use super::Received;
use crate::sflow::decode::Sample;
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::packet::SampledHeader;
use std::time::Duration;

/// Nanoseconds, in the byte order of networks.
const MAGIC: u32 = 0xA1B2_3C4D;
const VERSION: u32 = 2 << 16 | 4;
const LONGEST: u32 = 65_535;
const ETHERNET: u32 = 1;

/// What a file begins with.
pub fn file_header() -> [u8; 24] {
    let mut header = [0; 24];
    for (slot, word) in header.chunks_mut(4).zip([MAGIC, VERSION, 0, 0, LONGEST, ETHERNET]) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    header
}

/// The packets of a datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Records of the file.
    pub bytes: Vec<u8>,
    /// Sampled headers of links that are neither Ethernet nor IP.
    pub left_out: u64,
}

/// All packets that were sampled or dropped.
pub fn packets(received: &Received<'_>) -> Packets {
    let mut packets = Packets::default();
    for sample in &received.datagram.samples {
        let records = match sample {
            Sample::Flow(flow) => &flow.records,
            Sample::Discard(discard) => &discard.records,
            _ => continue,
        };
        let stamp = records.iter().find_map(|record| match record {
            FlowRecord::Timestamp(stamp) => Some(Duration::from_nanos(stamp.nanoseconds)),
            _ => None,
        });
        let time = stamp.or(received.time).unwrap_or_default();
        for record in records {
            if let FlowRecord::SampledHeader(header) = record {
                packets.add(header, time);
            }
        }
    }
    packets
}

impl Packets {
    fn add(&mut self, header: &SampledHeader<'_>, time: Duration) {
        let link: &[u8] = match header.protocol {
            1 => &[],
            11 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00],
            12 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xDD],
            _ => {
                self.left_out += 1;
                return;
            }
        };
        // A datagram is shorter than that, so no sample is cut.
        let sampled = header.header.get(..LONGEST as usize - link.len()).unwrap_or(&header.header);
        let word = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let captured = word(link.len() + sampled.len());
        let whole = header.frame_length.saturating_sub(header.stripped).saturating_add(word(link.len()));
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        for word in [seconds, time.subsec_nanos(), captured, whole.max(captured)] {
            self.bytes.extend(word.to_be_bytes());
        }
        self.bytes.extend(link);
        self.bytes.extend(sampled);
    }
}
