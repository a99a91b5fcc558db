//! Socket diagnostics against what a kernel answered, another implementation, every truncation, and noise.

use super::super::header::{Outcome, messages};
use super::super::tests::{cuts, damaged, datagrams, short_values};
use super::*;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::inet::nlas::Nla;
use proptest::prelude::*;

/// The payload of the answer with this number, of those that describe a socket.
fn payload(at: usize) -> Vec<u8> {
    let all = datagrams("inet-diag", "<");
    let all = all.iter().flat_map(|datagram| messages(datagram)).map(Result::unwrap);
    all.filter(|message| message.kind == KIND).nth(at).unwrap().payload.to_vec()
}

fn socket(at: usize) -> Socket {
    Socket::parse(&payload(at)).unwrap().unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn requests_are_byte_for_byte_those_that_the_kernel_answered() {
    let sent = datagrams("inet-diag", ">");
    let get = |local, remote| {
        let mut buffer = Vec::new();
        get(&mut buffer, 1, TCP, address(local), address(remote), 0);
        buffer
    };
    assert_eq!(get("127.0.0.1:40001", "127.0.0.1:8080"), sent[0]);
    assert_eq!(get("[::1]:40002", "[::1]:8080"), sent[1]);
    assert_eq!(get("127.0.0.1:1", "127.0.0.1:2"), sent[2]);
}

/// The kernel (`udp_dump_one`) swaps the ends of UDP; tried on 6.18, where only the swapped request finds the socket.
#[test]
fn ends_of_udp_are_swapped() {
    let (local, remote) = (address("192.0.2.1:53"), address("198.51.100.2:4000"));
    let mut buffer = Vec::new();
    get(&mut buffer, 1, UDP, local, remote, 7);
    let fixed = messages(&buffer).next().unwrap().unwrap().payload.to_vec();
    assert_eq!((&fixed[8..12], &fixed[12..16]), (&[0x0F, 0xA0, 0, 53][..], &[198, 51, 100, 2][..]));
    assert_eq!((&fixed[28..32], &fixed[44..48]), (&[192, 0, 2, 1][..], &7u32.to_ne_bytes()[..]));
}

#[test]
fn captured_connections_are_what_the_commands_made() {
    let four = socket(0);
    assert_eq!((four.local, four.remote), (address("127.0.0.1:40001"), address("127.0.0.1:8080")));
    assert_eq!((four.state, four.uid, four.if_index), (1, 0, 0));
    assert!(four.inode != 0 && four.cookie != u64::MAX && four.cgroup == Some(1));
    let tcp = four.tcp.unwrap();
    // 1000 bytes were sent; the SYN counts as one.
    assert_eq!((tcp.bytes_acked, tcp.bytes_received, tcp.unacked), (Some(1001), Some(0), Some(0)));
    // The MTU of lo is 65536, but no IPv4 packet is longer than 65535 bytes.
    assert_eq!((tcp.pmtu, tcp.total_retrans, tcp.reordering), (Some(65535), Some(0), Some(3)));
    assert!(tcp.rtt.unwrap() >= tcp.min_rtt.unwrap() && tcp.min_rtt.unwrap() > 0);
    let six = socket(1);
    assert_eq!((six.local, six.remote), (address("[::1]:40002"), address("[::1]:8080")));
}

#[test]
fn a_dump_reads_as_the_socket_that_the_question_for_one_gives() {
    assert_eq!((socket(2).cookie, socket(2).local), (socket(0).cookie, socket(0).local));
}

#[test]
fn closed_connection_answers_without_tcps_state_and_no_connection_with_enoent() {
    let closed = socket(3);
    assert_eq!((closed.state, closed.inode, closed.cookie), (6, 0, socket(0).cookie));
    assert_eq!((closed.tcp, closed.cgroup), (None, None));
    let outcomes = datagrams("inet-diag", "<");
    let outcomes =
        outcomes.iter().map(|datagram| messages(datagram).next().unwrap().unwrap().outcome().unwrap());
    assert!(outcomes.into_iter().any(|outcome| outcome == Outcome::Error(libc::ENOENT)));
}

#[test]
fn the_other_implementation_reads_the_same() {
    let mut infos = 0;
    for datagram in datagrams("inet-diag", "<") {
        if messages(&datagram).next().unwrap().unwrap().kind != KIND {
            continue;
        }
        let message = messages(&datagram).next().unwrap().unwrap();
        let ours = Socket::parse(message.payload).unwrap().unwrap();
        let theirs = <NetlinkMessage<SockDiagMessage>>::deserialize(&datagram).unwrap();
        let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(theirs)) = theirs.payload else {
            panic!("no answer")
        };
        let id = &theirs.header.socket_id;
        assert_eq!((ours.local.ip(), ours.local.port()), (id.source_address, id.source_port));
        assert_eq!((ours.remote.ip(), ours.remote.port()), (id.destination_address, id.destination_port));
        assert_eq!(ours.cookie.to_ne_bytes(), id.cookie);
        let header = &theirs.header;
        assert_eq!((ours.state, ours.if_index, ours.uid), (header.state, id.interface_id, header.uid));
        assert_eq!((ours.receive_queue, ours.send_queue), (header.recv_queue, header.send_queue));
        assert_eq!(ours.inode, header.inode);
        for attribute in theirs.nlas {
            match attribute {
                Nla::TcpInfo(theirs) => {
                    infos += 1;
                    assert_same_info(&ours.tcp.unwrap(), &theirs);
                }
                Nla::Mark(mark) => assert_eq!(ours.mark, Some(mark)),
                _ => {}
            }
        }
    }
    assert_eq!(infos, 3);
}

fn assert_same_info(ours: &TcpInfo, theirs: &netlink_packet_sock_diag::inet::nlas::TcpInfo) {
    let words = [ours.snd_mss, ours.rcv_mss, ours.unacked, ours.lost, ours.retrans, ours.pmtu];
    let wanted = [theirs.snd_mss, theirs.rcv_mss, theirs.unacked, theirs.lost, theirs.retrans, theirs.pmtu];
    assert_eq!(words, wanted.map(Some));
    let words = [ours.rtt, ours.rttvar, ours.snd_cwnd, ours.reordering, ours.total_retrans, ours.min_rtt];
    let wanted =
        [theirs.rtt, theirs.rttvar, theirs.snd_cwnd, theirs.reordering, theirs.total_retrans, theirs.min_rtt];
    assert_eq!(words, wanted.map(Some));
    let longs = [ours.bytes_acked, ours.bytes_received, ours.delivery_rate];
    assert_eq!(longs, [theirs.bytes_acked, theirs.bytes_received, theirs.delivery_rate].map(Some));
}

#[test]
fn tcp_info_of_every_kernel_gives_the_fields_that_it_has() {
    let payload = payload(0);
    let info =
        Attributes::after(&payload, HEADER_LEN, "inet_diag_msg").unwrap().find(2).unwrap().unwrap().value;
    let whole = TcpInfo::parse(info);
    let count = |info: &TcpInfo| {
        [
            info.bytes_acked.is_some(),
            info.bytes_received.is_some(),
            info.min_rtt.is_some(),
            info.delivery_rate.is_some(),
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    };
    for (length, present) in [(104, 0), (120, 0), (136, 2), (160, 3), (168, 4), (192, 4), (248, 4), (280, 4)]
    {
        let cut = TcpInfo::parse(&info[..length]);
        assert_eq!(count(&cut), present, "{length}");
        let early = |info: TcpInfo| TcpInfo {
            bytes_acked: None,
            bytes_received: None,
            min_rtt: None,
            delivery_rate: None,
            ..info
        };
        assert_eq!(early(cut), early(whole), "{length}");
    }
    assert_eq!(TcpInfo::parse(&[]), TcpInfo::default());
    assert_eq!(TcpInfo::parse(&info[..103]).total_retrans, None);
}

#[test]
fn truncation_at_every_length_is_an_error_or_leaves_whole_attributes() {
    for at in 0..4 {
        let payload = payload(at);
        for (cut, whole) in cuts(&payload, HEADER_LEN) {
            assert_eq!(Socket::parse(cut).is_ok(), whole, "{}", cut.len());
        }
    }
}

#[test]
fn short_value_is_an_error_that_names_attribute_and_offset() {
    for (kind, field, size) in [(15, "INET_DIAG_MARK", 4), (21, "INET_DIAG_CGROUP_ID", 8)] {
        for (payload, error) in short_values(&payload(3)[..HEADER_LEN], kind, field, size) {
            assert_eq!(Socket::parse(&payload), Err(error));
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(payload in damaged((0..4).map(payload).collect())) {
        if let Ok(Some(socket)) = Socket::parse(&payload) {
            prop_assert_eq!(socket.local.is_ipv6(), payload[0] == 10);
        }
    }
}
