//! What is known of a guest as the records of its sample. Pure. Rules: missing is unknown, as the specification writes it; what
//! the C agent calls 0 because it has no limit is 0 here too; network counters are those that the guest itself would show.

use super::super::samples::GuestRecords;
use super::meter::{Meter, Values};
use super::polling::Facts;
use crate::collect::guests::cgroup::Stall;
use crate::collect::guests::network::Network;
use crate::sample::guest::domain::Counters;
use crate::sample::guest::roster::Member;
use crate::sample::guest::{Engine, Guest};
use crate::sflow::counters::host::{Adaptor, Adaptors, HostId};
use crate::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use crate::sflow::realtime::{Metric, MetricValue, RtMetric};
use crate::sflow::unknown::{counter32, counter64, gauge64};

const NS_PER_MS: u64 = 1_000_000;

/// As many as the host's own sample has: a sample that does not fit into a datagram is never sent.
const MOST_ADAPTORS: usize = 32;

pub(super) fn records(member: &Member, meter: &Meter, facts: Facts<'_>) -> GuestRecords {
    let values = &meter.values;
    match (member.guest.engine, &values.domain) {
        (Engine::Kvm, Some(domain)) => of_domain(member, domain, facts),
        (Engine::Kvm, None) => GuestRecords { id: identity(member, facts), ..GuestRecords::default() },
        (Engine::Systemd, _) => of_service(member, values, facts),
        _ => GuestRecords {
            net: Some(net(values)),
            gpu: facts
                .gpus
                .filter(|_| !member.guest.gpus.is_empty())
                .and_then(|gpus| gpus.record_of(&member.guest.gpus, facts.scene.now)),
            adaptors: Some(meter.network.as_ref().map(adaptors).unwrap_or_default()),
            ..of_service(member, values, facts)
        },
    }
}

/// A guest that shares the host's kernel has its machine and system; of another the C agent says nothing.
fn identity(member: &Member, facts: Facts<'_>) -> HostId {
    let host = facts.id.filter(|_| member.guest.engine != Engine::Kvm).cloned().unwrap_or_default();
    HostId { hostname: member.shown.clone(), uuid: member.uuid, ..host }
}

fn of_service(member: &Member, values: &Values, facts: Facts<'_>) -> GuestRecords {
    let (guest, cgroup) = (&member.guest, &values.cgroup);
    let disk = cgroup.disk;
    GuestRecords {
        id: identity(member, facts),
        cpu: Some(VirtCpu {
            state: guest.state as u32,
            cpu_time: counter32(cgroup.cpu_ns.map(|ns| ns / NS_PER_MS)),
            nr_virt_cpu: guest.cpus.unwrap_or(0),
        }),
        memory: Some(VirtMemory {
            memory: gauge64(cgroup.memory),
            max_memory: gauge64(memory_max(guest, values, facts)),
        }),
        disk: Some(VirtDiskIo {
            rd_req: counter32(disk.map(|disk| disk.rd_req)),
            rd_bytes: counter64(disk.map(|disk| disk.rd_bytes)),
            wr_req: counter32(disk.map(|disk| disk.wr_req)),
            wr_bytes: counter64(disk.map(|disk| disk.wr_bytes)),
            errs: counter32(None),
            ..VirtDiskIo::default()
        }),
        ..GuestRecords::default()
    }
}

/// The smallest of what its cgroup, its engine and the host have.
fn memory_max(guest: &Guest, values: &Values, facts: Facts<'_>) -> Option<u64> {
    [values.cgroup.memory_max, guest.memory_max, facts.memory].into_iter().flatten().min()
}

fn net(values: &Values) -> VirtNetIo {
    let of =
        |field: fn(&crate::collect::guests::network::VnicCounters) -> u64| values.net.as_ref().map(field);
    VirtNetIo {
        bytes_in: counter64(of(|n| n.rx_bytes)),
        pkts_in: counter32(of(|n| n.rx_packets)),
        errs_in: counter32(of(|n| n.rx_errors)),
        drops_in: counter32(of(|n| n.rx_drops)),
        bytes_out: counter64(of(|n| n.tx_bytes)),
        pkts_out: counter32(of(|n| n.tx_packets)),
        errs_out: counter32(of(|n| n.tx_errors)),
        drops_out: counter32(of(|n| n.tx_drops)),
    }
}

/// The guest's addresses, by the ends that this host has of its interfaces.
fn adaptors(network: &Network) -> Adaptors {
    let adaptor = |vnic: &crate::collect::guests::network::Vnic| {
        let macs = vec![vnic.mac?];
        Some(Adaptor { if_index: vnic.host_if_index.unwrap_or(0), macs })
    };
    Adaptors { adaptors: network.vnics.iter().filter_map(adaptor).take(MOST_ADAPTORS).collect() }
}

fn of_domain(member: &Member, d: &Counters, facts: Facts<'_>) -> GuestRecords {
    let tap_index =
        |tap: &Option<String>| Some(facts.scene.table.iter().find(|i| Some(&i.name) == tap.as_ref())?.index);
    let adaptor = |vnic: &crate::sample::guest::domain::Vnic| Adaptor {
        if_index: tap_index(&vnic.tap).unwrap_or(0),
        macs: vec![vnic.mac],
    };
    GuestRecords {
        id: identity(member, facts),
        cpu: Some(VirtCpu {
            state: member.guest.state as u32,
            cpu_time: counter32(d.cpu_ms),
            nr_virt_cpu: d.cpus.unwrap_or(0),
        }),
        memory: Some(VirtMemory { memory: gauge64(d.memory), max_memory: gauge64(d.memory_max) }),
        disk: Some(VirtDiskIo {
            capacity: gauge64(d.capacity),
            allocation: gauge64(d.allocation),
            available: gauge64(d.available),
            rd_req: counter32(d.reads),
            rd_bytes: counter64(d.read_bytes),
            wr_req: counter32(d.writes),
            wr_bytes: counter64(d.written_bytes),
            errs: counter32(d.disk_errors),
        }),
        net: Some(VirtNetIo {
            bytes_in: counter64(d.in_bytes),
            pkts_in: counter32(d.in_packets),
            errs_in: counter32(d.in_errors),
            drops_in: counter32(d.in_drops),
            bytes_out: counter64(d.out_bytes),
            pkts_out: counter32(d.out_packets),
            errs_out: counter32(d.out_errors),
            drops_out: counter32(d.out_drops),
        }),
        adaptors: Some(Adaptors { adaptors: d.vnics.iter().take(MOST_ADAPTORS).map(adaptor).collect() }),
        gpu: None,
    }
}

/// Pressure as metrics, microseconds; `None` where the kernel counts none.
pub(super) fn pressure(member: &Member, meter: &Meter) -> Option<RtMetric<'static>> {
    let pressure = meter.values.cgroup.pressure?;
    let parts = [("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io)];
    let named = |(part, stall): (&str, Option<Stall>)| {
        let stall = stall?;
        let metric = |kind: &str, us| Metric {
            name: format!("{part}_pressure_{kind}_us").into(),
            value: MetricValue::Counter64(us),
        };
        Some([Some(metric("some", stall.some_us)), stall.full_us.map(|us| metric("full", us))])
    };
    let metrics: Vec<_> = parts.into_iter().filter_map(named).flatten().flatten().collect();
    (!metrics.is_empty()).then(|| RtMetric { datasource: metric_source(&member.shown).into(), metrics })
}

/// A name as metrics may have it: at most 64 letters, digits, `-` and `_`, the first no digit.
fn metric_source(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let lead = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    lead.chars().chain(name.chars().map(plain)).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Scene;
    use super::*;
    use crate::agent::samples::SampleTo;
    use crate::collect::interfaces::Table;
    use crate::sample::guest::domain::Vnic;
    use crate::sample::guest::roster::{Maker, Roster};
    use crate::sflow::datagram::{Datagrams, Unsent};
    use crate::sflow::ids::DataSource;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn the_sample_of_a_guest_with_hundreds_of_interfaces_and_a_long_name_fits() {
        let agent = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let maker = Maker { host: [1; 16], agent, by_hostname: false };
        let uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";
        let mut roster = Roster::default();
        roster.put(Guest::new(Engine::Kvm, uuid, "n".repeat(300)), maker).unwrap();
        let member = roster.find(Engine::Kvm, uuid).unwrap();
        let vnics = vec![Vnic { tap: None, mac: [2; 6] }; 300];
        let mut meter = Meter::default();
        meter.values.domain.replace(Box::new(Counters { vnics, ..Counters::default() }));
        let now = crate::host::Host::at("/").clock.now();
        let facts = Facts {
            scene: Scene { table: &Table::default(), now },
            id: None,
            memory: None,
            gpus: None,
            pressure: false,
        };
        let (mut datagrams, mut send) = (Datagrams::new(1400, agent), |_: Unsent<'_>| {});
        let mut writer = SampleTo::new(0, &mut datagrams, &mut send);
        writer.guest(DataSource::logical(member.index), &records(member, &meter, facts), &mut 0);
        assert_eq!((writer.outcome.samples, writer.outcome.suppressed), (1, 0));
    }

    #[test]
    fn any_name_becomes_one_that_metrics_may_have() {
        assert_eq!(metric_source("getty@tty1.service"), "getty_tty1_service");
        assert_eq!(metric_source("1a"), "_1a");
        assert_eq!(metric_source(&"é".repeat(100)), "_".repeat(64));
    }
}
