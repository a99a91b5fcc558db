//! The tables against the lists of sFlow and of the reference's behaviour, and the order in which they are asked.

use super::super::codes::name;
use super::*;
use std::borrow::Cow;

fn report(name: &str) -> Verdict {
    Verdict::Report(code(name).unwrap())
}

#[test]
fn reasons_with_a_code_of_the_same_name_have_it() {
    let same = "SOCKET_FILTER XFRM_POLICY TCP_MD5NOTFOUND TCP_MD5UNEXPECTED TCP_MD5FAILURE TCP_FLAGS TCP_ZEROWINDOW \
        TCP_OLD_DATA TCP_OVERWINDOW TCP_OFOMERGE TCP_RFC7323_PAWS TCP_INVALID_SEQUENCE TCP_RESET \
        TCP_INVALID_SYN TCP_CLOSE TCP_FASTOPEN TCP_OLD_ACK TCP_TOO_OLD_ACK TCP_ACK_UNSENT_DATA \
        TCP_OFO_QUEUE_PRUNE TCP_OFO_DROP TCP_MINTTL BPF_CGROUP_EGRESS IPV6DISABLED TC_EGRESS TC_INGRESS \
        CPU_BACKLOG XDP UNHANDLED_PROTO SKB_CSUM SKB_GSO_SEG SKB_UCOPY_FAULT DEV_HDR DEV_READY TAP_FILTER \
        TAP_TXFILTER INVALID_PROTO DUP_FRAG IPV6_BAD_EXTHDR IPV6_NDISC_FRAG IPV6_NDISC_HOP_LIMIT \
        IPV6_NDISC_BAD_CODE IPV6_NDISC_BAD_OPTIONS IPV6_NDISC_NS_OTHERHOST";
    for reason in same.split_whitespace() {
        assert_eq!(of_reason(reason), report(&reason.to_lowercase()), "{reason}");
        assert_ne!(of_reason(reason), report("unknown"), "{reason}");
    }
}

#[test]
fn traps_with_a_code_of_the_same_name_have_it() {
    let same = "vlan_tag_mismatch ingress_vlan_filter ingress_spanning_tree_filter port_list_is_empty \
        port_loopback_filter blackhole_route non_ip uc_dip_over_mc_dmac dip_is_loopback_address sip_is_mc \
        sip_is_loopback_address ip_header_corrupted ipv4_sip_is_limited_bc ipv6_mc_dip_reserved_scope \
        ipv6_mc_dip_interface_local_scope unresolved_neigh mc_reverse_path_forwarding non_routable_packet \
        decap_error overlay_smac_is_mc sip_is_unspecified mlag_port_isolation blackhole_arp_neigh \
        src_mac_is_dmac dmac_is_reserved sip_is_class_e mc_dmac_mismatch sip_is_dip dip_is_local_network \
        dip_is_link_local overlay_smac_is_dmac vxlan_parsing llc_snap_parsing vlan_parsing pppoe_ppp_parsing \
        mpls_parsing arp_parsing ip_1_parsing ip_n_parsing gre_parsing udp_parsing tcp_parsing ipsec_parsing \
        sctp_parsing dccp_parsing gtp_parsing esp_parsing blackhole_nexthop dmac_filter locked_port";
    for trap in same.split_whitespace() {
        assert_eq!(of_trap("", trap), Some(report(trap)), "{trap}");
    }
}

#[test]
fn other_names_are_as_documented() {
    assert_eq!(of_reason("NO_SOCKET"), Verdict::Report(3));
    assert_eq!(of_reason("IP_NOPROTO"), Verdict::Report(2));
    assert_eq!(of_reason("PKT_TOO_SMALL"), of_reason("HDR_TRUNC"));
    assert_eq!(of_reason("NOT_SPECIFIED"), Verdict::Report(UNKNOWN));
    assert_eq!(of_reason("A_REASON_OF_A_LATER_KERNEL"), Verdict::Report(UNKNOWN));
    assert_eq!(of_reason("NOT_DROPPED_YET"), Verdict::Ignore);
    assert_eq!(of_trap("l3_drops", "ttl_value_is_too_small"), Some(Verdict::Report(257)));
    assert_eq!(of_trap("l3_drops", "no_such_trap"), Some(report("unknown_l3")));
    assert_eq!(of_trap("l3_drops", "arp_request"), Some(Verdict::Ignore));
    assert_eq!(of_trap("lldp", "lldp"), Some(Verdict::Ignore));
    assert_eq!(of_trap("", "vpp_anything"), Some(report("unknown")));
    assert_eq!(of_trap("made_up", "no_such_trap"), None);
    assert_eq!(of_symbol("tcp_v4_rcv+0x4f/0xd50"), report("unknown_l4"));
    assert_eq!(of_symbol("__udp4_lib_rcv+0x1/0x2"), report("unknown_l4"));
    assert_eq!(of_symbol("IP_rcv"), report("unknown_l3"));
    assert_eq!(of_symbol("__br_forward"), report("unknown_l2"));
    assert_eq!(of_symbol("skb_release_data+0x7c/0x1b0"), Verdict::Ignore);
    assert_eq!(of_symbol("packet_rcv"), report("unknown"));
}

const ALL: Tables = Tables { reasons: true, traps: true, symbols: true };

fn alert(reason: &'static str, trap: &'static str, symbol: &'static str) -> Alert<'static> {
    let some = |text: &'static str| Some(text).filter(|text| !text.is_empty()).map(Cow::Borrowed);
    Alert {
        protocol: Some(0x0800),
        reason: some(reason),
        trap: some(trap),
        symbol: some(symbol),
        ..Alert::default()
    }
}

#[test]
fn reason_is_asked_first_and_the_others_only_for_more_than_unknown() {
    let classify = |reason, trap, symbol| classify(&alert(reason, trap, symbol), ALL).and_then(name);
    assert_eq!(classify("NO_SOCKET", "tail_drop", "tcp_v4_rcv"), Some("port_unreachable"));
    assert_eq!(classify("NOT_SPECIFIED", "tail_drop", "tcp_v4_rcv"), Some("no_buffer_space"));
    assert_eq!(classify("NOT_SPECIFIED", "", "tcp_v4_rcv"), Some("unknown_l4"));
    assert_eq!(classify("NOT_SPECIFIED", "", "skb_release_data"), None);
    assert_eq!(classify("NOT_DROPPED_YET", "", "tcp_v4_rcv"), None);
    assert_eq!(classify("NOT_SPECIFIED", "", ""), Some("unknown"));
    assert_eq!(classify("", "arp_request", ""), None);
    assert_eq!(classify("", "", ""), None);
}

#[test]
fn tables_that_are_off_are_not_asked() {
    let alert = alert("NO_SOCKET", "tail_drop", "tcp_v4_rcv");
    let with = |reasons, traps, symbols| classify(&alert, Tables { reasons, traps, symbols }).and_then(name);
    assert_eq!(with(false, true, true), Some("no_buffer_space"));
    assert_eq!(with(false, false, true), Some("unknown_l4"));
    assert_eq!(with(false, false, false), None);
}

#[test]
fn without_a_protocol_only_traps_count() {
    let mut alert = alert("NO_SOCKET", "", "tcp_v4_rcv");
    for protocol in [None, Some(0)] {
        alert.protocol = protocol;
        assert_eq!(classify(&alert, ALL), None);
    }
    alert.reason = None;
    alert.trap = Some("tail_drop".into());
    assert_eq!(classify(&alert, ALL).and_then(name), Some("no_buffer_space"));
}
