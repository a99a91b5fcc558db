//! Wireshark's dissector, over a capture file that the test writes: no right to capture is needed.

#![allow(dead_code)] // each test program uses its part

use crate::stream::Stream;
use crate::support::TempDir;
use crate::tool;
use hsflow::sflow::counters::interface::GenericInterface;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};

/// The interface counters that it finds.
pub(crate) fn interfaces(stream: &Stream) -> Vec<GenericInterface> {
    let rows = fields(
        &stream.single_samples(),
        "sflow_245.ifindex",
        &[
            "sflow_245.ifindex",
            "sflow_245.iftype",
            "sflow_245.ifspeed",
            "sflow_245.ifdirection",
            "sflow_245.ifadmin_status",
            "sflow_245.ifoper_status",
            "sflow_245.ifinoct",
            "sflow_245.ifinpkt",
            "sflow_245.ifinmcast",
            "sflow_245.ifinbcast",
            "sflow_245.ifindisc",
            "sflow_245.ifinerr",
            "sflow_245.ifinunk",
            "sflow_245.ifoutoct",
            "sflow_245.ifoutpkt",
            "sflow_245.ifoutmcast",
            "sflow_245.ifoutbcast",
            "sflow_245.ifoutdisc",
            "sflow_245.ifouterr",
            "sflow_245.ifpromisc",
        ],
    );
    rows.iter().map(|row| interface(row)).collect()
}

fn interface(row: &[u64]) -> GenericInterface {
    let word = |column: usize| u32::try_from(row[column]).unwrap();
    GenericInterface {
        if_index: word(0),
        if_type: word(1),
        if_speed: row[2],
        if_direction: word(3),
        if_status: word(4) | word(5) << 1,
        in_octets: row[6],
        in_ucast_pkts: word(7),
        in_multicast_pkts: word(8),
        in_broadcast_pkts: word(9),
        in_discards: word(10),
        in_errors: word(11),
        in_unknown_protos: word(12),
        out_octets: row[13],
        out_ucast_pkts: word(14),
        out_multicast_pkts: word(15),
        out_broadcast_pkts: word(16),
        out_discards: word(17),
        out_errors: word(18),
        promiscuous: word(19),
    }
}

/// The heads of the flow samples that it finds.
pub(crate) fn flows(stream: &Stream) -> Vec<FlowHeader> {
    let rows = fields(
        &stream.single_samples(),
        "sflow.flow_sample.sampling_rate",
        &[
            "sflow.flow_sample.sequence_number",
            "sflow.flow_sample.source_id_type",
            "sflow.flow_sample.source_id_index",
            "sflow.flow_sample.sampling_rate",
            "sflow.flow_sample.sample_pool",
            "sflow.flow_sample.dropped_packets",
            "sflow.flow_sample.input_interface_format",
            "sflow.flow_sample.input_interface_value",
            "sflow.flow_sample.output_interface.format",
            "sflow.flow_sample.output_interface_value",
        ],
    );
    let flow = |row: &Vec<u64>| {
        let word = |column: usize| u32::try_from(row[column]).unwrap();
        FlowHeader {
            sequence: word(0),
            source: DataSource { class: word(1), index: word(2) },
            sampling_rate: word(3),
            sample_pool: word(4),
            drops: word(5),
            input: Port { format: word(6), value: word(7) },
            output: Port { format: word(8), value: word(9) },
        }
    };
    rows.iter().map(flow).collect()
}

/// A sampled header: bytes on the wire, those that were stripped, and the beginning in hexadecimal.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Header {
    length: u64,
    stripped: u64,
    bytes: String,
}

impl Header {
    /// That of an Ethernet frame, of which 128 bytes are shown; its checksum is on the wire only.
    pub(crate) fn of(frame: &[u8]) -> Self {
        let bytes = frame.iter().take(128).map(|byte| format!("{byte:02x}")).collect();
        Self { length: frame.len() as u64 + 4, stripped: 4, bytes }
    }
}

/// The sampled Ethernet headers that it finds.
pub(crate) fn headers(stream: &Stream) -> Vec<Header> {
    let names = ["sflow_245.header.frame_length", "sflow_245.header.payload_stripped", "sflow_245.header"];
    let rows = dissect(&stream.single_samples(), "sflow_245.header_protocol == 1", &names);
    let header = |row: &String| {
        let cells: Vec<_> = row.split('\t').collect();
        let number = |column: usize| cells[column].parse().unwrap();
        Header { length: number(0), stripped: number(1), bytes: cells[2].replace(':', "") }
    };
    rows.iter().map(header).collect()
}

/// How many datagrams it calls malformed sFlow.
pub(crate) fn malformed(datagrams: &[Vec<u8>]) -> usize {
    dissect(datagrams, "_ws.malformed", &["_ws.malformed"]).iter().filter(|row| row.contains("sFlow")).count()
}

/// Numbers of those datagrams that have the field `filter`, a row each. Nothing may be malformed.
fn fields(datagrams: &[Vec<u8>], filter: &str, names: &[&str]) -> Vec<Vec<u64>> {
    assert_eq!(malformed(datagrams), 0);
    let rows = dissect(datagrams, filter, names);
    rows.iter().map(|row| row.split('\t').map(|cell| number(cell, row)).collect()).collect()
}

/// A boolean field prints as a word.
fn number(cell: &str, row: &str) -> u64 {
    match cell {
        "True" => 1,
        "False" => 0,
        _ => cell.parse().unwrap_or_else(|_| panic!("{cell:?} in {row:?}")),
    }
}

pub(crate) fn dissect(datagrams: &[Vec<u8>], filter: &str, names: &[&str]) -> Vec<String> {
    let dir = TempDir::new();
    let file = dir.write("capture.pcap", capture(datagrams));
    let mut command = tool("tshark", "tshark");
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields"]);
    names.iter().for_each(|name| _ = command.args(["-e", name]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A pcap file of IPv4 packets without a link layer (LINKTYPE_RAW), to sFlow's own port. Checksums are left out,
/// which UDP allows and tshark does not look at in IPv4.
pub(crate) fn capture(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4, 2 << 16 | 4, 0, 0, 65535, 101_u32] {
        file.extend(word.to_be_bytes());
    }
    for datagram in datagrams {
        let udp_length = u16::try_from(datagram.len() + 8).unwrap();
        let length = udp_length + 20;
        for word in [0, 0, u32::from(length), u32::from(length)] {
            file.extend(word.to_be_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(length.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        for half in [6343, 6343, udp_length, 0] {
            file.extend(half.to_be_bytes());
        }
        file.extend(datagram);
    }
    file
}
