//! Counter records of devices: processor, GPU, switch ASIC tables, Open vSwitch datapath.
//!
//! sFlow v5 section 5.4, sFlow NVML GPU Structures, sFlow Broadcom Switch ASIC Table Utilization Structures, Open vSwitch.

use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:1001` processor, 28 bytes: loads in hundredths of a percent, all ones where unknown; memory in bytes.
    #[derive(Default, Eq)]
    pub struct Processor {
        pub five_sec_cpu: u32,
        pub one_min_cpu: u32,
        pub five_min_cpu: u32,
        pub total_memory: u64,
        pub free_memory: u64,
    }

    /// `0:2207` Open vSwitch datapath, 24 bytes.
    #[derive(Default, Eq)]
    pub struct OvsDatapath {
        pub hits: u32,
        pub misses: u32,
        pub lost: u32,
        pub mask_hits: u32,
        pub flows: u32,
        pub masks: u32,
    }

    /// `5703:1` all GPUs together, 48 bytes.
    #[derive(Default, Eq)]
    pub struct Gpu {
        pub device_count: u32,
        pub processes: u32,
        /// Milliseconds with a kernel running.
        pub gpu_time: u32,
        /// Milliseconds with memory being read or written.
        pub mem_time: u32,
        /// Bytes.
        pub mem_total: u64,
        /// Bytes.
        pub mem_free: u64,
        pub ecc_errors: u32,
        /// Millijoules.
        pub energy: u32,
        /// Degrees Celsius, the hottest.
        pub temperature: u32,
        /// Percent, the fastest.
        pub fan_speed: u32,
    }

    /// `4413:3` table use of a switch ASIC, 144 bytes.
    #[derive(Default, Eq)]
    pub struct BcmTables {
        pub host_entries: u32,
        pub host_entries_max: u32,
        pub ipv4_entries: u32,
        pub ipv4_entries_max: u32,
        pub ipv6_entries: u32,
        pub ipv6_entries_max: u32,
        pub ipv4_ipv6_entries: u32,
        pub ipv4_ipv6_entries_max: u32,
        pub long_ipv6_entries: u32,
        pub long_ipv6_entries_max: u32,
        pub total_routes: u32,
        pub total_routes_max: u32,
        pub ecmp_nexthops: u32,
        pub ecmp_nexthops_max: u32,
        pub mac_entries: u32,
        pub mac_entries_max: u32,
        pub ipv4_neighbors: u32,
        pub ipv6_neighbors: u32,
        pub ipv4_routes: u32,
        pub ipv6_routes: u32,
        pub acl_ingress_entries: u32,
        pub acl_ingress_entries_max: u32,
        pub acl_ingress_counters: u32,
        pub acl_ingress_counters_max: u32,
        pub acl_ingress_meters: u32,
        pub acl_ingress_meters_max: u32,
        pub acl_ingress_slices: u32,
        pub acl_ingress_slices_max: u32,
        pub acl_egress_entries: u32,
        pub acl_egress_entries_max: u32,
        pub acl_egress_counters: u32,
        pub acl_egress_counters_max: u32,
        pub acl_egress_meters: u32,
        pub acl_egress_meters_max: u32,
        pub acl_egress_slices: u32,
        pub acl_egress_slices_max: u32,
    }
}
