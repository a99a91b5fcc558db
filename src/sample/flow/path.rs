//! By which port a packet came and by which it goes: the two ends of a flow sample.
//!
//! In: a packet and the host's own addresses. Out: sFlow's input and output. One rule for all sources: an end that the
//! kernel told is told; of one that it did not, only the addresses may say that it is the host itself, and everything
//! else is unknown. No other interface is ever concluded from an address: behind bridges, pairs of virtual interfaces
//! and VLANs many interfaces share one, and a forwarded packet bears addresses of neither end.
//!
//! The addresses are those of IP, behind VLAN tags, PPPoE and MPLS; of a packet in a tunnel, the tunnel's. Link
//! addresses decide only where what the link carries is known and is not IP.

use super::Packet;
use crate::sample::frame::End;
use crate::sample::local::Locals;
use crate::sflow::sample::Port;
use crate::wire::ethernet::Ethernet;

/// Input and output of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Where it came from; `Port::INTERNAL` for packets that this host sends.
    pub input: Port,
    /// Where it goes; `Port::INTERNAL` for packets that this host receives.
    pub output: Port,
}

/// Decides both ends.
pub fn path(packet: &Packet<'_>, locals: &Locals) -> Path {
    let told = |end, is_host: &dyn Fn() -> bool| match end {
        End::Interface(index) => Port::interface(index),
        End::Host => Port::INTERNAL,
        End::Unknown if is_host() => Port::INTERNAL,
        End::Unknown => Port::UNKNOWN,
    };
    let (ip, link) = (packet.headers.ip, other_than_ip(packet));
    let is_host = |ip: Option<_>, mac: Option<_>| {
        ip.is_some_and(|ip| locals.contains_ip(ip)) || mac.is_some_and(|mac| locals.contains_mac(mac))
    };
    Path {
        input: told(packet.frame.input, &|| is_host(ip.map(|ip| ip.source), link.map(|link| link.source))),
        output: told(packet.frame.output, &|| {
            is_host(ip.map(|ip| ip.destination), link.map(|link| link.destination))
        }),
    }
}

/// The link header of a frame that certainly carries no IP; one of IP whose header was cut or is damaged is none.
fn other_than_ip<'a>(packet: &Packet<'a>) -> Option<Ethernet<'a>> {
    let link = packet.headers.ethernet?;
    match packet.headers.ether_type? {
        0x0800 | 0x86DD | 0x8847 | 0x8848 | 0x8864 => None,
        _ => Some(link),
    }
}
