//! Records of tunnels that end or begin at this host.
//!
//! In: a packet and its path, or the key of a tunnel whose header was taken off before. Out: records. Rules: a packet
//! still in its tunnel shows where the inner one starts and its network number: 1027 before the outer headers are
//! taken off, which is on its way in; 1028 after they were put on, which is on its way out. One in transit says
//! nothing, since this host does not open it. A packet taken out before has the outer addresses in 1024 or 1026.
//! GRE's key is told as network number by no record: that of NVGRE looks like any other.
//!
//! Spec: sFlow Tunnel Structures.

use super::record::add;
use super::{Packet, Path};
use crate::sample::frame::Direction;
use crate::sflow::flow::packet::{SampledIpv4, SampledIpv6};
use crate::sflow::flow::tunnel::{
    DecapsulateEgress, DecapsulateIngress, Ipv4TunnelIngress, Ipv6TunnelIngress, VniEgress, VniIngress,
};
use crate::sflow::sample::{Port, SampleWriter};
use crate::sflow::xdr::Full;
use crate::wire::netlink::psample::TunnelKey;
use crate::wire::transport::UDP;
use crate::wire::tunnel;
use std::net::IpAddr;

/// Network numbers have 24 bits.
const MAX_VNI: u64 = 0xFF_FFFF;

/// The outermost tunnel that the packet is in, if this host is its end on the packet's way.
pub(super) fn encode_carried(
    packet: &Packet<'_>,
    path: Path,
    header_bytes: usize,
    out: &mut SampleWriter<'_, '_>,
) -> Result<(), Full> {
    let direction = packet.frame.direction;
    let end = match direction {
        Direction::In => path.output,
        Direction::Out => path.input,
    };
    if end != Port::INTERNAL {
        return Ok(());
    }
    let Some(tunnel) = tunnel::parse(&packet.headers) else { return Ok(()) };
    let before_end = packet.frame.bytes.len().saturating_sub(tunnel.inner_at);
    let place = packet.header.place(before_end, header_bytes);
    let vni = tunnel.kind.vni();
    match direction {
        Direction::In => {
            add(out, place.map(|inner_header_offset| DecapsulateEgress { inner_header_offset }))?;
            add(out, vni.map(|vni| VniIngress { vni }))
        }
        Direction::Out => {
            add(out, place.map(|inner_header_offset| DecapsulateIngress { inner_header_offset }))?;
            add(out, vni.map(|vni| VniEgress { vni }))
        }
    }
}

/// The tunnel whose header was taken off before the packet was sampled. Its length is not known, and told as 0.
pub(super) fn encode_removed(key: Option<&TunnelKey>, out: &mut SampleWriter<'_, '_>) -> Result<(), Full> {
    let Some(key) = key else { return Ok(()) };
    // Only tunnels in UDP have ports, and their keys are network numbers.
    let udp = key.destination_port.is_some_and(|port| port != 0);
    let length = 0;
    let protocol = if udp { u32::from(UDP) } else { 0 };
    let [src_port, dst_port] = [key.source_port, key.destination_port].map(|port| port.map_or(0, u32::from));
    let tcp_flags = 0;
    let tos = key.tos.map_or(0, u32::from);
    match (key.source, key.destination) {
        (Some(IpAddr::V4(src_ip)), Some(IpAddr::V4(dst_ip))) => {
            let tunnel = SampledIpv4 { length, protocol, src_ip, dst_ip, src_port, dst_port, tcp_flags, tos };
            out.record(&Ipv4TunnelIngress { tunnel })?;
        }
        (Some(IpAddr::V6(src_ip)), Some(IpAddr::V6(dst_ip))) => {
            let priority = tos;
            let tunnel =
                SampledIpv6 { length, protocol, src_ip, dst_ip, src_port, dst_port, tcp_flags, priority };
            out.record(&Ipv6TunnelIngress { tunnel })?;
        }
        _ => {}
    }
    let vni = key.id.filter(|id| udp && *id <= MAX_VNI).and_then(|id| u32::try_from(id).ok());
    add(out, vni.map(|vni| VniIngress { vni }))
}
