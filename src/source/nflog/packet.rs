//! A packet message as a [`Frame`]: which interfaces and which way, what its bytes begin with, how long it was.
//!
//! In: [`Packet`]. Out: [`Frame`], borrowed from it. Rules: a bridge's port comes before the bridge. The data source
//! is the interface that it came in by, else the one that it goes out by; of loopback and another, the other. The
//! length on the wire is not in the message and is taken from the IP header; without one it is what was captured.
//! Spec: `nfnetlink_log.c` of Linux, `linux/netfilter.h`, `linux/netfilter_bridge.h`.

use crate::sample::frame::{Direction, End, Frame, LinkType, Vlan};
use crate::source::af_packet::link_type;
use crate::wire::ethernet::{Ethernet, IPV4, IPV6};
use crate::wire::ip::Ip;
use crate::wire::netlink::nflog::Packet;
use std::num::NonZeroU32;

const NFPROTO_NETDEV: u8 = 5;
/// Hooks of the IP and bridge families.
const LOCAL_IN: u8 = 1;
const LOCAL_OUT: u8 = 3;
/// Hook of the netdev family.
const EGRESS: u8 = 1;
/// Every network namespace has its loopback interface first.
const LOOPBACK: NonZeroU32 = NonZeroU32::MIN;
const ETHERNET_LEN: usize = 14;

/// The sample that a message is; `None` where it names no interface. `copy` is how much of its bytes to hand on.
pub(super) fn frame<'a>(packet: &Packet<'a>, copy: usize) -> Option<Frame<'a>> {
    let came = interface(packet.phys_in_index, packet.in_index);
    let goes = interface(packet.phys_out_index, packet.out_index);
    let (if_index, direction) = data_source(came, goes)?;
    let (input, output) = ends(packet, came, goes);
    let (link, link_header) = link(packet);
    let payload = packet.payload.unwrap_or_default();
    let vlan = packet.vlan.map(|(tpid, tci)| Vlan { tpid, tci });
    let unseen = if link == LinkType::IpOfEthernet { ETHERNET_LEN } else { link_header.len() };
    let wire_len = length(packet, payload) + unseen + if vlan.is_some() { 4 } else { 0 };
    Some(Frame {
        if_index: if_index.get(),
        direction,
        input,
        output,
        link,
        protocol: packet.protocol.unwrap_or(0),
        link_header,
        bytes: payload.get(..copy).unwrap_or(payload),
        wire_len: u32::try_from(wire_len).unwrap_or(u32::MAX),
        vlan,
        time: packet.timestamp.and_then(|time| u64::try_from(time.as_nanos()).ok()),
        ..Frame::default()
    })
}

fn interface(port: Option<u32>, device: Option<u32>) -> Option<NonZeroU32> {
    port.and_then(NonZeroU32::new).or_else(|| device.and_then(NonZeroU32::new))
}

fn data_source(came: Option<NonZeroU32>, goes: Option<NonZeroU32>) -> Option<(NonZeroU32, Direction)> {
    match (came, goes) {
        (Some(LOOPBACK), Some(goes)) if goes != LOOPBACK => Some((goes, Direction::Out)),
        (Some(came), _) => Some((came, Direction::In)),
        (None, goes) => goes.map(|goes| (goes, Direction::Out)),
    }
}

fn ends(packet: &Packet<'_>, came: Option<NonZeroU32>, goes: Option<NonZeroU32>) -> (End, End) {
    let end = |interface: Option<NonZeroU32>| interface.map_or(End::Unknown, |i| End::Interface(i.get()));
    match (packet.family, packet.hook) {
        (NFPROTO_NETDEV, _) => (end(came), end(goes)),
        (_, Some(LOCAL_IN)) => (end(came), End::Host),
        (_, Some(LOCAL_OUT)) => (End::Host, end(goes)),
        _ => (end(came), end(goes)),
    }
}

/// What the payload begins with, and what came before it.
fn link<'a>(packet: &Packet<'a>) -> (LinkType, &'a [u8]) {
    if starts_with_link(packet) {
        return (LinkType::Ethernet, &[]);
    }
    // Only packets that were received tell their hardware; nearly all is Ethernet.
    let hardware = packet.hw_type.map_or(LinkType::Ethernet, link_type);
    // The kernel takes the length of a receive header from the device, which may count more than is there.
    let received = || packet.hw_header.and_then(|header| header.get(..ETHERNET_LEN));
    let header = packet.l2_header.filter(|header| header.len() >= ETHERNET_LEN).or_else(received);
    match (hardware, header) {
        (LinkType::Ethernet, Some(header)) => (LinkType::Ethernet, header),
        (LinkType::Ethernet, None) => (LinkType::IpOfEthernet, &[]),
        _ => (LinkType::Ip, &[]),
    }
}

/// Behind the egress hook of a device a packet begins with its link header.
fn starts_with_link(packet: &Packet<'_>) -> bool {
    packet.family == NFPROTO_NETDEV && packet.hook == Some(EGRESS)
}

/// Bytes of the payload before it was cut.
fn length(packet: &Packet<'_>, payload: &[u8]) -> usize {
    let ip_at = if starts_with_link(packet) {
        Ethernet::parse(payload).filter(|link| is_ip(link.ether_type)).map(|link| link.payload_at)
    } else {
        behind_tags(packet.protocol, payload)
    };
    let claimed = ip_at.and_then(|at| Some(at + Ip::parse(payload.get(at..)?)?.length? as usize));
    // Where a link has padded the packet, more was captured than IP claims.
    claimed.map_or(payload.len(), |claimed| claimed.max(payload.len()))
}

fn is_ip(protocol: Option<u16>) -> bool {
    matches!(protocol, Some(IPV4 | IPV6))
}

/// Where the IP header is; bridges leave VLAN tags in the payload that no hardware took off.
fn behind_tags(mut protocol: Option<u16>, payload: &[u8]) -> Option<usize> {
    let (tags, _) = payload.as_chunks::<4>();
    let mut at = 0;
    for [_, _, high, low] in tags.iter().take(3) {
        if !matches!(protocol, Some(0x8100 | 0x88A8)) {
            break;
        }
        protocol = Some(u16::from_be_bytes([*high, *low]));
        at += 4;
    }
    is_ip(protocol).then_some(at)
}

#[cfg(test)]
mod tests;
