//! Counter records of interfaces: sFlow v5 section 5.4 (`if_counters`, `ethernet_counters`) and sFlow Port Name.

use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;

xdr_structs! {
    /// `0:1` generic interface counters, 88 bytes.
    #[derive(Default, Eq)]
    pub struct GenericInterface {
        pub if_index: u32,
        pub if_type: u32,
        /// Bits per second.
        pub if_speed: u64,
        /// 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
        pub if_direction: u32,
        /// Bit 0 administratively up, bit 1 operationally up.
        pub if_status: u32,
        pub in_octets: u64,
        pub in_ucast_pkts: u32,
        pub in_multicast_pkts: u32,
        pub in_broadcast_pkts: u32,
        pub in_discards: u32,
        pub in_errors: u32,
        pub in_unknown_protos: u32,
        pub out_octets: u64,
        pub out_ucast_pkts: u32,
        pub out_multicast_pkts: u32,
        pub out_broadcast_pkts: u32,
        pub out_discards: u32,
        pub out_errors: u32,
        pub promiscuous: u32,
    }

    /// `0:2` Ethernet counters (dot3Stats), 52 bytes.
    #[derive(Default, Eq)]
    pub struct Ethernet {
        pub alignment_errors: u32,
        pub fcs_errors: u32,
        pub single_collision_frames: u32,
        pub multiple_collision_frames: u32,
        pub sqe_test_errors: u32,
        pub deferred_transmissions: u32,
        pub late_collisions: u32,
        pub excessive_collisions: u32,
        pub internal_mac_transmit_errors: u32,
        pub carrier_sense_errors: u32,
        pub frame_too_longs: u32,
        pub internal_mac_receive_errors: u32,
        pub symbol_errors: u32,
    }

    /// `0:1005` port name: the interface's name, at most 255 bytes.
    #[derive(Default, Eq)]
    pub struct PortName<'a> {
        /// As `ip link` prints it.
        pub name: Cow<'a, str>,
    }
}
