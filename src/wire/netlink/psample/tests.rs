//! Samples built from the kernel's header file, every truncation of them, and noise.

use super::super::header::messages;
use super::super::tests::{datagrams, whole_lengths};
use super::*;
use crate::wire::frame::{self, Start};
use proptest::prelude::*;

fn payloads() -> Vec<Vec<u8>> {
    let all = datagrams("psample", "<");
    all.iter().map(|datagram| messages(datagram).next().unwrap().unwrap().payload.to_vec()).collect()
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
        let whole = whole_lengths(&payload, 4);
        let is_sample = payload[0] == 0;
        for cut in 0..=payload.len() {
            let parsed = Sample::parse(&payload[..cut]);
            assert_eq!(parsed.is_ok(), if is_sample { whole.contains(&cut) } else { cut >= 4 }, "{cut}");
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
        for have in (0..size).filter(|have| kind != 0 || *have != 2) {
            let length = u8::try_from(4 + have).unwrap();
            let mut payload = vec![0, 1, 0, 0, length, 0, kind, 0];
            payload.resize(8 + have, 1);
            let error = ParseError::Truncated { field, offset: 8, need: size, have };
            assert_eq!(Sample::parse(&payload), Err(error));
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(which in 0usize..4, damage in prop::collection::vec((any::<usize>(), any::<u8>()), 0..9)) {
        let mut payload = payloads().swap_remove(which);
        for (at, byte) in damage {
            let at = at % payload.len();
            payload[at] = byte;
        }
        if let Ok(Some(sample)) = Sample::parse(&payload) {
            prop_assert!(sample.data.is_none_or(|part| part.len() < payload.len()));
            prop_assert_ne!(sample.sampling(), Some(0));
        }
    }
}
