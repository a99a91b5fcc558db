//! All message formats against captured bytes, every truncation of them, another implementation, and noise.

use super::address::Address;
use super::attribute::Attributes;
use super::error::ParseError;
use super::header::{Message, Outcome, messages};
use super::link::Link;
use super::request::{Request, push_attribute};
use super::{ethtool, generic, link, stats};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::{LinkAttribute as A, LinkMessage, Stats64};
use netlink_packet_route::{RouteNetlinkMessage as R, address as npr_address, stats as npr_stats};
use proptest::prelude::*;
use std::net::IpAddr;

/// The datagrams of a fixture in one direction: `>` to the kernel, `<` from it.
pub(crate) fn datagrams(name: &str, direction: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/fixtures/netlink/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(direction));
    lines.map(|line| hex(line.trim())).collect()
}

/// The payload of the first message in each of the kernel's datagrams.
pub(crate) fn payloads(name: &str) -> Vec<Vec<u8>> {
    let first = |datagram: &Vec<u8>| messages(datagram).next().unwrap().unwrap().payload.to_vec();
    datagrams(name, "<").iter().map(first).collect()
}

fn hex(line: &str) -> Vec<u8> {
    let digits = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

const ROUTE_FIXTURES: [&str; 8] =
    ["links", "addresses", "stats", "stats-gone", "link-with-stats", "events", "bond", "vlan"];

fn links(name: &str) -> Vec<Link<'static>> {
    let data: &'static [Vec<u8>] = datagrams(name, "<").leak();
    let all = data.iter().flat_map(|datagram| messages(datagram)).map(Result::unwrap);
    all.filter(|message| message.kind == link::NEW_LINK)
        .map(|message| Link::parse(message.payload).unwrap())
        .collect()
}

fn named<'a>(links: &'a [Link<'static>], name: &str) -> &'a Link<'static> {
    links.iter().find(|link| link.name.as_deref() == Some(name)).unwrap()
}

#[test]
fn captured_links_have_the_kinds_that_the_commands_gave_them() {
    let links = links("links");
    let kind = |name| named(&links, name).info.kind.as_deref();
    assert_eq!(kind("lo"), None);
    assert_eq!(kind("v0"), Some("veth"));
    assert_eq!(kind("br0"), Some("bridge"));
    assert_eq!(kind("ifb7"), Some("ifb"));
    assert_eq!(kind("mv0"), Some("macvlan"));
    assert_eq!((kind("tap0"), named(&links, "tap0").info.tun_type), (Some("tun"), Some(2)));
    assert_eq!((kind("tun0"), named(&links, "tun0").info.tun_type), (Some("tun"), Some(1)));
    assert_eq!(named(&links, "v0").alias.as_deref(), Some("uplink to rack 7"));
    assert_eq!(named(&links, "v1").master, Some(named(&links, "br0").index));
    assert_eq!(named(&links, "v1").info.slave_kind.as_deref(), Some("bridge"));
    assert_eq!(named(&links, "v1").link, Some(named(&links, "v0").index));
    assert_eq!(named(&links, "br0").flags & 0x100, 0x100);
}

#[test]
fn bond_and_member_are_read_as_documented() {
    let links = links("bond");
    let bond = named(&links, "bond0").info.bond.unwrap();
    assert_eq!((bond.mode, bond.aggregator), (Some(4), Some(3)));
    assert_eq!(bond.partner_mac, Some([2, 0, 0, 0, 0, 0x99]));
    assert_eq!(bond.actor_system, Some([2, 0, 0, 0, 0, 0x11]));
    let member = named(&links, "eth1");
    let slave = member.info.bond_slave.unwrap();
    assert_eq!((slave.state, slave.mii_status, slave.aggregator), (Some(0), Some(0), Some(3)));
    assert_eq!((slave.actor_state, slave.partner_state), (Some(0x3d), Some(0x3f)));
    assert_eq!(slave.perm_mac, Some([2, 0, 0, 0, 0, 2]));
    assert_eq!((member.master, member.parent_bus.as_deref()), (Some(7), Some("pci")));
}

#[test]
fn vlan_id_is_read_whatever_stands_before_it() {
    let links = links("vlan");
    let vlan = named(&links, "eth1.102");
    assert_eq!((vlan.info.vlan_id, vlan.link), (Some(102), Some(3)));
    assert_eq!(named(&links, "dummy0").info.kind.as_deref(), Some("dummy"));
}

#[test]
fn refusals_carry_errno_and_the_end_of_a_dump_is_told() {
    let outcome = |name: &str| {
        let last = datagrams(name, "<").pop().unwrap();
        messages(&last).last().unwrap().unwrap().outcome().unwrap()
    };
    assert_eq!(outcome("stats-gone"), Outcome::Error(libc::ENODEV));
    assert_eq!(outcome("no-family"), Outcome::Error(libc::ENOENT));
    assert_eq!(outcome("links"), Outcome::Done(0));
    let refused_dump = Message { kind: 3, flags: 2, sequence: 1, port: 1, payload: &(-1i32).to_ne_bytes() };
    assert_eq!(refused_dump.outcome(), Ok(Outcome::Done(libc::EPERM)));
    let worst = Message { kind: 2, payload: &i32::MIN.to_ne_bytes(), ..refused_dump };
    assert_eq!(worst.outcome(), Ok(Outcome::Error(i32::MAX)));
}

#[test]
fn ethtool_family_has_a_monitor_group_and_its_message_names_the_interface() {
    let answer = datagrams("ethtool-family", "<").remove(0);
    let message = messages(&answer).next().unwrap().unwrap();
    let family = generic::Family::parse(message.payload).unwrap();
    assert!(family.group(ethtool::GROUP).is_some() && family.group("nothing").is_none());
    let event = datagrams("ethtool-events", "<").remove(0);
    let event = messages(&event).next().unwrap().unwrap();
    assert_eq!(event.kind, family.id);
    // ETHTOOL_A_HEADER_DEV_INDEX is followed by the name in the capture.
    let at = event.payload.windows(8).position(|bytes| bytes == b"tap0\0\0\0\0").unwrap() - 4;
    let index = u32::from_ne_bytes(event.payload[at - 4..at].try_into().unwrap());
    assert_eq!(ethtool::parse_link_change(event.payload), Ok(Some(index)));
}

#[test]
fn requests_are_byte_for_byte_those_that_the_kernel_answered() {
    let sent = |name: &str| datagrams(name, ">").remove(0);
    let mut buffer = Vec::new();
    link::dump(&mut buffer, 1);
    assert_eq!(buffer, sent("links"));
    buffer.clear();
    super::address::dump(&mut buffer, 1);
    assert_eq!(buffer, sent("addresses"));
    buffer.clear();
    stats::get(&mut buffer, 1, 99999);
    assert_eq!(buffer, sent("stats-gone"));
    buffer.clear();
    generic::get_family(&mut buffer, 1, ethtool::FAMILY);
    assert_eq!(buffer, sent("ethtool-family"));
}

type Parse = fn(&[u8]) -> Result<(), ParseError>;

/// Every beginning of a message with a header of so many bytes, and whether it is one without damage.
pub(crate) fn cuts(payload: &[u8], header: usize) -> impl Iterator<Item = (&[u8], bool)> {
    let whole = whole_lengths(payload, header);
    (0..=payload.len()).map(move |cut| (&payload[..cut], whole.contains(&cut)))
}

/// Every value that is too short for an attribute of `size` bytes, behind `fixed`, and the error that it is.
pub(crate) fn short_values<'a>(
    fixed: &'a [u8],
    kind: u16,
    field: &'static str,
    size: usize,
) -> impl Iterator<Item = (Vec<u8>, ParseError)> + use<'a> {
    (0..size).map(move |have| {
        let payload = [fixed, &attribute(kind, &vec![1; have])].concat();
        (payload, ParseError::Truncated { field, offset: fixed.len() + 4, need: size, have })
    })
}

/// One of the messages, with a few bytes changed.
pub(crate) fn damaged(payloads: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..9);
    (prop::sample::select(payloads), damage).prop_map(|(mut payload, damage)| {
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        payload
    })
}

/// Lengths at which a message may end without being damaged: after its header and after each attribute.
fn whole_lengths(payload: &[u8], header: usize) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut at = header;
    while at < payload.len() {
        let length = usize::from(u16::from_ne_bytes([payload[at], payload[at + 1]]));
        lengths.push(at);
        lengths.extend(at + length..at + length.next_multiple_of(4));
        at += length.next_multiple_of(4);
    }
    lengths.push(payload.len());
    lengths
}

#[test]
fn truncation_at_every_length_is_an_error_or_leaves_whole_attributes() {
    for name in ROUTE_FIXTURES {
        for datagram in datagrams(name, "<") {
            for message in messages(&datagram).map(Result::unwrap) {
                let payload = message.payload;
                let (header, parse): (_, Parse) = match message.kind {
                    16 | 17 => (16, |bytes| Link::parse(bytes).map(drop)),
                    20 | 21 => (8, |bytes| Address::parse(bytes).map(drop)),
                    92 => (12, |bytes| stats::parse(bytes).map(drop)),
                    _ => continue,
                };
                for (cut, whole) in cuts(payload, header) {
                    let parsed = parse(cut);
                    // An address message without any address is damaged too.
                    let bare_address = header == 8 && cut.len() < 8 + 8;
                    assert_eq!(parsed.is_ok(), whole && !bare_address, "{name} {} {parsed:?}", cut.len());
                }
            }
        }
    }
}

#[test]
fn truncated_datagram_yields_the_whole_messages_and_one_error() {
    let datagram = datagrams("links", "<").remove(0);
    let whole = messages(&datagram).count();
    for cut in 1..datagram.len() {
        let parsed: Vec<_> = messages(&datagram[..cut]).collect();
        assert!(parsed.len() <= whole);
        assert!(parsed.iter().rev().skip(1).all(Result::is_ok), "only the last may be damaged");
    }
}

#[test]
fn short_value_is_an_error_that_names_attribute_and_offset() {
    for (kind, field, size) in [
        (4, "IFLA_MTU", 4),
        (5, "IFLA_LINK", 4),
        (10, "IFLA_MASTER", 4),
        (16, "IFLA_OPERSTATE", 1),
        (23, "IFLA_STATS64", 184),
        (30, "IFLA_PROMISCUITY", 4),
        (33, "IFLA_CARRIER", 1),
        (37, "IFLA_LINK_NETNSID", 4),
    ] {
        let fixed = [0, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (payload, error) in short_values(&fixed, kind, field, size) {
            assert_eq!(Link::parse(&payload), Err(error));
        }
    }
}

pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::new();
    push_attribute(&mut buffer, kind, value);
    buffer
}

#[test]
fn index_that_no_interface_can_have_is_an_error() {
    for index in [0, u32::MAX] {
        let mut payload = vec![0; 16];
        payload[4..8].copy_from_slice(&index.to_ne_bytes());
        assert_eq!(
            Link::parse(&payload),
            Err(ParseError::Value { field: "ifi_index", offset: 4, value: index })
        );
    }
}

#[test]
fn the_other_implementation_reads_the_same_from_every_capture() {
    let mut compared = [0; 3];
    for name in ROUTE_FIXTURES {
        for datagram in datagrams(name, "<") {
            let mut rest = datagram.as_slice();
            for message in messages(&datagram).map(Result::unwrap) {
                let theirs = NetlinkMessage::<R>::deserialize(rest).unwrap();
                rest = &rest[(16 + message.payload.len()).next_multiple_of(4).min(rest.len())..];
                assert_eq!(
                    (message.sequence, message.flags),
                    (theirs.header.sequence_number, theirs.header.flags)
                );
                match theirs.payload {
                    NetlinkPayload::InnerMessage(R::NewLink(theirs) | R::DelLink(theirs)) => {
                        same_link(&Link::parse(message.payload).unwrap(), &theirs);
                        compared[0] += 1;
                    }
                    NetlinkPayload::InnerMessage(R::NewAddress(theirs) | R::DelAddress(theirs)) => {
                        same_address(&Address::parse(message.payload).unwrap().unwrap(), &theirs);
                        compared[1] += 1;
                    }
                    NetlinkPayload::InnerMessage(R::NewStats(theirs)) => {
                        let (index, ours) = stats::parse(message.payload).unwrap();
                        assert_eq!(index, theirs.header.ifindex);
                        let theirs = theirs.attributes.iter().find_map(|attribute| match attribute {
                            npr_stats::StatsAttribute::Link64(stats) => Some(stats),
                            _ => None,
                        });
                        same_stats(&ours.unwrap(), theirs.unwrap());
                        compared[2] += 1;
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(compared[0] >= 20 && compared[1] >= 8 && compared[2] >= 1, "{compared:?}");
}

fn same_link(ours: &Link<'_>, theirs: &LinkMessage) {
    assert_eq!((ours.index, ours.flags), (theirs.header.index, theirs.header.flags.bits()));
    assert_eq!(ours.hardware, u16::from(theirs.header.link_layer_type));
    for attribute in &theirs.attributes {
        match attribute {
            A::IfName(name) => assert_eq!(ours.name.as_deref(), Some(name.as_str())),
            A::IfAlias(alias) => assert_eq!(ours.alias.as_deref(), Some(alias.as_str())),
            A::Address(address) => assert_eq!(ours.address, Some(address.as_slice())),
            A::PermAddress(address) => assert_eq!(ours.perm_address, Some(address.as_slice())),
            A::Mtu(mtu) => assert_eq!(ours.mtu, Some(*mtu)),
            A::Link(link) => assert_eq!(ours.link, Some(*link)),
            A::Controller(master) => assert_eq!(ours.master, Some(*master)),
            A::OperState(state) => assert_eq!(ours.operstate, Some(u8::from(*state))),
            A::Carrier(carrier) => assert_eq!(ours.carrier, Some(*carrier != 0)),
            A::Promiscuity(count) => assert_eq!(ours.promiscuity, Some(*count)),
            A::LinkNetNsId(id) => assert_eq!(ours.link_netnsid, Some(*id)),
            A::Stats64(stats) => same_stats(&ours.stats.unwrap(), stats),
            A::ParentDevBusName(bus) => assert_eq!(ours.parent_bus.as_deref(), Some(bus.as_str())),
            _ => {}
        }
    }
}

fn same_stats(ours: &stats::LinkStats, theirs: &Stats64) {
    macro_rules! same {
        ($($field:ident)*) => { $(assert_eq!(ours.$field, theirs.$field, stringify!($field));)* };
    }
    same!(rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions
        rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors
        tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors);
}

fn same_address(ours: &Address, theirs: &npr_address::AddressMessage) {
    use npr_address::AddressAttribute;
    assert_eq!(
        (ours.if_index, ours.prefix, ours.scope),
        (theirs.header.index, theirs.header.prefix_len, u8::from(theirs.header.scope))
    );
    let (mut local, mut other): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    for attribute in &theirs.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => other = Some(*ip),
            AddressAttribute::Flags(flags) => assert_eq!(ours.flags, flags.bits()),
            _ => {}
        }
    }
    assert_eq!(Some(ours.ip), local.or(other));
    assert_eq!(ours.peer, other.filter(|_| local.is_some() && local != other));
}

/// All counters differ, so that two of them exchanged would show.
#[test]
fn every_counter_is_read_from_its_own_place() {
    let words: Vec<u8> = (1..=25u64).flat_map(|n| (n << 33 | n).to_ne_bytes()).collect();
    let mut datagram = vec![0; 12];
    datagram[4] = 7;
    datagram.extend(attribute(1, &words));
    let mut whole = Vec::new();
    let _ = Request::get(&mut whole, 92, 1, &datagram);
    let NetlinkPayload::InnerMessage(R::NewStats(theirs)) =
        NetlinkMessage::<R>::deserialize(&whole).unwrap().payload
    else {
        panic!("not a statistics message")
    };
    let npr_stats::StatsAttribute::Link64(theirs) = &theirs.attributes[0] else { panic!("no counters") };
    let (index, ours) = stats::parse(&datagram).unwrap();
    assert_eq!((index, ours.unwrap().tx_window_errors), (7, 21 << 33 | 21));
    same_stats(&ours.unwrap(), theirs);
}

#[test]
fn the_kernels_words_for_a_refusal_are_read_behind_the_request_that_it_repeats() {
    // Error, request, `NLMSGERR_ATTR_MSG`; the request with its header only, and as it was sent.
    for (flags, repeated) in [(0x300_u16, 16), (0x200, 36)] {
        let mut payload = [(-22_i32).to_ne_bytes(), 36_u32.to_ne_bytes()].concat();
        payload.resize(4 + repeated, 7);
        payload.extend(attribute(1, b"Parent Qdisc doesn't exists\0"));
        let message = Message { kind: 2, flags, sequence: 1, port: 2, payload: &payload };
        assert_eq!(message.words().as_deref(), Some("Parent Qdisc doesn't exists"));
        assert_eq!(message.outcome(), Ok(Outcome::Error(22)));
        assert_eq!(Message { flags: flags & 0x100, ..message }.words(), None);
    }
}

proptest! {
    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for message in messages(&bytes).flatten() {
            let _ = message.outcome();
        }
        let _ = Link::parse(&bytes);
        let _ = Address::parse(&bytes);
        let _ = stats::parse(&bytes);
        let _ = generic::Family::parse(&bytes);
        let _ = ethtool::parse_link_change(&bytes);
    }

    #[test]
    fn damaged_captures_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>(), n in 0usize..8) {
        for mut datagram in datagrams(ROUTE_FIXTURES[n], "<") {
            let at = at.index(datagram.len());
            datagram[at] = value;
            for message in messages(&datagram).flatten() {
                let _ = Link::parse(message.payload);
                let _ = Address::parse(message.payload);
                let _ = stats::parse(message.payload);
            }
        }
    }

    #[test]
    fn a_refusal_has_words_only_where_it_says_so(flags: u16, rest in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut datagram = u32::try_from(16 + rest.len()).unwrap().to_ne_bytes().to_vec();
        datagram.extend([2_u16, flags].map(u16::to_ne_bytes).concat());
        datagram.extend([0; 8]);
        datagram.extend(&rest);
        let message = messages(&datagram).next().unwrap().unwrap();
        prop_assert!(message.words().is_none() || flags & 0x200 != 0);
    }

    #[test]
    fn what_is_written_is_read_back(
        fixed in proptest::collection::vec(any::<u8>(), 0..20),
        values in proptest::collection::vec((0u16..0x4000, proptest::collection::vec(any::<u8>(), 0..40)), 0..8),
        sequence: u32,
    ) {
        let mut buffer = vec![];
        for _ in 0..2 {
            let mut request = Request::get(&mut buffer, 77, sequence, &fixed);
            for (kind, value) in &values {
                request = request.attribute(*kind, value);
            }
        }
        let read: Vec<_> = messages(&buffer).map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), 2);
        for message in read {
            prop_assert_eq!((message.kind, message.sequence), (77, sequence));
            let attributes = Attributes::after(message.payload, fixed.len(), "fixed").unwrap();
            let read: Vec<_> = attributes.map(|attribute| attribute.map(|a| (a.kind, a.value.to_vec())).unwrap()).collect();
            prop_assert_eq!(&read, &values);
        }
    }
}
