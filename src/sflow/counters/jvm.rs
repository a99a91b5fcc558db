//! Counter records of Java virtual machines: sFlow Java Virtual Machine Structures 2105 and 2106.

use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:2105` which virtual machine.
    #[derive(Default, Eq)]
    pub struct JvmRuntime {
        /// At most 64 bytes.
        pub vm_name: String,
        /// At most 32 bytes.
        pub vm_vendor: String,
        /// At most 32 bytes.
        pub vm_version: String,
    }

    /// `0:2106` JMX statistics, 108 bytes: sizes in bytes, times in milliseconds. Older agents send 100 bytes, without
    /// the file descriptors.
    #[derive(Default, Eq)]
    pub struct JmxStatistics {
        pub heap_initial: u64,
        pub heap_used: u64,
        pub heap_committed: u64,
        pub heap_max: u64,
        pub non_heap_initial: u64,
        pub non_heap_used: u64,
        pub non_heap_committed: u64,
        pub non_heap_max: u64,
        pub gc_count: u32,
        pub gc_time: u32,
        pub classes_loaded: u32,
        pub classes_total: u32,
        pub classes_unloaded: u32,
        pub compilation_time: u32,
        pub thread_num_live: u32,
        pub thread_num_daemon: u32,
        pub thread_num_started: u32,
        ; absent 0 =>
        pub fd_open_count: u32,
        pub fd_max_count: u32,
    }
}
