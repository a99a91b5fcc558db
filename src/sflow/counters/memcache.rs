//! Counter records of memcached: sFlow Memcache Structures 2204, with 2200 that came before it.

use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:2200` memcached, the withdrawn layout, 144 bytes.
    #[derive(Default, Eq)]
    pub struct MemcacheOld {
        pub uptime: u32,
        pub rusage_user: u32,
        pub rusage_system: u32,
        pub curr_connections: u32,
        pub total_connections: u32,
        pub connection_structures: u32,
        pub cmd_get: u32,
        pub cmd_set: u32,
        pub cmd_flush: u32,
        pub get_hits: u32,
        pub get_misses: u32,
        pub delete_misses: u32,
        pub delete_hits: u32,
        pub incr_misses: u32,
        pub incr_hits: u32,
        pub decr_misses: u32,
        pub decr_hits: u32,
        pub cas_misses: u32,
        pub cas_hits: u32,
        pub cas_badval: u32,
        pub auth_cmds: u32,
        pub auth_errors: u32,
        pub bytes_read: u64,
        pub bytes_written: u64,
        pub limit_maxbytes: u32,
        pub accepting_connections: u32,
        pub listen_disabled: u32,
        pub threads: u32,
        pub conn_yields: u32,
        pub bytes: u64,
        pub curr_items: u32,
        pub total_items: u32,
        pub evictions: u32,
    }

    /// `0:2204` memcached, 140 bytes.
    #[derive(Default, Eq)]
    pub struct Memcache {
        pub cmd_set: u32,
        pub cmd_touch: u32,
        pub cmd_flush: u32,
        pub get_hits: u32,
        pub get_misses: u32,
        pub delete_hits: u32,
        pub delete_misses: u32,
        pub incr_hits: u32,
        pub incr_misses: u32,
        pub decr_hits: u32,
        pub decr_misses: u32,
        pub cas_hits: u32,
        pub cas_misses: u32,
        pub cas_badval: u32,
        pub auth_cmds: u32,
        pub auth_errors: u32,
        pub threads: u32,
        pub conn_yields: u32,
        pub listen_disabled: u32,
        pub curr_connections: u32,
        pub rejected_connections: u32,
        pub total_connections: u32,
        pub connection_structures: u32,
        pub evictions: u32,
        pub reclaimed: u32,
        pub curr_items: u32,
        pub total_items: u32,
        pub bytes_read: u64,
        pub bytes_written: u64,
        pub bytes: u64,
        pub limit_maxbytes: u64,
    }
}
