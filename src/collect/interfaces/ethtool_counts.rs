//! Multicast and broadcast packets, and frames of priority flow control, from a driver's own statistics, which the kernel's
//! counters lack.
//!
//! In: an interface, the time. Out: [`EthtoolCounts`], each `None` where the driver has no such statistic. Drivers
//! name them as they like, so there is a table of names, matched exactly; the first that a driver has is used.
//!
//! Asking a driver can cost a millisecond or more (firmware, bus). So names are read once in an interface's life, at
//! the first question; an interface without any known name is never asked again; values are at most
//! [`INTERVAL`] old, and asked for at most that often.

use super::model::Interface;
use super::pfc::{PfcColumns, PfcCounts};
use super::transport::Driver;
use crate::sys::ethtool::NAME_LEN;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The shortest time between two questions to one driver about one interface.
pub const INTERVAL: Duration = Duration::from_secs(5);

const IN_MULTICAST: &[&str] = &[
    "HwIfInMcastPkts",
    "receive-multicast-packet",
    "rx_mcast_packets",
    "rx_multicast",
    "rx_multicast_packets",
    "port.rx_multicast",
    "rx_multicast_phy",
    "rx_mcast_pkts",
    "rx_mcast_frames",
];
const OUT_MULTICAST: &[&str] = &[
    "HwIfOutMcastPkts",
    "tx-multicast-packets",
    "tx_mcast_packets",
    "tx_multicast",
    "tx_multicast_packets",
    "port.tx_multicast",
    "tx_multicast_phy",
    "tx_mcast_pkts",
    "tx_mcast_frames",
];
const IN_BROADCAST: &[&str] = &[
    "HwIfInBcastPkts",
    "receive-broadcast-packet",
    "rx_bcast_packets",
    "rx_broadcast",
    "rx_broadcast_packets",
    "port.rx_broadcast",
    "rx_broadcast_phy",
    "rx_bcast_pkts",
    "rx_bcast_frames",
];
const OUT_BROADCAST: &[&str] = &[
    "HwIfOutBcastPkts",
    "tx-broadcast-packets",
    "tx_bcast_packets",
    "tx_broadcast",
    "tx_broadcast_packets",
    "port.tx_broadcast",
    "tx_broadcast_phy",
    "tx_bcast_pkts",
    "tx_bcast_frames",
];

/// Packets since the interface exists (or since its driver says so).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct EthtoolCounts {
    pub in_multicast: Option<u64>,
    pub out_multicast: Option<u64>,
    pub in_broadcast: Option<u64>,
    pub out_broadcast: Option<u64>,
    pub pfc: Option<PfcCounts>,
}

/// Where in a driver's list of statistics the known ones are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    total: usize,
    in_multicast: Option<usize>,
    out_multicast: Option<usize>,
    in_broadcast: Option<usize>,
    out_broadcast: Option<usize>,
    pfc: Option<PfcColumns>,
}

impl Columns {
    /// Looks the known names up in a driver's list, those of flow control with `pfc`; `None` where it has none of them.
    pub fn find(names: &[[u8; NAME_LEN]], pfc: bool) -> Option<Self> {
        let column = |known: &[&str]| {
            known.iter().find_map(|known| names.iter().position(|name| name_text(name) == known.as_bytes()))
        };
        let columns = Self {
            total: names.len(),
            in_multicast: column(IN_MULTICAST),
            out_multicast: column(OUT_MULTICAST),
            in_broadcast: column(IN_BROADCAST),
            out_broadcast: column(OUT_BROADCAST),
            pfc: pfc.then(|| PfcColumns::find(names)).flatten(),
        };
        (columns != Self { total: names.len(), ..Self::default() }).then_some(columns)
    }

    /// Takes the known ones out of the driver's values.
    pub fn pick(&self, values: &[u64]) -> EthtoolCounts {
        let value = |column: Option<usize>| values.get(column?).copied();
        EthtoolCounts {
            in_multicast: value(self.in_multicast),
            out_multicast: value(self.out_multicast),
            in_broadcast: value(self.in_broadcast),
            out_broadcast: value(self.out_broadcast),
            pfc: self.pfc.as_ref().and_then(|pfc| pfc.pick(values)),
        }
    }
}

fn name_text(name: &[u8; NAME_LEN]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What is known of each interface's driver statistics.
#[derive(Debug, Default)]
pub(super) struct EthtoolReader {
    /// Boxed: most interfaces have none.
    known: BTreeMap<u32, Option<Box<Reading>>>,
    values: Vec<u64>,
    pfc: bool,
}

#[derive(Debug)]
struct Reading {
    columns: Columns,
    last: Option<(Instant, EthtoolCounts)>,
}

impl EthtoolReader {
    pub(super) fn read(
        &mut self,
        driver: &mut impl Driver,
        interface: &Interface,
        now: Instant,
    ) -> Option<EthtoolCounts> {
        let (name, pfc) = (&interface.name, self.pfc);
        let reading = self.known.entry(interface.index).or_insert_with(|| {
            let names = driver.stats_names(name).unwrap_or_default();
            Columns::find(&names, pfc).map(|columns| Box::new(Reading { columns, last: None }))
        });
        let reading = reading.as_mut()?;
        if let Some((at, counts)) = reading.last
            && now.saturating_duration_since(at) < INTERVAL
        {
            return Some(counts);
        }
        let read = driver.stats(name, &mut self.values);
        if read.is_err() || self.values.len() != reading.columns.total {
            // Gone, or the driver's list has changed: nothing is known until the names are read again.
            self.known.remove(&interface.index);
            return None;
        }
        let counts = reading.columns.pick(&self.values);
        reading.last = Some((now, counts));
        Some(counts)
    }

    /// Looks for flow control too from now on, or does not any more.
    pub(super) fn set_pfc(&mut self, wanted: bool) {
        if wanted != self.pfc {
            self.pfc = wanted;
            self.known.clear();
        }
    }

    pub(super) fn forget(&mut self, index: u32) {
        self.known.remove(&index);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // any instant will do to count from
mod tests {
    use super::super::example::{Drivers, interface};
    use super::super::model::Kind;
    use super::*;

    #[test]
    fn columns_beyond_255_are_found_by_exact_name() {
        let mut driver = Drivers { stats: vec![("rx_multicast_x", 1); 300], ..Drivers::default() };
        driver.stats.extend([("rx_multicast", 77), ("tx_bcast_packets", 88), ("RX_BROADCAST", 99)]);
        let counts = EthtoolReader::default()
            .read(&mut driver, &interface(2, Kind::Physical), Instant::now())
            .unwrap();
        let expected =
            EthtoolCounts { in_multicast: Some(77), out_broadcast: Some(88), ..EthtoolCounts::default() };
        assert_eq!(counts, expected);
    }

    #[test]
    fn driver_is_asked_for_names_once_and_for_values_at_most_every_interval() {
        let mut driver = Drivers { stats: vec![("rx_multicast", 1)], ..Drivers::default() };
        let (mut reader, nic, start) =
            (EthtoolReader::default(), interface(2, Kind::Physical), Instant::now());
        for seconds in [0, 1, 4, 5, 6] {
            let counts = reader.read(&mut driver, &nic, start + Duration::from_secs(seconds));
            assert_eq!(counts.unwrap().in_multicast, Some(1));
        }
        assert_eq!(driver.asked, ["names i2", "values i2", "values i2"]);
    }

    #[test]
    fn driver_without_known_names_is_never_asked_again() {
        let mut driver = Drivers { stats: vec![("peer_ifindex", 3)], ..Drivers::default() };
        let (mut reader, veth, now) = (EthtoolReader::default(), interface(2, Kind::Veth), Instant::now());
        assert_eq!(reader.read(&mut driver, &veth, now), None);
        assert_eq!(reader.read(&mut driver, &veth, now + 10 * INTERVAL), None);
        assert_eq!(driver.asked, ["names i2"]);
    }

    #[test]
    fn list_that_has_grown_is_unknown_once_and_then_read_anew() {
        let mut driver = Drivers { stats: vec![("rx_multicast", 1)], ..Drivers::default() };
        let (mut reader, nic, now) = (EthtoolReader::default(), interface(2, Kind::Physical), Instant::now());
        reader.read(&mut driver, &nic, now).unwrap();
        driver.stats.insert(0, ("queue_9_packets", 5));
        assert_eq!(reader.read(&mut driver, &nic, now + INTERVAL), None);
        let counts = reader.read(&mut driver, &nic, now + INTERVAL).unwrap();
        assert_eq!(counts.in_multicast, Some(1));
    }
}
