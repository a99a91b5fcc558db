//! sFlow records of one interface from what the kernel counts.
//!
//! In: the interface, its kernel totals, and the driver's packet counts where there are any. Out: the generic,
//! Ethernet and port name records. Pure. Totals are the kernel's own, not counted from the agent's start; what
//! nobody counts is all ones. Spec: sFlow v5 section 5.4, RFC 2863, RFC 3635, and the comment at
//! `struct rtnl_link_stats64` in `linux/if_link.h`, which names the IEEE 802.3 attribute of each error counter.

use super::ethtool_counts::EthtoolCounts;
use super::model::{Duplex, Interface, Kind};
use crate::sflow::counters::interface::{Ethernet, GenericInterface, PortName};
use crate::sflow::unknown::{counter32, gauge64};
use crate::wire::netlink::stats::LinkStats;
use std::borrow::Cow;

const IANA_ETHERNET: u32 = 6;
const IANA_PPP: u32 = 23;
const IANA_LOOPBACK: u32 = 24;
const IANA_TUNNEL: u32 = 131;
const ARPHRD_PPP: u16 = 512;

/// `0:1`.
pub fn generic_interface(
    interface: &Interface,
    stats: &LinkStats,
    driver: Option<&EthtoolCounts>,
) -> GenericInterface {
    let driver = driver.copied().unwrap_or_default();
    let in_multicast = driver.in_multicast.or_else(|| kernel_multicast(interface, stats));
    GenericInterface {
        if_index: interface.index,
        if_type: if_type(interface),
        if_speed: gauge64(interface.speed_bps),
        if_direction: match interface.duplex {
            None => 0,
            Some(Duplex::Full) => 1,
            Some(Duplex::Half) => 2,
        },
        if_status: u32::from(interface.admin_up) | u32::from(interface.oper_up) << 1,
        in_octets: stats.rx_bytes,
        in_ucast_pkts: unicast(stats.rx_packets, in_multicast, driver.in_broadcast),
        in_multicast_pkts: counter32(in_multicast),
        in_broadcast_pkts: counter32(driver.in_broadcast),
        in_discards: counter32(Some(in_discards(stats))),
        in_errors: counter32(Some(stats.rx_errors)),
        in_unknown_protos: counter32(None),
        out_octets: stats.tx_bytes,
        out_ucast_pkts: unicast(stats.tx_packets, driver.out_multicast, driver.out_broadcast),
        out_multicast_pkts: counter32(driver.out_multicast),
        out_broadcast_pkts: counter32(driver.out_broadcast),
        out_discards: counter32(Some(stats.tx_dropped)),
        out_errors: counter32(Some(stats.tx_errors)),
        promiscuous: u32::from(interface.promiscuous),
    }
}

/// `0:2`; `None` for anything but Ethernet hardware, where these errors cannot happen.
pub fn ethernet(interface: &Interface, stats: &LinkStats) -> Option<Ethernet> {
    let known = |value| counter32(Some(value));
    let unknown = counter32(None);
    (interface.kind == Kind::Physical && interface.is_ethernet()).then(|| Ethernet {
        alignment_errors: known(stats.rx_frame_errors),
        fcs_errors: known(stats.rx_crc_errors),
        // The kernel has one sum of both kinds of collision.
        single_collision_frames: unknown,
        multiple_collision_frames: unknown,
        sqe_test_errors: known(stats.tx_heartbeat_errors),
        deferred_transmissions: unknown,
        late_collisions: known(stats.tx_window_errors),
        excessive_collisions: known(stats.tx_aborted_errors),
        internal_mac_transmit_errors: unknown,
        carrier_sense_errors: known(stats.tx_carrier_errors),
        // `rx_length_errors` is the sum of this and of two kinds of wrong length fields.
        frame_too_longs: unknown,
        internal_mac_receive_errors: unknown,
        symbol_errors: unknown,
    })
}

/// `0:1005`. `given`: the name that it goes by, where that is not the kernel's.
pub fn port_name<'a>(interface: &'a Interface, given: Option<&'a str>) -> PortName<'a> {
    PortName { name: Cow::Borrowed(given.unwrap_or(&interface.name)) }
}

/// Dropped packets as /proc/net/dev shows them: by the host, and for want of a buffer.
pub fn in_discards(stats: &LinkStats) -> u64 {
    stats.rx_dropped.wrapping_add(stats.rx_missed_errors)
}

/// IANAifType. Whatever carries Ethernet frames is 6, bonds and bridges included: collectors key on it.
fn if_type(interface: &Interface) -> u32 {
    match &interface.kind {
        Kind::Loopback => IANA_LOOPBACK,
        _ if interface.is_ethernet() => IANA_ETHERNET,
        _ if interface.hardware == ARPHRD_PPP => IANA_PPP,
        Kind::Tun | Kind::Other(_) => IANA_TUNNEL,
        _ => IANA_ETHERNET,
    }
}

/// Zero is what most drivers leave there because they do not count multicast at all; only these are known to.
fn kernel_multicast(interface: &Interface, stats: &LinkStats) -> Option<u64> {
    let counts = matches!(interface.kind, Kind::Vlan | Kind::Macvlan);
    (counts || stats.multicast > 0).then_some(stats.multicast)
}

/// What is left of all packets after those known to be for more than one.
fn unicast(packets: u64, multicast: Option<u64>, broadcast: Option<u64>) -> u32 {
    let others = multicast.unwrap_or(0).saturating_add(broadcast.unwrap_or(0));
    counter32(Some(packets.saturating_sub(others)))
}

#[cfg(test)]
mod tests {
    use super::super::example::interface;
    use super::*;

    const UNKNOWN: u32 = u32::MAX;

    fn stats() -> LinkStats {
        LinkStats {
            rx_packets: 1000,
            tx_packets: (1 << 32) + 500,
            rx_bytes: 1 << 40,
            rx_dropped: 3,
            rx_missed_errors: 4,
            rx_length_errors: 11,
            rx_crc_errors: 12,
            rx_frame_errors: 13,
            tx_aborted_errors: 14,
            tx_carrier_errors: 15,
            tx_heartbeat_errors: 16,
            tx_window_errors: 17,
            ..LinkStats::default()
        }
    }

    #[test]
    fn unknown_is_all_ones_and_totals_are_the_kernels() {
        let record = generic_interface(&interface(7, Kind::Physical), &stats(), None);
        assert_eq!((record.if_index, record.if_type, record.if_status), (7, 6, 3));
        assert_eq!((record.in_octets, record.in_ucast_pkts, record.out_ucast_pkts), (1 << 40, 1000, 500));
        assert_eq!((record.in_multicast_pkts, record.in_broadcast_pkts), (UNKNOWN, UNKNOWN));
        assert_eq!((record.out_multicast_pkts, record.in_unknown_protos), (UNKNOWN, UNKNOWN));
        assert_eq!((record.if_speed, record.if_direction), (0, 0), "a gauge that is not known is 0");
        assert_eq!(record.in_discards, 7, "as /proc/net/dev sums them");
    }

    #[test]
    fn known_multicast_and_broadcast_are_taken_off_the_unicast_packets() {
        let counts = EthtoolCounts {
            in_multicast: Some(100),
            in_broadcast: Some(50),
            out_multicast: None,
            out_broadcast: Some(u64::MAX),
            pfc: None,
        };
        let record = generic_interface(&interface(7, Kind::Physical), &stats(), Some(&counts));
        assert_eq!(
            (record.in_ucast_pkts, record.in_multicast_pkts, record.in_broadcast_pkts),
            (850, 100, 50)
        );
        assert_eq!(
            record.out_ucast_pkts, 0,
            "a driver that counts more than the kernel makes it 0, not huge"
        );
        let kernel = LinkStats { multicast: 30, ..stats() };
        let record = generic_interface(&interface(7, Kind::Physical), &kernel, None);
        assert_eq!((record.in_ucast_pkts, record.in_multicast_pkts), (970, 30));
        let vlan = generic_interface(&interface(7, Kind::Vlan), &stats(), None);
        assert_eq!(vlan.in_multicast_pkts, 0, "VLAN devices do count multicast");
    }

    #[test]
    fn state_speed_and_direction_are_those_of_the_interface() {
        let lost = Interface {
            oper_up: false,
            speed_bps: Some(25_000_000_000),
            duplex: Some(Duplex::Half),
            promiscuous: true,
            ..interface(7, Kind::Physical)
        };
        let record = generic_interface(&lost, &stats(), None);
        assert_eq!((record.if_status, record.if_speed, record.if_direction), (1, 25_000_000_000, 2));
        assert_eq!(record.promiscuous, 1);
        let full = Interface { admin_up: false, oper_up: false, duplex: Some(Duplex::Full), ..lost };
        let record = generic_interface(&full, &stats(), None);
        assert_eq!((record.if_status, record.if_direction), (0, 1));
    }

    #[test]
    fn interface_type_is_ethernet_for_all_that_carries_frames() {
        let other = |name: &str, hardware| Interface { hardware, ..interface(7, Kind::Other(name.into())) };
        for (interface, expected) in [
            (interface(7, Kind::Bond), 6),
            (interface(7, Kind::Tap), 6),
            (other("vxlan", 1), 6),
            (Interface { hardware: 772, ..interface(1, Kind::Loopback) }, 24),
            (Interface { hardware: 65534, ..interface(7, Kind::Tun) }, 131),
            (other("ppp", 512), 23),
            (other("gre", 778), 131),
        ] {
            assert_eq!(
                generic_interface(&interface, &stats(), None).if_type,
                expected,
                "{:?}",
                interface.kind
            );
        }
    }

    #[test]
    fn ethernet_errors_are_mapped_as_the_kernel_documents_them() {
        let record = ethernet(&interface(7, Kind::Physical), &stats()).unwrap();
        assert_eq!((record.fcs_errors, record.alignment_errors), (12, 13));
        assert_eq!((record.excessive_collisions, record.carrier_sense_errors), (14, 15));
        assert_eq!((record.sqe_test_errors, record.late_collisions), (16, 17));
        assert_eq!((record.frame_too_longs, record.symbol_errors), (UNKNOWN, UNKNOWN));
        assert_eq!(ethernet(&interface(7, Kind::Veth), &stats()), None);
    }
}
