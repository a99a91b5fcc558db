//! What is fuzzed: a name and a law that must hold for any bytes. A law that does not hold panics.
//!
//! To add a target: write its function, add it to `TARGETS`, and put a few small inputs into `corpus/NAME/`. The
//! fuzzer (`tests/fuzz.sh SECONDS NAME`) and the replay in `tests/fuzz_corpus.rs` then know it.

mod cgroup;
mod containerd;
mod docker;
mod domain;
mod firewall;
mod formats;
mod json;
mod metrics;
mod ovs;
mod pipe;
mod policy;
mod service_files;
mod view;

use hsflow::collect::host::{Faults, cpu, disk_io, memory, mib2, mounts, uuid};
use hsflow::collect::interfaces::ethtool_counts::Columns;
use hsflow::config;
use hsflow::config::dynamic::Dynamic;
use hsflow::sample::flow::{Known, Packet, Path, Sampler, encode, path};
use hsflow::sample::frame::{Direction, Frame, LinkType, Vlan};
use hsflow::sample::guest::Engine;
use hsflow::sample::guest::marks::{Marked, MarkedLink, Marks};
use hsflow::sample::local::Locals;
use hsflow::sample::skip::Skip;
use hsflow::sample::switch::switchd::{PortSetting, parse_switchd};
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::decode::{Datagram, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::sample::Port;
use hsflow::sflow::xdr::Writer;
use hsflow::source::nflog::messages::Messages;
use hsflow::wire::ebpf::event::{self, Event};
use hsflow::wire::frame::{self, Start};
use hsflow::wire::netlink::attribute::Attributes;
use hsflow::wire::netlink::drop_monitor::{codes, discard};
use hsflow::wire::netlink::header::messages;
use hsflow::wire::netlink::request::Request;
use hsflow::wire::netlink::{
    address, bond_stats, clsact, dcb, drop_monitor, ethtool, generic, inet_diag, link, module_eeprom, nflog,
    nsid, psample, stats, tc_sample, vpp,
};
use hsflow::wire::optics::{Memory, Stop, parse};
use hsflow::wire::{pcap, tunnel, udp};
use std::num::NonZeroU32;

type Law = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus folder.
pub(crate) const TARGETS: &[(&str, Law)] = &[
    ("cgroup", cgroup::law),
    ("config", configuration),
    ("containerd", containerd::law),
    ("dns_txt", dns_txt),
    ("docker", docker::law),
    ("domain", domain::law),
    ("ethtool", ethtool_names),
    ("events", events),
    ("firewall", firewall::law),
    ("formats", formats::law),
    ("headers", headers),
    ("json", json::law),
    ("metrics", metrics::law),
    ("netlink", netlink),
    ("nflog", log_messages),
    ("optics", optics),
    ("ovs", ovs::law),
    ("pcap", pcap),
    ("pipe", pipe::law),
    ("policy_lines", policy::lines),
    ("policy_rest", policy::requests),
    ("policy_saved", policy::saved),
    ("policy_toml", policy::toml),
    ("procfs", procfs),
    ("samples", samples),
    ("service_files", service_files::law),
    ("sflow", sflow),
    ("switchd", switchd),
    ("top_toml", view::toml),
    ("view", view::law),
];

/// A configuration is refused exactly when an error is told, and every problem lies inside the text.
fn configuration(data: &[u8]) {
    let (parsed, text) = config::parse_bytes("file", data);
    for problem in &parsed.problems {
        assert!(text.get(problem.span.clone()).is_some());
        assert!(!problem.line("file").contains('\n'));
        assert!(!problem.render("file", &text, false).is_empty());
    }
    let refused = parsed.problems.iter().any(|problem| problem.severity == config::Severity::Error);
    assert_eq!(parsed.settings.is_none(), refused);
}

/// A port of switchd.conf is told of only where something is said of it, and is named in the text.
fn switchd(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for (port, setting) in parse_switchd(&text) {
        assert!(text.contains(&port) && setting != PortSetting::default());
    }
}

/// Driver statistics are taken from the first column of their name, and only from columns that there are.
fn ethtool_names(data: &[u8]) {
    let (names, _) = data.as_chunks();
    let _ = Columns::find(names, true).map(|columns| columns.pick(&[]));
    let Some(columns) = Columns::find(names, false) else { return };
    let numbers: Vec<u64> = (0..).take(names.len()).collect();
    let picked = columns.pick(&numbers);
    let text = |column: usize| names.get(column).and_then(|name| name.split(|byte| *byte == 0).next());
    let all = [picked.in_multicast, picked.out_multicast, picked.in_broadcast, picked.out_broadcast];
    assert!(all.iter().any(Option::is_some));
    for column in all.into_iter().flatten() {
        let column = usize::try_from(column).expect("a column");
        let name = text(column).expect("one that there is");
        assert!(!name.is_empty() && (0..column).all(|earlier| text(earlier) != Some(name)));
    }
    assert_eq!(columns.pick(&[]), Default::default());
}

/// A transceiver's memory, a block for each 128 bytes after the first one, which tells which blocks are refused: readings that
/// a module can have, after no more questions than there are blocks.
fn optics(data: &[u8]) {
    let Some((refused, bytes)) = data.split_first() else { return };
    let (mut memory, mut blocks) = (Memory::default(), bytes.as_chunks::<128>().0.iter());
    for asked in 0..12 {
        match parse(&memory) {
            Ok(readings) => {
                assert!((1..=32).contains(&readings.lanes.len()));
                assert!(readings.temperature_mc.is_none_or(|mc| mc.abs() <= 128_000));
                for lane in &readings.lanes {
                    let powers = [lane.tx.now_uw, lane.tx.max_uw, lane.rx.now_uw, lane.rx.min_uw];
                    assert!(powers.into_iter().flatten().all(|uw| uw <= 6554));
                }
                return;
            }
            Err(Stop::Wanted { block, vital }) => {
                let next = if refused >> (asked % 8) & 1 == 1 { None } else { blocks.next() };
                if vital && next.is_none() {
                    return;
                }
                memory.put(block, next.copied());
            }
            Err(Stop::NoOptics(_) | Stop::Fault(_)) => return,
        }
    }
    panic!("it asks again for what it has");
}

/// What was captured of a packet lies inside its record, and nothing behind it counts.
fn events(data: &[u8]) {
    let Some(event) = Event::parse(data) else { return };
    assert!(inside(event.bytes, data));
    let used = event::HEADER_LEN + event.bytes.len();
    assert_eq!(data.get(..used).and_then(Event::parse), Some(event));
    assert_eq!(data.get(..used.saturating_sub(1)).and_then(Event::parse), None);
}

/// Lines of TXT records, after some others: valid settings, few and short remarks; the same once more is no change.
fn dns_txt(data: &[u8]) {
    let mut halves =
        data.splitn(2, |&byte| byte == 0).map(|half| half.split(|&byte| byte == b'\n').collect());
    let (before, lines): (Vec<&[u8]>, Vec<&[u8]>) =
        (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let good = Dynamic::read("before", &[], &before, None).dynamic;
    let read = Dynamic::read("name", &[], &lines, Some(&good));
    assert!(read.remarks.len() <= 17);
    assert!(read.remarks.iter().all(|remark| remark.len() < 4096 && !remark.contains(char::is_control)));
    let dynamic = read.dynamic;
    assert!(dynamic.polling_secs.is_none_or(|secs| secs <= 300));
    assert!(dynamic.header_bytes.is_none_or(|bytes| bytes <= 256));
    assert!(dynamic.datagram_bytes.is_none_or(|bytes| (200..=8192).contains(&bytes)));
    assert!(dynamic.collectors.len() <= 32 && dynamic.collectors.iter().all(|c| c.port != 0));
    assert_eq!(Dynamic::read("name", &[], &lines, Some(&dynamic)).dynamic, dynamic);
}

/// The headers of a sample lie inside it, those of its tunnels one behind the other.
fn headers(data: &[u8]) {
    let ether_type = data.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
    for start in [Start::Ethernet, Start::Ip, Start::EtherType(0x0800), Start::EtherType(ether_type)] {
        let outer = frame::parse(start, data);
        assert!(inside(outer.bytes, data));
        assert!(outer.transport_at().is_none_or(|at| at <= outer.bytes.len()));
        let mut behind = 0;
        for tunnel in tunnel::nested(&outer) {
            assert!(behind < tunnel.inner_at && tunnel.inner_at <= data.len());
            assert!(inside(tunnel.inner.bytes, data));
            behind = tunnel.inner_at;
        }
    }
}

/// No attribute reaches outside its message, and attributes that are written again are read as the same.
fn netlink(data: &[u8]) {
    for message in messages(data).flatten() {
        let _ = message.outcome();
        assert!(message.words().is_none_or(|words| words.len() <= 3 * data.len()));
        assert!(inside(message.payload, data));
        parse_as_all(message.payload);
        write_again(message.payload);
    }
    parse_as_all(data);
}

fn parse_as_all(payload: &[u8]) {
    let _ = link::Link::parse(payload);
    let _ = address::Address::parse(payload);
    let _ = (stats::parse(payload), bond_stats::parse(payload));
    let _ = generic::Family::parse(payload);
    let _ = ethtool::parse_link_change(payload);
    let _ = (module_eeprom::parse(payload), dcb::parse(payload));
    let _ = nflog::Packet::parse(payload);
    let _ = psample::Sample::parse(payload);
    let _ = psample::new_group(payload);
    let _ = (drop_monitor::trap_counts(payload), drop_monitor::lost(payload));
    if let Ok(Some(alert)) = drop_monitor::Alert::parse(payload) {
        let tables = discard::Tables { reasons: true, traps: true, symbols: true };
        assert!(discard::classify(&alert, tables).is_none_or(|code| codes::name(code).is_some()));
    }
    let _ = (clsact::interface(payload), clsact::is_clsact(payload));
    if let Ok(filter) = clsact::Filter::parse(payload) {
        assert!(!filter.ours || payload.windows(8).any(|text| text == b"hsflowd\0"));
    }
    if let Ok(tc_sample::Found::Ours(ours)) = tc_sample::Found::parse(payload) {
        assert!(payload.windows(10).any(|text| text == b"hsflowd-rs"));
        assert!(tc_sample::PREFERENCES.contains(&ours.preference));
    }
    let _ = nsid::parse(payload);
    let _ = [1, 2, 3].map(|kind| vpp::Message::parse(kind, payload).map(|_| ()));
    let _ = inet_diag::Socket::parse(payload);
}

fn write_again(payload: &[u8]) {
    let Ok(attributes) = Attributes::after(payload, 0, "payload") else { return };
    let read: Vec<_> = attributes.flatten().collect();
    let mut buffer = Vec::new();
    let mut request = Request::get(&mut buffer, 0, 0, &[]);
    for attribute in &read {
        assert!(attribute.offset + attribute.value.len() <= payload.len());
        request = request.attribute(attribute.kind, attribute.value);
    }
    let _ = request;
    let message = messages(&buffer).next().expect("one request").expect("well formed");
    let again =
        Attributes::after(message.payload, 0, "payload").expect("no header").map(|a| a.expect("whole"));
    assert!(again.map(|a| (a.kind, a.value)).eq(read.iter().map(|a| (a.kind, a.value))));
}

/// Samples of a firewall's messages lie inside them, and are no longer than they were on the wire.
fn log_messages(data: &[u8]) {
    let one_in = |n| NonZeroU32::new(n).expect("not 0");
    let mut messages = Messages::new(one_in(10), Skip::new(one_in(1), 0), 100);
    let mut samples = 0;
    let frames = messages.read(data, &mut |frame: &Frame<'_>| {
        samples += 1;
        assert!(inside(frame.bytes, data) || frame.bytes.is_empty());
        assert!(inside(frame.link_header, data) || frame.link_header.is_empty());
        assert!(
            frame.bytes.len() <= 100
                && frame.bytes.len() + frame.link_header.len() <= frame.wire_len as usize
        );
        assert!(frame.if_index != 0 && frame.one_in == 10);
    });
    assert_eq!(frames, samples);
    assert!(frames + messages.take_malformed() as usize <= data.len());
}

/// Packets lie inside the file, payloads inside their packet, and an error is the last thing.
fn pcap(data: &[u8]) {
    let Ok(mut packets) = pcap::packets(data) else { return };
    while let Some(packet) = packets.next() {
        let Ok(packet) = packet else {
            assert!(packets.next().is_none());
            return;
        };
        assert!(inside(packet.bytes, data));
        for link_type in [packet.link_type, 0, 1, 101, 113, 276] {
            if let Ok(udp) = udp::parse(link_type, packet.bytes) {
                assert!(inside(udp.payload, packet.bytes));
            }
        }
    }
}

fn inside(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

/// Any bytes as any kernel file: no more comes out than lines went in, and no more than eight faults.
fn procfs(data: &[u8]) {
    let mut faults = Faults::default();
    let table = mounts::parse_mountinfo(data, &mut faults);
    let (asked, hidden) = mounts::select(&table);
    assert!(asked.len() + hidden.len() <= table.len());
    assert!(mounts::unescape(data).as_os_str().len() <= data.len());
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = cpu::parse_stat(text, &mut faults);
    let _ = cpu::parse_loadavg(text, &mut faults);
    let _ = cpu::parse_uptime(text, &mut faults);
    let _ = (cpu::parse_cpu_mhz(text), cpu::parse_cpufreq(text));
    let _ = memory::parse_meminfo(text, &mut faults);
    let _ = memory::parse_vmstat(text, &mut faults);
    let _ = mib2::parse_snmp(text, &mut faults);
    let _ = uuid::parse_uuid(text);
    let mut devices = 0;
    disk_io::parse_diskstats(text, &mut faults, |name, _| {
        assert!(!name.is_empty());
        devices += 1;
    });
    assert!(devices <= text.lines().count());
    assert!(faults.drain().count() <= 8);
}

/// A frame of any kind has a sample that can be read, with a header that is no longer than asked for, than what was
/// captured, or than what it says was on the wire. The first eight bytes say what kind of frame the others are.
fn samples(data: &[u8]) {
    let Some((&[kind, number, split, limit, tag, direction, w0, w1], rest)) = data.split_first_chunk() else {
        return;
    };
    let link = match kind % 4 {
        0 => LinkType::Ethernet,
        1 => LinkType::Ip,
        2 => LinkType::IpOfEthernet,
        _ => LinkType::Other(number.into()),
    };
    let (link_header, bytes) = rest.split_at(usize::from(split).min(rest.len()));
    let vlan = (tag != 0).then_some(Vlan { tpid: 0x8100, tci: tag.into() });
    let direction = if direction % 2 == 0 { Direction::In } else { Direction::Out };
    let wire_len = u16::from_be_bytes([w0, w1]).into();
    let frame = Frame { link, link_header, bytes, vlan, direction, wire_len, ..Frame::default() };
    let Some(packet) = Packet::of(&frame) else { return };
    let _ = path(&packet, &Locals::default());
    // The guest of whom the first bytes could be: whatever they are, there is an answer.
    let mac = rest.first_chunk().copied();
    let link = MarkedLink { mac, vni: Some(number.into()), ..MarkedLink::default() };
    let guest = Marked { index: 1, engine: Engine::Docker, links: vec![link], cgroups: Vec::new() };
    let entities = Marks::new([&guest]).ends(&packet, &Locals::default(), None).record();
    let known = Known { entities, tcp: None };
    let path = Path { input: Port::INTERNAL, output: Port::INTERNAL };
    let mut sampler = Sampler::new(1);
    sampler.count(&frame);
    let header = sampler.next(frame.one_in, path);
    let mut datagrams = Datagrams::new(1400, [192, 0, 2, 1].into());
    let mut stream = Stream::new([192, 0, 2, 1].into(), 0);
    let (limit, mut sent) = (limit.into(), Vec::new());
    let mut send = |unsent: Unsent<'_>| {
        sent.extend(decode(stream.complete(unsent)).expect("our own encoding is readable").samples);
    };
    datagrams
        .add_flow(1, &header, |out| encode(&packet, path, known, limit, out), &mut send)
        .expect("it fits");
    datagrams.flush(1, &mut send);
    let Some(Sample::Flow(sample)) = sent.pop() else { panic!("no flow sample") };
    let Some(FlowRecord::SampledHeader(shown)) = sample.records.first() else { panic!("no header") };
    assert!(shown.header.len() <= limit.min(rest.len() + 4));
    assert!(shown.frame_length as usize >= shown.header.len() + shown.stripped as usize);
}

/// What was decoded is encoded to bytes that decode to the same and encode to the same again.
fn sflow(data: &[u8]) {
    let Ok(first) = decode(data) else { return };
    // An absent end of a record is written out, so the bytes may grow a little.
    let once = encoded(&first, data.len() * 2);
    let second = decode(&once).expect("our own encoding is readable");
    assert_eq!((second.dirty_padding, second.trailing.len()), (0, 0));
    assert_eq!(once, encoded(&second, once.len()));
    // As text, because a NaN is not equal to itself.
    assert_eq!(format!("{:?}", first.samples), format!("{:?}", second.samples));
    serde_json::to_string(&first).expect("every datagram can be printed");
}

fn encoded(datagram: &Datagram, room: usize) -> Vec<u8> {
    let mut buffer = vec![0xA5; room];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).expect("the room is enough");
    out.written().to_vec()
}
