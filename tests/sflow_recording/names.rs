//! The names that sflowtool gives to the fields of our records, as `ours=theirs` in the order of our structs.

/// Record, its tag, and for each of its fields what sflowtool calls it.
pub(crate) const NAMES: &[(&str, &str, &str)] = &[
    (
        "generic_interface",
        "0:1",
        "if_index=ifIndex if_type=networkType if_speed=ifSpeed if_direction=ifDirection \
         if_status=ifStatus in_octets=ifInOctets in_ucast_pkts=ifInUcastPkts \
         in_multicast_pkts=ifInMulticastPkts in_broadcast_pkts=ifInBroadcastPkts \
         in_discards=ifInDiscards in_errors=ifInErrors in_unknown_protos=ifInUnknownProtos \
         out_octets=ifOutOctets out_ucast_pkts=ifOutUcastPkts out_multicast_pkts=ifOutMulticastPkts \
         out_broadcast_pkts=ifOutBroadcastPkts out_discards=ifOutDiscards out_errors=ifOutErrors \
         promiscuous=ifPromiscuousMode",
    ),
    ("port_name", "0:1005", "name=ifName"),
    (
        "host_id",
        "0:2000",
        "hostname=hostname uuid=UUID machine_type=machine_type os_name=os_name os_release=os_release",
    ),
    ("host_parent", "0:2002", "parent/class=parent_dsClass parent/index=parent_dsIndex"),
    (
        "host_cpu",
        "0:2003",
        "load_one=cpu_load_one load_five=cpu_load_five load_fifteen=cpu_load_fifteen \
         proc_run=cpu_proc_run proc_total=cpu_proc_total cpu_num=cpu_num cpu_speed=cpu_speed \
         uptime=cpu_uptime cpu_user=cpu_user cpu_nice=cpu_nice cpu_system=cpu_system \
         cpu_idle=cpu_idle cpu_wio=cpu_wio cpu_intr=cpuintr cpu_sintr=cpu_sintr \
         interrupts=cpuinterrupts contexts=cpu_contexts cpu_steal=cpu_steal cpu_guest=cpu_guest \
         cpu_guest_nice=cpu_guest_nice",
    ),
    (
        "host_memory",
        "0:2004",
        "mem_total=mem_total mem_free=mem_free mem_shared=mem_shared mem_buffers=mem_buffers \
         mem_cached=mem_cached swap_total=swap_total swap_free=swap_free page_in=page_in \
         page_out=page_out swap_in=swap_in swap_out=swap_out",
    ),
    (
        "host_disk_io",
        "0:2005",
        "disk_total=disk_total disk_free=disk_free part_max_used=disk_partition_max_used \
         reads=disk_reads bytes_read=disk_bytes_read read_time=disk_read_time writes=disk_writes \
         bytes_written=disk_bytes_written write_time=disk_write_time",
    ),
    (
        "host_net_io",
        "0:2006",
        "bytes_in=nio_bytes_in pkts_in=nio_pkts_in errs_in=nio_errs_in drops_in=nio_drops_in \
         bytes_out=nio_bytes_out pkts_out=nio_pkts_out errs_out=nio_errs_out drops_out=nio_drops_out",
    ),
    (
        "host_ip",
        "0:2007",
        "ip_forwarding=ipForwarding ip_default_ttl=ipDefaultTTL ip_in_receives=ipInReceives \
         ip_in_hdr_errors=ipInHdrErrors ip_in_addr_errors=ipInAddrErrors \
         ip_forw_datagrams=ipForwDatagrams ip_in_unknown_protos=ipInUnknownProtos \
         ip_in_discards=ipInDiscards ip_in_delivers=ipInDelivers ip_out_requests=ipOutRequests \
         ip_out_discards=ipOutDiscards ip_out_no_routes=ipOutNoRoutes ip_reasm_timeout=ipReasmTimeout \
         ip_reasm_reqds=ipReasmReqds ip_reasm_oks=ipReasmOKs ip_reasm_fails=ipReasmFails \
         ip_frag_oks=ipFragOKs ip_frag_fails=ipFragFails ip_frag_creates=ipFragCreates",
    ),
    (
        "host_icmp",
        "0:2008",
        "icmp_in_msgs=icmpInMsgs icmp_in_errors=icmpInErrors icmp_in_dest_unreachs=icmpInDestUnreachs \
         icmp_in_time_excds=icmpInTimeExcds icmp_in_param_probs=icmpInParamProbs \
         icmp_in_src_quenchs=icmpInSrcQuenchs icmp_in_redirects=icmpInRedirects \
         icmp_in_echos=icmpInEchos icmp_in_echo_reps=icmpInEchoReps \
         icmp_in_timestamps=icmpInTimestamps icmp_in_addr_masks=icmpInAddrMasks \
         icmp_in_addr_mask_reps=icmpInAddrMaskReps icmp_out_msgs=icmpOutMsgs \
         icmp_out_errors=icmpOutErrors icmp_out_dest_unreachs=icmpOutDestUnreachs \
         icmp_out_time_excds=icmpOutTimeExcds icmp_out_param_probs=icmpOutParamProbs \
         icmp_out_src_quenchs=icmpOutSrcQuenchs icmp_out_redirects=icmpOutRedirects \
         icmp_out_echos=icmpOutEchos icmp_out_echo_reps=icmpOutEchoReps \
         icmp_out_timestamps=icmpOutTimestamps icmp_out_timestamp_reps=icmpOutTimestampReps \
         icmp_out_addr_masks=icmpOutAddrMasks icmp_out_addr_mask_reps=icmpOutAddrMaskReps",
    ),
    (
        "host_tcp",
        "0:2009",
        "tcp_rto_algorithm=tcpRtoAlgorithm tcp_rto_min=tcpRtoMin tcp_rto_max=tcpRtoMax \
         tcp_max_conn=tcpMaxConn tcp_active_opens=tcpActiveOpens tcp_passive_opens=tcpPassiveOpens \
         tcp_attempt_fails=tcpAttemptFails tcp_estab_resets=tcpEstabResets \
         tcp_curr_estab=tcpCurrEstab tcp_in_segs=tcpInSegs tcp_out_segs=tcpOutSegs \
         tcp_retrans_segs=tcpRetransSegs tcp_in_errs=tcpInErrs tcp_out_rsts=tcpOutRsts \
         tcp_in_csum_errors=tcpInCsumErrors",
    ),
    (
        "host_udp",
        "0:2010",
        "udp_in_datagrams=udpInDatagrams udp_no_ports=udpNoPorts udp_in_errors=udpInErrors \
         udp_out_datagrams=udpOutDatagrams udp_rcvbuf_errors=udpRcvbufErrors \
         udp_sndbuf_errors=udpSndbufErrors udp_in_csum_errors=udpInCsumErrors",
    ),
    (
        "virt_node",
        "0:2100",
        "mhz=vnode_mhz cpus=vnode_cpus memory=vnode_memory memory_free=vnode_memory_free \
         num_domains=vnode_num_domains",
    ),
    ("virt_cpu", "0:2101", "state=vcpu_state cpu_time=vcpu_cpu_mS nr_virt_cpu=vcpu_cpuCount"),
    ("virt_memory", "0:2102", "memory=vmem_memory max_memory=vmem_maxMemory"),
    (
        "virt_disk_io",
        "0:2103",
        "capacity=vdsk_capacity allocation=vdsk_allocation available=vdsk_available \
         rd_req=vdsk_rd_req rd_bytes=vdsk_rd_bytes wr_req=vdsk_wr_req wr_bytes=vdsk_wr_bytes \
         errs=vdsk_errs",
    ),
    (
        "virt_net_io",
        "0:2104",
        "bytes_in=vnio_bytes_in pkts_in=vnio_pkts_in errs_in=vnio_errs_in drops_in=vnio_drops_in \
         bytes_out=vnio_bytes_out pkts_out=vnio_pkts_out errs_out=vnio_errs_out \
         drops_out=vnio_drops_out",
    ),
    (
        "app_operations",
        "0:2202",
        "application=application success=status_OK other=errors_OTHER timeout=errors_TIMEOUT \
         internal_error=errors_INTERNAL_ERROR bad_request=errors_BAD_REQUEST \
         forbidden=errors_FORBIDDEN too_large=errors_TOO_LARGE not_implemented=errors_NOT_IMPLEMENTED \
         not_found=errors_NOT_FOUND unavailable=errors_UNAVAILABLE unauthorized=errors_UNAUTHORIZED",
    ),
    (
        "app_resources",
        "0:2203",
        "user_time=user_time system_time=system_time mem_used=memory_used mem_max=memory_max \
         fd_open=files_open fd_max=files_max conn_open=connections_open conn_max=connections_max",
    ),
    (
        "app_workers",
        "0:2206",
        "active=workers_active idle=workers_idle max=workers_max req_delayed=requests_delayed \
         req_dropped=requests_dropped",
    ),
    ("timestamp", "0:1043", "nanoseconds=timestamp_nS"),
    (
        "tcp_info",
        "0:2209",
        "direction=tcpinfo_direction snd_mss=tcpinfo_send_mss rcv_mss=tcpinfo_receive_mss \
         unacked=tcpinfo_unacked_pkts lost=tcpinfo_lost_pkts retrans=tcpinfo_retrans_pkts \
         path_mtu=tcpinfo_path_mtu rtt=tcpinfo_rtt_uS rtt_var=tcpinfo_rtt_uS_var \
         snd_cwnd=tcpinfo_send_congestion_win reordering=tcpinfo_reordering \
         min_rtt=tcpinfo_rtt_uS_min",
    ),
    (
        "sampled_header",
        "0:1",
        "protocol=headerProtocol frame_length=sampledPacketSize stripped=strippedBytes \
         header=headerBytes",
    ),
];
