//! The host's own addresses, as a question that is asked for every sample: is this us?
//!
//! In: the addresses of all interfaces, whenever they change. Out: yes or no, in about 10 ns. Rules: the loopback
//! addresses are the host's own without being told; an address that means nobody or many (unspecified, multicast,
//! broadcast) is nobody's; an IPv4 address written as IPv6 is the IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host's own addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locals {
    v4: Box<[Ipv4Addr]>,
    v6: Box<[Ipv6Addr]>,
    macs: Box<[[u8; 6]]>,
}

impl Locals {
    /// Sorts them; in any order, with repetitions.
    pub fn new(ips: impl IntoIterator<Item = IpAddr>, macs: impl IntoIterator<Item = [u8; 6]>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for ip in ips {
            match ip.to_canonical() {
                IpAddr::V4(ip) if !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()) => {
                    v4.push(ip)
                }
                IpAddr::V6(ip) if !(ip.is_unspecified() || ip.is_multicast()) => v6.push(ip),
                _ => {}
            }
        }
        let macs = macs.into_iter().filter(|mac| *mac != [0; 6] && !is_group(*mac)).collect();
        Self { v4: sorted(v4), v6: sorted(v6), macs: sorted(macs) }
    }

    /// Whether this is an address of the host.
    #[inline]
    pub fn contains_ip(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => ip.is_loopback() || self.v4.binary_search(&ip).is_ok(),
            IpAddr::V6(ip) => ip.is_loopback() || self.v6.binary_search(&ip).is_ok(),
        }
    }

    /// Whether an interface of the host has this link address.
    #[inline]
    pub fn contains_mac(&self, mac: [u8; 6]) -> bool {
        self.macs.binary_search(&mac).is_ok()
    }
}

/// For more than one receiver: multicast or broadcast.
fn is_group([first, ..]: [u8; 6]) -> bool {
    first & 1 == 1
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Box<[T]> {
    all.sort_unstable();
    all.dedup();
    all.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_is_the_hosts_own_without_being_told() {
        let locals = Locals::default();
        assert!(
            ["127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.1"]
                .iter()
                .all(|text| locals.contains_ip(ip(text)))
        );
        assert!(
            ["126.0.0.1", "128.0.0.1", "::2", "::", "0.0.0.0"]
                .iter()
                .all(|text| !locals.contains_ip(ip(text)))
        );
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_the_same() {
        let plain = Locals::new([ip("192.0.2.1")], []);
        let mapped = Locals::new([ip("::ffff:192.0.2.1")], []);
        assert_eq!(plain, mapped);
        assert!(plain.contains_ip(ip("::ffff:192.0.2.1")) && plain.contains_ip(ip("192.0.2.1")));
        assert!(!plain.contains_ip(ip("::192.0.2.1")));
    }

    #[test]
    fn addresses_of_nobody_and_of_many_are_nobodys() {
        let ips = ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"].map(ip);
        let macs = [[0; 6], [0xFF; 6], [1, 0, 0x5E, 0, 0, 1]];
        let locals = Locals::new(ips, macs);
        assert!(ips.iter().all(|ip| !locals.contains_ip(*ip)));
        assert!(macs.iter().all(|mac| !locals.contains_mac(*mac)));
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found_and_nothing_else(
            ips in prop::collection::hash_set(0xC000_0200_u32..0xC000_0300, 0..60),
            wide in prop::collection::hash_set(1_u128..300, 0..60),
            macs in prop::collection::hash_set(1_u8..=255, 0..60),
        ) {
            let v6 = |low: u128| Ipv6Addr::from(0x2001_0DB8 << 96 | low);
            let mac = |last: u8| [2, 0, 0, 0, 0, last];
            let all = ips.iter().map(|ip| Ipv4Addr::from(*ip).into()).chain(wide.iter().map(|low| v6(*low).into()));
            let locals = Locals::new(all, macs.iter().map(|last| mac(*last)));
            for number in 0xC000_01FF..0xC000_0301_u32 {
                prop_assert_eq!(locals.contains_ip(Ipv4Addr::from(number).into()), ips.contains(&number));
            }
            for low in 0..301 {
                prop_assert_eq!(locals.contains_ip(v6(low).into()), wide.contains(&low));
            }
            for last in 0..=255 {
                prop_assert_eq!(locals.contains_mac(mac(last)), macs.contains(&last));
            }
        }
    }
}
