//! What guests say they have, as keys of tables.
//!
//! In: guests. Out: claims on addresses, ports and control groups. Rules: an address that many have, or nobody yet, is
//! claimed by nobody; an IPv4 address written as IPv6 is the IPv4 address.

use super::table::{Claim, Owner};
use super::{Marked, MarkedLink};
use std::net::IpAddr;

/// Before it is decided who has what.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) v4: Vec<(u64, Claim)>,
    pub(super) v6: Vec<(u128, Claim)>,
    pub(super) macs: Vec<(u64, Claim)>,
    pub(super) ports: Vec<(u64, Claim)>,
    pub(super) cgroups: Vec<(u64, Claim)>,
    pub(super) tunnel_ips: Vec<((u32, u128), Claim)>,
    pub(super) tunnel_macs: Vec<((u32, u64), Claim)>,
}

impl Claims {
    pub(super) fn add(&mut self, guest: &Marked) {
        let has_ips = guest.links.iter().any(|link| !link.ips.is_empty());
        let owner = Owner { index: guest.index, port: None, has_ips, in_tunnel: false };
        let claim = |owner| Claim { engine: guest.engine, owner };
        self.cgroups.extend(guest.cgroups.iter().map(|id| (*id, claim(owner))));
        for link in &guest.links {
            self.add_link(link, claim(Owner { port: link.port, in_tunnel: link.vni.is_some(), ..owner }));
        }
    }

    fn add_link(&mut self, link: &MarkedLink, claim: Claim) {
        for ip in link.ips.iter().map(|ip| ip.to_canonical()).filter(|ip| says_who(*ip)) {
            match ip {
                IpAddr::V4(ip) => self.v4.push((u32::from(ip).into(), claim)),
                IpAddr::V6(ip) => self.v6.push((ip.into(), claim)),
            }
            self.tunnel_ips.extend(link.vni.map(|vni| ((vni, wide(ip)), claim)));
        }
        let mac = link.mac.filter(|mac| *mac != [0; 6] && !is_group(*mac)).map(number);
        self.macs.extend(mac.map(|mac| (mac, claim)));
        self.tunnel_macs.extend(link.vni.zip(mac).map(|key| (key, claim)));
        // Else what a bridge floods would be for each of its ports.
        let speaks = link.port.filter(|_| link.mac.is_none());
        self.ports.extend(speaks.map(|port| (port.into(), claim)));
    }
}

pub(super) fn number([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

pub(super) fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// For more than one receiver.
pub(super) fn is_group([first, ..]: [u8; 6]) -> bool {
    first & 1 == 1
}

/// False for addresses that many have, or nobody yet.
pub(super) fn says_who(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast())
        }
    }
}
