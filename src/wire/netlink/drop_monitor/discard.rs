//! What a dropped packet is called in sFlow: the kernel's drop reason, a chip's trap or a function's name as one of the
//! codes of sFlow's discarded packets.
//!
//! In: an [`Alert`]. Out: a code, or that the drop is none worth a report: a packet that was only freed, or one that a
//! chip hands to the kernel. Names that nobody listed are [`UNKNOWN`]. Rule: the reason is asked first; trap and symbol
//! are asked only while nothing better than "unknown" is known.
//!
//! Spec: names of `enum skb_drop_reason` and of Documentation/networking/devlink/devlink-trap.rst; the codes are in
//! [`super::codes`].

use super::Alert;
use super::codes::{UNKNOWN, code};

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

#[cfg(test)]
mod tests;
