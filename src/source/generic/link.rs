//! What a packet starts with, where the kernel tells its protocol but not its interface's kind.
//!
//! In: EtherType, the first bytes, the packet's length. Out: [`LinkType`]. A packet of a tunnel without a link
//! layer starts with its IP header. Both readings can seem possible: an Ethernet address may start with a 4, and an
//! IPv4 source address 8.0.x.y stands where an EtherType would. Then the length in the IP header decides.

use crate::sample::flow::INFINIBAND;
use crate::sample::frame::LinkType;
use crate::wire::ethernet::{Ethernet, IPV4, IPV6};

/// `ETH_P_CAIF`, by which switch drivers mark InfiniBand.
const CAIF: u16 = 247;

/// What `bytes`, the start of a packet of `length` bytes, starts with; `protocol` is 0 where it was not told.
pub(in crate::source) fn link_type(protocol: u16, bytes: &[u8], length: u32) -> LinkType {
    if protocol == CAIF {
        return LinkType::Other(INFINIBAND);
    }
    let version = bytes.first().map_or(0, |first| first >> 4);
    if !matches!((protocol, version), (IPV4 | 0, 4) | (IPV6 | 0, 6)) {
        return LinkType::Ethernet;
    }
    let framed = Ethernet::parse(bytes).and_then(|header| header.ether_type);
    let may_be_framed = if protocol == 0 { framed.is_some() } else { framed == Some(protocol) };
    if !may_be_framed || ip_length(version, bytes) == Some(length) {
        LinkType::Ip
    } else {
        LinkType::Ethernet
    }
}

/// The length that an IP header tells, itself included.
fn ip_length(version: u8, bytes: &[u8]) -> Option<u32> {
    let (at, more) = if version == 4 { (2, 0) } else { (4, 40) };
    let length = bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)?;
    Some(u32::from(length) + more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An IPv4 header for 100 bytes in all, from this address.
    fn ip(source: [u8; 4]) -> Vec<u8> {
        let mut ip = vec![0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17, 0, 0];
        ip.extend(source.iter().chain(&[10, 0, 0, 1]));
        ip.resize(100, 0);
        ip
    }

    fn framed(first: u8, tail: &[u8]) -> Vec<u8> {
        [&[first, 1, 2, 3, 4, 5, 2, 0, 0, 0, 0, 1][..], tail].concat()
    }

    #[test]
    fn a_packet_without_a_frame_is_known_by_its_version() {
        assert_eq!(link_type(IPV4, &ip([192, 0, 2, 1]), 100), LinkType::Ip);
        assert_eq!(link_type(IPV6, &[&[0x60; 12][..], &[0x20; 28]].concat(), 40), LinkType::Ip);
        assert_eq!(link_type(IPV4, &ip([192, 0, 2, 1])[..10], 100), LinkType::Ip);
    }

    #[test]
    fn a_frame_to_an_address_that_starts_like_ip_is_a_frame() {
        for (protocol, first) in [(IPV4, 0x44), (IPV4, 0x02), (IPV6, 0x60), (0x0806, 0x44), (0x8847, 0x68)] {
            let frame = framed(first, &[&protocol.to_be_bytes()[..], &ip([192, 0, 2, 1])].concat());
            assert_eq!(link_type(protocol, &frame, 114), LinkType::Ethernet, "{protocol:#x}");
        }
        let tagged = framed(0x44, &[&[0x81, 0, 0, 5, 8, 0][..], &ip([192, 0, 2, 1])].concat());
        assert_eq!(link_type(IPV4, &tagged, 118), LinkType::Ethernet);
    }

    #[test]
    fn an_address_that_reads_as_an_ethertype_is_told_by_the_length() {
        assert_eq!(link_type(IPV4, &ip([8, 0, 0, 1]), 100), LinkType::Ip);
        assert_eq!(link_type(0, &ip([8, 0, 0, 1]), 100), LinkType::Ip);
    }

    #[test]
    fn infiniband_is_named_and_what_nobody_names_is_ethernet() {
        assert_eq!(link_type(247, &[0x45; 64], 64), LinkType::Other(32));
        assert_eq!(link_type(0, &[], 0), LinkType::Ethernet);
        assert_eq!(link_type(0, &framed(0x44, &[8, 0]), 64), LinkType::Ethernet);
    }

    proptest! {
        #[test]
        fn whole_frames_and_whole_packets_are_told_apart(mac: [u8; 12], source: [u8; 4]) {
            let packet = ip(source);
            let frame = [&mac[..], &[8, 0], &packet].concat();
            // Only an address that tells the frame's own length could be mistaken.
            prop_assume!(mac[2..4] != [0, 114]);
            prop_assert_eq!(link_type(IPV4, &frame, 114), LinkType::Ethernet);
            prop_assert_eq!(link_type(IPV4, &packet, 100), LinkType::Ip);
        }
    }
}
