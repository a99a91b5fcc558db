//! Flow records of the packet itself: sFlow v5 section 5.4.1, its header bytes or its parsed fields.

use crate::sflow::json;
use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

xdr_structs! {
    /// `0:1` the first bytes of a packet, borrowed when sampled and owned when decoded.
    #[derive(Default, Eq)]
    pub struct SampledHeader<'a> {
        /// 1 Ethernet, 11 IPv4, 12 IPv6, 18 InfiniBand …
        pub protocol: u32,
        /// Length on the wire in bytes, with what was stripped.
        pub frame_length: u32,
        /// Bytes that were on the wire and are not in the header: 4 for an Ethernet checksum.
        pub stripped: u32,
        #[serde(serialize_with = "json::hex")]
        pub header: Cow<'a, [u8]>,
    }

    /// `0:2` an Ethernet packet, 24 bytes.
    #[derive(Default, Eq)]
    pub struct SampledEthernet {
        /// Without the lower layer, in bytes.
        pub length: u32,
        #[serde(serialize_with = "json::mac")]
        pub src_mac: [u8; 6],
        #[serde(serialize_with = "json::mac")]
        pub dst_mac: [u8; 6],
        pub ethernet_type: u32,
    }

    /// `0:3` an IPv4 packet, 32 bytes.
    #[derive(Eq)]
    pub struct SampledIpv4 {
        pub length: u32,
        pub protocol: u32,
        pub src_ip: Ipv4Addr,
        pub dst_ip: Ipv4Addr,
        pub src_port: u32,
        pub dst_port: u32,
        pub tcp_flags: u32,
        pub tos: u32,
    }

    /// `0:4` an IPv6 packet, 56 bytes.
    #[derive(Eq)]
    pub struct SampledIpv6 {
        pub length: u32,
        pub protocol: u32,
        pub src_ip: Ipv6Addr,
        pub dst_ip: Ipv6Addr,
        pub src_port: u32,
        pub dst_port: u32,
        pub tcp_flags: u32,
        pub priority: u32,
    }
}
