//! Counter records of single ports: VLAN, LACP, optics, priority flow control, OpenFlow, radio.
//!
//! sFlow v5 section 5.4, sFlow LAG Port Statistics, sFlow Optical Interface Structures, sFlow OpenFlow Structures.

use crate::sflow::json;
use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:5` VLAN counters, 28 bytes.
    #[derive(Default, Eq)]
    pub struct Vlan {
        pub vlan_id: u32,
        pub octets: u64,
        pub ucast_pkts: u32,
        pub multicast_pkts: u32,
        pub broadcast_pkts: u32,
        pub discards: u32,
    }

    /// `0:7` LACP port of a link aggregation, 56 bytes.
    #[derive(Default, Eq)]
    pub struct LacpPort {
        #[serde(serialize_with = "json::mac")]
        pub actor_system_id: [u8; 6],
        #[serde(serialize_with = "json::mac")]
        pub partner_system_id: [u8; 6],
        /// ifIndex of the aggregation.
        pub attached_agg_id: u32,
        /// In this order: actor admin, actor oper, partner admin, partner oper.
        pub port_state: [u8; 4],
        pub lacpdus_rx: u32,
        pub marker_pdus_rx: u32,
        pub marker_response_pdus_rx: u32,
        pub unknown_rx: u32,
        pub illegal_rx: u32,
        pub lacpdus_tx: u32,
        pub marker_pdus_tx: u32,
        pub marker_response_pdus_tx: u32,
    }

    /// `0:10` optical transceiver.
    #[derive(Default, Eq)]
    pub struct Sfp {
        pub module_id: u32,
        pub total_lanes: u32,
        /// Millivolts.
        pub supply_voltage: u32,
        /// Thousandths of a degree Celsius.
        pub temperature: i32,
        pub lanes: Vec<SfpLane>,
    }

    /// One lane of a transceiver: bias in µA, powers in µW, wavelengths in nm.
    #[derive(Default, Eq)]
    pub struct SfpLane {
        /// From 1.
        pub index: u32,
        pub tx_bias_current: u32,
        pub tx_power: u32,
        pub tx_power_min: u32,
        pub tx_power_max: u32,
        pub tx_wavelength: u32,
        pub rx_power: u32,
        pub rx_power_min: u32,
        pub rx_power_max: u32,
        pub rx_wavelength: u32,
    }

    /// `0:11` priority flow control, 20 bytes.
    #[derive(Default, Eq)]
    pub struct Pfc {
        pub requests: u32,
        pub indications: u32,
        /// Microseconds.
        pub pause_duration: u32,
        pub storm_detected: u32,
        pub storm_restored: u32,
    }

    /// `0:1002` radio utilisation, 12 bytes, in milliseconds.
    #[derive(Default, Eq)]
    pub struct RadioUtilization {
        pub elapsed_time: u32,
        pub on_channel_time: u32,
        pub on_channel_busy_time: u32,
    }

    /// `0:1004` the port in OpenFlow terms, 12 bytes.
    #[derive(Default, Eq)]
    pub struct OpenflowPort {
        pub datapath_id: u64,
        pub port_no: u32,
    }
}
