//! This host's own addresses, which tell packets of its lifeline from those of others.

use crate::policy::model::Prefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sent to everybody, and so to this host.
const TO_ALL: [(IpAddr, u8); 3] = [
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
    (IpAddr::V4(Ipv4Addr::BROADCAST), 32),
    (IpAddr::V6(Ipv6Addr::new(0xFF00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

/// Those of all interfaces, and those that everybody has; none where the kernel does not tell, which is any.
pub(super) fn addresses() -> Vec<Prefix> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let both = interfaces.flat_map(|interface| [interface.address, interface.broadcast]).flatten();
    let own = both.filter_map(|address| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
        (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
        _ => None,
    });
    let to_all = TO_ALL.iter().filter_map(|(address, length)| Prefix::new(*address, *length).ok());
    let mut all: Vec<_> = own.map(Prefix::from).chain(to_all).collect();
    all.sort_unstable();
    all.dedup();
    all
}
