//! `--pcap`: the sampled packets, as Wireshark reads them.

use crate::support::TempDir;
use crate::{decode, payloads, recorded, rows, tool, tshark};
use hsflow::sflow::decode::{Datagram, Sample};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::xdr::Writer;
use hsflow::wire::pcap;
use std::path::Path;

/// Fields of each packet of a capture, a row each.
pub(crate) fn fields(file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = tool("tshark", "tshark");
    command.arg("-r").arg(file).args(["-T", "fields"]);
    names.iter().for_each(|name| _ = command.args(["-e", name]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn wireshark_reads_the_sampled_packets_with_their_lengths_and_times() {
    let dir = TempDir::new();
    let file = dir.path().join("samples.pcap");
    let page = recorded(&["--csv", "--pcap", file.to_str().unwrap()]);
    let read = fields(
        &file,
        &["eth.src", "eth.dst", "ip.src", "ip.dst", "frame.len", "frame.cap_len", "frame.time_epoch"],
    );
    let flows = rows(&page, "FLOW");
    assert_eq!(read.len(), flows.len());
    for (packet, flow) in read.iter().zip(&flows) {
        assert_eq!(
            [&packet[0], &packet[1]].map(|mac| mac.replace(':', "")),
            [&flow[3], &flow[4]].map(String::clone)
        );
        assert_eq!(packet[2..4], flow[8..10]);
        // All but the checksum, which no capture has.
        assert_eq!(packet[4].parse::<u64>().unwrap() + 4, flow[16].parse::<u64>().unwrap());
        assert!(packet[5].parse::<u64>().unwrap() <= 128);
    }
    // The first sample's timestamp record, see c-agent.json.
    assert_eq!(read[0][6], "1795247079.715033000");
}

#[test]
fn a_capture_goes_to_standard_output_for_a_program_behind_a_pipe() {
    let output = decode(&["--pcap", "-", "-r", super::RECORDING]);
    assert_eq!((output.status, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(pcap::packets(&output.stdout).unwrap().map(Result::unwrap).count(), 103);
    let both = decode(&["--pcap", "-", "--json", "-r", super::RECORDING]);
    assert_eq!((both.status, both.stdout.len()), (Some(2), 0));
    assert!(both.stderr.contains("standard output"), "{}", both.stderr);
}

/// The recording with its sampled headers called something else.
fn of_protocol(protocol: u32, drop: usize) -> Vec<Vec<u8>> {
    let decoded =
        payloads().iter().map(|bytes| hsflow::sflow::decode::decode(bytes).unwrap()).collect::<Vec<_>>();
    let change = |mut datagram: Datagram| {
        for sample in &mut datagram.samples {
            let Sample::Flow(flow) = sample else { continue };
            for record in &mut flow.records {
                if let FlowRecord::SampledHeader(header) = record {
                    header.protocol = protocol;
                    header.frame_length -= u32::try_from(drop).unwrap();
                    header.header = header.header[drop..].to_vec().into();
                }
            }
        }
        let mut buffer = vec![0; 65536];
        let mut out = Writer::new(&mut buffer);
        datagram.encode(&mut out).unwrap();
        out.written().to_vec()
    };
    decoded.into_iter().map(change).collect()
}

#[test]
fn packets_without_a_link_header_get_one_and_those_of_other_links_are_left_out_and_counted() {
    let dir = TempDir::new();
    let samples = dir.path().join("samples.pcap");
    let run = |protocol, drop| {
        let stream = dir.write("stream.pcap", tshark::capture(&of_protocol(protocol, drop)));
        decode(&["--pcap", samples.to_str().unwrap(), "-r", stream.to_str().unwrap()])
    };
    assert_eq!(run(11, 14).stderr, "");
    let read = fields(&samples, &["eth.type", "ip.src", "frame.len", "_ws.malformed"]);
    let expected = rows(&recorded(&["--csv"]), "FLOW");
    assert_eq!(read.len(), 103);
    for (packet, flow) in read.iter().zip(&expected) {
        let length = (flow[16].parse::<u64>().unwrap() - 4).to_string();
        assert_eq!(packet[..3], ["0x0800".to_owned(), flow[8].clone(), length]);
    }
    let said = run(18, 0).stderr;
    assert_eq!(fields(&samples, &["frame.len"]).len(), 0);
    assert!(said.contains("left out") && said.contains("103 sampled headers"), "{said}");
}

#[test]
fn a_capture_that_cuts_its_packets_is_told() {
    let dir = TempDir::new();
    let mut file = tshark::capture(&[]);
    file.extend([[0; 4], [0; 4], 22_u32.to_be_bytes(), 192_u32.to_be_bytes()].concat());
    file.extend([0x45, 0, 0, 192, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 0]);
    let decoded = decode(&["-r", dir.write("cut.pcap", file).to_str().unwrap()]);
    assert_eq!((decoded.status, decoded.text()), (Some(0), ""));
    assert!(decoded.stderr.contains("none of 1 packets holds a whole UDP datagram"), "{}", decoded.stderr);
}
