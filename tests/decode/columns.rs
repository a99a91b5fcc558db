//! `--csv`: the columns that sflowtool has, with the values that others read.

use crate::stream::Stream;
use crate::{recorded, rows, sfacctd, tshark};
use hsflow::sflow::counters::interface::GenericInterface;
use std::collections::BTreeMap;

/// A counters line as a record.
fn interface(columns: &[String]) -> GenericInterface {
    assert_eq!(columns.len(), 20, "{columns:?}");
    let wide = |column: usize| columns[column].parse::<u64>().unwrap();
    let word = |column: usize| u32::try_from(wide(column)).unwrap();
    GenericInterface {
        if_index: word(1),
        if_type: word(2),
        if_speed: wide(3),
        if_direction: word(4),
        if_status: word(5),
        in_octets: wide(6),
        in_ucast_pkts: word(7),
        in_multicast_pkts: word(8),
        in_broadcast_pkts: word(9),
        in_discards: word(10),
        in_errors: word(11),
        in_unknown_protos: word(12),
        out_octets: wide(13),
        out_ucast_pkts: word(14),
        out_multicast_pkts: word(15),
        out_broadcast_pkts: word(16),
        out_discards: word(17),
        out_errors: word(18),
        promiscuous: word(19),
    }
}

/// The interface counters in a page of columns.
pub(crate) fn interfaces(page: &str) -> Vec<GenericInterface> {
    rows(page, "CNTR").iter().map(|columns| interface(columns)).collect()
}

#[test]
fn counter_lines_hold_what_wireshark_reads() {
    let page = recorded(&["--csv"]);
    let read = tshark::interfaces(&Stream::recorded().standard());
    assert_eq!((interfaces(&page), read.len()), (read, 7));
    assert!(rows(&page, "CNTR").iter().all(|columns| columns[0] == "192.0.2.2"));
}

#[test]
fn flow_lines_hold_what_wireshark_reads_in_the_sampled_headers() {
    let page = recorded(&["--csv"]);
    let names = [
        "sflow.flow_sample.input_interface_value",
        "sflow.flow_sample.output_interface_value",
        "eth.src",
        "eth.dst",
        "eth.type",
        "ip.src",
        "ip.dst",
        "ip.proto",
        "ip.dsfield",
        "ip.ttl",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.flags",
        "icmp.type",
        "icmp.code",
        "sflow_245.header.frame_length",
        "ip.len",
        "sflow.flow_sample.sampling_rate",
    ];
    let datagrams = Stream::recorded().standard().single_samples();
    let read = tshark::dissect(&datagrams, "sflow.flow_sample.sampling_rate", &names);
    let ours = rows(&page, "FLOW");
    assert_eq!((ours.len(), read.len()), (103, 103));
    for (ours, read) in ours.iter().zip(&read) {
        assert_eq!(ours.len(), 19, "{ours:?}");
        // Of what stands twice the first is the datagram's own and the second the sampled packet's.
        let cells: Vec<_> = read.split('\t').map(|cell| cell.rsplit(',').next().unwrap()).collect();
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
            None if text.is_empty() => 0,
            None => text.parse().unwrap(),
        };
        let numbers = [(1, 0), (2, 1), (5, 4), (10, 7), (11, 8), (12, 9), (16, 15), (17, 16), (18, 17)];
        for (our, their) in numbers {
            assert_eq!(number(&ours[our]), number(cells[their]), "{} in {ours:?}, {read}", names[their]);
        }
        assert_eq!(
            [&ours[3], &ours[4]].map(|mac| mac.as_str()),
            [cells[2], cells[3]].map(|mac| mac.replace(':', ""))
        );
        assert_eq!([&ours[8], &ours[9]], [cells[5], cells[6]]);
        let their_ports = [cells[10], cells[13], cells[11], cells[14]].map(number);
        assert_eq!(
            [&ours[13], &ours[14]].map(|port| number(port)),
            [their_ports[0] + their_ports[1], their_ports[2] + their_ports[3]]
        );
        assert_eq!(number(&ours[15]), number(cells[12]), "TCP flags");
        assert_eq!((ours[6].as_str(), ours[7].as_str()), ("0", "0"), "no VLAN");
    }
}

#[test]
fn flow_lines_add_up_to_what_pmacct_counts() {
    let mut sums: BTreeMap<(u64, u64), (u64, u64)> = BTreeMap::new();
    for columns in rows(&recorded(&["--csv"]), "FLOW") {
        let number = |column: usize| columns[column].parse::<u64>().unwrap();
        let sum = sums.entry((number(1), number(2))).or_default();
        // It counts the bytes of whole frames.
        *sum = (sum.0 + 1, sum.1 + number(16));
    }
    let ours = sums.into_iter().map(|((input, output), (samples, bytes))| sfacctd::Flow {
        input,
        output,
        samples,
        bytes,
    });
    assert_eq!(ours.collect::<Vec<_>>(), sfacctd::flows(&Stream::recorded().standard()));
}
