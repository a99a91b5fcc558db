//! Other programs read what we send: nfdump's `sfcapd`, pmacct's `sfacctd` and Wireshark's `tshark`, started for
//! real, must find nothing wrong and read the same numbers as our decoder.
//!
//! Each program is shown to work on a stream that another agent made, whose numbers we know from sflowtool too, before
//! it judges ours. `make test` installs them; a missing one is a failure that names its package.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

mod agent;
mod flows;
#[path = "../support/traffic.rs"]
mod generator;
#[path = "../support/netns.rs"]
mod netns;
mod outsider;
mod port;
mod sfacctd;
mod sfcapd;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
mod tshark;

use flows::Sampled;
use netns::isolated;
use std::process::Command;
use stream::Stream;

/// A command whose program must be there.
fn tool(program: &str, package: &str) -> Command {
    let there = Command::new("which").arg(program).output().is_ok_and(|found| found.status.success());
    assert!(there, "{program} is missing: apt-get install {package} (make test does so)");
    Command::new(program)
}

#[test]
fn nfdump_counts_the_recorded_flows_and_packets_exactly() {
    let stream = Stream::recorded();
    let counted = sfcapd::count(stream.datagrams());
    // sflowtool's figures for the recording: 103 flow samples, 1 in 20, of 665,699 bytes
    assert_eq!(
        counted,
        sfcapd::Counted { flows: 103, packets: 2060, bytes: 13_313_980, failures: 0, bad: 0 }
    );
}

#[test]
fn pmacct_logs_the_recorded_interface_counters_as_we_decode_them() {
    let stream = Stream::recorded().standard();
    assert_eq!(stream.interfaces().len(), 7);
    assert_eq!(sfacctd::interfaces(&stream), stream.interfaces());
}

#[test]
fn wireshark_reads_the_recorded_interface_counters_and_flow_samples_as_we_decode_them() {
    let stream = Stream::recorded().standard();
    assert_eq!(tshark::interfaces(&stream), stream.interfaces());
    assert_eq!(stream.flows().len(), 103);
    assert_eq!(tshark::flows(&stream), stream.flows());
}

#[test]
fn pmacct_counts_the_recorded_samples_and_bytes_by_interface() {
    let stream = Stream::recorded().standard();
    let host = 0x3FFF_FFFF;
    let expected = [
        sfacctd::Flow { input: 6, output: host, samples: 49, bytes: 4647 },
        sfacctd::Flow { input: host, output: 6, samples: 54, bytes: 661_052 },
    ];
    assert_eq!(sfacctd::flows(&stream), expected);
}

#[test]
fn wireshark_calls_a_damaged_stream_malformed() {
    let datagrams = Stream::recorded().standard().single_samples();
    let cut: Vec<_> = datagrams.iter().map(|bytes| bytes[..bytes.len() - 8].to_vec()).collect();
    assert_eq!(tshark::malformed(&cut), cut.len());
    assert_eq!(tshark::malformed(&datagrams), 0);
}

#[test]
fn all_read_the_agents_own_stream_as_we_decode_it() {
    isolated("all_read_the_agents_own_stream_as_we_decode_it", || {
        let _peer = traffic::send();
        let stream = agent::stream();
        traffic::check(&stream.interfaces());
        let counted = sfcapd::count(stream.datagrams());
        assert_eq!(counted, sfcapd::Counted { flows: 0, packets: 0, bytes: 0, failures: 0, bad: 0 });
        assert_eq!(sfacctd::interfaces(&stream), stream.interfaces());
        let records = outsider::compare(&stream);
        assert!(records > 20, "{records}");
        assert_eq!(tshark::interfaces(&stream.standard()), stream.interfaces());
    });
}

#[test]
fn all_count_the_packets_and_bytes_that_crossed_a_sampled_interface() {
    isolated("all_count_the_packets_and_bytes_that_crossed_a_sampled_interface", || {
        let Sampled { stream, index, sent } = flows::sample(1);
        let (each, bytes) = (Sampled::each_way(), Sampled::bytes_each_way());
        let counted = sfcapd::count(stream.datagrams());
        let expected =
            sfcapd::Counted { flows: 2 * each, packets: 2 * each, bytes: 2 * bytes, failures: 0, bad: 0 };
        assert_eq!(counted, expected);
        let way = |input, output| sfacctd::Flow { input, output, samples: each, bytes };
        assert_eq!(sfacctd::flows(&stream), [way(index, flows::HOST), way(flows::HOST, index)]);
        assert_eq!(tshark::flows(&stream), stream.flows());
        let mut headers = tshark::headers(&stream);
        let mut expected: Vec<_> = sent.iter().map(|frame| tshark::Header::of(frame)).collect();
        headers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(headers, expected);
    });
}

#[test]
fn all_read_samples_of_one_packet_in_ten_as_we_decode_them() {
    isolated("all_read_samples_of_one_packet_in_ten_as_we_decode_them", || {
        let Sampled { stream, .. } = flows::sample(10);
        let flows = stream.flows();
        assert!(flows.iter().all(|flow| flow.sampling_rate == 10));
        let counted = sfcapd::count(stream.datagrams());
        assert_eq!((counted.flows, counted.packets), (flows.len() as u64, 10 * flows.len() as u64));
        assert_eq!((counted.failures, counted.bad), (0, 0));
        assert_eq!(tshark::flows(&stream), flows);
    });
}
