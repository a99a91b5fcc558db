//! Flow records of tunnels: sFlow Tunnel Structures 1021–1030, each in an egress and an ingress form.

use super::packet::{SampledEthernet, SampledIpv4, SampledIpv6};
use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:1021` layer 2 tunnel header, egress.
    #[derive(Eq)]
    pub struct L2TunnelEgress {
        #[serde(flatten)]
        pub tunnel: SampledEthernet,
    }

    /// `0:1022` layer 2 tunnel header, ingress.
    #[derive(Eq)]
    pub struct L2TunnelIngress {
        #[serde(flatten)]
        pub tunnel: SampledEthernet,
    }

    /// `0:1023` IPv4 tunnel header, egress.
    #[derive(Eq)]
    pub struct Ipv4TunnelEgress {
        #[serde(flatten)]
        pub tunnel: SampledIpv4,
    }

    /// `0:1024` IPv4 tunnel header, ingress.
    #[derive(Eq)]
    pub struct Ipv4TunnelIngress {
        #[serde(flatten)]
        pub tunnel: SampledIpv4,
    }

    /// `0:1025` IPv6 tunnel header, egress.
    #[derive(Eq)]
    pub struct Ipv6TunnelEgress {
        #[serde(flatten)]
        pub tunnel: SampledIpv6,
    }

    /// `0:1026` IPv6 tunnel header, ingress.
    #[derive(Eq)]
    pub struct Ipv6TunnelIngress {
        #[serde(flatten)]
        pub tunnel: SampledIpv6,
    }

    /// `0:1027` where the inner header starts, egress.
    #[derive(Default, Eq)]
    pub struct DecapsulateEgress {
        /// Bytes from the start of the sampled header.
        pub inner_header_offset: u32,
    }

    /// `0:1028` where the inner header starts, ingress.
    #[derive(Default, Eq)]
    pub struct DecapsulateIngress {
        /// Bytes from the start of the sampled header.
        pub inner_header_offset: u32,
    }

    /// `0:1029` virtual network identifier, egress.
    #[derive(Default, Eq)]
    pub struct VniEgress {
        pub vni: u32,
    }

    /// `0:1030` virtual network identifier, ingress.
    #[derive(Default, Eq)]
    pub struct VniIngress {
        pub vni: u32,
    }
}
