//! Flow records of how a packet was forwarded: sFlow v5 section 5.4.2 (extended switch, router, gateway, NAT, VLANs).

use crate::sflow::xdr::xdr_structs;
use std::net::IpAddr;

xdr_structs! {
    /// `0:1001` VLANs and priorities, 16 bytes.
    #[derive(Default, Eq)]
    pub struct ExtendedSwitch {
        pub src_vlan: u32,
        pub src_priority: u32,
        pub dst_vlan: u32,
        pub dst_priority: u32,
    }

    /// `0:1002` the next hop.
    #[derive(Eq)]
    pub struct ExtendedRouter {
        pub next_hop: IpAddr,
        /// Bits.
        pub src_mask_len: u32,
        /// Bits.
        pub dst_mask_len: u32,
    }

    /// `0:1003` BGP information.
    #[derive(Eq)]
    pub struct ExtendedGateway {
        pub next_hop: IpAddr,
        pub local_as: u32,
        pub src_as: u32,
        pub src_peer_as: u32,
        pub dst_as_path: Vec<AsPathSegment>,
        pub communities: Vec<u32>,
        pub local_pref: u32,
    }

    /// A part of an AS path.
    #[derive(Default, Eq)]
    pub struct AsPathSegment {
        /// 1 set, 2 sequence.
        pub kind: u32,
        pub as_numbers: Vec<u32>,
    }

    /// `0:1007` addresses after translation.
    #[derive(Eq)]
    pub struct ExtendedNat {
        pub src_address: IpAddr,
        pub dst_address: IpAddr,
    }

    /// `0:1020` ports after translation, 8 bytes.
    #[derive(Default, Eq)]
    pub struct ExtendedNatPort {
        pub src_port: u32,
        pub dst_port: u32,
    }

    /// `0:1012` stripped VLAN tags, outermost first, each TPID and TCI.
    #[derive(Default, Eq)]
    pub struct ExtendedVlanTunnel {
        pub stack: Vec<u32>,
    }
}
