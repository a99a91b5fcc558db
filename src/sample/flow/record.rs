//! The records of a flow sample.
//!
//! In: a packet, its path, what is known of its TCP connection. Out: records, in the C agent's order, the sampled header
//! last. Rules: what the source did not tell has no record; a number that its record has no room for is the largest one
//! that fits.
//!
//! VLANs (1001): the frame was seen on one wire, and told is the VLAN of that side; that of the other is all ones, for
//! unknown, as the specification's erratum has it. Tunnels: a packet that ends its way through a tunnel at this host, or
//! begins it, shows where the inner packet starts (1027 before the outer headers are taken off, 1028 behind where they were
//! put on) and its network number; one in transit says nothing, since this host does not open it. A packet
//! that a source took out of its tunnel has the outer addresses in 1024 or 1026. GRE's key is told as network number
//! by no record: NVGRE's looks like any other. Spec: sFlow v5 section 5.4, sFlow Tunnel Structures, sFlow Transit
//! Delay Structures.

use super::{Packet, Path};
use crate::sample::frame::Direction;
use crate::sflow::flow::forwarding::ExtendedSwitch;
use crate::sflow::flow::kernel::{EgressQueue, QueueDepth, Timestamp, TransitDelay};
use crate::sflow::flow::packet::{SampledIpv4, SampledIpv6};
use crate::sflow::flow::socket::TcpInfo;
use crate::sflow::flow::tunnel::{
    DecapsulateEgress, DecapsulateIngress, Ipv4TunnelIngress, Ipv6TunnelIngress, VniEgress, VniIngress,
};
use crate::sflow::record::Record;
use crate::sflow::sample::{Port, SampleWriter};
use crate::sflow::unknown::gauge32;
use crate::sflow::xdr::Full;
use crate::wire::ethernet::Tag;
use crate::wire::netlink::psample::TunnelKey;
use crate::wire::transport::UDP;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An unknown VLAN or priority.
const UNKNOWN_VLAN: u32 = u32::MAX;
/// Network numbers have 24 bits.
const MAX_VNI: u64 = 0xFF_FFFF;

/// Encodes all records, with at most `header_bytes` bytes of the packet.
pub fn encode(
    packet: &Packet<'_>,
    path: Path,
    tcp: Option<&TcpInfo>,
    header_bytes: usize,
    out: &mut SampleWriter<'_, '_>,
) -> Result<(), Full> {
    let frame = packet.frame;
    add(out, tcp)?;
    add(out, frame.queue.map(|queue| EgressQueue { queue }).as_ref())?;
    add(out, frame.queue_depth.map(|depth| QueueDepth { depth: gauge32(Some(depth)) }).as_ref())?;
    add(out, frame.latency.map(|delay| TransitDelay { delay: gauge32(Some(delay)) }).as_ref())?;
    add(out, frame.time.map(|nanoseconds| Timestamp { nanoseconds }).as_ref())?;
    add(out, vlan(packet).as_ref())?;
    removed_tunnel(frame.tunnel.as_ref(), out)?;
    carried_tunnel(packet, path, header_bytes, out)?;
    packet.header.encode(header_bytes, out)
}

/// Adds a record if there is one.
fn add<R: Record>(out: &mut SampleWriter<'_, '_>, record: Option<&R>) -> Result<(), Full> {
    record.map_or(Ok(()), |record| out.record(record))
}

/// The outermost tag, on the side that the frame was seen on.
fn vlan(packet: &Packet<'_>) -> Option<ExtendedSwitch> {
    let apart = packet.frame.vlan.map(|vlan| Tag(u32::from(vlan.tpid) << 16 | u32::from(vlan.tci)));
    let tag = apart.or_else(|| packet.headers.ethernet?.tags().next())?;
    let here = (tag.vlan(), tag.priority());
    let other = (UNKNOWN_VLAN, UNKNOWN_VLAN);
    let ((src_vlan, src_priority), (dst_vlan, dst_priority)) = match packet.frame.direction {
        Direction::In => (here, other),
        Direction::Out => (other, here),
    };
    Some(ExtendedSwitch { src_vlan, src_priority, dst_vlan, dst_priority })
}

/// The tunnel that the packet still is in, if this host is an end of it.
fn carried_tunnel(
    packet: &Packet<'_>,
    path: Path,
    header_bytes: usize,
    out: &mut SampleWriter<'_, '_>,
) -> Result<(), Full> {
    let ends_here = path.output == Port::INTERNAL;
    let begins_here = path.input == Port::INTERNAL;
    let concerns_us = match packet.frame.direction {
        Direction::In => ends_here,
        Direction::Out => begins_here,
    };
    let Some(tunnel) = concerns_us.then(|| packet.tunnel()).flatten() else { return Ok(()) };
    let before_end = packet.frame.bytes.len().saturating_sub(tunnel.inner_at);
    let place = packet.header.place(before_end, header_bytes);
    let vni = tunnel.kind.vni();
    match packet.frame.direction {
        Direction::In => {
            add(out, place.map(|inner_header_offset| DecapsulateEgress { inner_header_offset }).as_ref())?;
            add(out, vni.map(|vni| VniIngress { vni }).as_ref())
        }
        Direction::Out => {
            add(out, place.map(|inner_header_offset| DecapsulateIngress { inner_header_offset }).as_ref())?;
            add(out, vni.map(|vni| VniEgress { vni }).as_ref())
        }
    }
}

/// The tunnel whose header was taken off before the packet was sampled. Its length is not known, and told as 0.
fn removed_tunnel(key: Option<&TunnelKey>, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
    let Some(key) = key else { return Ok(()) };
    let port = |port: Option<u16>| port.map_or(0, u32::from);
    let (src_port, dst_port) = (port(key.source_port), port(key.destination_port));
    // Only tunnels in UDP have ports, and their keys are network numbers.
    let udp = dst_port != 0;
    let protocol = if udp { u32::from(UDP) } else { 0 };
    let tos = key.tos.map_or(0, u32::from);
    match (key.source, key.destination) {
        (Some(IpAddr::V4(src_ip)), destination) => {
            let dst_ip = destination.and_then(v4).unwrap_or(Ipv4Addr::UNSPECIFIED);
            let tunnel =
                SampledIpv4 { length: 0, protocol, src_ip, dst_ip, src_port, dst_port, tcp_flags: 0, tos };
            out.record(&Ipv4TunnelIngress { tunnel })?;
        }
        (Some(IpAddr::V6(src_ip)), destination) => {
            let dst_ip = destination.and_then(v6).unwrap_or(Ipv6Addr::UNSPECIFIED);
            let priority = tos;
            let tunnel = SampledIpv6 {
                length: 0,
                protocol,
                src_ip,
                dst_ip,
                src_port,
                dst_port,
                tcp_flags: 0,
                priority,
            };
            out.record(&Ipv6TunnelIngress { tunnel })?;
        }
        (None, _) => {}
    }
    let vni = key.id.filter(|id| udp && *id <= MAX_VNI).and_then(|id| u32::try_from(id).ok());
    add(out, vni.map(|vni| VniIngress { vni }).as_ref())
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

fn v6(ip: IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V6(ip) => Some(ip),
        IpAddr::V4(_) => None,
    }
}
