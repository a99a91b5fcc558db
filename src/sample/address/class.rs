//! How good an address is as the name of this host: its class, 0 (useless) to 12 (best).
//!
//! In: the address and what is known of its device. Out: a [`Class`] whose number is the C agent's score, kept so
//! that an upgraded host keeps its identity at the collector. The order of the tests matters (a private address on a
//! VLAN device is a VLAN address; a loopback device outweighs the address itself).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address it is; the number is its rank, higher is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Unspecified or multicast: never an agent address.
    Unusable = 0,
    /// 240.0.0.0/4.
    Reserved4 = 1,
    /// IPv6 on a loopback device, or `::1`.
    Loopback6 = 3,
    /// IPv4 on a loopback device, whatever the address.
    Loopback4 = 4,
    /// 169.254.0.0/16.
    SelfAssigned4 = 5,
    /// fe80::/10.
    LinkLocal6 = 6,
    /// IPv6 on a VLAN device.
    Vlan6 = 7,
    /// IPv4 on a VLAN device.
    Vlan4 = 8,
    /// fc00::/7.
    UniqueLocal6 = 9,
    /// Any other IPv6 address.
    Global6 = 10,
    /// 10/8, 172.16/12, 192.168/16.
    Private4 = 11,
    /// Any other IPv4 address, 100.64.0.0/10 included.
    Global4 = 12,
}

impl Class {
    /// The class of an address on a device that is (or is not) a loopback or VLAN device.
    pub fn of(ip: IpAddr, loopback_device: bool, vlan_device: bool) -> Self {
        match ip {
            ip if ip.is_unspecified() || ip.is_multicast() => Self::Unusable,
            IpAddr::V4(ip) => Self::of_v4(ip, loopback_device, vlan_device),
            IpAddr::V6(ip) => Self::of_v6(ip, loopback_device, vlan_device),
        }
    }

    fn of_v4(ip: Ipv4Addr, loopback_device: bool, vlan_device: bool) -> Self {
        match ip {
            _ if loopback_device => Self::Loopback4,
            _ if ip.is_link_local() => Self::SelfAssigned4,
            _ if vlan_device => Self::Vlan4,
            _ if ip.is_private() => Self::Private4,
            _ if ip.octets()[0] >= 240 => Self::Reserved4,
            _ => Self::Global4,
        }
    }

    fn of_v6(ip: Ipv6Addr, loopback_device: bool, vlan_device: bool) -> Self {
        match ip {
            _ if loopback_device || ip.is_loopback() => Self::Loopback6,
            _ if ip.is_unicast_link_local() => Self::LinkLocal6,
            _ if ip.is_unique_local() => Self::UniqueLocal6,
            _ if vlan_device => Self::Vlan6,
            _ => Self::Global6,
        }
    }

    /// Good enough to be kept while it lives: others can tell this host by it.
    pub fn is_routable(self) -> bool {
        self >= Self::Vlan6
    }

    /// The rank, 0–12.
    pub fn rank(self) -> u32 {
        self as u32
    }

    /// The class in an operator's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "unusable address",
            Self::Reserved4 => "reserved IPv4 (240.0.0.0/4)",
            Self::Loopback6 => "loopback IPv6",
            Self::Loopback4 => "loopback IPv4",
            Self::SelfAssigned4 => "self-assigned IPv4",
            Self::LinkLocal6 => "link-local IPv6",
            Self::Vlan6 => "IPv6 on a VLAN device",
            Self::Vlan4 => "IPv4 on a VLAN device",
            Self::UniqueLocal6 => "unique local IPv6",
            Self::Global6 => "global IPv6",
            Self::Private4 => "RFC 1918 IPv4",
            Self::Global4 => "global IPv4",
        }
    }
}
