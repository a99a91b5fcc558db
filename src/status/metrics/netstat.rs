//! The host's protocol counters, under node_exporter's names, which are the kernel's.

use super::page::{Page, Row, Value};
use super::subjects::{Subject, all, pick};
use crate::sflow::counters::host::{HostIcmp, HostIp, HostTcp, HostUdp};

/// Rows of one protocol: the kernel's name and our field.
macro_rules! netstat {
    ($group:literal, $record:ty, { $( $name:literal = $field:ident ),* $(,)? }) => {
        &[$( Row::<$record>::untyped(
            concat!("node_netstat_", $group, "_", $name),
            concat!("The kernel's ", $name, " of ", $group, "."),
            |r| Value::of32(r.$field),
        ) ),*]
    };
}

static IP: &[Row<HostIp>] = netstat!("Ip", HostIp, {
    "Forwarding" = ip_forwarding,
    "DefaultTTL" = ip_default_ttl,
    "InReceives" = ip_in_receives,
    "InHdrErrors" = ip_in_hdr_errors,
    "InAddrErrors" = ip_in_addr_errors,
    "ForwDatagrams" = ip_forw_datagrams,
    "InUnknownProtos" = ip_in_unknown_protos,
    "InDiscards" = ip_in_discards,
    "InDelivers" = ip_in_delivers,
    "OutRequests" = ip_out_requests,
    "OutDiscards" = ip_out_discards,
    "OutNoRoutes" = ip_out_no_routes,
    "ReasmTimeout" = ip_reasm_timeout,
    "ReasmReqds" = ip_reasm_reqds,
    "ReasmOKs" = ip_reasm_oks,
    "ReasmFails" = ip_reasm_fails,
    "FragOKs" = ip_frag_oks,
    "FragFails" = ip_frag_fails,
    "FragCreates" = ip_frag_creates,
});

static ICMP: &[Row<HostIcmp>] = netstat!("Icmp", HostIcmp, {
    "InMsgs" = icmp_in_msgs,
    "InErrors" = icmp_in_errors,
    "InDestUnreachs" = icmp_in_dest_unreachs,
    "InTimeExcds" = icmp_in_time_excds,
    "InParmProbs" = icmp_in_param_probs,
    "InSrcQuenchs" = icmp_in_src_quenchs,
    "InRedirects" = icmp_in_redirects,
    "InEchos" = icmp_in_echos,
    "InEchoReps" = icmp_in_echo_reps,
    "InTimestamps" = icmp_in_timestamps,
    "InAddrMasks" = icmp_in_addr_masks,
    "InAddrMaskReps" = icmp_in_addr_mask_reps,
    "OutMsgs" = icmp_out_msgs,
    "OutErrors" = icmp_out_errors,
    "OutDestUnreachs" = icmp_out_dest_unreachs,
    "OutTimeExcds" = icmp_out_time_excds,
    "OutParmProbs" = icmp_out_param_probs,
    "OutSrcQuenchs" = icmp_out_src_quenchs,
    "OutRedirects" = icmp_out_redirects,
    "OutEchos" = icmp_out_echos,
    "OutEchoReps" = icmp_out_echo_reps,
    "OutTimestamps" = icmp_out_timestamps,
    "OutTimestampReps" = icmp_out_timestamp_reps,
    "OutAddrMasks" = icmp_out_addr_masks,
    "OutAddrMaskReps" = icmp_out_addr_mask_reps,
});

static TCP: &[Row<HostTcp>] = netstat!("Tcp", HostTcp, {
    "RtoAlgorithm" = tcp_rto_algorithm,
    "RtoMin" = tcp_rto_min,
    "RtoMax" = tcp_rto_max,
    "MaxConn" = tcp_max_conn,
    "ActiveOpens" = tcp_active_opens,
    "PassiveOpens" = tcp_passive_opens,
    "AttemptFails" = tcp_attempt_fails,
    "EstabResets" = tcp_estab_resets,
    "CurrEstab" = tcp_curr_estab,
    "InSegs" = tcp_in_segs,
    "OutSegs" = tcp_out_segs,
    "RetransSegs" = tcp_retrans_segs,
    "InErrs" = tcp_in_errs,
    "OutRsts" = tcp_out_rsts,
    "InCsumErrors" = tcp_in_csum_errors,
});

static UDP: &[Row<HostUdp>] = netstat!("Udp", HostUdp, {
    "InDatagrams" = udp_in_datagrams,
    "NoPorts" = udp_no_ports,
    "InErrors" = udp_in_errors,
    "OutDatagrams" = udp_out_datagrams,
    "RcvbufErrors" = udp_rcvbuf_errors,
    "SndbufErrors" = udp_sndbuf_errors,
    "InCsumErrors" = udp_in_csum_errors,
});

pub(super) fn write(page: &mut Page, host: &[Subject<'_>]) {
    page.rows(IP, all(host, pick!(HostIp)));
    page.rows(ICMP, all(host, pick!(HostIcmp)));
    page.rows(TCP, all(host, pick!(HostTcp)));
    page.rows(UDP, all(host, pick!(HostUdp)));
}
