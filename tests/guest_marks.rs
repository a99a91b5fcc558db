//! Whom sampled packets are from and to: real traffic of real namespaces, tapped on the host's side, told as a collector
//! reads it. The witness is the topology.

#![allow(clippy::unwrap_used)] // helpers of tests fail the test

#[path = "support/guests.rs"]
mod guests;
#[path = "support/link.rs"]
mod link;
#[path = "support/netns.rs"]
mod netns;
mod support;
#[path = "support/traffic.rs"]
mod traffic;
#[path = "support/visit.rs"]
mod visit;

use guests::{Beside, bridge, container, run_inside};
use hsflow::collect::guests::network::Networks;
use hsflow::host::{Clock, Host, netns as namespaces};
use hsflow::sample::flow::{Known, Packet, Sampler, encode, path};
use hsflow::sample::frame::Frame;
use hsflow::sample::guest::Engine;
use hsflow::sample::guest::marks::{Marked, Marks};
use hsflow::sample::local::Locals;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::decode::{Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::source::Source;
use hsflow::source::af_packet::Taps;
use hsflow::source::ebpf;
use link::{drain, index, tap};
use netns::{Elsewhere, ip_batch, isolated, run};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;
use traffic::{Sender, ipv4};

/// What an sFlow agent calls the host itself.
const HOST: u32 = 0x3FFF_FFFF;
const UPLINK: &str = "192.0.2.1";
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
/// MAC addresses of the uplink and of its far end.
const UP: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

const LONG: Duration = Duration::from_secs(30);

/// A data source, and what is said of its guests: who sent, who receives, input, output.
type Seen = (u32, u32, u32, u32, u32);

/// The host with its guests, and a machine outside.
struct Site {
    first: Elsewhere,
    second: Elsewhere,
    shared: Elsewhere,
    sharer: Beside,
    outside: Elsewhere,
    neighbour: Option<Elsewhere>,
    marks: Marks,
    locals: Locals,
}

/// Indices of the guests.
const FIRST: u32 = 100_001;
const SECOND: u32 = 100_002;
const NEIGHBOUR: u32 = 100_005;

impl Site {
    fn new() -> Self {
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0").unwrap();
        bridge();
        let outside = Elsewhere::new();
        let pid = outside.pid();
        ip_batch(&format!(
            "link add wan address 02:00:00:00:00:01 type veth peer name wanx address 02:00:00:00:00:02 netns {pid}\n\
             link set wan up\naddr add {UPLINK}/24 dev wan\n"
        ));
        run_inside(pid, "ip link set wanx up");
        run_inside(pid, &format!("ip addr add {OUTSIDE}/24 dev wanx"));
        run_inside(pid, &format!("ip route add 10.9.0.0/24 via {UPLINK}"));
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let [first, second, shared] = [1, 2, 3].map(|number| {
            let guest = container(number);
            run_inside(guest.pid(), "ip route add default via 10.9.0.254");
            guest
        });
        let sharer = Beside::new(&format!("nsenter -t {} -n", shared.pid()));
        let neighbour = neighbour();
        let mut site = Self {
            first,
            second,
            shared,
            sharer,
            outside,
            neighbour,
            marks: Marks::default(),
            locals: Locals::new([UPLINK, "10.9.0.254"].map(|ip| ip.parse().unwrap()), [UP]),
        };
        site.learn();
        site
    }

    /// As the agent does it: from processes to marks.
    fn learn(&mut self) {
        let mut networks = Networks::open(&Host::default()).unwrap();
        let sharer = once_inside(&mut networks, self.sharer.pid());
        let pids = [self.first.pid(), self.second.pid(), self.shared.pid(), sharer];
        let pids = pids.into_iter().chain(self.neighbour.as_ref().map(Elsewhere::pid));
        let guests: Vec<Marked> = (FIRST..)
            .zip(pids)
            .map(|(index, pid)| Marked {
                index,
                engine: Engine::Docker,
                links: networks.learn(pid).unwrap().links().collect(),
                cgroups: Vec::new(),
            })
            .collect();
        self.marks = Marks::new(&guests);
    }

    /// Reads until the samples of packets with this mark have said all that is expected; nothing else may be said.
    fn expect<const N: usize>(&self, source: &mut dyn Source, mark: &[u8], expected: [Seen; N]) {
        let expected = BTreeSet::from(expected);
        let mut seen = BTreeSet::new();
        let clock = Clock::system();
        let end = clock.now() + LONG;
        while seen != expected && clock.now() < end {
            drain(source, |frame| {
                // Nobody listens, and the answer that says so quotes the packet.
                let quotes =
                    frame.bytes.get(12..15) == Some(&[8, 0, 0x45]) && frame.bytes.get(23) == Some(&1);
                if !quotes && frame.bytes.windows(mark.len()).any(|part| part == mark) {
                    seen.insert(self.sample(frame));
                }
            });
        }
        assert_eq!(seen, expected, "{}", String::from_utf8_lossy(mark));
    }

    /// The sample of a packet, as a collector reads it.
    fn sample(&self, frame: &Frame<'_>) -> Seen {
        let packet = Packet::of(frame).unwrap();
        let ends = self.marks.ends(&packet, &self.locals, None);
        let path = ends.complete(path(&packet, &self.locals));
        let known = Known { entities: ends.record(), tcp: None };
        let header = Sampler::new(frame.if_index).next(1, path);
        let agent = Ipv4Addr::LOCALHOST.into();
        let (mut datagrams, mut stream) = (Datagrams::new(1400, agent), Stream::new(agent, 0));
        let mut sent = Vec::new();
        let mut send = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
        datagrams.add_flow(1, &header, |out| encode(&packet, path, known, 128, out), &mut send).unwrap();
        datagrams.flush(1, &mut send);
        let datagram = decode(&sent[0]).unwrap();
        let [Sample::Flow(sample)] = datagram.samples.as_slice() else { panic!("{datagram:?}") };
        let entities = sample.records.iter().find_map(|record| match record {
            FlowRecord::Entities(entities) => Some(entities),
            _ => None,
        });
        let [source, destination] = entities.map_or([0; 2], |entities| {
            [entities.src, entities.dst].map(|end| {
                assert_eq!(end.class, if end.index == 0 { 0 } else { 3 });
                end.index
            })
        });
        let header = &sample.header;
        (header.source.index, source, destination, header.input.value, header.output.value)
    }
}

/// The number of a process that has entered the network of another by now.
fn once_inside(networks: &mut Networks, pid: u32) -> u32 {
    let clock = Clock::system();
    let end = clock.now() + LONG;
    while networks.learn(pid).unwrap().is_host {
        assert!(clock.now() < end, "nsenter has not entered");
        std::thread::yield_now();
    }
    pid
}

/// A guest beside the host on its uplink, where this kernel has macvlan.
fn neighbour() -> Option<Elsewhere> {
    let guest = Elsewhere::new();
    let words = "link add link wan name mv0 type macvlan mode bridge";
    if !std::process::Command::new("ip").args(words.split(' ')).status().unwrap().success() {
        println!("SKIP the guest with macvlan: not in this kernel");
        return None;
    }
    run(&format!("ip link set mv0 netns {}", guest.pid()));
    run_inside(guest.pid(), "ip link set mv0 up");
    run_inside(guest.pid(), "ip addr add 192.0.2.20/24 dev mv0");
    Some(guest)
}

/// A datagram from inside a namespace.
fn say(pid: u32, to: Ipv4Addr, mark: &[u8]) {
    let file = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    namespaces::inside(&file, || UdpSocket::bind("0.0.0.0:0").unwrap().send_to(mark, (to, 9)).unwrap())
        .unwrap();
}

fn ethernet(to: [u8; 6], from: [u8; 6], payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &[8, 0], payload].concat()
}

fn udp(ends: [Ipv4Addr; 2], port: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let ports = [50_000, port, u16::try_from(length).unwrap(), 0].map(u16::to_be_bytes).concat();
    [&ipv4(20 + length, ends, 17)[..], &ports, payload].concat()
}

/// A frame in VXLAN between the host and the machine outside.
fn vxlan(macs: [[u8; 6]; 2], ends: [Ipv4Addr; 2], inner: &[u8]) -> Vec<u8> {
    ethernet(macs[0], macs[1], &udp(ends, 4789, &[&[8, 0, 0, 0, 0, 0, 5, 0][..], inner].concat()))
}

#[test]
fn samples_name_the_guests_that_sent_and_receive_and_the_ports_that_lead_to_them() {
    isolated("samples_name_the_guests_that_sent_and_receive_and_the_ports_that_lead_to_them", || {
        let site = Site::new();
        let [ve1, ve2, br0, up] = ["ve1", "ve2", "br0", "wan"].map(index);
        let mut source = Taps::new().unwrap();
        [ve1, ve2, br0, up].into_iter().for_each(|if_index| source.add(tap(if_index, 1)).unwrap());
        let ip = |last| Ipv4Addr::new(10, 9, 0, last);

        say(site.first.pid(), ip(2), b"between guests");
        site.expect(
            &mut source,
            b"between guests",
            [(ve1, FIRST, SECOND, ve1, ve2), (ve2, FIRST, SECOND, ve1, ve2)],
        );

        say(site.first.pid(), OUTSIDE, b"to outside");
        let expected = [(ve1, FIRST, 0, ve1, 0), (br0, FIRST, 0, br0, 0), (up, FIRST, 0, ve1, up)];
        site.expect(&mut source, b"to outside", expected);

        say(site.outside.pid(), ip(1), b"from outside");
        let expected = [(up, 0, FIRST, up, ve1), (br0, 0, FIRST, 0, br0), (ve1, 0, FIRST, 0, ve1)];
        site.expect(&mut source, b"from outside", expected);

        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"of the host", (ip(2), 9)).unwrap();
        site.expect(&mut source, b"of the host", [(br0, 0, SECOND, HOST, br0), (ve2, 0, SECOND, HOST, ve2)]);

        say(site.shared.pid(), ip(2), b"of one of two");
        site.expect(&mut source, b"of one of two", [(ve2, 0, SECOND, 0, ve2)]);

        // Nobody has this address: the question for it is all that is sent.
        say(site.first.pid(), ip(99), b"never sent");
        let asked = [0, 0, 0, 0, 0, 0, 10, 9, 0, 99];
        let expected = [(ve1, FIRST, 0, ve1, 0), (ve2, FIRST, 0, ve1, ve2), (br0, FIRST, 0, br0, 0)];
        site.expect(&mut source, &asked, expected);

        if let Some(neighbour) = &site.neighbour {
            say(neighbour.pid(), OUTSIDE, b"beside the host");
            site.expect(&mut source, b"beside the host", [(up, NEIGHBOUR, 0, 0, up)]);
            say(site.outside.pid(), Ipv4Addr::new(192, 0, 2, 20), b"to the neighbour");
            site.expect(&mut source, b"to the neighbour", [(up, 0, NEIGHBOUR, up, 0)]);
        }
    });
}

#[test]
fn samples_of_a_tunnel_name_the_guests_inside() {
    isolated("samples_of_a_tunnel_name_the_guests_inside", || {
        let site = Site::new();
        let up = index("wan");
        let mut source = Taps::new().unwrap();
        source.add(tap(up, 1)).unwrap();
        let (guest, far) = (Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 60));
        let guest_mac = [2, 0, 0, 0, 1, 1];
        let host: Ipv4Addr = UPLINK.parse().unwrap();

        let inner = ethernet([2, 0, 0, 0, 7, 7], guest_mac, &udp([far, guest], 9, b"tunnel out"));
        assert!(Sender::new(up).try_send(&vxlan([FAR, UP], [OUTSIDE, host], &inner)));
        site.expect(&mut source, b"tunnel out", [(up, FIRST, 0, HOST, up)]);

        let file = File::open(format!("/proc/{}/ns/net", site.outside.pid())).unwrap();
        let socket = namespaces::inside(&file, || Sender::socket(index_there("wanx"))).unwrap();
        let inner = ethernet(guest_mac, [2, 0, 0, 0, 7, 7], &udp([guest, far], 9, b"tunnel in"));
        assert!(Sender::over(socket).try_send(&vxlan([UP, FAR], [host, OUTSIDE], &inner)));
        site.expect(&mut source, b"tunnel in", [(up, 0, FIRST, up, HOST)]);
    });
}

/// A thread's own view: the files of the network are those of its namespace.
fn index_there(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).unwrap()
}

#[test]
fn samplers_in_the_kernels_own_way_name_the_same_guests() {
    const NAME: &str = "samplers_in_the_kernels_own_way_name_the_same_guests";
    isolated(NAME, || {
        let site = Site::new();
        let [ve1, ve2, br0, up] = ["ve1", "ve2", "br0", "wan"].map(index);
        let mut source = match ebpf::probe(None)
            .and_then(|()| ebpf::Taps::new().map_err(hsflow::source::Obstacle::Failed))
        {
            Ok(source) => source,
            Err(obstacle) => return println!("SKIP {NAME}: {obstacle}"),
        };
        [ve1, ve2, up].into_iter().for_each(|if_index| source.add(tap(if_index, 1)).unwrap());
        say(site.first.pid(), Ipv4Addr::new(10, 9, 0, 2), b"between guests");
        let both = [(ve1, FIRST, SECOND, ve1, ve2), (ve2, FIRST, SECOND, ve1, ve2)];
        site.expect(&mut source, b"between guests", both);
        say(site.first.pid(), OUTSIDE, b"to outside");
        // The kernel tells that it came by the bridge.
        site.expect(&mut source, b"to outside", [(ve1, FIRST, 0, ve1, 0), (up, FIRST, 0, br0, up)]);
    });
}
