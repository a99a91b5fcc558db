//! What a dropped packet is called in sFlow: the kernel's drop reason, a chip's trap or a function's name as one of the
//! codes of sFlow's discarded packets.
//!
//! In: an [`Alert`]. Out: a code, or that the drop is none worth a report: a packet that was only freed, or one that a
//! chip hands to the kernel. Names that nobody listed are [`UNKNOWN`]. Rule: the reason is asked first; trap and symbol
//! are asked only while nothing better than "unknown" is known.
//!
//! Spec: sFlow Dropped Packet Notification Structures (sflow.org, 2020), extended by the codes from 324 on that
//! collectors know; names of `enum skb_drop_reason` and of Documentation/networking/devlink/devlink-trap.rst.

use super::Alert;

/// Code of a drop for a reason that has no code.
pub const UNKNOWN: u32 = 256;

/// What becomes of a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is reported with this code.
    Report(u32),
    /// It is no loss.
    Ignore,
}

/// Which names are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The kernel's drop reasons.
    pub reasons: bool,
    /// Traps of switch chips.
    pub traps: bool,
    /// Names of functions.
    pub symbols: bool,
}

/// The code to report a drop with; `None` for one that is not to be reported.
pub fn classify(alert: &Alert<'_>, tables: Tables) -> Option<u32> {
    let reason = alert.reason.as_deref().filter(|_| tables.reasons).map(of_reason);
    let mut verdict = reason;
    let mut by_trap = false;
    if let (true, None | Some(Verdict::Report(UNKNOWN)), Some(trap)) = (tables.traps, verdict, &alert.trap) {
        let found = of_trap(alert.trap_group.as_deref().unwrap_or_default(), trap);
        by_trap = found.is_some();
        verdict = found.or(verdict);
    }
    if let (true, None | Some(Verdict::Report(UNKNOWN)), Some(symbol)) =
        (tables.symbols, verdict, &alert.symbol)
    {
        verdict = Some(of_symbol(symbol));
        by_trap = false;
    }
    // The kernel drops buffers that never were packets; those have no protocol.
    let is_packet = by_trap || alert.protocol.is_some_and(|protocol| protocol != 0);
    match verdict {
        Some(Verdict::Report(code)) if is_packet => Some(code),
        _ => None,
    }
}

/// By a reason of the kernel, without `SKB_DROP_REASON_`.
pub fn of_reason(reason: &str) -> Verdict {
    let renamed = match reason {
        "NOT_DROPPED_YET" => return Verdict::Ignore,
        "NO_SOCKET" => "port_unreachable",
        "IP_NOPROTO" => "protocol_unreachable",
        "IP_INADDRERRORS" => "host_unreachable",
        "IP_INNOROUTES" => "net_unreachable",
        "IP_OUTNOROUTES" => "dst_net_unknown",
        "OTHERHOST" => "dst_host_unknown",
        "FRAG_REASM_TIMEOUT" | "FRAG_TOO_FAR" => "frag_needed",
        "NETFILTER_DROP" => "acl",
        "SOCKET_RCVBUFF" | "PROTO_MEM" | "SOCKET_BACKLOG" | "FULL_RING" | "NOMEM" => "no_buffer_space",
        "QDISC_DROP" => "traffic_shaping",
        "HDR_TRUNC" => "pkt_too_small",
        "TCP_CSUM" => "tcp_parsing",
        "UDP_CSUM" => "udp_parsing",
        "ICMP_CSUM" => "icmp_parsing",
        "IP_CSUM" | "IP_INHDR" => "ip_1_parsing",
        "IP_RPFILTER" => "reverse_path_forwarding",
        "UNICAST_IN_L2_MULTICAST" => "uc_dip_over_mc_dmac",
        "NEIGH_CREATEFAIL" | "NEIGH_FAILED" | "NEIGH_QUEUEFULL" | "NEIGH_DEAD" => "unresolved_neigh",
        same => same,
    };
    Verdict::Report(code(renamed).unwrap_or(UNKNOWN))
}

/// By the trap of a chip, or else by its group; `None` where neither is known.
pub fn of_trap(group: &str, trap: &str) -> Option<Verdict> {
    let renamed = match trap {
        "source_mac_is_multicast" => "src_mac_is_multicast",
        "ttl_value_is_too_small" => "ttl_exceeded",
        "tail_drop" => "no_buffer_space",
        "mtu_value_is_too_small" => "pkt_too_big",
        "reject_route" => "dst_net_prohibited",
        "ipv4_lpm_miss" | "ipv6_lpm_miss" => "dst_net_unknown",
        "ingress_flow_action_drop" | "egress_flow_action_drop" => "acl",
        "early_drop" => "red",
        vpp if vpp.starts_with("vpp_") => "unknown",
        same => same,
    };
    if CONTROL_TRAPS.contains(&trap) {
        return Some(Verdict::Ignore);
    }
    if let Some(code) = code(renamed) {
        return Some(Verdict::Report(code));
    }
    let of_group = match group {
        "acl_drops" => "acl",
        "l2_drops" => "unknown_l2",
        "l3_drops" => "unknown_l3",
        "l3_exceptions" => "unknown_l3_exception",
        "tunnel_drops" => "unknown_tunnel",
        "buffer_drops" => "unknown_buffer",
        group if CONTROL_GROUPS.contains(&group) => return Some(Verdict::Ignore),
        _ => return None,
    };
    code(of_group).map(Verdict::Report)
}

/// By the function that dropped it.
pub fn of_symbol(symbol: &str) -> Verdict {
    let is = |prefixes: &[&str]| {
        let start =
            |prefix: &str| symbol.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        prefixes.iter().any(|prefix| start(prefix))
    };
    let name = if is(&["tcp_", "udp_", "__udp4_", "__udp6_"]) {
        "unknown_l4"
    } else if is(&["icmp_", "icmpv6_", "ip_", "ipv4_", "ip6_", "ipv6_", "raw_", "rawv6_"]) {
        "unknown_l3"
    } else if is(&["br_", "__br_"]) {
        "unknown_l2"
    } else if is(&["sk_stream_kill_queues", "skb_release_data", "skb_queue_purge"]) {
        return Verdict::Ignore;
    } else {
        "unknown"
    };
    Verdict::Report(code(name).unwrap_or(UNKNOWN))
}

/// The code with this sFlow name, whatever its case.
pub fn code(name: &str) -> Option<u32> {
    let found = NAMES.iter().chain(MISSPELT).find(|(_, known)| known.eq_ignore_ascii_case(name));
    found.map(|(code, _)| *code)
}

/// sFlow's name of a code. The numbers 33 and 36 are taken as 332 and 366, which some agents send them for.
pub fn name(code: u32) -> Option<&'static str> {
    let code = match code {
        33 => 332,
        36 => 366,
        code => code,
    };
    let at = NAMES.binary_search_by_key(&code, |(known, _)| *known).ok()?;
    NAMES.get(at).map(|(_, name)| *name)
}

/// Groups of traps by which a chip hands packets to the kernel.
const CONTROL_GROUPS: &[&str] = &[
    "stp",
    "lacp",
    "lldp",
    "mc_snooping",
    "dhcp",
    "neigh_discovery",
    "bfd",
    "ospf",
    "bgp",
    "vrrp",
    "pim",
    "uc_loopback",
    "local_delivery",
    "external_delivery",
    "ipv6",
    "ptp_event",
    "ptp_general",
    "acl_sample",
    "acl_trap",
    "parser_error_drops",
    "eapol",
];

/// Such traps.
const CONTROL_TRAPS: &[&str] = &[
    "igmp_query",
    "igmp_v1_report",
    "igmp_v2_report",
    "igmp_v3_report",
    "igmp_v2_leave",
    "mld_query",
    "mld_v1_report",
    "mld_v2_report",
    "mld_v1_done",
    "ipv4_dhcp",
    "ipv6_dhcp",
    "arp_request",
    "arp_response",
    "arp_overlay",
    "ipv6_neigh_solicit",
    "ipv6_neigh_advert",
    "ipv4_bfd",
    "ipv6_bfd",
    "ipv4_ospf",
    "ipv6_ospf",
    "ipv4_bgp",
    "ipv6_bgp",
    "ipv4_vrrp",
    "ipv6_vrrp",
    "ipv4_pim",
    "ipv6_pim",
    "local_route",
    "external_route",
    "ipv6_uc_dip_link_local_scope",
    "ipv6_dip_all_nodes",
    "ipv6_dip_all_routers",
    "ipv6_router_solicit",
    "ipv6_router_advert",
    "ipv6_redirect",
    "ipv4_router_alert",
    "ipv6_router_alert",
    "flow_action_sample",
    "flow_action_trap",
];

/// A name as older lists have it.
const MISSPELT: &[(u32, &str)] = &[(12, "dst_host_tos_unreacheable")];

/// Codes and names in the order of the codes.
const NAMES: &[(u32, &str)] = &[
    (0, "net_unreachable"),
    (1, "host_unreachable"),
    (2, "protocol_unreachable"),
    (3, "port_unreachable"),
    (4, "frag_needed"),
    (5, "src_route_failed"),
    (6, "dst_net_unknown"),
    (7, "dst_host_unknown"),
    (8, "src_host_isolated"),
    (9, "dst_net_prohibited"),
    (10, "dst_host_prohibited"),
    (11, "dst_net_tos_unreachable"),
    (12, "dst_host_tos_unreachable"),
    (13, "comm_admin_prohibited"),
    (14, "host_precedence_violation"),
    (15, "precedence_cutoff"),
    (256, "unknown"),
    (257, "ttl_exceeded"),
    (258, "acl"),
    (259, "no_buffer_space"),
    (260, "red"),
    (261, "traffic_shaping"),
    (262, "pkt_too_big"),
    (263, "src_mac_is_multicast"),
    (264, "vlan_tag_mismatch"),
    (265, "ingress_vlan_filter"),
    (266, "ingress_spanning_tree_filter"),
    (267, "port_list_is_empty"),
    (268, "port_loopback_filter"),
    (269, "blackhole_route"),
    (270, "non_ip"),
    (271, "uc_dip_over_mc_dmac"),
    (272, "dip_is_loopback_address"),
    (273, "sip_is_mc"),
    (274, "sip_is_loopback_address"),
    (275, "ip_header_corrupted"),
    (276, "ipv4_sip_is_limited_bc"),
    (277, "ipv6_mc_dip_reserved_scope"),
    (278, "ipv6_mc_dip_interface_local_scope"),
    (279, "unresolved_neigh"),
    (280, "mc_reverse_path_forwarding"),
    (281, "non_routable_packet"),
    (282, "decap_error"),
    (283, "overlay_smac_is_mc"),
    (284, "unknown_l2"),
    (285, "unknown_l3"),
    (286, "unknown_l3_exception"),
    (287, "unknown_buffer"),
    (288, "unknown_tunnel"),
    (289, "unknown_l4"),
    (290, "sip_is_unspecified"),
    (291, "mlag_port_isolation"),
    (292, "blackhole_arp_neigh"),
    (293, "src_mac_is_dmac"),
    (294, "dmac_is_reserved"),
    (295, "sip_is_class_e"),
    (296, "mc_dmac_mismatch"),
    (297, "sip_is_dip"),
    (298, "dip_is_local_network"),
    (299, "dip_is_link_local"),
    (300, "overlay_smac_is_dmac"),
    (301, "egress_vlan_filter"),
    (302, "uc_reverse_path_forwarding"),
    (303, "split_horizon"),
    (304, "locked_port"),
    (305, "dmac_filter"),
    (306, "blackhole_nexthop"),
    (307, "vxlan_parsing"),
    (308, "llc_snap_parsing"),
    (309, "vlan_parsing"),
    (310, "pppoe_ppp_parsing"),
    (311, "mpls_parsing"),
    (312, "arp_parsing"),
    (313, "ip_1_parsing"),
    (314, "ip_n_parsing"),
    (315, "gre_parsing"),
    (316, "udp_parsing"),
    (317, "tcp_parsing"),
    (318, "ipsec_parsing"),
    (319, "sctp_parsing"),
    (320, "dccp_parsing"),
    (321, "gtp_parsing"),
    (322, "esp_parsing"),
    (323, "unknown_parsing"),
    (324, "pkt_too_small"),
    (325, "unhandled_proto"),
    (326, "ipv6disabled"),
    (327, "invalid_proto"),
    (328, "ip_noproto"),
    (329, "skb_csum"),
    (330, "skb_ucopy_fault"),
    (331, "dev_ready"),
    (332, "dev_hdr"),
    (333, "dup_frag"),
    (334, "skb_gso_seg"),
    (335, "reverse_path_forwarding"),
    (336, "icmp_parsing"),
    (337, "tcp_md5notfound"),
    (338, "tcp_md5unexpected"),
    (339, "tcp_md5failure"),
    (340, "tcp_flags"),
    (341, "tcp_zerowindow"),
    (342, "tcp_old_data"),
    (343, "tcp_overwindow"),
    (344, "tcp_ofomerge"),
    (345, "tcp_rfc7323_paws"),
    (346, "tcp_invalid_sequence"),
    (347, "tcp_reset"),
    (348, "tcp_invalid_syn"),
    (349, "tcp_close"),
    (350, "tcp_fastopen"),
    (351, "tcp_old_ack"),
    (352, "tcp_too_old_ack"),
    (353, "tcp_ack_unsent_data"),
    (354, "tcp_ofo_queue_prune"),
    (355, "tcp_ofo_drop"),
    (356, "tcp_minttl"),
    (357, "ipv6_bad_exthdr"),
    (358, "ipv6_ndisc_frag"),
    (359, "ipv6_ndisc_hop_limit"),
    (360, "ipv6_ndisc_bad_code"),
    (361, "ipv6_ndisc_bad_options"),
    (362, "ipv6_ndisc_ns_otherhost"),
    (363, "tap_filter"),
    (364, "tap_txfilter"),
    (365, "tc_ingress"),
    (366, "tc_egress"),
    (367, "xdp"),
    (368, "cpu_backlog"),
    (369, "bpf_cgroup_egress"),
    (370, "xfrm_policy"),
    (371, "socket_filter"),
    (372, "bgp_flowspec"),
];

#[cfg(test)]
mod tests;
