use super::picture::AgentPicture;
use super::*;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::app::AppOperations;
use crate::sflow::counters::host::{Adaptor, Adaptors, HostCpu, HostId, HostMemory, HostNetIo};
use crate::sflow::counters::interface::{GenericInterface, PortName};
use crate::sflow::counters::virt::{VirtCpu, VirtMemory, VirtNetIo};
use crate::sflow::decode::{Framed, Sample};
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::kernel::LinuxDropReason;
use crate::sflow::flow::packet::{SampledHeader, SampledIpv4};
use crate::sflow::flow::socket::Entities;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::{CountersHeader, DiscardHeader, FlowHeader, Port};
use crate::sflow::xdr::Writer;
use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A host that sends: each datagram a second after the one before unless said otherwise.
struct Sender {
    view: View,
    agent: IpAddr,
    sequence: u32,
    uptime_ms: u32,
    now: Now,
}

impl Sender {
    fn new() -> Self {
        let now = Now { time: Duration::from_secs(1000), unix: 1_700_000_000 };
        Self {
            view: View::new(Room::ONE, Limits::default()),
            agent: AGENT,
            sequence: 0,
            uptime_ms: 5000,
            now,
        }
    }

    fn pass(&mut self, secs: u32) {
        self.uptime_ms = self.uptime_ms.wrapping_add(secs * 1000);
        self.now.time += Duration::from_secs(secs.into());
        self.now.unix += u64::from(secs);
    }

    fn send(&mut self, samples: Vec<Sample>) {
        self.sequence = self.sequence.wrapping_add(1);
        let datagram = Datagram {
            agent: self.agent,
            sub_agent_id: 0,
            sequence: self.sequence,
            uptime_ms: self.uptime_ms,
            samples,
            dirty_padding: 0,
            trailing: Vec::new(),
        };
        let mut buffer = vec![0; 65_536];
        let mut out = Writer::new(&mut buffer);
        datagram.encode(&mut out).unwrap();
        assert!(self.view.feed(self.now, out.written()));
    }

    fn counters(&mut self, source: DataSource, records: Vec<CounterRecord>) {
        let header = CountersHeader { sequence: self.sequence, source };
        self.send(vec![Sample::Counters(Framed { compact: false, header, records })]);
    }

    fn picture(&mut self) -> AgentPicture {
        self.view.tick(self.now);
        self.view.picture(self.now, None).shown.unwrap()
    }
}

fn host_id(name: &str) -> CounterRecord {
    CounterRecord::HostId(HostId {
        hostname: name.to_owned(),
        os_name: 2,
        machine_type: 3,
        ..HostId::default()
    })
}

fn cpu(user: u32, idle: u32) -> CounterRecord {
    CounterRecord::HostCpu(HostCpu {
        cpu_num: 4,
        cpu_user: user,
        cpu_idle: idle,
        cpu_steal: u32::MAX,
        load_one: 0.5,
        ..HostCpu::default()
    })
}

fn close(value: Option<f64>, wanted: f64) {
    assert!(
        value.is_some_and(|value| (value - wanted).abs() < wanted.abs() * 0.01 + 1e-6),
        "{value:?}, not {wanted}"
    );
}

#[test]
fn a_host_is_what_two_samples_say() {
    let mut sender = Sender::new();
    let memory = HostMemory { mem_total: 1000, mem_free: 200, mem_cached: 300, ..HostMemory::default() };
    let net = |bytes_in| {
        CounterRecord::HostNetIo(HostNetIo { bytes_in, drops_in: u32::MAX, ..HostNetIo::default() })
    };
    let memory = CounterRecord::HostMemory(memory);
    sender.counters(DataSource::HOST, vec![host_id("web\u{1b}"), cpu(1000, 9000), memory, net(0)]);
    let first = sender.picture();
    assert_eq!((first.host.cpu, first.host.in_bits, first.host.name.as_str()), (None, None, "web\u{fffd}"));
    close(first.host.memory(), 50.0);
    sender.pass(20);
    sender.counters(DataSource::HOST, vec![cpu(4000, 10_000), net(2_000_000)]);
    let second = sender.picture();
    close(second.host.cpu, 75.0);
    close(second.host.in_bits, 800_000.0);
    close(second.polling, 20.0);
    assert_eq!(second.host.drops, Some(0.0), "of what is known");
    assert_eq!(second.trail.column(0).collect::<Vec<_>>(), [None, Some(75.0)]);
}

#[test]
fn counters_that_wrap_go_on_and_an_agent_that_starts_again_begins_anew() {
    let mut sender = Sender::new();
    let port = |octets, packets, drops| {
        let name = CounterRecord::PortName(PortName { name: "eth0".into() });
        let counters = GenericInterface {
            if_index: 2,
            if_speed: 1_000_000,
            if_status: 3,
            in_octets: octets,
            in_ucast_pkts: packets,
            in_discards: drops,
            ..GenericInterface::default()
        };
        vec![CounterRecord::GenericInterface(counters), name]
    };
    let source = DataSource::interface(2);
    sender.counters(source, port(1000, u32::MAX - 99, 5));
    sender.pass(10);
    sender.counters(source, port(1_001_000, 101, 15));
    let row = sender.picture().interfaces.remove(0);
    assert_eq!((row.name.as_str(), row.up), ("eth0", Some(true)));
    close(row.in_packets, 20.1);
    close(row.in_bits, 800_000.0);
    close(row.busy, 80.0);
    close(row.drops(), 1.0);
    // Started again: its numbers and its clock begin anew, the kernel's counters do not.
    (sender.sequence, sender.uptime_ms) = (0, 100);
    sender.now.time += Duration::from_secs(5);
    sender.counters(source, port(2_000_000, 500, 15));
    sender.pass(10);
    sender.counters(source, port(2_001_000, 600, 15));
    let picture = sender.picture();
    close(picture.interfaces[0].in_bits, 800.0);
    assert_eq!(picture.lost, 0);
    sender.sequence += 7;
    sender.pass(10);
    sender.counters(source, port(1, 700, 15));
    let picture = sender.picture();
    assert_eq!(
        (picture.lost, picture.interfaces[0].in_bits),
        (7, None),
        "64 bits that fall have begun again"
    );
}

fn guest(name: &str, cpu_time: u32, os_name: u32, net: Option<u64>) -> Vec<CounterRecord> {
    let id = HostId { hostname: name.to_owned(), os_name, machine_type: os_name, ..HostId::default() };
    let mut records = vec![
        CounterRecord::HostId(id),
        CounterRecord::VirtCpu(VirtCpu { state: 1, cpu_time, nr_virt_cpu: 2 }),
        CounterRecord::VirtMemory(VirtMemory { memory: 512, max_memory: 1024 }),
    ];
    if let Some(bytes_in) = net {
        records.push(CounterRecord::VirtNetIo(VirtNetIo { bytes_in, ..VirtNetIo::default() }));
        let adaptors = vec![Adaptor { if_index: 7, macs: vec![[2; 6]] }];
        records.push(CounterRecord::Adaptors(Adaptors { adaptors }));
    }
    records
}

#[test]
fn guests_are_told_apart_and_one_above_80_per_cent_for_30_seconds_is_an_alert() {
    let mut sender = Sender::new();
    sender.counters(DataSource::HOST, vec![host_id("node1"), cpu(0, 0)]);
    for round in 0..4 {
        sender.counters(DataSource::logical(100_001), guest("vm1", round * 36_000, 0, Some(0)));
        sender.counters(
            DataSource::logical(100_002),
            guest("c1", round * 1000, 2, Some(u64::from(round) * 25_000)),
        );
        sender.counters(DataSource::logical(100_003), guest("cron.service", 0, 2, None));
        sender.pass(20);
    }
    let picture = sender.picture();
    let kinds: Vec<_> =
        picture.guests.iter().map(|row| (row.name.as_str(), row.kind.name(), row.state)).collect();
    assert_eq!(
        kinds,
        [("vm1", "vm", "running"), ("c1", "container", "running"), ("cron.service", "service", "running")]
    );
    close(picture.guests[0].cpu, 180.0);
    close(picture.guests[0].cpu_share, 90.0);
    close(picture.guests[1].in_bits, 10_000.0);
    close(picture.guests[1].memory_share(), 50.0);
    assert_eq!(picture.guests[1].interfaces, [7]);
    let lines: Vec<_> = sender.view.alerts().lines().map(|line| line.text.clone()).collect();
    assert_eq!(lines, ["high: vm1 on node1: guest.cpu 90.0 (limit 80) for 40 s"]);
    // It ends: nothing is told of it any more, and the others go on.
    for round in 4..12 {
        sender.counters(DataSource::HOST, vec![cpu(round, round)]);
        sender.counters(DataSource::logical(100_002), guest("c1", round * 1000, 2, None));
        sender.pass(20);
    }
    assert_eq!(sender.picture().guests.len(), 1);
    assert_eq!(sender.view.alerts().lines().count(), 2);
    assert_eq!(sender.view.rows(), 1);
}

#[test]
fn an_alert_ends_also_where_its_guest_has_another_name_or_kind_by_then() {
    let mut sender = Sender::new();
    let mut poll = |name: &str, cpu_ms: u32, net: Option<u64>| {
        sender.counters(DataSource::logical(100_001), guest(name, cpu_ms, 2, net));
        sender.pass(20);
        sender.view.alerts().current()
    };
    let high = [0, 36_000, 72_000].map(|cpu_ms| poll("old", cpu_ms, Some(0)));
    assert_eq!(high, [0, 0, 1]);
    assert_eq!(poll("new", 72_000, Some(0)), 0);
    let high = [108_000, 144_000].map(|cpu_ms| poll("new", cpu_ms, Some(0)));
    assert_eq!(high, [0, 1]);
    assert_eq!(poll("new", 144_000, None), 0, "without a network it is a service");
    let lines: Vec<_> =
        sender.view.alerts().lines().map(|line| line.text.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["high", "over", "high", "over"]);
}

#[test]
fn an_applications_operations_are_good_or_bad() {
    let mut sender = Sender::new();
    let counts = |good, bad| {
        let mut all = [0; 11];
        (all[0], all[2], all[9]) = (good, bad, bad);
        vec![CounterRecord::AppOperations(AppOperations::by_status("shop".into(), all))]
    };
    sender.counters(DataSource::logical(150_001), counts(10, 0));
    sender.pass(10);
    sender.counters(DataSource::logical(150_001), counts(110, 5));
    let row = sender.picture().applications.remove(0);
    assert_eq!(row.name, "shop");
    close(row.good, 10.0);
    close(row.bad, 1.0);
}

fn flow_header(drops: u32) -> FlowHeader {
    FlowHeader {
        sequence: 1,
        source: DataSource::interface(2),
        sampling_rate: 100,
        sample_pool: 0,
        drops,
        input: Port::interface(2),
        output: Port::INTERNAL,
    }
}

fn flow(port: u16, bytes: u32, drops: u32) -> Sample {
    let mut header = Vec::new();
    let packet =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(port, 443, 1, 1);
    packet.write(&mut header, &[]).unwrap();
    let shown = SampledHeader { protocol: 1, frame_length: bytes, stripped: 4, header: header.into() };
    let entities = Entities { src: DataSource::logical(100_002), dst: DataSource { class: 0, index: 0 } };
    let records = vec![FlowRecord::SampledHeader(shown), FlowRecord::Entities(entities)];
    Sample::Flow(Framed { compact: false, header: flow_header(drops), records })
}

#[test]
fn flows_are_ordered_by_bytes_with_an_interval_that_holds_the_rate() {
    let mut sender = Sender::new();
    for _ in 0..10 {
        sender.send(vec![flow(1000, 1250, 0), flow(1000, 1250, 0), flow(2000, 64, 3)]);
        sender.pass(1);
    }
    let picture = sender.picture();
    let ends: Vec<_> = picture.flows.iter().map(|row| row.source.as_str()).collect();
    assert_eq!(ends, ["10.0.0.1:1000", "10.0.0.1:2000"]);
    let heaviest = &picture.flows[0];
    // 2 samples a second of 1250 bytes, one in 100: 2 Mbit/s and 200 packets, of what the window holds.
    assert!((1.2e6..2.4e6).contains(&heaviest.bits.value), "{:?}", heaviest.bits);
    assert!(heaviest.bits.low < heaviest.bits.value && heaviest.bits.value < heaviest.bits.high);
    assert!((heaviest.packets.value * 1250.0 * 8.0 - heaviest.bits.value).abs() < 1.0);
    assert_eq!(
        (heaviest.guests, heaviest.sampled, heaviest.protocol.as_str()),
        ((100_002, 0), (0, 2), "tcp")
    );
    assert_eq!((picture.lost_samples, picture.packet_samples), (30, 30));
    // Nothing more comes: after the window nothing is left, and then it is silent.
    sender.now.time += Duration::from_secs(30);
    assert_eq!((sender.picture().flows, sender.picture().is_silent), (Vec::new(), false));
    sender.now.time += Duration::from_secs(30);
    assert!(sender.picture().is_silent && sender.view.picture(sender.now, None).hosts[0].is_silent);
}

#[test]
fn a_switch_that_parses_packets_itself_has_flows_too() {
    let mut sender = Sender::new();
    let ip = SampledIpv4 {
        length: 500,
        protocol: 17,
        src_ip: Ipv4Addr::new(10, 0, 0, 5),
        dst_ip: Ipv4Addr::new(10, 0, 0, 6),
        src_port: 53,
        dst_port: 4000,
        tcp_flags: 0,
        tos: 0,
    };
    let records = vec![FlowRecord::SampledIpv4(ip)];
    sender.send(vec![Sample::Flow(Framed { compact: true, header: flow_header(0), records })]);
    let row = sender.picture().flows.remove(0);
    assert_eq!((row.source.as_str(), row.protocol.as_str(), row.samples), ("10.0.0.5:53", "udp", 1));
}

#[test]
fn drops_are_counted_by_reason_with_the_last_packet() {
    let mut sender = Sender::new();
    for round in 0..5 {
        let header = DiscardHeader {
            sequence: round,
            source: DataSource::interface(2),
            drops: round * 10,
            input: 2,
            output: 0,
            reason: 258,
        };
        let Sample::Flow(shown) = flow(1000, 100, 0) else { unreachable!() };
        let reason = FlowRecord::LinuxDropReason(LinuxDropReason { reason: "NETFILTER_DROP".into() });
        let records = vec![shown.records[0].clone(), reason];
        sender.send(vec![Sample::Discard(Framed { compact: false, header, records })]);
        sender.pass(1);
    }
    let picture = sender.picture();
    let row = &picture.drops[0];
    assert_eq!((row.reason.as_str(), row.detail.as_str(), row.total), ("acl", "NETFILTER_DROP", Some(5)));
    assert_eq!(row.last, "10.0.0.1:1000 > 10.0.0.2:443 tcp");
    assert_eq!(picture.unseen_drops, 40);
    close(row.rate, 1.0);
}

#[test]
fn memory_is_bounded_whoever_sends() {
    let room = Room { hosts: 3, rows: 10, places: 4, trail: 2 };
    let mut sender = Sender::new();
    sender.view = View::new(room, Limits::default());
    for index in 0..20 {
        sender.counters(
            DataSource::interface(index),
            vec![CounterRecord::GenericInterface(GenericInterface::default())],
        );
        sender.send((0..20).map(|port| flow(port * 50 + u16::try_from(index).unwrap(), 100, 0)).collect());
    }
    let picture = sender.picture();
    assert_eq!((picture.interfaces.len(), picture.left_out), (10, 10));
    assert!(picture.flows.len() <= 2 * 4 * 5);
    let send = |sender: &mut Sender, last| {
        let bytes = [&[0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, last][..], &[0; 16]].concat();
        sender.view.feed(sender.now, &bytes)
    };
    assert!(send(&mut sender, 2) && send(&mut sender, 3) && !send(&mut sender, 4));
    assert_eq!(sender.view.picture(sender.now, None).refused, 1);
    sender.now.time += Duration::from_secs(120);
    assert!(send(&mut sender, 4), "a silent one makes room");
    assert_eq!(sender.view.picture(sender.now, None).hosts.len(), 3);
    assert!(!sender.view.feed(sender.now, b"no sFlow"));
}

#[test]
fn a_datagram_that_is_overtaken_is_not_lost_and_a_slow_switch_keeps_its_ports() {
    let mut sender = Sender::new();
    let port = || {
        vec![CounterRecord::GenericInterface(GenericInterface { if_index: 9, ..GenericInterface::default() })]
    };
    for sequence in [1, 2, 4, 3, 5] {
        sender.sequence = sequence - 1;
        sender.counters(DataSource::interface(9), port());
    }
    assert_eq!(sender.picture().lost, 0);
    for _ in 0..3 {
        sender.pass(300);
        sender.counters(DataSource::interface(9), port());
        let picture = sender.picture();
        assert_eq!((picture.interfaces.len(), picture.lost, picture.is_silent), (1, 0, false));
    }
    sender.now.time += Duration::from_secs(299);
    assert!(!sender.picture().is_silent);
}

/// What is read again from any datagram can be shown in any size.
fn show(view: &View, now: Now) {
    let picture = view.picture(now, None);
    serde_json::to_string(&picture).unwrap();
    let limits = view.limits();
    if let Some(agent) = &picture.shown {
        let all = [
            sheets::interfaces(agent, limits),
            sheets::guests(agent, limits),
            sheets::services(agent, limits),
            sheets::flows(agent, None),
            sheets::drops(agent, limits),
            sheets::hosts(&picture, limits),
            sheets::alerts(&picture),
        ];
        for mut sheet in all {
            sheet.sort(1, true);
            assert!(sheet.rows.iter().all(|row| row.cells.len() == sheet.columns.len()));
            assert!(sheet.lines(80).iter().all(|line| line.chars().count() <= 80));
        }
        assert!(summary::lines(agent, limits).iter().all(|line| !summary::text(line).is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_records_at_any_times_can_be_shown(
        entropy in prop::collection::vec(any::<u8>(), 0..6000),
        steps in prop::collection::vec((any::<u32>(), any::<u32>(), 0_u64..100_000), 1..5),
    ) {
        let mut sender = Sender::new();
        let mut entropy = crate::sflow::xdr::Entropy(entropy.iter());
        for (uptime_ms, sequence, ms) in steps {
            (sender.uptime_ms, sender.sequence) = (uptime_ms, sequence);
            sender.now.time += Duration::from_millis(ms);
            let counters = CounterRecord::any_of_each(&mut entropy);
            let (records, flows) = (counters, FlowRecord::any_of_each(&mut entropy));
            let header = |class| CountersHeader { sequence, source: DataSource { class, index: uptime_ms % 3 } };
            let framed = |class| Framed { compact: false, header: header(class), records: records.clone() };
            let samples = [0, 2, 3].map(|class| Sample::Counters(framed(class)));
            let flow = Sample::Flow(Framed { compact: false, header: flow_header(sequence), records: flows });
            sender.send(samples.into_iter().chain([flow]).collect());
            sender.view.tick(sender.now);
            show(&sender.view, sender.now);
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut view = View::new(Room::MANY, Limits::default());
        let now = Now { time: Duration::from_secs(1), unix: 1 };
        view.feed(now, &bytes);
        view.feed(now, &[&[0, 0, 0, 5, 0, 0, 0, 1, 1, 2, 3, 4][..], &bytes].concat());
        view.tick(now);
        show(&view, now);
    }
}
