//! Traffic of a guest as the guest sees it.
//!
//! In: the kernel's counters of its interfaces, or of the ends that this host has of them. Out: sums. Rule: what a pair's
//! end here has sent, the guest has received, byte for byte; but each end counts its own drops, so those of the guest
//! are the ones that were read inside. Spec: `virt_net_io` of the sFlow Host Structures.

use crate::wire::netlink::stats::LinkStats;
use std::ops::AddAssign;

/// What came in and went out, since the interfaces exist: bytes and packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the direction is the guest's, the rest is the kernel's: if_link.h
pub struct VnicCounters {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_drops: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_drops: u64,
}

impl VnicCounters {
    /// Of a pair, whose end on this host has these counters; drops are those of `inside`.
    pub(super) fn of_pair(here: &LinkStats, inside: &Self) -> Self {
        Self {
            rx_bytes: here.tx_bytes,
            rx_packets: here.tx_packets,
            rx_errors: here.tx_errors,
            rx_drops: inside.rx_drops,
            tx_bytes: here.rx_bytes,
            tx_packets: here.rx_packets,
            tx_errors: here.rx_errors,
            tx_drops: inside.tx_drops,
        }
    }
}

impl From<LinkStats> for VnicCounters {
    fn from(stats: LinkStats) -> Self {
        Self {
            rx_bytes: stats.rx_bytes,
            rx_packets: stats.rx_packets,
            rx_errors: stats.rx_errors,
            rx_drops: stats.rx_dropped,
            tx_bytes: stats.tx_bytes,
            tx_packets: stats.tx_packets,
            tx_errors: stats.tx_errors,
            tx_drops: stats.tx_dropped,
        }
    }
}

impl AddAssign for VnicCounters {
    fn add_assign(&mut self, other: Self) {
        for (sum, added) in [
            (&mut self.rx_bytes, other.rx_bytes),
            (&mut self.rx_packets, other.rx_packets),
            (&mut self.rx_errors, other.rx_errors),
            (&mut self.rx_drops, other.rx_drops),
            (&mut self.tx_bytes, other.tx_bytes),
            (&mut self.tx_packets, other.tx_packets),
            (&mut self.tx_errors, other.tx_errors),
            (&mut self.tx_drops, other.tx_drops),
        ] {
            *sum = sum.wrapping_add(added);
        }
    }
}

/// Sums that never fall: what was counted of an interface that the guest had is not taken back when it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady {
    lost: VnicCounters,
    last: VnicCounters,
}

impl Steady {
    /// Takes what the guest's interfaces have counted now; returns what all that it ever had have.
    pub fn advance(&mut self, now: VnicCounters) -> VnicCounters {
        self.lost += self.last.beyond(&now);
        self.last = now;
        let mut sum = now;
        sum += self.lost;
        sum
    }
}

impl VnicCounters {
    fn beyond(&self, other: &Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes.saturating_sub(other.rx_bytes),
            rx_packets: self.rx_packets.saturating_sub(other.rx_packets),
            rx_errors: self.rx_errors.saturating_sub(other.rx_errors),
            rx_drops: self.rx_drops.saturating_sub(other.rx_drops),
            tx_bytes: self.tx_bytes.saturating_sub(other.tx_bytes),
            tx_packets: self.tx_packets.saturating_sub(other.tx_packets),
            tx_errors: self.tx_errors.saturating_sub(other.tx_errors),
            tx_drops: self.tx_drops.saturating_sub(other.tx_drops),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_goes_takes_nothing_back_and_the_others_go_on() {
        let counted = |rx_bytes, tx_packets| VnicCounters { rx_bytes, tx_packets, ..VnicCounters::default() };
        let mut steady = Steady::default();
        assert_eq!(steady.advance(counted(1500, 7)), counted(1500, 7));
        assert_eq!(steady.advance(counted(1000, 7)), counted(1500, 7));
        assert_eq!(steady.advance(counted(1010, 9)), counted(1510, 9));
        assert_eq!(steady.advance(counted(0, 0)), counted(1510, 9));
        assert_eq!(steady.advance(counted(4, 1)), counted(1514, 10));
    }
}
