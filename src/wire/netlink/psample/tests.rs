//! Samples built from the kernel's header file, every truncation of them, and noise.

use super::super::tests::{self, cuts, damaged, short_values};
use super::*;
use crate::wire::frame::{self, Start};
use proptest::prelude::*;

fn payloads() -> Vec<Vec<u8>> {
    tests::payloads("psample")
}

#[test]
fn every_attribute_of_the_kernel_is_read() {
    let payload = payloads().swap_remove(0);
    let sample = Sample::parse(&payload).unwrap().unwrap();
    assert_eq!((sample.in_index, sample.out_index), (Some(3), Some(4)));
    assert_eq!((sample.group, sample.sequence, sample.sampling()), (Some(1), Some(77), Some(1000)));
    assert_eq!((sample.original_size, sample.protocol), (Some(1514), Some(0x0800)));
    assert_eq!((sample.out_class, sample.out_occupancy), (Some(5), Some(0x1_2345_6789)));
    assert_eq!((sample.latency, sample.timestamp), (Some(4500), Some(1_800_000_000_123_456_789)));
    assert_eq!((sample.cookie, sample.group_users), (Some(&b"cookie"[..]), None));
    let tunnel = TunnelKey {
        id: Some(4711),
        source: Some([10, 0, 0, 1].into()),
        destination: Some([10, 0, 0, 2].into()),
        tos: Some(0x10),
        ttl: Some(64),
        source_port: Some(50000),
        destination_port: Some(4789),
    };
    assert_eq!(sample.tunnel, Some(tunnel));
    let headers = frame::parse(Start::Ethernet, sample.data.unwrap());
    assert_eq!(headers.transport.unwrap().ports().unwrap().destination, 53);
}

#[test]
fn interface_numbers_have_the_width_that_they_are_written_in() {
    let payload = payloads().swap_remove(1);
    let sample = Sample::parse(&payload).unwrap().unwrap();
    assert_eq!((sample.in_index, sample.out_index), (Some(1_000_000_001), Some(70_000)));
}

#[test]
fn probability_becomes_the_nearest_rate() {
    let payload = payloads().swap_remove(2);
    let sample = Sample::parse(&payload).unwrap().unwrap();
    assert!(sample.rate_is_probability);
    assert_eq!(sample.sampling(), Some(400));
    let of = |rate| Sample { rate: Some(rate), rate_is_probability: true, ..Sample::default() }.sampling();
    assert_eq!((of(u32::MAX), of(u32::MAX / 2), of(1), of(0)), (Some(1), Some(2), Some(u32::MAX), None));
    // 2/3 is nearer to 1 in 2 than to 1 in 1, because 1.5 is rounded up.
    assert_eq!((of(0xAAAA_AAAA), of(0xC000_0000)), (Some(2), Some(1)));
    assert_eq!(Sample { rate: Some(0), ..Sample::default() }.sampling(), None);
}

#[test]
fn messages_about_groups_are_no_samples() {
    let payloads = payloads();
    assert_eq!(Sample::parse(&payloads[3]), Ok(None));
    let made: Vec<_> = payloads.iter().map(|payload| new_group(payload).unwrap()).collect();
    assert_eq!(made, [None, None, None, Some(1)]);
}

#[test]
fn truncation_at_every_length_is_an_error_or_leaves_whole_attributes() {
    for payload in payloads() {
        let is_sample = payload[0] == 0;
        for (cut, whole) in cuts(&payload, 4) {
            let readable = if is_sample { whole } else { cut.len() >= 4 };
            assert_eq!(Sample::parse(cut).is_ok(), readable, "{}", cut.len());
        }
    }
}

#[test]
fn short_value_is_an_error_that_names_attribute_and_offset() {
    for (kind, field, size) in [
        (0, "PSAMPLE_ATTR_IIFINDEX", 4),
        (2, "PSAMPLE_ATTR_ORIGSIZE", 4),
        (10, "PSAMPLE_ATTR_OUT_TC", 2),
        (11, "PSAMPLE_ATTR_OUT_TC_OCC", 8),
        (13, "PSAMPLE_ATTR_TIMESTAMP", 8),
        (14, "PSAMPLE_ATTR_PROTO", 2),
    ] {
        // Two bytes are a whole ifIndex.
        let is_index = |payload: &[u8]| kind == 0 && payload[4] == 4 + 2;
        let all = short_values(&[0, 1, 0, 0], kind, field, size);
        for (payload, error) in all.filter(|(payload, _)| !is_index(payload)) {
            assert_eq!(Sample::parse(&payload), Err(error));
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(payload in damaged(payloads())) {
        if let Ok(Some(sample)) = Sample::parse(&payload) {
            prop_assert!(sample.data.is_none_or(|part| part.len() < payload.len()));
            prop_assert_ne!(sample.sampling(), Some(0));
        }
    }
}
