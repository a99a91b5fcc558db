//! Packets between known guests and others, in tunnels and without, written by another library.

use super::*;
use crate::sample::frame::{Frame, LinkType};
use etherparse::PacketBuilder;
use proptest::prelude::*;

const OUTSIDE: [u8; 4] = [198, 51, 100, 7];
const ROUTER: [u8; 6] = [2, 0, 0, 0, 9, 9];
/// Addresses of the host itself, one of them in the network of the guests and no guest's.
const HOST: [[u8; 4]; 2] = [[192, 0, 2, 1], [10, 9, 255, 200]];
const UNKNOWN: Path = Path { input: Port::UNKNOWN, output: Port::UNKNOWN };

fn mac(number: u32) -> [u8; 6] {
    let [_, _, high, low] = number.to_be_bytes();
    [2, 0x42, 0, 0, high, low]
}

fn ip(number: u32) -> [u8; 4] {
    let [_, _, high, low] = number.to_be_bytes();
    [10, 9, high, low]
}

/// A guest with one interface, of whom everything is known.
fn guest(number: u32) -> Marked {
    let link = MarkedLink {
        mac: Some(mac(number)),
        ips: vec![ip(number).into()],
        port: Some(number + 1000),
        vni: None,
    };
    Marked {
        index: 100_000 + number,
        engine: Engine::Docker,
        links: vec![link],
        cgroups: vec![number.into()],
    }
}

fn udp(macs: [[u8; 6]; 2], ips: [[u8; 4]; 2], port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2(macs[0], macs[1]).ipv4(ips[0], ips[1], 64).udp(5555, port);
    packet.write(&mut bytes, payload).unwrap();
    bytes
}

fn vxlan(vni: u8, inner: &[u8]) -> Vec<u8> {
    let payload = [&[8, 0, 0, 0, 0, 0, vni, 0][..], inner].concat();
    udp([ROUTER; 2], [OUTSIDE, [203, 0, 113, 1]], 4789, &payload)
}

fn arp(from: [u8; 6], to: [u8; 6]) -> Vec<u8> {
    [&to[..], &from, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat()
}

fn ends_of(marks: &Marks, frame: &Frame<'_>, socket: Option<Socket>) -> Ends {
    let locals = Locals::new(HOST.map(Into::into), [[6; 6]]);
    marks.ends(&Packet::of(frame).unwrap(), &locals, socket)
}

/// The numbers of the guests at both ends.
fn ends(guests: &[Marked], bytes: &[u8]) -> (Option<u32>, Option<u32>) {
    let ends = ends_of(&Marks::new(guests), &Frame { bytes, ..Frame::default() }, None);
    (ends.source.map(|index| index - 100_000), ends.destination.map(|index| index - 100_000))
}

#[test]
fn both_ends_are_found_by_ip_and_only_those_that_are_guests() {
    let guests = [guest(1), guest(2)];
    let between = udp([mac(1), mac(2)], [ip(1), ip(2)], 53, b"query");
    assert_eq!(ends(&guests, &between), (Some(1), Some(2)));
    let out = udp([mac(1), ROUTER], [ip(1), OUTSIDE], 53, b"query");
    assert_eq!(ends(&guests, &out), (Some(1), None));
    let back = udp([ROUTER, mac(1)], [OUTSIDE, ip(1)], 53, b"query");
    assert_eq!(ends(&guests, &back), (None, Some(1)));
    assert_eq!(ends(&guests, &udp([ROUTER; 2], [OUTSIDE; 2], 53, b"query")), (None, None));
    assert_eq!(ends(&[], &between), (None, None));
}

#[test]
fn the_link_says_who_where_there_is_no_ip() {
    let guests = [guest(1), guest(2)];
    assert_eq!(ends(&guests, &arp(mac(1), [0xFF; 6])), (Some(1), None));
    assert_eq!(ends(&guests, &arp(mac(2), mac(1))), (Some(2), Some(1)));
    let unborn = udp([mac(1), [0xFF; 6]], [[0; 4], [255; 4]], 67, b"discover");
    assert_eq!(ends(&guests, &unborn), (Some(1), None));
    let mut local = Vec::new();
    let link_local = |last| [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let packet = PacketBuilder::ethernet2(mac(1), mac(2)).ipv6(link_local(1), link_local(2), 64).udp(1, 2);
    packet.write(&mut local, b"hello").unwrap();
    assert_eq!(ends(&guests, &local), (Some(1), Some(2)));
}

#[test]
fn a_guest_that_routes_is_no_end_of_what_it_passes_on() {
    let guests = [guest(1), guest(2)];
    let by_the_second = udp([mac(1), mac(2)], [ip(1), OUTSIDE], 53, b"query");
    assert_eq!(ends(&guests, &by_the_second), (Some(1), None));
    let back = udp([mac(2), mac(1)], [OUTSIDE, ip(1)], 53, b"query");
    assert_eq!(ends(&guests, &back), (None, Some(1)));
    let of_nobody = udp([mac(1), mac(2)], [OUTSIDE, [203, 0, 113, 9]], 53, b"query");
    assert_eq!(ends(&guests, &of_nobody), (Some(1), Some(2)), "who else could have sent it");
}

#[test]
fn a_guest_of_which_no_ip_is_known_is_found_by_its_link() {
    let mut machine = guest(3);
    machine.links[0].ips.clear();
    let guests = [guest(1), machine];
    let to = udp([mac(1), mac(3)], [ip(1), [10, 9, 7, 7]], 53, b"query");
    assert_eq!(ends(&guests, &to), (Some(1), Some(3)));
    let from = udp([mac(3), mac(1)], [[10, 9, 7, 7], ip(1)], 53, b"query");
    assert_eq!(ends(&guests, &from), (Some(3), Some(1)));
}

#[test]
fn a_shared_network_is_nobodys_but_by_the_control_group_of_the_socket() {
    let mut second = guest(2);
    second.links = guest(1).links;
    let guests = [guest(1), second, guest(3)];
    let bytes = udp([mac(1), mac(3)], [ip(1), ip(3)], 53, b"query");
    assert_eq!(ends(&guests, &bytes), (None, Some(3)));
    let marks = Marks::new(&guests);
    let frame = Frame { bytes: &bytes, input: End::Interface(1001), ..Frame::default() };
    assert_eq!(ends_of(&marks, &frame, None).source, None, "its port is shared too");
    let by = |cgroup, sent| ends_of(&marks, &frame, Some(Socket { cgroup, sent }));
    assert_eq!((by(2, true).source, by(2, true).destination), (Some(100_002), Some(100_003)));
    assert_eq!(by(77, true).source, None);
    assert_eq!((by(2, false).source, by(2, false).destination), (None, Some(100_003)), "who is known stays");
}

#[test]
fn a_pod_has_its_address_before_its_containers_and_two_pods_have_none() {
    let pod = |number: u32| Marked { engine: Engine::K8s, index: 100_000 + number, ..guest(1) };
    let bytes = udp([mac(1), ROUTER], [ip(1), OUTSIDE], 53, b"query");
    let containers = [guest(1), Marked { index: 100_007, ..guest(1) }];
    assert_eq!(ends(&[containers.to_vec(), vec![pod(5)]].concat(), &bytes), (Some(5), None));
    assert_eq!(ends(&[containers.to_vec(), vec![pod(5), pod(6)]].concat(), &bytes), (None, None));
}

#[test]
fn one_address_in_two_networks_is_told_apart_by_the_link() {
    let mut twin = guest(2);
    twin.links[0].ips = vec![ip(1).into()];
    let guests = [guest(1), twin];
    let from_the_twin = udp([mac(2), ROUTER], [ip(1), OUTSIDE], 53, b"query");
    assert_eq!(ends(&guests, &from_the_twin), (Some(2), None));
}

#[test]
fn the_packet_inside_a_tunnel_goes_before_the_one_outside() {
    let guests = [guest(1), guest(2)];
    let inner = udp([mac(1), mac(2)], [ip(1), ip(2)], 53, b"query");
    assert_eq!(ends(&guests, &vxlan(5, &inner)), (Some(1), Some(2)));
    assert_eq!(ends(&guests, &vxlan(5, &arp(mac(2), [0xFF; 6]))), (Some(2), None));
    assert_eq!(ends(&guests, &vxlan(5, &vxlan(6, &inner))), (Some(1), Some(2)));
    let mut from_a_guest = vxlan(5, &udp([ROUTER; 2], [OUTSIDE; 2], 53, b"query"));
    from_a_guest[6..12].copy_from_slice(&mac(1));
    assert_eq!(ends(&guests, &from_a_guest), (Some(1), None), "nothing is known of what is inside");
}

#[test]
fn a_guest_of_a_tunnel_network_is_found_in_its_own_network_only() {
    let of = |number, vni| {
        let mut guest = guest(number);
        guest.links[0] = MarkedLink { vni: Some(vni), ips: vec![ip(9).into()], ..guest.links[0].clone() };
        guest
    };
    let guests = [of(1, 5), of(2, 6)];
    let inner = udp([ROUTER; 2], [ip(9), OUTSIDE], 53, b"query");
    assert_eq!(ends(&guests, &vxlan(5, &inner)), (Some(1), None));
    assert_eq!(ends(&guests, &vxlan(6, &inner)), (Some(2), None));
    assert_eq!(ends(&guests, &vxlan(7, &inner)), (None, None));
    assert_eq!(ends(&guests[..1], &vxlan(7, &inner)), (None, None), "another's in that network");
    assert_eq!(ends(&guests[..1], &inner), (Some(1), None), "on its own interface there is no tunnel");
}

#[test]
fn what_is_the_hosts_own_is_no_guests() {
    let mut thief = guest(1);
    thief.links[0].mac = Some([6; 6]);
    thief.links[0].ips = HOST.map(Into::into).to_vec();
    let bytes = udp([[6; 6], ROUTER], [[192, 0, 2, 1], OUTSIDE], 53, b"query");
    assert_eq!(ends(&[thief], &bytes), (None, None));
}

#[test]
fn the_port_says_who_where_the_link_address_is_not_known() {
    let mut guest = guest(1);
    guest.links[0].mac = None;
    guest.links[0].ips.clear();
    let marks = Marks::new([&guest]);
    let bytes = udp([mac(7), mac(8)], [OUTSIDE, [203, 0, 113, 9]], 53, b"query");
    let at = |input, output| {
        let ends = ends_of(&marks, &Frame { bytes: &bytes, input, output, ..Frame::default() }, None);
        (ends.source, ends.destination)
    };
    assert_eq!(at(End::Interface(1001), End::Unknown), (Some(100_001), None));
    assert_eq!(at(End::Unknown, End::Interface(1001)), (None, Some(100_001)));
    assert_eq!(at(End::Interface(7), End::Host), (None, None));
    let flooded = arp(mac(7), [0xFF; 6]);
    let frame = Frame { bytes: &flooded, output: End::Interface(1001), ..Frame::default() };
    assert_eq!(ends_of(&marks, &frame, None).destination, None, "it is for all");
}

#[test]
fn an_end_of_the_path_that_nobody_told_is_the_port_of_its_guest() {
    let guests = [guest(1), guest(2)];
    let marks = Marks::new(&guests);
    let between = udp([mac(1), mac(2)], [ip(1), ip(2)], 53, b"query");
    let ends = ends_of(&marks, &Frame { bytes: &between, ..Frame::default() }, None);
    let both = Path { input: Port::interface(1001), output: Port::interface(1002) };
    assert_eq!(ends.complete(UNKNOWN), both);
    let told = Path { input: Port::interface(7), output: Port::INTERNAL };
    assert_eq!(ends.complete(told), told);
    let tunnel = vxlan(5, &between);
    let ends = ends_of(&marks, &Frame { bytes: &tunnel, ..Frame::default() }, None);
    assert_eq!(ends.complete(UNKNOWN), UNKNOWN, "the tunnel itself does not leave by the guests' ports");
}

#[test]
fn of_a_guest_with_two_interfaces_the_port_is_that_of_the_address() {
    let mut both = guest(1);
    both.links.extend(guest(2).links);
    let marks = Marks::new([&both]);
    let bytes = udp([ROUTER; 2], [OUTSIDE, ip(2)], 53, b"query");
    let ends = ends_of(&marks, &Frame { bytes: &bytes, ..Frame::default() }, None);
    assert_eq!(ends.destination, Some(100_001));
    assert_eq!(ends.complete(UNKNOWN).output, Port::interface(1002));
}

#[test]
fn the_record_names_logical_entities_and_zero_for_nobody() {
    let ends = Ends { source: None, destination: Some(121_436), ports: [None; 2] };
    let record = ends.record().unwrap();
    assert_eq!(
        (record.src, record.dst),
        (DataSource { class: 0, index: 0 }, DataSource { class: 3, index: 121_436 })
    );
    assert_eq!(Ends::default().record(), None);
}

proptest! {
    /// Of any set of guests, a packet made for two of them is theirs; what some of them share is nobody's.
    #[test]
    fn a_packet_is_its_owners_and_a_shared_one_nobodys(
        numbers in prop::collection::btree_set(1_u32..2000, 3..60),
        pick in any::<(prop::sample::Index, prop::sample::Index)>(),
        depth in 0_u8..3,
        cut in any::<prop::sample::Index>(),
    ) {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let mut guests: Vec<Marked> = numbers.iter().copied().map(guest).collect();
        let (one, other) = (numbers[pick.0.index(numbers.len())], numbers[pick.1.index(numbers.len())]);
        let plain = udp([mac(one), mac(other)], [ip(one), ip(other)], 53, b"query");
        let bytes = (0..depth).fold(plain, |inner, vni| vxlan(vni + 1, &inner));
        prop_assert_eq!(ends(&guests, &bytes), (Some(one), Some(other)));

        // Bytes that are missing may leave an end unknown, and never make it another's.
        let (source, destination) = ends(&guests, &bytes[..cut.index(bytes.len()).max(14)]);
        prop_assert!(source.is_none_or(|found| found == one) && destination.is_none_or(|found| found == other));

        let sharer = Marked { index: 1, links: guest(one).links, ..guest(one) };
        guests.push(sharer);
        let expected = (None, Some(other).filter(|other| *other != one));
        prop_assert_eq!(ends(&guests, &bytes), expected);
    }

    #[test]
    fn frames_of_any_kind_have_an_answer(kind in 0_u16..4, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let link = [LinkType::Ethernet, LinkType::Ip, LinkType::IpOfEthernet, LinkType::Other(32)][usize::from(kind)];
        let frame = Frame { link, bytes: &bytes, ..Frame::default() };
        if Packet::of(&frame).is_some() {
            let _ = ends_of(&Marks::new(&[guest(1)]), &frame, None);
        }
    }
}
