//! The heaviest flows, by bytes and by packets, out of packet samples. In: flow samples. Out: rows with what was sampled times the
//! rate, and between which two the truth is with 95 % confidence. Rules: memory is bounded, what has no place is no heavier
//! than the lightest that has one; a packet that was sampled on two interfaces is a flow on each. Spec: sFlow v5 section 5.4,
//! "Packet sampling basics" (P. Phaal, S. Panchen).

use super::drops::covered;
use crate::policy::react::window::{Estimate, Window};
use crate::sflow::decode::Framed;
use crate::sflow::flow::FlowRecord;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::FlowHeader;
use crate::wire::frame::{self, Headers, Start};
use crate::wire::transport::Transport;
use serde::Serialize;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// What rates are taken over.
pub const WINDOW: Duration = Duration::from_secs(10);
pub(super) const SLICES: u8 = 5;
/// Flows that are told.
const TOLD: usize = 100;

/// What packets of a flow have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    ends: Option<(IpAddr, IpAddr)>,
    ports: Option<(u16, u16)>,
    ether_type: u16,
    protocol: Option<u8>,
    /// Class and index of where it was sampled.
    sampled: (u32, u32),
    /// Guests that sent and received it; 0 where unknown.
    guests: (u32, u32),
}

/// A packet as far as a sample shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    pub(super) key: Key,
    /// On the wire.
    pub(super) bytes: u32,
}

impl Packet {
    /// Out of the records of a sample; `None` where they show no packet.
    pub fn of(records: &[FlowRecord]) -> Option<Self> {
        let (mut packet, mut guests) = (None, (0, 0));
        for record in records {
            let shown = match record {
                FlowRecord::SampledHeader(shown) => {
                    let start = Start::of_header_protocol(shown.protocol);
                    let key = start.map(|start| of_headers(&frame::parse(start, &shown.header)));
                    Some(Self { key: key.unwrap_or_default(), bytes: shown.frame_length })
                }
                FlowRecord::SampledIpv4(ip) => {
                    let ends = (ip.src_ip.into(), ip.dst_ip.into());
                    Some(parsed(ends, ip.protocol, (ip.src_port, ip.dst_port), ip.length))
                }
                FlowRecord::SampledIpv6(ip) => {
                    let ends = (ip.src_ip.into(), ip.dst_ip.into());
                    Some(parsed(ends, ip.protocol, (ip.src_port, ip.dst_port), ip.length))
                }
                FlowRecord::SampledEthernet(link) => {
                    let ether_type = u16::try_from(link.ethernet_type).unwrap_or(0);
                    Some(Self { key: Key { ether_type, ..Key::default() }, bytes: link.length })
                }
                FlowRecord::Entities(both) => {
                    let logical = |end: DataSource| if end.class == 3 { end.index } else { 0 };
                    guests = (logical(both.src), logical(both.dst));
                    None
                }
                _ => None,
            };
            // A header says more than the fields of it that others parsed.
            packet = match (packet, shown) {
                (Some(Self { key: Key { ends: Some(_), .. }, .. }), _) | (_, None) => packet,
                _ => shown,
            };
        }
        packet.map(|packet| Self { key: Key { guests, ..packet.key }, ..packet })
    }

    /// `10.0.0.1:443 > 10.0.0.2:50000 tcp`.
    pub fn text(&self) -> String {
        let (source, destination) = ends(&self.key);
        format!("{source} > {destination} {}", protocol(&self.key))
    }
}

fn of_headers(headers: &Headers<'_>) -> Key {
    let ports = headers.transport.as_ref().and_then(Transport::ports);
    Key {
        ends: headers.ip.map(|ip| (ip.source, ip.destination)),
        ports: ports.map(|ports| (ports.source, ports.destination)),
        ether_type: headers.ether_type.unwrap_or(0),
        protocol: headers.ip.and_then(|ip| ip.protocol),
        ..Key::default()
    }
}

fn parsed(ends: (IpAddr, IpAddr), protocol: u32, ports: (u32, u32), bytes: u32) -> Packet {
    let port = |port| u16::try_from(port).unwrap_or(0);
    let ports = Some((port(ports.0), port(ports.1))).filter(|ports| *ports != (0, 0));
    let protocol = u8::try_from(protocol).ok();
    Packet { key: Key { ends: Some(ends), ports, protocol, ..Key::default() }, bytes }
}

/// A rate in a second, and between which two the truth is with 95 % confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    /// The best guess.
    pub value: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

impl Rate {
    fn of(estimate: &Estimate, secs: f64, factor: f64) -> Self {
        let rate = |weight: f64| weight * factor / secs;
        Self { value: rate(estimate.seen() as f64), low: rate(estimate.low()), high: rate(estimate.high()) }
    }

    /// Half of the width of the interval, per cent of the rate.
    pub fn spread(&self) -> Option<f64> {
        (self.value > 0.0).then(|| (self.high - self.low) / 2.0 / self.value * 100.0)
    }
}

/// A flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct FlowRow {
    /// Address and port, or what it is where it has none.
    pub source: String,
    pub destination: String,
    pub protocol: String,
    /// Where it was sampled: class and index.
    pub sampled: (u32, u32),
    /// Guests by the index of their data source; 0 where unknown.
    pub guests: (u32, u32),
    pub bits: Rate,
    pub packets: Rate,
    pub samples: u32,
}

/// What is followed.
#[derive(Clone, Debug)]
pub struct Flows {
    hasher: RandomState,
    bytes: Window<Key>,
    packets: Window<Key>,
    began: Duration,
}

impl Flows {
    pub(super) fn new(places: usize, began: Duration) -> Self {
        Self {
            hasher: RandomState::new(),
            bytes: Window::new(WINDOW, SLICES, places),
            packets: Window::new(WINDOW, SLICES, places),
            began,
        }
    }

    pub(super) fn take(&mut self, time: Duration, sample: &Framed<FlowHeader, FlowRecord>) {
        let Some(packet) = Packet::of(&sample.records) else { return };
        let source = sample.header.source;
        let key = Key { sampled: (source.class, source.index), ..packet.key };
        let one_in = u64::from(sample.header.sampling_rate.max(1));
        let hash = self.hasher.hash_one(key);
        for (window, size) in [(&mut self.bytes, u64::from(packet.bytes)), (&mut self.packets, 1)] {
            let weight = size.saturating_mul(one_in);
            let variance = (weight as f64).powi(2) * (1.0 - 1.0 / one_in as f64);
            window.add(time, hash, &key, weight, variance);
        }
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.bytes.advance(time);
        self.packets.advance(time);
    }

    /// The heaviest by bytes and by packets, those with most bytes first.
    pub(super) fn rows(&self, time: Duration) -> Vec<FlowRow> {
        let secs = covered(self.bytes.begin().max(self.began), time);
        let mut wanted = BTreeSet::new();
        for window in [&self.bytes, &self.packets] {
            let keys: BTreeSet<&Key> = window.keys().collect();
            let seen = |key: &Key| window.estimate(self.hasher.hash_one(key), key).seen();
            let mut heaviest: Vec<(u64, &Key)> = keys.into_iter().map(|key| (seen(key), key)).collect();
            heaviest.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
            wanted.extend(heaviest.into_iter().take(TOLD).filter(|(seen, _)| *seen > 0).map(|(_, key)| *key));
        }
        let mut rows: Vec<_> = wanted.iter().map(|key| self.row(key, secs)).collect();
        rows.sort_by(|one, other| other.bits.value.total_cmp(&one.bits.value));
        rows
    }

    fn row(&self, key: &Key, secs: f64) -> FlowRow {
        let hash = self.hasher.hash_one(key);
        let (bytes, packets) = (self.bytes.estimate(hash, key), self.packets.estimate(hash, key));
        let (source, destination) = ends(key);
        FlowRow {
            source,
            destination,
            protocol: protocol(key),
            sampled: key.sampled,
            guests: key.guests,
            bits: Rate::of(&bytes, secs, 8.0),
            packets: Rate::of(&packets, secs, 1.0),
            samples: packets.samples.max(bytes.samples),
        }
    }
}

fn ends(key: &Key) -> (String, String) {
    let Some((source, destination)) = key.ends else { return ("-".to_owned(), "-".to_owned()) };
    let end = |address: IpAddr, port: Option<u16>| match (address, port) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
    };
    (end(source, key.ports.map(|ports| ports.0)), end(destination, key.ports.map(|ports| ports.1)))
}

fn protocol(key: &Key) -> String {
    match (key.protocol, key.ether_type) {
        (Some(6), _) => "tcp".to_owned(),
        (Some(17), _) => "udp".to_owned(),
        (Some(1), _) => "icmp".to_owned(),
        (Some(58), _) => "icmp6".to_owned(),
        (Some(132), _) => "sctp".to_owned(),
        (Some(47), _) => "gre".to_owned(),
        (Some(50), _) => "esp".to_owned(),
        (Some(number), _) => format!("ip/{number}"),
        (None, 0x0806) => "arp".to_owned(),
        (None, 0x88cc) => "lldp".to_owned(),
        (None, 0) => "other".to_owned(),
        (None, kind) => format!("{kind:#06x}"),
    }
}
