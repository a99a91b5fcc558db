//! Interfaces: counters, link, transceiver, and how their packets are sampled; as node_exporter names them where the meaning is
//! the same, and per `device` as there.

use super::page::{About, Kind, Page, Row, Value, labels};
use super::subjects::{Subject, all, pick};
use crate::sflow::counters::interface::{Ethernet, GenericInterface};
use crate::sflow::counters::port::{LacpPort, Pfc, Sfp, SfpLane};
use crate::status::snapshot::{Interface, Snapshot};

/// All packets: of those for one, many and all that the kernel tells apart, the sum, which wraps as each of them does.
fn packets(kinds: [u32; 3]) -> Value {
    if kinds[0] == u32::MAX {
        return Value::Unknown;
    }
    let known = kinds.into_iter().filter(|&kind| kind != u32::MAX);
    Value::Whole(known.fold(0, u32::wrapping_add).into())
}

static GENERIC: &[Row<GenericInterface>] = &[
    Row::counter("node_network_receive_bytes_total", "Bytes received.", |g| Value::of64(g.in_octets)),
    Row::counter("node_network_receive_packets_total", "Packets received.", |g| {
        packets([g.in_ucast_pkts, g.in_multicast_pkts, g.in_broadcast_pkts])
    }),
    Row::counter("node_network_receive_multicast_total", "Multicast packets received.", |g| {
        Value::of32(g.in_multicast_pkts)
    }),
    Row::counter("hsflow_interface_receive_broadcast_total", "Broadcast packets received.", |g| {
        Value::of32(g.in_broadcast_pkts)
    }),
    Row::counter("node_network_receive_errs_total", "Errors of received packets.", |g| {
        Value::of32(g.in_errors)
    }),
    Row::counter("node_network_receive_drop_total", "Received packets that were dropped.", |g| {
        Value::of32(g.in_discards)
    }),
    Row::counter(
        "hsflow_interface_receive_unknown_protocol_total",
        "Packets that no protocol wanted.",
        |g| Value::of32(g.in_unknown_protos),
    ),
    Row::counter("node_network_transmit_bytes_total", "Bytes sent.", |g| Value::of64(g.out_octets)),
    Row::counter("node_network_transmit_packets_total", "Packets sent.", |g| {
        packets([g.out_ucast_pkts, g.out_multicast_pkts, g.out_broadcast_pkts])
    }),
    Row::counter("hsflow_interface_transmit_multicast_total", "Multicast packets sent.", |g| {
        Value::of32(g.out_multicast_pkts)
    }),
    Row::counter("hsflow_interface_transmit_broadcast_total", "Broadcast packets sent.", |g| {
        Value::of32(g.out_broadcast_pkts)
    }),
    Row::counter("node_network_transmit_errs_total", "Errors of packets to be sent.", |g| {
        Value::of32(g.out_errors)
    }),
    Row::counter("node_network_transmit_drop_total", "Packets to be sent that were dropped.", |g| {
        Value::of32(g.out_discards)
    }),
    Row::gauge("node_network_up", "1 while the link works.", |g| Value::flag(g.if_status & 2 != 0)),
    Row::gauge("hsflow_interface_admin_up", "1 while it is switched on.", |g| {
        Value::flag(g.if_status & 1 != 0)
    }),
    Row::gauge("hsflow_interface_full_duplex", "1 for full, 0 for half duplex.", |g| match g.if_direction {
        1 => Value::Whole(1),
        2 => Value::Whole(0),
        _ => Value::Unknown,
    }),
    Row::gauge("hsflow_interface_promiscuous", "1 while it takes every packet.", |g| {
        Value::flag(g.promiscuous == 1)
    }),
    Row::gauge("node_network_speed_bytes", "Speed in bytes per second.", |g| {
        Value::unless_zero(g.if_speed / 8)
    }),
];

static ETHERNET: &[Row<Ethernet>] = &[
    Row::counter("hsflow_interface_alignment_errors_total", "Frames of a broken number of bits.", |e| {
        Value::of32(e.alignment_errors)
    }),
    Row::counter("hsflow_interface_fcs_errors_total", "Frames with a wrong checksum.", |e| {
        Value::of32(e.fcs_errors)
    }),
    Row::counter("hsflow_interface_late_collisions_total", "Collisions after their time.", |e| {
        Value::of32(e.late_collisions)
    }),
    Row::counter(
        "hsflow_interface_excessive_collisions_total",
        "Frames given up after many collisions.",
        |e| Value::of32(e.excessive_collisions),
    ),
    Row::counter("hsflow_interface_carrier_errors_total", "Losses of the carrier while sending.", |e| {
        Value::of32(e.carrier_sense_errors)
    }),
    Row::counter("hsflow_interface_symbol_errors_total", "Symbols that are none.", |e| {
        Value::of32(e.symbol_errors)
    }),
];

static LACP: &[Row<LacpPort>] = &[
    Row::counter("hsflow_interface_lacp_received_total", "LACP messages received.", |l| {
        Value::of32(l.lacpdus_rx)
    }),
    Row::counter("hsflow_interface_lacp_sent_total", "LACP messages sent.", |l| Value::of32(l.lacpdus_tx)),
    Row::counter("hsflow_interface_lacp_illegal_total", "LACP messages that are wrong.", |l| {
        Value::of32(l.illegal_rx)
    }),
];

static PFC: &[Row<Pfc>] = &[
    Row::counter("hsflow_interface_pfc_requests_total", "Frames of priority flow control sent.", |p| {
        Value::of32(p.requests)
    }),
    Row::counter(
        "hsflow_interface_pfc_indications_total",
        "Frames of priority flow control received.",
        |p| Value::of32(p.indications),
    ),
];

static SFP: &[Row<Sfp>] = &[
    Row::gauge("hsflow_interface_transceiver_volts", "Supply voltage of the transceiver.", |s| {
        Value::Thousandths(s.supply_voltage.into())
    }),
    Row::gauge("hsflow_interface_transceiver_celsius", "Temperature of the transceiver.", |s| {
        Value::Float(f64::from(s.temperature) / 1000.0)
    }),
];

fn millionths(number: u32) -> Value {
    if number == 0 { Value::Unknown } else { Value::Float(f64::from(number) / 1_000_000.0) }
}

static LANES: &[Row<SfpLane>] = &[
    Row::gauge("hsflow_interface_transceiver_bias_amperes", "Bias current of the laser.", |l| {
        millionths(l.tx_bias_current)
    }),
    Row::gauge("hsflow_interface_transceiver_transmit_watts", "Light sent.", |l| millionths(l.tx_power)),
    Row::gauge("hsflow_interface_transceiver_receive_watts", "Light received.", |l| millionths(l.rx_power)),
];

static SAMPLING: &[Row<Interface>] = &[
    Row::gauge("hsflow_interface_sampling_rate", "One packet in so many is sampled.", |i| {
        Value::known(i.sampling.one_in.filter(|_| i.sampling.source.is_some()).map(u64::from))
    }),
    Row::counter("hsflow_interface_flow_samples_total", "Packet samples made.", |i| {
        Value::known(i.sampling.source.as_ref().map(|_| i.sampling.samples))
    }),
    Row::counter(
        "hsflow_interface_sample_pool_packets_total",
        "Packets that could have been sampled.",
        |i| Value::known(i.sampling.source.as_ref().map(|_| i.sampling.pool.into())),
    ),
    Row::counter(
        "hsflow_interface_lost_samples_total",
        "Packet samples lost between kernel and agent.",
        |i| Value::known(i.sampling.source.as_ref().map(|_| i.sampling.drops.into())),
    ),
    Row::counter("hsflow_interface_polls_total", "Times that its counters were written.", |i| {
        Value::Whole(i.counter_samples.into())
    }),
];

pub(super) fn write(page: &mut Page, interfaces: &[Subject<'_, Interface>], snapshot: &Snapshot) {
    for subject in interfaces {
        let Some(told) = subject.told else { continue };
        let index = told.index.to_string();
        let more = [
            ("ifindex", index.as_str()),
            ("kind", &told.kind),
            ("alias", told.alias.as_deref().unwrap_or("")),
        ];
        let labels = format!("{},{}", subject.labels, labels(&more));
        let family = ("hsflow_interface_info", Kind::Info, "Who an interface is.");
        page.sample(family, &labels, Value::Whole(1), Some(subject.at_ms));
    }
    page.rows(GENERIC, all(interfaces, pick!(GenericInterface)));
    page.rows(ETHERNET, all(interfaces, pick!(Ethernet)));
    page.rows(LACP, all(interfaces, pick!(LacpPort)));
    page.rows(PFC, all(interfaces, pick!(Pfc)));
    page.rows(SFP, all(interfaces, pick!(Sfp)));
    write_lanes(page, interfaces);
    write_sampling(page, interfaces, snapshot);
}

fn write_lanes(page: &mut Page, interfaces: &[Subject<'_, Interface>]) {
    let modules = all(interfaces, pick!(Sfp));
    // By their order, which is that of their numbers.
    let lanes = modules.flat_map(|(own, at, sfp): About<'_, Sfp>| {
        (1..)
            .zip(&sfp.lanes)
            .map(move |(number, lane): (u32, _)| (format!("{own},lane=\"{number}\""), at, lane))
    });
    let named: Vec<(String, Option<u64>, &SfpLane)> = lanes.collect();
    page.rows(LANES, named.iter().map(|(labels, at, lane)| (labels.as_str(), *at, *lane)));
}

/// Also of interfaces that send no counters. One that does goes by the name that it has there.
fn write_sampling(page: &mut Page, interfaces: &[Subject<'_, Interface>], snapshot: &Snapshot) {
    let by_index: std::collections::HashMap<u32, &str> =
        interfaces.iter().filter_map(|s| Some((s.told?.index, s.labels.as_str()))).collect();
    let mut names = super::subjects::Names::default();
    by_index.values().for_each(|labels| names.take(labels));
    page.labelled(SAMPLING, None, &snapshot.interfaces, |i| match by_index.get(&i.index) {
        Some(labels) => (*labels).to_owned(),
        None => names.own(&[("device", &i.name)], &format!("0:{}", i.index)),
    });
}
