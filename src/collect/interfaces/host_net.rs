//! Host network I/O (`0:2006`): the sum of what came to and left this host, counted once.
//!
//! In: the kernel's totals of the counted interfaces, as often as they are read. Out: one sum that never goes
//! back: an interface that goes down, leaves or starts again from zero keeps what it had contributed. Pure.
//!
//! The same packet passes a NIC, a bond, a VLAN device, a bridge and a veth; it counts where it enters the machine:
//! [`counted`]. Spec: sFlow Host Structures 2006.

use super::model::{Interface, Kind};
use super::records::in_discards;
use crate::sflow::counters::host::HostNetIo;
use crate::sflow::unknown::counter32;
use crate::wire::netlink::stats::LinkStats;

/// Which interfaces are counted, by rising ifIndex: hardware (members of a bond, not the bond). Without any, as
/// in a container, the interfaces whose other end or lower device is outside; failing those, whatever is not
/// loopback and has nothing above or below it.
pub fn counted<'a>(interfaces: impl Iterator<Item = &'a Interface>) -> Vec<u32> {
    let physical = |interface: &Interface| interface.kind == Kind::Physical;
    let outward = |interface: &Interface| interface.link_elsewhere && interface.master.is_none();
    let alone = |interface: &Interface| {
        interface.kind != Kind::Loopback && interface.master.is_none() && interface.link.is_none()
    };
    let rules: [&dyn Fn(&Interface) -> bool; 3] = [&physical, &outward, &alone];
    let mut chosen: [Vec<u32>; 3] = Default::default();
    for interface in interfaces {
        for (_, chosen) in rules.iter().zip(&mut chosen).filter(|(rule, _)| rule(interface)) {
            chosen.push(interface.index);
        }
    }
    chosen.into_iter().find(|indexes| !indexes.is_empty()).unwrap_or_default()
}

/// Sums of one direction pair; what `0:2006` holds, in 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals([u64; 8]);

impl Totals {
    fn of(stats: &LinkStats) -> Self {
        Self([
            stats.rx_bytes,
            stats.rx_packets,
            stats.rx_errors,
            in_discards(stats),
            stats.tx_bytes,
            stats.tx_packets,
            stats.tx_errors,
            stats.tx_dropped,
        ])
    }

    /// True where bytes or packets went back. Drivers correct error counters downwards now and then; that alone
    /// must not count all traffic again.
    fn restarted_since(&self, last: &Self) -> bool {
        [0, 1, 4, 5].iter().any(|field| self.0.get(*field) < last.0.get(*field))
    }

    fn add_growth(&mut self, new: &Self, last: &Self) {
        for ((sum, new), last) in self.0.iter_mut().zip(new.0).zip(last.0) {
            *sum = sum.wrapping_add(new.saturating_sub(last));
        }
    }
}

/// The sum, and what each interface was last seen with.
#[derive(Clone, Debug, Default)]
pub struct HostNet {
    sum: Totals,
    /// By rising ifIndex.
    last: Vec<(u32, Totals)>,
}

impl HostNet {
    /// Takes in one interface's totals. The first time its whole totals count: they are traffic of this host.
    pub fn update(&mut self, index: u32, stats: &LinkStats) {
        let new = Totals::of(stats);
        let last = match self.place(index) {
            Ok(place) => self.last.get_mut(place).map(|(_, last)| std::mem::replace(last, new)),
            Err(place) => {
                self.last.insert(place, (index, new));
                None
            }
        };
        let last = last.unwrap_or_default();
        let base = if new.restarted_since(&last) { Totals::default() } else { last };
        self.sum.add_growth(&new, &base);
    }

    /// Forgets an interface that is gone, so that the next one with its ifIndex is counted from zero. What it
    /// contributed stays.
    pub fn forget(&mut self, index: u32) {
        if let Ok(place) = self.place(index) {
            self.last.remove(place);
        }
    }

    fn place(&self, index: u32) -> Result<usize, usize> {
        self.last.binary_search_by_key(&index, |(index, _)| *index)
    }

    /// Packets, both ways.
    pub fn packets(&self) -> u64 {
        let [_, arrived, _, _, _, left, ..] = self.sum.0;
        arrived.saturating_add(left)
    }

    /// The record.
    pub fn record(&self) -> HostNetIo {
        let [bytes_in, pkts_in, errs_in, drops_in, bytes_out, pkts_out, errs_out, drops_out] = self.sum.0;
        HostNetIo {
            bytes_in,
            pkts_in: counter32(Some(pkts_in)),
            errs_in: counter32(Some(errs_in)),
            drops_in: counter32(Some(drops_in)),
            bytes_out,
            pkts_out: counter32(Some(pkts_out)),
            errs_out: counter32(Some(errs_out)),
            drops_out: counter32(Some(drops_out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::interface;
    use super::*;

    fn of(index: u32, kind: Kind) -> Interface {
        interface(index, kind)
    }

    fn below(master: u32, interface: Interface) -> Interface {
        Interface { master: Some(master), ..interface }
    }

    fn outward(interface: Interface) -> Interface {
        Interface { link: Some(99), link_elsewhere: true, ..interface }
    }

    fn on(link: u32, interface: Interface) -> Interface {
        Interface { link: Some(link), ..interface }
    }

    #[test]
    fn traffic_is_counted_where_it_enters_the_machine() {
        use Kind::{Bond, Bridge, Loopback, Macvlan, Other, Physical, Tap, Tun, Veth, Vlan};
        let lo = || of(1, Loopback);
        let cases: Vec<(&str, Vec<Interface>, Vec<u32>)> = vec![
            ("a plain host", vec![lo(), of(2, Physical)], vec![2]),
            ("NIC down", vec![lo(), Interface { admin_up: false, ..of(2, Physical) }, of(3, Tun)], vec![2]),
            (
                "bond members, neither bond nor VLAN",
                vec![
                    lo(),
                    below(4, of(2, Physical)),
                    below(4, of(3, Physical)),
                    of(4, Bond),
                    on(4, of(5, Vlan)),
                ],
                vec![2, 3],
            ),
            (
                "host of containers and machines",
                vec![
                    lo(),
                    below(3, of(2, Physical)),
                    of(3, Bridge),
                    below(3, outward(of(4, Veth))),
                    below(3, of(5, Tap)),
                    on(2, of(6, Macvlan)),
                    of(7, Other("ifb".into())),
                    of(8, Tun),
                ],
                vec![2],
            ),
            ("a container", vec![lo(), outward(of(2, Veth)), of(3, Tun)], vec![2]),
            ("a container on macvlan", vec![lo(), outward(of(2, Macvlan))], vec![2]),
            (
                "a container with containers inside",
                vec![lo(), outward(of(2, Veth)), of(3, Bridge), below(3, outward(of(4, Veth)))],
                vec![2],
            ),
            ("a namespace with only a tunnel", vec![lo(), of(2, Tun)], vec![2]),
            ("both ends of a pair inside", vec![lo(), on(3, of(2, Veth)), on(2, of(3, Veth))], vec![]),
            ("loopback alone", vec![lo()], vec![]),
        ];
        for (case, interfaces, expected) in cases {
            assert_eq!(counted(interfaces.iter()), expected, "{case}");
        }
    }

    fn stats(bytes: u64) -> LinkStats {
        LinkStats { rx_bytes: bytes, rx_packets: bytes / 100, rx_missed_errors: 3, ..LinkStats::default() }
    }

    #[test]
    fn sum_is_the_kernels_totals_and_never_goes_back() {
        let mut net = HostNet::default();
        net.update(2, &stats(1000));
        net.update(3, &stats(500));
        assert_eq!((net.record().bytes_in, net.record().pkts_in, net.record().drops_in), (1500, 15, 6));
        net.update(2, &stats(1200));
        assert_eq!(net.record().bytes_in, 1700);
        net.forget(3);
        assert_eq!(net.record().bytes_in, 1700, "what has left keeps what it contributed");
        net.update(3, &stats(100));
        assert_eq!(net.record().bytes_in, 1800, "another one with the same ifIndex starts from zero");
        net.update(2, &stats(50));
        assert_eq!(net.record().bytes_in, 1850, "a driver that starts again adds what it has since");
    }

    #[test]
    fn error_counter_that_is_corrected_downwards_counts_nothing_twice() {
        let mut net = HostNet::default();
        net.update(2, &LinkStats { rx_errors: 9, ..stats(1000) });
        net.update(2, &LinkStats { rx_errors: 4, ..stats(1100) });
        assert_eq!((net.record().bytes_in, net.record().errs_in), (1100, 9));
    }

    proptest::proptest! {
        #[test]
        fn no_sequence_of_readings_makes_the_sum_fall(
            readings in proptest::collection::vec((0u32..4, 0u64..1 << 40, proptest::bool::ANY), 0..40)
        ) {
            let (mut net, mut last) = (HostNet::default(), 0);
            for (index, bytes, gone) in readings {
                if gone {
                    net.forget(index);
                } else {
                    net.update(index, &stats(bytes));
                }
                proptest::prop_assert!(net.record().bytes_in >= last);
                last = net.record().bytes_in;
            }
        }
    }
}
