//! Expressions are run by a small machine for `u32`, written after the text of iptables-extensions(8), over packets
//! that etherparse built: not by our own parsers.

use super::*;
use crate::policy::model::Vni;
use etherparse::{IpFragOffset, Ipv4Header, Ipv4Options, PacketBuilder};
use proptest::prelude::*;

/// `tests := location "=" value | tests "&&" location "=" value`, `location := number | location operator number`.
fn holds(expression: &str, packet: &[u8]) -> bool {
    expression.split("&&").all(|test| {
        let (location, value) = test.split_once('=').unwrap();
        run(location, packet) == Some(hex(value))
    })
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}

/// `None` where the packet ends before what is read.
fn run(location: &str, packet: &[u8]) -> Option<u32> {
    let read = |at: usize| Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().unwrap()));
    let first = location.find(['&', '<', '>', '@']).unwrap_or(location.len());
    let (mut start, mut value) = (0, read(hex(&location[..first]) as usize)?);
    let mut rest = &location[first..];
    while !rest.is_empty() {
        let operator = if rest.starts_with(">>") || rest.starts_with("<<") { &rest[..2] } else { &rest[..1] };
        let behind = &rest[operator.len()..];
        let end = behind.find(['&', '<', '>', '@']).unwrap_or(behind.len());
        let number = hex(&behind[..end]);
        rest = &behind[end..];
        match operator {
            "&" => value &= number,
            ">>" => value >>= number,
            "<<" => value <<= number,
            _ => {
                start += value as usize;
                value = read(start + number as usize)?;
            }
        }
    }
    Some(value)
}

fn ipv4(options: usize, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(
        u16::try_from(payload.len()).unwrap(),
        64,
        protocol.into(),
        [10, 0, 0, 1],
        [10, 0, 0, 2],
    )
    .unwrap();
    // No-operation options, and bytes that would be mistaken for headers if the length were not minded.
    let filler: Vec<u8> = (0..options * 4).map(|at| [1, 1, 0x20, 1][at % 4]).collect();
    header.options = Ipv4Options::try_from(filler.as_slice()).unwrap();
    header.fragment_offset = IpFragOffset::ZERO;
    let mut packet = Vec::new();
    header.write(&mut packet).unwrap();
    packet.extend(payload);
    packet
}

fn gre(key: u32, flags: u8, version: u8) -> Vec<u8> {
    let mut bytes = vec![flags, version, 8, 0];
    if flags & 0x80 != 0 {
        bytes.extend([0xAA, 0xBB, 0, 0]);
    }
    if flags & 0x20 != 0 {
        bytes.extend(key.to_be_bytes());
    }
    bytes.extend([0x45; 20]);
    bytes
}

fn vxlan(vni: u32) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x12, 0xB5, 0, 40, 0, 0, 8, 0, 0, 0];
    bytes.extend((vni << 8).to_be_bytes());
    bytes.extend([0x5A; 24]);
    bytes
}

proptest! {
    #[test]
    fn keys_are_found_behind_headers_of_every_length(options in 0usize..=10, key in any::<u32>(), other in any::<u32>(), checksum in any::<bool>()) {
        let flags = if checksum { 0xA0 } else { 0x20 };
        let packet = ipv4(options, 47, &gre(key, flags, 0));
        prop_assert!(holds(&expression(Family::V4, Tunnel::GreKey(key)), &packet));
        prop_assert_eq!(holds(&expression(Family::V4, Tunnel::GreKey(other)), &packet), key == other);
        let vni = key >> 8;
        let packet = ipv4(options, 17, &vxlan(vni));
        for (wanted, is_there) in [(vni, true), (vni ^ 1, false)] {
            let tunnel = Tunnel::Vni(Vni::try_from(wanted).unwrap());
            prop_assert_eq!(holds(&expression(Family::V4, tunnel), &packet), is_there);
        }
    }

    #[test]
    fn keys_are_found_behind_ipv6(key in any::<u32>(), checksum in any::<bool>()) {
        let flags = if checksum { 0xA0 } else { 0x20 };
        let mut packet = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).write(&mut packet, 47.into(), &gre(key, flags, 0)).unwrap();
        prop_assert!(holds(&expression(Family::V6, Tunnel::GreKey(key)), &packet));
        prop_assert!(!holds(&expression(Family::V6, Tunnel::GreKey(key ^ 1)), &packet));
        prop_assert!(holds(&directly(47), &packet) && !holds(&directly(17), &packet));
    }
}

#[test]
fn a_header_without_a_key_or_of_another_kind_is_not_mistaken() {
    let wanted = expression(Family::V4, Tunnel::GreKey(0x4545_4545));
    // Without K the bytes of the packet inside would be taken; with R the key is elsewhere; version 1 is PPTP.
    for (flags, version) in [(0x00, 0), (0x60, 0), (0x20, 1)] {
        assert!(!holds(&wanted, &ipv4(0, 47, &gre(0x4545_4545, flags, version))), "{flags:x} {version}");
    }
    let mut invalid = vxlan(5);
    invalid[8] = 0;
    let five = expression(Family::V4, Tunnel::Vni(Vni::try_from(5).unwrap()));
    assert!(!holds(&five, &ipv4(0, 17, &invalid)));
    let whole = ipv4(3, 17, &vxlan(5));
    assert!(holds(&five, &whole));
    assert!((0..48).all(|len| !holds(&five, &whole[..len])));
}

#[test]
fn the_recipe_with_a_fixed_offset_fails_where_there_are_options() {
    let fixed = "0x20>>0x8=0x5";
    assert!(holds(fixed, &ipv4(0, 17, &vxlan(5))) && !holds(fixed, &ipv4(1, 17, &vxlan(5))));
}
