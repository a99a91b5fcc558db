//! Counter records of the host: sFlow Host Structures 2000–2010.

use crate::sflow::ids::DataSource;
use crate::sflow::json;
use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:2000` host identity.
    #[derive(Default, Eq)]
    pub struct HostId {
        /// `uname -n`, at most 64 bytes.
        pub hostname: String,
        /// 16 bytes, zero where unknown.
        #[serde(serialize_with = "json::uuid")]
        pub uuid: [u8; 16],
        /// 0 unknown, 2 x86, 3 x86_64, 7 powerpc, 9 mips, 10 arm, 12 s390 …
        pub machine_type: u32,
        /// 2 linux.
        pub os_name: u32,
        /// `uname -r`, at most 32 bytes.
        pub os_release: String,
    }

    /// `0:2001` adaptors of the host.
    #[derive(Default, Eq)]
    pub struct Adaptors {
        /// One entry an interface.
        pub adaptors: Vec<Adaptor>,
    }

    /// One adaptor: an interface and its MAC addresses.
    #[derive(Default, Eq)]
    pub struct Adaptor {
        /// The kernel's interface index.
        pub if_index: u32,
        /// Hardware addresses, usually one.
        #[serde(serialize_with = "json::macs")]
        pub macs: Vec<[u8; 6]>,
    }

    /// `0:2003` CPU, 80 bytes. Times in milliseconds. Older agents send 68 bytes, without the last three fields.
    #[derive(Default)]
    pub struct HostCpu {
        pub load_one: f32,
        pub load_five: f32,
        pub load_fifteen: f32,
        pub proc_run: u32,
        pub proc_total: u32,
        pub cpu_num: u32,
        /// MHz.
        pub cpu_speed: u32,
        /// Seconds since boot.
        pub uptime: u32,
        pub cpu_user: u32,
        pub cpu_nice: u32,
        pub cpu_system: u32,
        pub cpu_idle: u32,
        pub cpu_wio: u32,
        pub cpu_intr: u32,
        pub cpu_sintr: u32,
        pub interrupts: u32,
        pub contexts: u32,
        ; absent u32::MAX =>
        pub cpu_steal: u32,
        pub cpu_guest: u32,
        pub cpu_guest_nice: u32,
    }

    /// `0:2004` memory, 72 bytes. Sizes in bytes, page counts in pages.
    #[derive(Default, Eq)]
    pub struct HostMemory {
        pub mem_total: u64,
        pub mem_free: u64,
        pub mem_shared: u64,
        pub mem_buffers: u64,
        pub mem_cached: u64,
        pub swap_total: u64,
        pub swap_free: u64,
        pub page_in: u32,
        pub page_out: u32,
        pub swap_in: u32,
        pub swap_out: u32,
    }

    /// `0:2005` disk I/O and space, 52 bytes. Times in milliseconds.
    #[derive(Default, Eq)]
    pub struct HostDiskIo {
        pub disk_total: u64,
        pub disk_free: u64,
        /// The fullest file system, in hundredths of a percent.
        pub part_max_used: u32,
        pub reads: u32,
        pub bytes_read: u64,
        pub read_time: u32,
        pub writes: u32,
        pub bytes_written: u64,
        pub write_time: u32,
    }

    /// `0:2006` network I/O of the host, 40 bytes.
    #[derive(Default, Eq)]
    pub struct HostNetIo {
        pub bytes_in: u64,
        pub pkts_in: u32,
        pub errs_in: u32,
        pub drops_in: u32,
        pub bytes_out: u64,
        pub pkts_out: u32,
        pub errs_out: u32,
        pub drops_out: u32,
    }

    /// `0:2007` MIB-II ip group, 76 bytes.
    #[derive(Default, Eq)]
    pub struct HostIp {
        pub ip_forwarding: u32,
        pub ip_default_ttl: u32,
        pub ip_in_receives: u32,
        pub ip_in_hdr_errors: u32,
        pub ip_in_addr_errors: u32,
        pub ip_forw_datagrams: u32,
        pub ip_in_unknown_protos: u32,
        pub ip_in_discards: u32,
        pub ip_in_delivers: u32,
        pub ip_out_requests: u32,
        pub ip_out_discards: u32,
        pub ip_out_no_routes: u32,
        pub ip_reasm_timeout: u32,
        pub ip_reasm_reqds: u32,
        pub ip_reasm_oks: u32,
        pub ip_reasm_fails: u32,
        pub ip_frag_oks: u32,
        pub ip_frag_fails: u32,
        pub ip_frag_creates: u32,
    }

    /// `0:2008` MIB-II icmp group, 100 bytes. The specification has no inTimestampReps.
    #[derive(Default, Eq)]
    pub struct HostIcmp {
        pub icmp_in_msgs: u32,
        pub icmp_in_errors: u32,
        pub icmp_in_dest_unreachs: u32,
        pub icmp_in_time_excds: u32,
        pub icmp_in_param_probs: u32,
        pub icmp_in_src_quenchs: u32,
        pub icmp_in_redirects: u32,
        pub icmp_in_echos: u32,
        pub icmp_in_echo_reps: u32,
        pub icmp_in_timestamps: u32,
        pub icmp_in_addr_masks: u32,
        pub icmp_in_addr_mask_reps: u32,
        pub icmp_out_msgs: u32,
        pub icmp_out_errors: u32,
        pub icmp_out_dest_unreachs: u32,
        pub icmp_out_time_excds: u32,
        pub icmp_out_param_probs: u32,
        pub icmp_out_src_quenchs: u32,
        pub icmp_out_redirects: u32,
        pub icmp_out_echos: u32,
        pub icmp_out_echo_reps: u32,
        pub icmp_out_timestamps: u32,
        pub icmp_out_timestamp_reps: u32,
        pub icmp_out_addr_masks: u32,
        pub icmp_out_addr_mask_reps: u32,
    }

    /// `0:2009` MIB-II tcp group, 60 bytes.
    #[derive(Default, Eq)]
    pub struct HostTcp {
        pub tcp_rto_algorithm: u32,
        pub tcp_rto_min: u32,
        pub tcp_rto_max: u32,
        pub tcp_max_conn: u32,
        pub tcp_active_opens: u32,
        pub tcp_passive_opens: u32,
        pub tcp_attempt_fails: u32,
        pub tcp_estab_resets: u32,
        pub tcp_curr_estab: u32,
        pub tcp_in_segs: u32,
        pub tcp_out_segs: u32,
        pub tcp_retrans_segs: u32,
        pub tcp_in_errs: u32,
        pub tcp_out_rsts: u32,
        pub tcp_in_csum_errors: u32,
    }

    /// `0:2010` MIB-II udp group, 28 bytes.
    #[derive(Default, Eq)]
    pub struct HostUdp {
        pub udp_in_datagrams: u32,
        pub udp_no_ports: u32,
        pub udp_in_errors: u32,
        pub udp_out_datagrams: u32,
        pub udp_rcvbuf_errors: u32,
        pub udp_sndbuf_errors: u32,
        pub udp_in_csum_errors: u32,
    }

    /// `0:2002` the entity that this one runs on.
    #[derive(Eq)]
    pub struct HostParent {
        /// The host is `2:1`.
        pub parent: DataSource,
    }
}
