//! MIB-II text: columns by name in old, new and made-up kernels, and damage.

use super::*;
use crate::collect::host::CollectError;
use proptest::prelude::*;

const SERVER: &str = include_str!("../../../../tests/fixtures/root/server-2socket/proc/net/snmp");

fn snmp(text: &str) -> (Mib2, Vec<CollectError>) {
    let mut faults = Faults::default();
    let found = parse_snmp(text, &mut faults);
    (found, faults.drain().collect())
}

#[test]
fn icmp_counters_follow_their_names_past_columns_that_came_later() {
    let icmp = snmp(SERVER).0.icmp.unwrap();
    // The numbers that the C agent puts one field too far: its third and later fields are shifted.
    assert_eq!((icmp.icmp_in_dest_unreachs, icmp.icmp_in_time_excds), (19, 4));
    assert_eq!((icmp.icmp_in_echo_reps, icmp.icmp_in_timestamps), (4002, 5));
    assert_eq!((icmp.icmp_in_addr_masks, icmp.icmp_in_addr_mask_reps), (7, 8));
    assert_eq!((icmp.icmp_out_errors, icmp.icmp_out_dest_unreachs), (0, 23));
    assert_eq!((icmp.icmp_out_timestamp_reps, icmp.icmp_out_addr_mask_reps), (12, 14));
}

#[test]
fn columns_in_any_order_give_the_same_record() {
    let (whole, _) = snmp(SERVER);
    let mut turned = String::new();
    for line in SERVER.lines() {
        let (group, words) = line.split_once(": ").unwrap();
        let words: Vec<&str> = words.split(' ').rev().collect();
        turned.push_str(&format!("{group}: {}\n", words.join(" ")));
    }
    assert_ne!(turned, SERVER);
    assert_eq!(snmp(&turned), (whole, vec![]));
}

#[test]
fn a_column_that_this_kernel_lacks_is_unknown_and_no_fault_of_the_others() {
    let (found, faults) = snmp("Udp: NoPorts InDatagrams\nUdp: 7 9\n");
    let udp = found.udp.unwrap();
    assert_eq!((udp.udp_in_datagrams, udp.udp_no_ports, udp.udp_in_csum_errors), (9, 7, u32::MAX));
    let missing: Vec<String> = faults.iter().map(CollectError::to_string).collect();
    assert_eq!(missing, ["/proc/net/snmp: no Ip", "/proc/net/snmp: no Icmp", "/proc/net/snmp: no Tcp"]);
}

#[test]
fn no_limit_of_connections_is_all_ones_and_other_negative_numbers_are_faults() {
    let (found, faults) = snmp("Tcp: MaxConn CurrEstab InSegs\nTcp: -1 -1 18446744073709551615\n");
    let tcp = found.tcp.unwrap();
    assert_eq!((tcp.tcp_max_conn, tcp.tcp_curr_estab, tcp.tcp_in_segs), (u32::MAX, 0, u32::MAX));
    assert!(faults.contains(&CollectError::NotANumber { file: SNMP, line: 2, field: "CurrEstab" }));
}

#[test]
fn counters_keep_their_low_32_bits() {
    let (found, _) = snmp("Ip: InReceives DefaultTTL\nIp: 4294967300 64\n");
    let ip = found.ip.unwrap();
    assert_eq!((ip.ip_in_receives, ip.ip_default_ttl), (4, 64));
}

#[test]
fn groups_cut_off_are_absent_and_the_groups_before_them_whole() {
    let (whole, faults) = snmp(SERVER);
    assert_eq!(faults, []);
    for cut in 0..SERVER.len() {
        let (found, faults) = snmp(&SERVER[..cut]);
        assert!(found.ip.is_none() || found.ip == whole.ip, "cut at {cut}");
        assert!(found.icmp.is_none() || found.icmp == whole.icmp, "cut at {cut}");
        assert!(found.tcp.is_none() || found.tcp == whole.tcp, "cut at {cut}");
        assert!(found.udp.is_none() || found.udp == whole.udp, "cut at {cut}");
        assert!(found == whole || !faults.is_empty(), "cut at {cut} goes unnoticed");
    }
}

#[test]
fn names_without_values_do_not_take_the_next_groups_values() {
    let (found, _) = snmp("Ip: InReceives\nTcp: InSegs\nTcp: 5\nUdp: InDatagrams\n");
    assert_eq!((found.ip, found.udp), (None, None));
    assert_eq!(found.tcp.unwrap().tcp_in_segs, 5);
}

proptest! {
    #[test]
    fn no_text_panics_or_floods(any in any::<String>(), like in "((Ip|Icmp|Tcp|Udp): ([A-Za-z]{1,6}|[0-9-]{1,22})( [0-9-]{1,22}){0,9}\n?){0,12}") {
        prop_assert!(snmp(&any).1.len() <= 8);
        prop_assert!(snmp(&like).1.len() <= 8);
    }

    #[test]
    fn a_value_is_found_wherever_its_name_stands(value in any::<u32>(), before in 0usize..30, after in 0usize..30) {
        let (names, fill) = ("X ".repeat(before), "1 ".repeat(before));
        let text = format!("Udp: {names}NoPorts{}\nUdp: {fill}{value}{}\n", " Y".repeat(after), " 2".repeat(after));
        prop_assert_eq!(snmp(&text).0.udp.unwrap().udp_no_ports, value);
    }
}
