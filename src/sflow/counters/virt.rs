//! Counter records of hypervisors and guests: sFlow Host Structures 2100–2104.

use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:2100` the virtualising node, 28 bytes.
    #[derive(Default, Eq)]
    pub struct VirtNode {
        /// MHz.
        pub mhz: u32,
        pub cpus: u32,
        /// Bytes.
        pub memory: u64,
        /// Bytes.
        pub memory_free: u64,
        pub num_domains: u32,
    }

    /// `0:2101` CPU of a guest, 12 bytes.
    #[derive(Default, Eq)]
    pub struct VirtCpu {
        /// 0 none, 1 running, 2 blocked, 3 paused, 4 shutdown, 5 shutoff, 6 crashed.
        pub state: u32,
        /// Milliseconds.
        pub cpu_time: u32,
        pub nr_virt_cpu: u32,
    }

    /// `0:2102` memory of a guest, 16 bytes, in bytes.
    #[derive(Default, Eq)]
    pub struct VirtMemory {
        pub memory: u64,
        pub max_memory: u64,
    }

    /// `0:2103` disks of a guest, 52 bytes. Sizes in bytes.
    #[derive(Default, Eq)]
    pub struct VirtDiskIo {
        pub capacity: u64,
        pub allocation: u64,
        pub available: u64,
        pub rd_req: u32,
        pub rd_bytes: u64,
        pub wr_req: u32,
        pub wr_bytes: u64,
        pub errs: u32,
    }

    /// `0:2104` network of a guest, 40 bytes.
    #[derive(Default, Eq)]
    pub struct VirtNetIo {
        pub bytes_in: u64,
        pub pkts_in: u32,
        pub errs_in: u32,
        pub drops_in: u32,
        pub bytes_out: u64,
        pub pkts_out: u32,
        pub errs_out: u32,
        pub drops_out: u32,
    }
}
