//! A poll in the steady state allocates nothing: the memory allocator itself counts. In: the live kernel and a
//! recorded host. Out: how often the thread under test asked for memory.

#![allow(clippy::unwrap_used)] // a panic is how a test fails
#![allow(unsafe_code)] // a global allocator cannot be written without; nothing of this is in the agent

#[path = "support/netns.rs"]
mod netns;
mod support;
#[path = "support/traffic.rs"]
mod traffic;

use hsflow::agent::outlet::SharedOutlet;
use hsflow::agent::pace::Pace;
use hsflow::agent::packets::{Making, SharedDesk};
use hsflow::collect::guests::cgroup::{Cgroup, Hierarchies};
use hsflow::collect::guests::network::Networks;
use hsflow::collect::host::{HostCounters, HostSample};
use hsflow::collect::interfaces::{Interfaces, LinkStats, RECEIVE_BUFFER};
use hsflow::collect::sockets::{Place, Sockets, Wanted};
use hsflow::config::model::CollectorSettings;
use hsflow::export::Collectors;
use hsflow::host::{Clock, Host};
use hsflow::policy::model::Protocol;
use hsflow::policy::react::{Change, Detector, Field, Measure, Only, Rule, flows};
use hsflow::sample::application::message::Reader;
use hsflow::sample::connection::Connection;
use hsflow::sample::flow::{Known, Packet, Sampler, discard, encode, path};
use hsflow::sample::frame::{Discard, Frame, Vlan};
use hsflow::sample::guest::Engine;
use hsflow::sample::guest::marks::{Marked, MarkedLink, Marks};
use hsflow::sample::local::Locals;
use hsflow::sflow::counters::host::{Adaptor, Adaptors, HostNetIo};
use hsflow::sflow::counters::interface::{Ethernet, GenericInterface, PortName};
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::decode::{Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::socket::Entities;
use hsflow::sflow::ids::DataSource;
use hsflow::source::af_packet::{self, Tap};
use hsflow::source::{Source, ebpf};
use nix::net::if_::if_nametoindex;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of this thread's calls for memory.
struct Counting;

fn count() {
    // Not there any more while a thread ends.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: every call goes to `System` unchanged, which keeps the contract; counting touches only a `Cell` of this
// thread without a destructor, and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System` with this layout, since every other method here hands on its blocks.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`; the promise about `size` is the caller's.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` asks for memory, on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_counter_counts() {
    let mut list = Vec::new();
    assert_eq!(allocations(|| list.push(1_u8)), 1);
    assert_eq!(allocations(|| list.reserve(1000)), 1);
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| list.clear()), 0);
}

/// A host sample as large as a real one.
fn host_sample() -> HostSample {
    let mut sample = HostSample::default();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/root/server-2socket");
    HostCounters::new(&Host::at(root)).poll(&mut sample);
    sample
}

#[test]
fn encoding_a_host_and_a_hundred_interfaces_allocates_nothing() {
    let host = host_sample();
    let (id, cpu, memory) = (host.id.unwrap(), host.cpu.unwrap(), host.memory.unwrap());
    let (disk, ip, icmp) = (host.disk.unwrap(), host.ip.unwrap(), host.icmp.unwrap());
    let (tcp, udp, net) = (host.tcp.unwrap(), host.udp.unwrap(), HostNetIo::default());
    let adaptors = Adaptors { adaptors: vec![Adaptor { if_index: 4, macs: vec![[2, 0, 0, 0, 0, 1]] }; 32] };
    let (name, ethernet) = (PortName { name: "enp129s0f1np1".into() }, Ethernet::default());
    let mut datagrams = Datagrams::new(1400, [192, 0, 2, 1].into());
    let (mut sent, mut bytes) = (0, 0);
    let mut stream = Stream::new([192, 0, 2, 1].into(), 100_000);
    let mut send = |unsent: Unsent<'_>| {
        sent += 1;
        bytes += stream.complete(unsent).len();
    };
    let asked = allocations(|| {
        for index in 1..=100 {
            let generic = GenericInterface { if_index: index, ..GenericInterface::default() };
            let source = DataSource::interface(index);
            let written = datagrams.add_counters(
                1,
                source,
                1,
                |s| {
                    s.record(&name)?;
                    s.record(&ethernet)?;
                    s.record(&generic)
                },
                &mut send,
            );
            assert!(written.is_ok());
        }
        let written = datagrams.add_counters(
            1,
            DataSource::HOST,
            1,
            |s| {
                s.record(&adaptors)?;
                s.record(&udp)?;
                s.record(&tcp)?;
                s.record(&icmp)?;
                s.record(&ip)?;
                s.record(&disk)?;
                s.record(&memory)?;
                s.record(&cpu)?;
                s.record(&net)?;
                s.record(&id)
            },
            &mut send,
        );
        assert!(written.is_ok());
        datagrams.flush(1, &mut send);
    });
    assert_eq!(asked, 0);
    assert!(sent > 10 && bytes > 100 * 200, "{sent} datagrams, {bytes} bytes");
}

/// A guest with this address.
fn guest(ip: [u8; 4]) -> Marked {
    let link = MarkedLink { ips: vec![ip.into()], ..MarkedLink::default() };
    Marked { index: 100_000, engine: Engine::Docker, links: vec![link], cgroups: Vec::new() }
}

#[test]
fn samples_of_packets_and_of_drops_allocate_nothing() {
    let bytes = [&[2; 12][..], &[8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17], &[9; 110]].concat();
    let plain = Frame { one_in: 400, bytes: &bytes, wire_len: 1514, time: Some(1), ..Frame::default() };
    let tagged = Frame { vlan: Some(Vlan { tpid: 0x8100, tci: 5 }), ..plain };
    let dropped =
        Discard { reason_name: Some("NO_SOCKET"), bytes: &bytes, wire_len: 1514, ..Discard::default() };
    let locals = Locals::new([[9; 4].into()], [[2; 6]]);
    let (marks, strangers) = (Marks::new([&guest([9; 4])]), Locals::default());
    let (mut sampler, mut discards) = (Sampler::new(7), discard::Discards::default());
    let mut datagrams = Datagrams::new(1400, [192, 0, 2, 1].into());
    let mut stream = Stream::new([192, 0, 2, 1].into(), 0);
    let mut sent = 0;
    let mut send = |unsent: Unsent<'_>| sent += stream.complete(unsent).len();
    let asked = allocations(|| {
        for frame in [plain, tagged].iter().cycle().take(1000) {
            let packet = Packet::of(frame).unwrap();
            let path = path(&packet, &locals);
            sampler.count(frame);
            let header = sampler.next(frame.one_in, path);
            let entities = marks.ends(&packet, &strangers, None).record();
            assert!(entities.is_some());
            let known = Known { entities, tcp: None };
            datagrams.add_flow(1, &header, |out| encode(&packet, path, known, 128, out), &mut send).unwrap();
            let header = discards.take(&dropped);
            datagrams.add_discard(1, &header, |out| discard::encode(&dropped, out), &mut send).unwrap();
        }
    });
    assert_eq!(asked, 0);
    assert!(sent > 300_000, "{sent} bytes");
}

#[test]
fn a_poll_of_the_host_allocates_nothing_once_its_buffers_have_grown() {
    let mut counters = HostCounters::new(&Host::default());
    let mut sample = HostSample::default();
    (0..3).for_each(|_| counters.poll(&mut sample));
    assert!(sample.cpu.is_some() && sample.memory.is_some() && sample.tcp.is_some());
    assert_eq!(allocations(|| counters.poll(&mut sample)), 0, "{:?}", sample.problems);
}

#[test]
fn reading_the_counters_of_guests_allocates_nothing_once_its_buffers_have_grown() {
    const NAME: &str = "reading_the_counters_of_guests_allocates_nothing_once_its_buffers_have_grown";
    netns::isolated(NAME, || {
        let guest = netns::Elsewhere::new();
        netns::run(&format!("ip link add ve1 type veth peer name eth0 netns {}", guest.pid()));
        netns::run("ip link add low type veth peer name lowest");
        netns::run("ip link add link low name mv0 type macvlan");
        netns::run(&format!("ip link set mv0 netns {}", guest.pid()));
        let mut networks = Networks::open(&Host::default()).unwrap();
        let network = networks.learn(guest.pid()).unwrap();
        assert_eq!(network.vnics.len(), 2);
        let all = [&network; 300];
        let mut read = 0;
        let mut poll = || networks.read_all(&all, |_, counters| read += usize::from(counters.is_ok()));
        (0..2).for_each(|_| poll());
        assert_eq!(allocations(poll), 0);
        assert_eq!(read, 900);
    });
}

#[test]
fn reading_a_cgroup_allocates_nothing_but_when_it_is_looked_for() {
    let dir = support::TempDir::new();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
    for (name, text) in [
        ("cpu.stat", "usage_usec 5\n"),
        ("memory.current", "4096\n"),
        ("memory.max", "max\n"),
        ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n253:0 rbytes=1 wbytes=2 rios=3 wios=4\n"),
        ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\n"),
    ] {
        put(&format!("sys/fs/cgroup/guests/one/{name}"), text);
    }
    let hierarchies = Hierarchies::read(&Host::at(dir.path())).unwrap();
    let mut cgroup = Cgroup::open(&hierarchies.at("/guests/one"));
    let first = cgroup.read();
    assert!(first.cpu_ns.is_some() && first.disk.is_some() && first.pressure.is_some(), "{first:?}");
    assert_eq!(allocations(|| drop(cgroup.read())), 0);
}

#[test]
fn reading_interface_counters_allocates_nothing_once_its_buffers_have_grown() {
    let now = Clock::system().now();
    let mut interfaces = Interfaces::open(RECEIVE_BUFFER, now).unwrap();
    let indexes: Vec<u32> = interfaces.table().iter().map(|interface| interface.index).collect();
    // As many questions as on a host with some hundred interfaces.
    let asked: Vec<u32> = indexes.iter().copied().cycle().take(300).collect();
    let mut stats: Vec<(u32, LinkStats)> = Vec::new();
    for _ in 0..2 {
        stats.clear();
        interfaces.read_counters(&asked, &mut stats).unwrap();
    }
    assert_eq!(stats.len(), 300);
    stats.clear();
    assert_eq!(allocations(|| interfaces.read_counters(&asked, &mut stats).unwrap()), 0);
    for index in &indexes {
        interfaces.read_ethtool_counts(*index, now);
    }
    let later = now + Duration::from_secs(60);
    for index in indexes {
        let driver = allocations(|| _ = interfaces.read_ethtool_counts(index, later));
        assert_eq!(driver, 0, "driver statistics of {index}");
    }
}

#[test]
fn sending_to_collectors_that_listen_allocates_nothing() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut collectors = Collectors::new("/");
    let settings = CollectorSettings {
        host: "127.0.0.1".to_owned(),
        port: receiver.local_addr().unwrap().port(),
        device: None,
        namespace: None,
        rank: 0,
    };
    collectors.apply(&[settings], Duration::ZERO);
    collectors.send(b"first", Duration::ZERO);
    let asked = allocations(|| (0..10).for_each(|_| collectors.send(b"datagram", Duration::from_secs(1))));
    assert_eq!(asked, 0);
    let mut buffer = [0; 16];
    for wanted in [&b"first"[..], b"datagram"] {
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], wanted);
    }
}

#[test]
fn asking_for_the_sockets_of_a_batch_allocates_nothing_once_its_buffers_have_grown() {
    let now = Clock::system().now();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    // Only the first exists; each is wanted twice.
    let wanted = |at: u16| {
        let mut connection = Connection { protocol: 6, local, remote, sent: at.is_multiple_of(2) };
        if at >= 2 {
            connection.local.set_port(at / 2);
        }
        Wanted { connection, place: Place { if_index: 1, master: 7, ..Place::default() } }
    };
    let wanted: Vec<Wanted> = (0..200).map(wanted).collect();
    let (mut sockets, mut answers) = (Sockets::new("/", now), Vec::new());
    while !sockets.is_open() {
        assert_eq!(sockets.obstacle(), None);
        sockets.check(now);
        std::thread::yield_now();
    }
    sockets.lookup(&wanted, &mut answers, now);
    let before = sockets.counts();
    assert_eq!((before.wanted, before.found, before.absent), (100, 1, 99));
    assert_eq!(allocations(|| sockets.lookup(&wanted, &mut answers, now)), 0);
    assert!(answers[0].is_some() && answers[0] == answers[1] && answers[2].is_none());
}

/// Frames that a source has at once, as many as fill several datagrams.
const BURST: usize = 100;

#[test]
fn from_the_kernels_buffer_to_the_collector_a_packet_allocates_nothing() {
    let name = "from_the_kernels_buffer_to_the_collector_a_packet_allocates_nothing";
    netns::isolated(name, || {
        netns::run("ip link add near type veth peer name far");
        // In this order the near end has its carrier, and sends, when the command returns.
        netns::run("ip link set far up");
        netns::run("ip link set near up");
        let [near, far] = ["near", "far"].map(|name| if_nametoindex(name).unwrap());
        let tap = Tap { if_index: far, one_in: NonZeroU32::MIN, snap: 128, promiscuous: false };
        let mut pcap = af_packet::Taps::new().unwrap();
        pcap.add(tap).unwrap();
        drives_without_allocating(&mut pcap, near);
        drop(pcap);
        let mut epcap = ebpf::Taps::new().unwrap();
        match epcap.add(tap) {
            Ok(()) => drives_without_allocating(&mut epcap, near),
            Err(obstacle) => println!("SKIP epcap: {obstacle}"),
        }
    });
}

/// Reads the source as the packet thread does, while frames come in by `near`'s other end.
fn drives_without_allocating(source: &mut dyn Source, near: u32) {
    let (clock, receiver) = (Clock::system(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let outlet = SharedOutlet::new("/".as_ref(), 0, clock.now());
    let port = receiver.local_addr().unwrap().port();
    let settings =
        CollectorSettings { host: "127.0.0.1".to_owned(), port, device: None, namespace: None, rank: 0 };
    outlet.lock().set_agent(Some([192, 0, 2, 1].into()));
    outlet.lock().collectors.apply(&[settings], Duration::ZERO);
    let desk = SharedDesk::new(&outlet, Pace::new(clock.now()), Arc::default());
    desk.lock().configure(Making { header_bytes: 128, datagram_bytes: 1400, counters: true }, clock.now());
    let frame = traffic::udp_frame(64, [[2; 6], [4; 6]], [[192, 0, 2, 9].into(), [192, 0, 2, 8].into()], 0);
    desk.lock().set_marks(Some(Arc::new(Marks::new([&guest([192, 0, 2, 8])]))));
    let mut sender = traffic::Sender::new(near);
    let visit = |source: &mut dyn Source| {
        let mut desk = desk.lock();
        desk.begin(source.name(), clock.now());
        let frames = source.read(&mut *desk).unwrap().frames;
        desk.end();
        desk.flush(clock.now());
        frames
    };
    let (mut asked, mut frames) = (0, 0);
    for round in 0..4 {
        sender.send(&frame, BURST);
        let found = allocations(|| frames = visit(source));
        assert!(frames >= BURST, "{} has {frames}", source.name());
        // The first time the data source is new.
        asked += if round == 0 { 0 } else { found };
    }
    assert_eq!(asked, 0, "{}", source.name());
    let sent = outlet.lock().datagrams;
    assert!(sent >= 4 * 10, "{sent} datagrams");
    let mut buffer = [0; 2000];
    let length = receiver.recv(&mut buffer).unwrap();
    assert!(length > 1000, "the first is full");
    let first = decode(&buffer[..length]).unwrap().samples.into_iter().find_map(|sample| match sample {
        Sample::Flow(flow) => {
            flow.records.into_iter().find(|record| matches!(record, FlowRecord::Entities(_)))
        }
        _ => None,
    });
    let [src, dst] = [DataSource { class: 3, index: 100_000 }, DataSource { class: 0, index: 0 }];
    assert_eq!(first, Some(FlowRecord::Entities(Entities { src, dst })));
}

#[test]
fn a_json_message_allocates_nothing_but_a_list_of_its_named_values() {
    let metric = |name: u32| format!(r#""m{name}": {{"type": "counter64", "value": "{name}"}}"#);
    let metrics: Vec<_> = (0..10).map(metric).collect();
    let metrics = format!(r#"{{"rtmetric": {{"datasource": "web1", {}}}}}"#, metrics.join(", "));
    let counters = r#"{"counter_sample": {"app_name": "é", "app_operations": {"success": 1}, "app_workers": {"workers_max": 2}}}"#;
    let flow = r#"{"flow_sample": {"app_name": "mail", "app_operation": {"operation": "send", "attributes": "a=1", "uS": 5}, "app_target": {"actor": "ann"}}}"#;
    let mut reader = Reader::default();
    // The longest first: the others find room where it was.
    for (text, expected) in [(counters, 0), (flow, 0), (&*metrics, 1)] {
        assert!(reader.parse(metrics.as_bytes()).is_ok());
        assert_eq!(allocations(|| assert!(reader.parse(text.as_bytes()).is_ok())), expected, "{text}");
    }
}

#[test]
fn detecting_a_flood_of_keys_and_an_attack_in_it_allocates_nothing() {
    let flood: Vec<Vec<u8>> = (0..1000_u16).map(|number| sampled(&flood_packet(number))).collect();
    let attack = sampled(&flood_packet(u16::MAX));
    let rule = Rule {
        fields: vec![Field::Source, Field::SourcePort],
        only: Only { protocol: Some(Protocol::UDP), ..Only::default() },
        measure: Measure::Packets,
        raise_per_sec: 100_000,
        release_per_sec: 50_000,
        duration: Duration::ZERO,
        hold: Duration::from_millis(500),
        most: 8,
        window: Duration::from_secs(1),
        slices: 10,
        places: 64,
    };
    let mut detector = Detector::new(rule, std::hash::RandomState::new());
    let (mut raised, mut released) = (0, 0);
    let asked = allocations(|| {
        for ms in 0..5000 {
            let now = Duration::from_millis(ms);
            let mut emit = |event: &hsflow::policy::react::Event| match event.change {
                Change::Raise => raised += 1,
                Change::Release => released += 1,
            };
            let from_attacker = (1000..2000).contains(&ms);
            let one = if from_attacker { &attack } else { &flood[usize::try_from(ms).unwrap() % 1000] };
            flows(one, &mut |flow| detector.flow(now, flow, &mut emit)).unwrap();
            detector.tick(now, &mut emit);
        }
    });
    assert_eq!((asked, raised, released), (0, 1, 1));
}

fn flood_packet(port: u16) -> Vec<u8> {
    let packet = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    packet.udp(port, 9).write(&mut bytes, &[0; 50]).unwrap();
    bytes
}

/// A datagram with one sample of a packet, of which one in 1,000 is sampled.
fn sampled(bytes: &[u8]) -> Vec<u8> {
    let frame = Frame { if_index: 7, one_in: 1000, bytes, wire_len: 100, ..Frame::default() };
    let packet = Packet::of(&frame).unwrap();
    let path = path(&packet, &Locals::default());
    let header = Sampler::new(7).next(1000, path);
    let agent = [10, 0, 0, 1].into();
    let (mut queue, mut stream, mut sent) = (Datagrams::new(1400, agent), Stream::new(agent, 0), Vec::new());
    let mut send = |unsent: Unsent<'_>| sent = stream.complete(unsent).to_vec();
    queue.add_flow(0, &header, |out| encode(&packet, path, Known::default(), 128, out), &mut send).unwrap();
    queue.flush(0, &mut send);
    sent
}
