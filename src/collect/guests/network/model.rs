//! A guest's network as it was learned: its namespace, and the interfaces by which it reaches others.
//!
//! In: links as the kernel describes them. Out: those that lead out of the namespace. Rules: what a guest has stacked on
//! these (bridges, VLANs, tunnels) or given to guests of its own carries the same packets again and does not count; a
//! link address that is not the guest's alone is none.

use super::counters::VnicCounters;
use crate::sample::guest::marks::MarkedLink;
use crate::wire::netlink::link::Link;
use std::net::IpAddr;

/// `ARPHRD_ETHER`, `ARPHRD_LOOPBACK`.
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;
/// `IFLA_TUN_TYPE` of a device with link addresses.
const TAP: u8 = 2;

/// Where a guest's packets go through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The number that this host gives the namespace; `None` for the host's own, and where it has none.
    pub nsid: Option<u32>,
    /// The guest uses this host's network; it has no interfaces of its own then.
    pub is_host: bool,
    /// Interfaces that lead out of the namespace, in the order of their numbers.
    pub vnics: Vec<Vnic>,
    pub(super) way: Way,
}

impl Network {
    /// What its packets are known by.
    pub fn links(&self) -> impl Iterator<Item = MarkedLink> {
        self.vnics.iter().map(|vnic| MarkedLink {
            mac: vnic.mac,
            ips: vnic.ips.clone(),
            port: vnic.host_if_index,
            vni: None,
        })
    }

    /// The number by which it can be asked from here.
    pub(super) fn number(&self) -> Option<u32> {
        self.nsid.filter(|_| self.way.identity.is_none())
    }

    /// True where all but counters is the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.nsid == other.nsid
            && self.vnics.len() == other.vnics.len()
            && self.vnics.iter().zip(&other.vnics).all(|(one, other)| {
                let other = Vnic { counters: one.counters, ..other.clone() };
                *one == other
            })
    }
}

/// How to get there again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// How many namespaces had died when this one was learned.
    pub(super) learned: u64,
    /// A process in it.
    pub(super) pid: u32,
    /// Device and inode of the namespace's file, where it had to be entered.
    pub(super) identity: Option<(u64, u64)>,
}

/// An interface of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vnic {
    /// ifIndex inside.
    pub if_index: u32,
    /// Its name inside.
    pub name: String,
    /// Link address.
    pub mac: Option<[u8; 6]>,
    /// All its addresses that others can reach it by: neither loopback nor link-local.
    pub ips: Vec<IpAddr>,
    /// ifIndex of the end that this host has of it; only of pairs, such as veth.
    pub host_if_index: Option<u32>,
    /// As they were when it was learned.
    pub(super) counters: VnicCounters,
}

impl Vnic {
    /// `None` where it does not lead out; `host` is the number that stands for this host in `IFLA_LINK_NETNSID`.
    pub(super) fn of(link: &Link<'_>, host: Option<u32>) -> Option<Self> {
        let kind = link.info.kind.as_deref();
        let elsewhere = link.link_netnsid.and_then(|number| u32::try_from(number).ok());
        let at_host = elsewhere.is_some() && elsewhere == host;
        let is_pair = matches!(kind, Some("veth" | "netkit"));
        let leads_away = match kind {
            None | Some("bond" | "team") => link.hardware != LOOPBACK,
            Some("tun") => link.info.tun_type == Some(TAP),
            Some(_) => elsewhere.is_some(),
        };
        if !leads_away || (link.master.is_some() && !(is_pair && at_host)) {
            return None;
        }
        let own_mac = link.hardware == ETHERNET && !matches!(kind, Some("ipvlan" | "ipvtap"));
        let mac = link.address.and_then(|mac| mac.try_into().ok());
        Some(Self {
            if_index: link.index,
            name: link.name.as_deref().unwrap_or_default().to_owned(),
            mac: mac.filter(|mac| own_mac && *mac != [0; 6]),
            ips: Vec::new(),
            host_if_index: link.link.filter(|_| is_pair && at_host),
            counters: link.stats.map(VnicCounters::from).unwrap_or_default(),
        })
    }
}

/// True where others may send to it.
pub(super) fn is_reachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::netlink::linkinfo::LinkInfo;

    const HOST: u32 = 9;
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn link(kind: Option<&'static str>, elsewhere: Option<i32>) -> Link<'static> {
        Link {
            index: 2,
            hardware: ETHERNET,
            link: Some(7),
            link_netnsid: elsewhere,
            address: Some(&MAC),
            info: LinkInfo { kind: kind.map(Into::into), ..LinkInfo::default() },
            ..Link::default()
        }
    }

    /// Link address and port; `None` where it does not lead out.
    fn known(link: &Link<'_>) -> Option<(bool, Option<u32>)> {
        Vnic::of(link, Some(HOST)).map(|vnic| (vnic.mac == Some(MAC), vnic.host_if_index))
    }

    #[test]
    fn kinds_that_lead_out_are_known_by_what_they_stand_on() {
        for (kind, elsewhere, expected) in [
            (None, None, Some((true, None))),
            (Some("veth"), Some(9), Some((true, Some(7)))),
            (Some("netkit"), Some(9), Some((true, Some(7)))),
            (Some("veth"), Some(3), Some((true, None))),
            (Some("veth"), None, None),
            (Some("macvlan"), Some(9), Some((true, None))),
            (Some("macvlan"), None, None),
            (Some("ipvlan"), Some(9), Some((false, None))),
            (Some("vlan"), Some(9), Some((true, None))),
            (Some("vlan"), None, None),
            (Some("bond"), None, Some((true, None))),
            (Some("bridge"), None, None),
            (Some("dummy"), None, None),
            (Some("wireguard"), None, None),
            (Some("vxlan"), Some(9), Some((true, None))),
            (Some("tun"), None, None),
        ] {
            assert_eq!(known(&link(kind, elsewhere)), expected, "{kind:?} {elsewhere:?}");
        }
        let tap = |tun_type| {
            let mut tap = link(Some("tun"), None);
            tap.info.tun_type = Some(tun_type);
            known(&tap).is_some()
        };
        assert_eq!((tap(1), tap(TAP)), (false, true));
        assert_eq!(known(&Link { hardware: LOOPBACK, ..link(None, None) }), None);
    }

    #[test]
    fn a_port_of_the_guests_own_bridge_leads_out_only_where_its_other_end_is_at_the_host() {
        let ports = |elsewhere| known(&Link { master: Some(5), ..link(Some("veth"), Some(elsewhere)) });
        assert_eq!((ports(9), ports(3)), (Some((true, Some(7))), None));
        assert_eq!(known(&Link { master: Some(5), ..link(None, None) }), None);
    }

    #[test]
    fn link_addresses_that_are_none_are_not_told() {
        for address in [&[0; 6][..], &[2; 4], &[2; 20]] {
            assert_eq!(known(&Link { address: Some(address), ..link(None, None) }), Some((false, None)));
        }
        assert_eq!(known(&Link { hardware: 32, ..link(None, None) }), Some((false, None)));
    }

    #[test]
    fn addresses_of_one_machine_or_one_link_are_not_reachable() {
        for ip in ["127.0.0.1", "169.254.1.1", "0.0.0.0", "::1", "fe80::1", "::"] {
            assert!(!is_reachable(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["10.0.0.1", "fd00::1", "2001:db8::1"] {
            assert!(is_reachable(ip.parse().unwrap()), "{ip}");
        }
    }
}
