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
