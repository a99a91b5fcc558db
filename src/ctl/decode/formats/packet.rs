//! What a flow sample shows of its packet: addresses, ports and the like, from the sampled header, and where there is none,
//! from the records of a switch that reads headers itself. In: records. Out: fields, of which each is there or not. Pure.

use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::packet::SampledHeader;
use crate::sflow::json::colons;
use crate::wire::ethernet::{IPV4, IPV6};
use crate::wire::frame::{self, Headers, Start};
use crate::wire::transport::Transport;
use crate::wire::tunnel::{self, Kind};
use serde::Serialize;
use std::net::IpAddr;

/// The headers of one packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Packet {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tunnel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vni: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) src_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dst_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vlan: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ether_type: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) src_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dst_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_protocol: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tos: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fragment_offset: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) src_port: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dst_port: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tcp_flags: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) icmp_code: Option<u8>,
    /// Bytes from the start of the sample to the IP header.
    #[serde(skip)]
    pub(super) ip_at: Option<usize>,
    /// What a tunnel carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inner: Option<Box<Packet>>,
}

impl Packet {
    /// Of a sampled header; empty where its link is none that is read here.
    pub(super) fn of_header(header: &SampledHeader<'_>) -> Self {
        let Some(start) = Start::of_header_protocol(header.protocol) else { return Self::default() };
        let outer = frame::parse(start, &header.header);
        let tunnels: Vec<_> = tunnel::nested(&outer).collect();
        let inner = tunnels.iter().rev().fold(None, |inner, tunnel| {
            let (name, vni) = match tunnel.kind {
                Kind::Vxlan { vni } => ("vxlan", Some(vni)),
                Kind::Geneve { vni } => ("geneve", Some(vni)),
                Kind::Gre { .. } => ("gre", None),
                Kind::Ip => ("ip", None),
            };
            Some(Box::new(Self { tunnel: Some(name), vni, inner, ..Self::of_headers(&tunnel.inner) }))
        });
        Self { inner, ..Self::of_headers(&outer) }
    }

    /// Of all records of a sample together.
    pub(super) fn of_records(records: &[FlowRecord]) -> Self {
        let mut packet = Self::default();
        for record in records {
            match record {
                FlowRecord::SampledHeader(header) => return Self::of_header(header),
                FlowRecord::SampledEthernet(seen) => {
                    packet.src_mac = Some(colons(seen.src_mac));
                    packet.dst_mac = Some(colons(seen.dst_mac));
                    packet.ether_type = u16::try_from(seen.ethernet_type).ok();
                }
                FlowRecord::SampledIpv4(seen) => {
                    packet.ether_type = packet.ether_type.or(Some(IPV4));
                    (packet.src_ip, packet.dst_ip) = (Some(seen.src_ip.into()), Some(seen.dst_ip.into()));
                    (packet.ip_protocol, packet.tos) = (Some(seen.protocol), Some(seen.tos));
                    (packet.src_port, packet.dst_port) = (Some(seen.src_port), Some(seen.dst_port));
                    packet.tcp_flags = Some(seen.tcp_flags);
                }
                FlowRecord::SampledIpv6(seen) => {
                    packet.ether_type = packet.ether_type.or(Some(IPV6));
                    (packet.src_ip, packet.dst_ip) = (Some(seen.src_ip.into()), Some(seen.dst_ip.into()));
                    (packet.ip_protocol, packet.tos) = (Some(seen.protocol), Some(seen.priority));
                    (packet.src_port, packet.dst_port) = (Some(seen.src_port), Some(seen.dst_port));
                    packet.tcp_flags = Some(seen.tcp_flags);
                }
                _ => {}
            }
        }
        packet
    }

    fn of_headers(headers: &Headers<'_>) -> Self {
        let mut packet = Self { ether_type: headers.ether_type, ..Self::default() };
        if let Some(link) = headers.ethernet {
            packet.src_mac = Some(colons(link.source));
            packet.dst_mac = Some(colons(link.destination));
            let tag = link.tags().next();
            packet.vlan = tag.map(|tag| tag.vlan());
            packet.priority = tag.map(|tag| tag.priority());
        }
        if let Some(ip) = headers.ip {
            (packet.src_ip, packet.dst_ip) = (Some(ip.source), Some(ip.destination));
            packet.ip_protocol = ip.protocol.map(u32::from);
            (packet.tos, packet.ttl) = (Some(ip.tos.into()), Some(ip.ttl));
            packet.fragment_offset = ip.fragment.map(|fragment| fragment.offset);
            packet.ip_at = Some(headers.ip_at);
        }
        if let Some(Transport::Icmp { kind, code }) = headers.transport {
            (packet.icmp_type, packet.icmp_code) = (Some(kind), code);
        }
        let ports = headers.transport.and_then(|transport| transport.ports());
        packet.src_port = ports.map(|ports| ports.source.into());
        packet.dst_port = ports.map(|ports| ports.destination.into());
        packet.tcp_flags = headers.transport.and_then(|t| t.tcp_flags()).map(u32::from);
        packet
    }
}
