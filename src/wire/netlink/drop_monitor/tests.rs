//! Alerts built from the kernel's header file, every truncation of them, requests, and noise.

use super::super::header::{HEADER_LEN, messages};
use super::super::tests::{self, cuts, damaged, short_values};
use super::*;
use crate::wire::frame::{self, Start};
use proptest::prelude::*;

fn payloads() -> Vec<Vec<u8>> {
    tests::payloads("drop-monitor")
}

#[test]
fn drop_of_the_kernel_is_read_with_its_reason() {
    let payload = payloads().swap_remove(0);
    let alert = Alert::parse(&payload).unwrap().unwrap();
    assert_eq!((alert.origin, alert.pc), (Some(Origin::Software), Some(0xFFFF_FFFF_81A2_B3C4)));
    assert_eq!(alert.symbol.as_deref(), Some("tcp_v4_rcv+0x4f/0xd50"));
    assert_eq!((alert.reason.as_deref(), alert.trap.as_deref()), (Some("NO_SOCKET"), None));
    assert_eq!((alert.in_index, alert.in_name.as_deref()), (Some(3), Some("eth0")));
    assert_eq!((alert.timestamp, alert.protocol), (Some(1_800_000_000_123_456_789), Some(0x0800)));
    assert_eq!(alert.original_length, Some(1514));
    let headers = frame::parse(Start::Ethernet, alert.payload.unwrap());
    assert_eq!(headers.transport.unwrap().ports().unwrap().source, 40000);
}

#[test]
fn drop_of_a_chip_is_read_with_its_trap() {
    let payload = payloads().swap_remove(1);
    let alert = Alert::parse(&payload).unwrap().unwrap();
    assert_eq!((alert.origin, alert.reason.as_deref()), (Some(Origin::Hardware), None));
    assert_eq!(alert.trap_group.as_deref(), Some("l3_drops"));
    assert_eq!((alert.trap.as_deref(), alert.cookie), (Some("blackhole_route"), Some(&[1, 2, 3, 4][..])));
    let all = discard::Tables { reasons: true, traps: true, symbols: true };
    assert_eq!(discard::classify(&alert, all).and_then(codes::name), Some("blackhole_route"));
}

#[test]
fn each_message_is_read_by_its_own_reader_alone() {
    let payloads = payloads();
    let counts = trap_counts(&payloads[2]).unwrap();
    assert_eq!(counts, [("ttl_value_is_too_small".into(), 12), ("tail_drop".into(), 7)]);
    assert_eq!(lost(&payloads[3]), Ok(Some([5_000_000_000, 3])));
    for (at, payload) in payloads.iter().enumerate() {
        assert_eq!(Alert::parse(payload).unwrap().is_some(), at < 2);
        assert_eq!(trap_counts(payload).unwrap().is_empty(), at != 2);
        assert_eq!(lost(payload).unwrap().is_some(), at == 3);
    }
}

/// Type, flags, command and attributes of a request.
fn read(request: &[u8]) -> (u16, u16, u8, Vec<(u16, Vec<u8>)>) {
    let message = messages(request).next().unwrap().unwrap();
    assert_eq!(message.payload.len() + HEADER_LEN, request.len());
    let attributes = Attributes::after(message.payload, 4, "genlmsghdr").unwrap();
    let attributes = attributes.map(Result::unwrap).map(|a| (a.kind, a.value.to_vec())).collect();
    (message.kind, message.flags, message.payload[0], attributes)
}

/// `linux/net_dropmon.h`: numbers of commands and attributes by counting; flags REQUEST and ACK.
#[test]
fn requests_have_the_numbers_of_the_header_file() {
    let mut buffer = Vec::new();
    configure(&mut buffer, 31, 1, 128, 1000);
    let wanted = vec![(1, vec![1]), (9, 128u32.to_ne_bytes().to_vec()), (11, 1000u32.to_ne_bytes().to_vec())];
    assert_eq!(read(&buffer), (31, 5, 2, wanted));
    for (software, hardware, flags) in
        [(true, true, vec![20, 21]), (true, false, vec![20]), (false, true, vec![21])]
    {
        let wanted: Vec<_> = flags.into_iter().map(|kind| (kind, vec![])).collect();
        let sources = Sources { software, hardware };
        buffer.clear();
        start(&mut buffer, 31, 2, sources);
        assert_eq!(read(&buffer), (31, 5, 3, wanted.clone()));
        buffer.clear();
        stop(&mut buffer, 31, 3, sources);
        assert_eq!(read(&buffer), (31, 5, 4, wanted));
    }
    buffer.clear();
    get_lost(&mut buffer, 31, 4);
    assert_eq!(read(&buffer), (31, 1, 8, vec![]));
}

#[test]
fn truncation_at_every_length_is_an_error_or_leaves_whole_attributes() {
    for payload in payloads() {
        for (cut, whole) in cuts(&payload, 4) {
            let parsed = Alert::parse(cut).is_ok() && trap_counts(cut).is_ok() && lost(cut).is_ok();
            assert_eq!(parsed, whole, "{}", cut.len());
        }
    }
}

#[test]
fn short_value_is_an_error_that_names_attribute_and_offset() {
    for (kind, field, size) in [
        (2, "NET_DM_ATTR_PC", 8),
        (5, "NET_DM_ATTR_TIMESTAMP", 8),
        (6, "NET_DM_ATTR_PROTO", 2),
        (10, "NET_DM_ATTR_ORIG_LEN", 4),
        (14, "NET_DM_ATTR_ORIGIN", 2),
    ] {
        for (payload, error) in short_values(&[5, 1, 0, 0], kind, field, size) {
            assert_eq!(Alert::parse(&payload), Err(error));
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(payload in damaged(payloads())) {
        if let Ok(Some(alert)) = Alert::parse(&payload) {
            prop_assert!(alert.payload.is_none_or(|part| part.len() < payload.len()));
            let all = discard::Tables { reasons: true, traps: true, symbols: true };
            if let Some(code) = discard::classify(&alert, all) {
                prop_assert!(codes::name(code).is_some());
            }
        }
        let _ = (trap_counts(&payload), lost(&payload));
    }
}
