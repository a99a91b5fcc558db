//! Priority flow control of one interface: record `0:11`.
//!
//! In: what the kernel's DCB says, and the driver's own statistics where it has known ones. Out: the record. Pure. Rules:
//! DCB is asked first, because its numbers have one meaning for all drivers; names of statistics are matched exactly,
//! as everywhere. Requests are frames that were sent, indications those that were received. An interface on which no
//! priority has flow control, and none ever had, has no record. Spec: sFlow Priority Flow Control Structures, which names
//! IEEE8021-PFC-MIB for both; `linux/dcbnl.h`.

use crate::sflow::counters::port::Pfc as Record;
use crate::sflow::unknown::counter32;
use crate::sys::ethtool::NAME_LEN;
use crate::wire::netlink::dcb::Pfc;

const PRIORITIES: usize = 8;

/// Patterns of names, `#` being the priority.
struct Family {
    received: &'static [&'static str],
    sent: &'static [&'static str],
    /// Microseconds for which the other end has had it wait.
    paused: &'static str,
}

/// mlx5; mlxsw and mlx4; bnxt; ice; i40e; ixgbe. Where there are `xon` and `xoff`, each is a frame.
const FAMILIES: &[Family] = &[
    Family { received: &["rx_prio#_pause"], sent: &["tx_prio#_pause"], paused: "rx_prio#_pause_duration" },
    Family { received: &["rx_pause_prio_#"], sent: &["tx_pause_prio_#"], paused: "rx_pause_duration_prio_#" },
    Family {
        received: &["rx_pfc_ena_frames_pri#"],
        sent: &["tx_pfc_ena_frames_pri#"],
        paused: "pfc_pri#_rx_duration_us",
    },
    Family {
        received: &["rx_priority_#_xon.nic", "rx_priority_#_xoff.nic"],
        sent: &["tx_priority_#_xon.nic", "tx_priority_#_xoff.nic"],
        paused: "",
    },
    Family {
        received: &["port.rx_priority_#_xon", "port.rx_priority_#_xoff"],
        sent: &["port.tx_priority_#_xon", "port.tx_priority_#_xoff"],
        paused: "",
    },
    Family {
        received: &["rx_pb_#_pxon", "rx_pb_#_pxoff"],
        sent: &["tx_pb_#_pxon", "tx_pb_#_pxoff"],
        paused: "",
    },
];

/// Where in a driver's statistics they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PfcColumns {
    received: Vec<usize>,
    sent: Vec<usize>,
    paused: Vec<usize>,
}

/// A driver's own counts, over all priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PfcCounts {
    /// Frames received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// Microseconds of waiting, where it counts them.
    pub paused_us: Option<u64>,
}

impl PfcColumns {
    /// The first family that the driver has in both directions.
    pub(super) fn find(names: &[[u8; NAME_LEN]]) -> Option<Self> {
        FAMILIES.iter().find_map(|family| {
            let columns = Self {
                received: columns(names, family.received),
                sent: columns(names, family.sent),
                paused: columns(names, &[family.paused]),
            };
            (!columns.received.is_empty() && !columns.sent.is_empty()).then_some(columns)
        })
    }

    pub(super) fn pick(&self, values: &[u64]) -> Option<PfcCounts> {
        let sum = |columns: &[usize]| {
            columns.iter().try_fold(0_u64, |sum, column| Some(sum.wrapping_add(*values.get(*column)?)))
        };
        let paused_us = (!self.paused.is_empty()).then(|| sum(&self.paused)).flatten();
        Some(PfcCounts { received: sum(&self.received)?, sent: sum(&self.sent)?, paused_us })
    }
}

fn columns(names: &[[u8; NAME_LEN]], patterns: &[&str]) -> Vec<usize> {
    let digits = (0..PRIORITIES).map(|priority| priority.to_string());
    let known = digits.flat_map(|digit| patterns.iter().map(move |pattern| pattern.replace('#', &digit)));
    let column = |known: String| {
        let is_known = |name: &[u8; NAME_LEN]| name.split(|byte| *byte == 0).next() == Some(known.as_bytes());
        names.iter().position(is_known)
    };
    known.filter(|known| !known.is_empty()).filter_map(column).collect()
}

/// `0:11`, from what DCB and the driver say.
pub fn record(dcb: Option<&Pfc>, driver: Option<PfcCounts>) -> Option<Record> {
    let (sent, received) = match (dcb, driver) {
        (Some(pfc), _) if pfc.enabled == 0 && pfc.requests == 0 && pfc.indications == 0 => return None,
        (Some(pfc), _) => (pfc.requests, pfc.indications),
        (None, Some(counts)) => (counts.sent, counts.received),
        (None, None) => return None,
    };
    Some(Record {
        requests: counter32(Some(sent)),
        indications: counter32(Some(received)),
        pause_duration: counter32(driver.and_then(|counts| counts.paused_us)),
        // What a watchdog of the switch does; the kernel has none.
        storm_detected: counter32(None),
        storm_restored: counter32(None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: u32 = u32::MAX;

    fn names(list: &[&str]) -> Vec<[u8; NAME_LEN]> {
        let padded = |name: &&str| std::array::from_fn(|at| name.as_bytes().get(at).copied().unwrap_or(0));
        list.iter().map(padded).collect()
    }

    #[test]
    fn every_priority_of_a_driver_is_summed_by_name() {
        let list: Vec<String> = (0..8)
            .flat_map(|n| {
                [
                    format!("rx_prio{n}_packets"),
                    format!("tx_prio{n}_pause"),
                    format!("rx_prio{n}_pause_duration"),
                    format!("rx_prio{n}_pause"),
                ]
            })
            .collect();
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let values: Vec<u64> = (0..8).flat_map(|n| [1 << 40, n, 1000 * n, 10 * n]).collect();
        let counts = PfcColumns::find(&names(&list)).unwrap().pick(&values).unwrap();
        assert_eq!(counts, PfcCounts { received: 280, sent: 28, paused_us: Some(28_000) });
        let record = record(None, Some(counts)).unwrap();
        assert_eq!((record.requests, record.indications, record.pause_duration), (28, 280, 28_000));
        assert_eq!((record.storm_detected, record.storm_restored), (UNKNOWN, UNKNOWN));
    }

    #[test]
    fn frames_that_pause_and_frames_that_resume_both_count() {
        let list = ["rx_pb_0_pxon", "rx_pb_0_pxoff", "tx_pb_0_pxon", "tx_pb_0_pxoff", "rx_pb_9_pxon"];
        let counts = PfcColumns::find(&names(&list)).unwrap().pick(&[1, 2, 30, 40, 500]).unwrap();
        assert_eq!(counts, PfcCounts { received: 3, sent: 70, paused_us: None });
        assert_eq!(record(None, Some(counts)).unwrap().pause_duration, UNKNOWN);
    }

    #[test]
    fn names_of_one_direction_only_are_no_flow_control() {
        assert_eq!(PfcColumns::find(&names(&["rx_prio0_pause", "rx_prio1_pause", "tx_packets"])), None);
    }

    #[test]
    fn a_list_that_has_shrunk_is_unknown() {
        let columns = PfcColumns::find(&names(&["rx_prio0_pause", "tx_prio0_pause"])).unwrap();
        assert_eq!(columns.pick(&[1]), None);
    }

    #[test]
    fn dcb_is_believed_before_the_driver_and_without_flow_control_there_is_no_record() {
        let dcb = |enabled, requests, indications| Pfc { enabled, requests, indications };
        let driver = PfcCounts { received: 9, sent: 9, paused_us: Some(7) };
        let both = record(Some(&dcb(8, 36, 1 << 33 | 5)), Some(driver)).unwrap();
        assert_eq!((both.requests, both.indications, both.pause_duration), (36, 5, 7));
        assert_eq!(record(Some(&dcb(0, 0, 0)), Some(driver)), None);
        assert!(record(Some(&dcb(0, 1, 0)), None).is_some(), "it had some, and its counters stay");
        assert!(record(Some(&dcb(1, 0, 0)), None).is_some());
        assert_eq!(record(None, None), None);
    }
}
