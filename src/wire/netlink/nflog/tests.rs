//! NFLOG against what a kernel sent, another implementation, every truncation, and noise.

use super::super::header::messages;
use super::super::tests::{cuts, damaged, datagrams, short_values};
use super::*;
use crate::wire::frame::{self, Start};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::nflog::{
    ConfigCmd, ConfigFlags, ConfigMode, ConfigNla, PacketNla, Timeout, ULogMessage, config_request,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use proptest::prelude::*;

const SETTINGS: Settings = Settings { copy: 64, batch_bytes: 65536, flush_after: 10, batch_packets: 16 };

/// The payloads of all packet messages of the capture.
fn payloads() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for datagram in datagrams("nflog", "<") {
        let all = messages(&datagram).map(Result::unwrap);
        found.extend(all.filter(is_packet).map(|message| message.payload.to_vec()));
    }
    found
}

#[test]
fn requests_are_byte_for_byte_those_that_the_kernel_acknowledged() {
    let sent = datagrams("nflog", ">");
    let mut buffer = Vec::new();
    bind(&mut buffer, 1, 5, &SETTINGS);
    assert_eq!(buffer, sent[0]);
    buffer.clear();
    unbind(&mut buffer, 1, 5);
    assert_eq!(buffer, sent[1]);
}

#[test]
fn another_implementation_writes_the_same_request() {
    let mut message = config_request(
        NetfilterProtoFamily::Unspec,
        5,
        vec![
            ConfigCmd::Bind.into(),
            ConfigMode::new_packet(64).into(),
            ConfigNla::NlBufSiz(65536),
            ConfigNla::Timeout(Timeout::new(10)),
            ConfigNla::QThresh(16),
            ConfigFlags::SEQ.into(),
        ],
    );
    message.header.sequence_number = 1;
    let mut theirs = vec![0; message.buffer_len()];
    message.serialize(&mut theirs);
    let mut ours = Vec::new();
    bind(&mut ours, 1, 5, &SETTINGS);
    assert_eq!(ours, theirs);
}

#[test]
fn second_program_on_a_group_is_refused_with_eperm() {
    let answer = datagrams("nflog-taken", "<").remove(0);
    let outcome = messages(&answer).next().unwrap().unwrap().outcome();
    assert_eq!(outcome, Ok(super::super::header::Outcome::Error(libc::EPERM)));
}

#[test]
fn end_of_a_batch_is_no_packet() {
    let batch = datagrams("nflog", "<").remove(1);
    let kinds: Vec<_> = messages(&batch).map(|message| is_packet(&message.unwrap())).collect();
    let (last, packets) = kinds.split_last().unwrap();
    assert!(!last && packets.iter().all(|packet| *packet) && packets.len() > 5);
}

#[test]
fn captured_packets_are_what_the_commands_made() {
    let payloads = payloads();
    let packets: Vec<_> = payloads.iter().map(|payload| Packet::parse(payload).unwrap()).collect();
    assert!(packets.iter().all(|packet| packet.group == 5));
    let numbers: Vec<_> = packets.iter().map(|packet| packet.sequence.unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..u32::try_from(numbers.len()).unwrap()));

    let sent = &packets[0];
    assert_eq!((sent.family, sent.hook, sent.protocol), (2, Some(3), Some(0x0800)));
    assert_eq!((sent.mark, sent.uid, sent.gid), (Some(7), Some(0), Some(0)));
    assert_eq!((sent.in_index, sent.out_index), (None, Some(3)));
    assert_eq!((sent.prefix.as_deref(), sent.timestamp, sent.link_header()), (Some("SFLOW"), None, None));
    let headers = frame::parse(Start::EtherType(0x0800), sent.payload.unwrap());
    let ports = headers.transport.unwrap().ports().unwrap();
    assert_eq!((ports.source, ports.destination), (40000, 6343));
    // Cut to the 64 bytes asked for; the header still knows the length: 20 + 8 + 100.
    assert_eq!((headers.bytes.len(), headers.ip.unwrap().length), (64, Some(128)));

    let received =
        packets.iter().find(|packet| packet.prefix.as_deref() == Some("SFLOW") && packet.hook == Some(1));
    let received = received.unwrap();
    assert_eq!((received.in_index, received.out_index, received.hw_type), (Some(3), None, Some(1)));
    assert_eq!((received.hw_length, received.hw_address), (Some(14), Some(&[2, 0, 0, 0, 0, 0xB][..])));
    assert_eq!(received.link_header().unwrap(), [2, 0, 0, 0, 0, 0xA, 2, 0, 0, 0, 0, 0xB, 8, 0]);
    assert!(received.timestamp.unwrap() > Duration::from_secs(1_700_000_000));
}

#[test]
fn tag_that_hardware_took_off_is_told_beside_the_link_header() {
    let payloads = payloads();
    let packets: Vec<_> = payloads.iter().map(|payload| Packet::parse(payload).unwrap()).collect();
    let tagged = packets.iter().find(|packet| packet.vlan.is_some()).unwrap();
    assert_eq!((tagged.vlan, tagged.family), (Some((0x8100, 0xA064)), 5));
    assert_eq!(tagged.l2_header.unwrap(), [2, 0, 0, 0, 0, 0xA, 2, 0, 0, 0, 0, 0xB, 8, 0]);
}

#[test]
fn the_other_implementation_reads_the_same_from_every_packet() {
    let mut compared = 0;
    for datagram in datagrams("nflog", "<") {
        for message in messages(&datagram).map(Result::unwrap).filter(is_packet) {
            let ours = Packet::parse(message.payload).unwrap();
            let start = message.payload.as_ptr().addr() - datagram.as_ptr().addr() - 16;
            let theirs = <NetlinkMessage<NetfilterMessage>>::deserialize(&datagram[start..]).unwrap();
            let NetlinkPayload::InnerMessage(theirs) = theirs.payload else { panic!("no message") };
            assert_eq!((theirs.header.res_id, u8::from(theirs.header.family)), (ours.group, ours.family));
            let NetfilterMessageInner::ULog(ULogMessage::Packet(attributes)) = theirs.inner else {
                panic!("no packet")
            };
            for attribute in attributes {
                compared += 1;
                match attribute {
                    PacketNla::Mark(mark) => assert_eq!(ours.mark, Some(mark)),
                    PacketNla::IfIndexInDev(index) => assert_eq!(ours.in_index, Some(index)),
                    PacketNla::IfIndexOutDev(index) => assert_eq!(ours.out_index, Some(index)),
                    PacketNla::Payload(payload) => assert_eq!(ours.payload, Some(&payload[..])),
                    PacketNla::Prefix(prefix) => assert_eq!(ours.prefix.as_deref(), prefix.to_str().ok()),
                    PacketNla::Uid(user) => assert_eq!(ours.uid, Some(user)),
                    PacketNla::Gid(group) => assert_eq!(ours.gid, Some(group)),
                    PacketNla::Seq(number) => assert_eq!(ours.sequence, Some(number)),
                    PacketNla::HwType(kind) => assert_eq!(ours.hw_type, Some(kind)),
                    PacketNla::HwHeader(header) => assert_eq!(ours.hw_header, Some(&header[..])),
                    PacketNla::HwHeaderLen(length) => assert_eq!(ours.hw_length, Some(length)),
                    _ => compared -= 1,
                }
            }
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn truncation_at_every_length_is_an_error_or_leaves_whole_attributes() {
    for payload in payloads() {
        for (cut, whole) in cuts(&payload, 4) {
            assert_eq!(Packet::parse(cut).is_ok(), whole, "{}", cut.len());
        }
    }
}

#[test]
fn short_value_is_an_error_that_names_attribute_and_offset() {
    for (kind, field, size) in [
        (1, "NFULA_PACKET_HDR", 3),
        (2, "NFULA_MARK", 4),
        (3, "NFULA_TIMESTAMP", 16),
        (6, "NFULA_IFINDEX_PHYSINDEV", 4),
        (8, "NFULA_HWADDR", 12),
        (13, "NFULA_SEQ_GLOBAL", 4),
        (17, "NFULA_HWLEN", 2),
        (19, "NFULA_CT_INFO", 4),
    ] {
        for (payload, error) in short_values(&[0, 0, 0, 5], kind, field, size) {
            assert_eq!(Packet::parse(&payload), Err(error));
        }
    }
}

#[test]
fn values_beyond_what_types_can_say_are_absent_or_cut() {
    let with = |kind: u8, value: &[u8]| {
        let length = u8::try_from(4 + value.len()).unwrap();
        let payload = [&[0, 0, 0, 5, length, 0, kind, 0][..], value].concat();
        Packet::parse(&payload).map(|packet| (packet.timestamp, packet.hw_address.map(<[u8]>::to_vec)))
    };
    assert_eq!(with(3, &[0xFF; 16]), Ok((None, None)));
    // An address of 20 bytes (InfiniBand) of which the kernel gives 8.
    let address = [0, 20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(with(8, &address), Ok((None, Some(vec![1, 2, 3, 4, 5, 6, 7, 8]))));
}

proptest! {
    #[test]
    fn noise_never_panics(payload in damaged(payloads())) {
        if let Ok(packet) = Packet::parse(&payload) {
            prop_assert!(packet.payload.is_none_or(|part| part.len() < payload.len()));
        }
    }
}
