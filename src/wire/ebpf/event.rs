//! What the sampling program writes for a packet that it took.
//!
//! ```text
//! monotonic ns u64 │ one_in u32 │ ifIndex u32 │ egress u32 │ captured u32 │
//! length u32 │ protocol u32 │ vlan present u32 │ vlan tci u32 │ vlan tpid u32 │ ingress ifIndex u32 │ bytes
//! ```
//! Host byte order; protocol and tpid are the network's two bytes, as the kernel gives them. The record has its
//! full size also where the packet is shorter, and `captured` says how much of it counts.

/// Where each field is.
pub(super) mod at {
    pub(crate) const TIME: i16 = 0;
    pub(crate) const ONE_IN: i16 = 8;
    pub(crate) const IF_INDEX: i16 = 12;
    pub(crate) const EGRESS: i16 = 16;
    pub(crate) const CAPTURED: i16 = 20;
    pub(crate) const LENGTH: i16 = 24;
    pub(crate) const PROTOCOL: i16 = 28;
    pub(crate) const VLAN_PRESENT: i16 = 32;
    pub(crate) const VLAN_TCI: i16 = 36;
    pub(crate) const VLAN_TPID: i16 = 40;
    pub(crate) const INGRESS: i16 = 44;
}

/// Bytes before those of the packet.
pub const HEADER_LEN: usize = 48;

/// One packet that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub time: u64,
    /// The rate that it was chosen by.
    pub one_in: u32,
    /// Interface of the program.
    pub if_index: u32,
    /// It was about to be sent.
    pub egress: bool,
    /// Interface that it came in by; 0 where this host made it.
    pub ingress: u32,
    /// Bytes of the packet, without `vlan`.
    pub length: u32,
    /// EtherType in host order.
    pub protocol: u16,
    /// Identifier and control information of a tag that is not in `bytes`.
    pub vlan: Option<(u16, u16)>,
    /// Its beginning.
    pub bytes: &'a [u8],
}

impl<'a> Event<'a> {
    /// Reads a record; `None` where it is none of ours.
    pub fn parse(record: &'a [u8]) -> Option<Self> {
        let (header, rest) = record.split_at_checked(HEADER_LEN)?;
        let (time, words) = header.split_first_chunk::<8>()?;
        let mut words = words.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word));
        let mut next = || words.next();
        let (one_in, if_index, egress, captured) = (next()?, next()?, next()?, next()?);
        let (length, protocol, tagged, tci, tpid, ingress) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        Some(Self {
            time: u64::from_ne_bytes(*time),
            one_in,
            if_index,
            egress: egress != 0,
            ingress,
            length,
            protocol: network(protocol),
            vlan: (tagged != 0).then_some((network(tpid), low(tci))),
            bytes: rest.get(..captured as usize)?,
        })
    }
}

/// The kernel widens a number in network order as if it were one of the host.
fn network(word: u32) -> u16 {
    u16::from_be(low(word))
}

#[allow(clippy::cast_possible_truncation)] // the upper half is 0
fn low(word: u32) -> u16 {
    word as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(captured: u32, bytes: &[u8]) -> Vec<u8> {
        let tpid = u32::from(0x8100u16.to_be());
        let protocol = u32::from(0x0800u16.to_be());
        let words = [400, 7, 1, captured, 1500, protocol, 1, 0xA064, tpid, 3];
        let words = words.into_iter().flat_map(u32::to_ne_bytes);
        5u64.to_ne_bytes().into_iter().chain(words).chain(bytes.iter().copied()).collect()
    }

    #[test]
    fn every_field_is_read_and_only_what_was_captured_counts() {
        let expected = Event {
            time: 5,
            one_in: 400,
            if_index: 7,
            egress: true,
            ingress: 3,
            length: 1500,
            protocol: 0x0800,
            vlan: Some((0x8100, 0xA064)),
            bytes: &[1, 2],
        };
        assert_eq!(Event::parse(&record(2, &[1, 2, 99])), Some(expected));
        assert_eq!(Event::parse(&record(4, &[1, 2, 99])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(event) = Event::parse(&bytes) {
                prop_assert!(event.bytes.len() + HEADER_LEN <= bytes.len());
            }
        }
    }
}
