//! By which port a packet came and by which it goes, over real topologies: a table of what is sent where, and what each
//! sampled interface must say of it.
//!
//! All devices stand in one namespace, sampled 1:1 by one agent. Each row sends one packet with a payload of its own, and
//! looks for that in the samples. Kinds of devices that this kernel lacks print `SKIP`; the machine test has them all.

#![allow(clippy::cast_possible_truncation)] // lengths of small packets

use crate::collector::{Flow, Tally, header};
use crate::file_side::FileSide;
use crate::netns::Elsewhere;
use crate::rig::{LIMIT, if_index, isolated};
use crate::site::{HOST, Site, quiet};
use crate::traffic::{Sender, ipv4};
use nix::sched::{CloneFlags, setns};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::process::Command;

/// The host's own address, on `lo`; its address on tunnels; and others.
const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TUNNEL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const ANOTHER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// MAC addresses: the last byte says whose.
const fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}
/// Every near end has this one: an agent that looked interfaces up by it would confuse them.
const NEAR: [u8; 6] = mac(1);
const FAR: [u8; 6] = mac(2);
const ALL: [u8; 6] = [0xFF; 6];
/// Bytes of an IP packet of a row.
const LENGTH: usize = 90;

/// How often packets are sent until every device is sampled.
const TRIES: u32 = 20;

/// A set of devices, made together or not at all.
struct Topology {
    what: &'static str,
    /// Commands of `ip`, and of `bridge` where they begin so.
    make: &'static str,
    rows: &'static [Row],
}

/// One packet, and what one sampled interface says of it.
struct Row {
    what: &'static str,
    /// Where it is put on the wire.
    send: &'static str,
    frame: fn(&[u8]) -> Vec<u8>,
    /// Destination and source of the packet.
    ends: [Ipv4Addr; 2],
    /// Who must have sampled it, with input and output.
    seen: &'static [(&'static str, End, End)],
}

#[derive(Clone, Copy)]
enum End {
    Device(&'static str),
    /// Known to eBPF only, which sees the way of the packet through the kernel.
    Told(&'static str),
    Host,
    Unknown,
}
use End::{Device, Host, Told, Unknown};

fn plain(ip: &[u8]) -> Vec<u8> {
    ethernet(NEAR, FAR, &[0x0800], ip)
}
fn outward(ip: &[u8]) -> Vec<u8> {
    ethernet(FAR, NEAR, &[0x0800], ip)
}
fn broadcast(ip: &[u8]) -> Vec<u8> {
    ethernet(ALL, FAR, &[0x0800], ip)
}
fn foreign(ip: &[u8]) -> Vec<u8> {
    ethernet(mac(9), mac(8), &[0x0800], ip)
}
fn to_macvlan(ip: &[u8]) -> Vec<u8> {
    ethernet(mac(3), FAR, &[0x0800], ip)
}
fn tagged(ip: &[u8]) -> Vec<u8> {
    ethernet(NEAR, FAR, &[0x8100, 100, 0x0800], ip)
}
fn tagged_twice(ip: &[u8]) -> Vec<u8> {
    ethernet(NEAR, FAR, &[0x88A8, 7, 0x8100, 100, 0x0800], ip)
}
fn pppoe(ip: &[u8]) -> Vec<u8> {
    ethernet(NEAR, FAR, &[0x8864, 0x1100, 1, 2 + u16::try_from(LENGTH).unwrap(), 0x0021], ip)
}
fn bare(ip: &[u8]) -> Vec<u8> {
    ip.to_vec()
}
fn vxlan(ip: &[u8]) -> Vec<u8> {
    let inner = plain(ip);
    let length = 8 + 8 + inner.len();
    let udp = [50_000, 4789, u16::try_from(length).unwrap(), 0].map(u16::to_be_bytes).concat();
    let vni = [8, 0, 0, 0, 0, 0, 5, 0];
    plain(&[&ipv4(20 + length, [TUNNEL, THERE], 17)[..], &udp, &vni, &inner].concat())
}
fn gre(ip: &[u8]) -> Vec<u8> {
    plain(&[&ipv4(24 + ip.len(), [TUNNEL, THERE], 47)[..], &[0, 0, 8, 0], ip].concat())
}

fn ethernet(to: [u8; 6], from: [u8; 6], types: &[u16], payload: &[u8]) -> Vec<u8> {
    let types: Vec<u8> = types.iter().flat_map(|word| word.to_be_bytes()).collect();
    [&to[..], &from, &types, payload].concat()
}

/// A UDP packet with a payload that nothing else has.
fn packet(row: usize, ends: [Ipv4Addr; 2]) -> Vec<u8> {
    let udp = [9, 9, (LENGTH - 20) as u16, 0].map(u16::to_be_bytes).concat();
    let mut packet = [&ipv4(LENGTH, ends, 17)[..], &udp, &mark(row)].concat();
    packet.resize(LENGTH, 0x55);
    packet
}

fn mark(row: usize) -> [u8; 12] {
    let mut mark = *b"row         ";
    mark[4..].copy_from_slice(&(row as u64).to_be_bytes());
    mark
}

const TABLE: &[Topology] = &[
    Topology {
        what: "plain",
        make: "link add pl address 02:00:00:00:00:01 type veth peer name plx address 02:00:00:00:00:02",
        rows: &[
            Row {
                what: "received",
                send: "plx",
                frame: plain,
                ends: [US, OTHER],
                seen: &[("pl", Device("pl"), Host), ("plx", Unknown, Device("plx"))],
            },
            Row {
                what: "sent",
                send: "pl",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("pl", Host, Device("pl")), ("plx", Device("plx"), Unknown)],
            },
            Row {
                what: "to another machine",
                send: "plx",
                frame: foreign,
                ends: [OTHER, ANOTHER],
                seen: &[("pl", Device("pl"), Unknown)],
            },
            Row {
                what: "to all",
                send: "plx",
                frame: broadcast,
                ends: [Ipv4Addr::BROADCAST, OTHER],
                seen: &[("pl", Device("pl"), Unknown)],
            },
            Row {
                what: "for others, sent on",
                send: "pl",
                frame: outward,
                ends: [OTHER, ANOTHER],
                seen: &[("pl", Unknown, Device("pl"))],
            },
            Row {
                what: "tagged",
                send: "plx",
                frame: tagged,
                ends: [US, OTHER],
                seen: &[("pl", Device("pl"), Host)],
            },
            Row {
                what: "tagged twice",
                send: "plx",
                frame: tagged_twice,
                ends: [US, OTHER],
                seen: &[("pl", Device("pl"), Host)],
            },
            Row {
                what: "PPPoE",
                send: "plx",
                frame: pppoe,
                ends: [US, OTHER],
                seen: &[("pl", Device("pl"), Host)],
            },
            Row {
                what: "PPPoE sent",
                send: "pl",
                frame: pppoe,
                ends: [OTHER, US],
                seen: &[("pl", Host, Device("pl"))],
            },
        ],
    },
    Topology {
        what: "bridge",
        make: "link add p0 type veth peer name p0x address 02:00:00:00:00:02\n\
               link add p1 type veth peer name p1x\n\
               link add br0 address 02:00:00:00:00:01 type bridge\n\
               link set p0 master br0\nlink set p1 master br0\nlink set p1x up",
        rows: &[
            Row {
                what: "bridged",
                send: "p0x",
                frame: foreign,
                ends: [OTHER, ANOTHER],
                seen: &[("p0", Device("p0"), Unknown), ("p1", Told("p0"), Device("p1"))],
            },
            Row {
                what: "for the host",
                send: "p0x",
                frame: plain,
                ends: [US, OTHER],
                seen: &[("p0", Device("p0"), Host), ("br0", Device("br0"), Host)],
            },
            Row {
                what: "from the host",
                send: "br0",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("br0", Host, Device("br0")), ("p0", Host, Device("p0"))],
            },
            Row {
                what: "to all",
                send: "p0x",
                frame: broadcast,
                ends: [ANOTHER, OTHER],
                seen: &[
                    ("p0", Device("p0"), Unknown),
                    ("p1", Told("p0"), Device("p1")),
                    ("br0", Device("br0"), Unknown),
                ],
            },
        ],
    },
    Topology {
        what: "container",
        make: "link add ct address 02:00:00:00:00:01 type veth peer name ctx netns CONTAINER",
        rows: &[
            Row {
                what: "from it to the host",
                send: "CONTAINER ctx",
                frame: plain,
                ends: [US, OTHER],
                seen: &[("ct", Device("ct"), Host)],
            },
            Row {
                what: "from it to others",
                send: "CONTAINER ctx",
                frame: plain,
                ends: [ANOTHER, OTHER],
                seen: &[("ct", Device("ct"), Unknown)],
            },
            Row {
                what: "from the host to it",
                send: "ct",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("ct", Host, Device("ct"))],
            },
        ],
    },
    Topology {
        what: "VXLAN",
        make: "link add ux address 02:00:00:00:00:01 type veth peer name uxx address 02:00:00:00:00:02\n\
               link set ux up\nlink set uxx up\n\
               address add 203.0.113.1/24 dev ux\n\
               neighbour add 203.0.113.2 lladdr 02:00:00:00:00:02 dev ux\n\
               link add vx address 02:00:00:00:00:01 type vxlan id 5 local 203.0.113.1 remote 203.0.113.2 dstport 4789 dev ux",
        rows: &[
            Row {
                what: "received",
                send: "uxx",
                frame: vxlan,
                ends: [US, OTHER],
                seen: &[("ux", Device("ux"), Host), ("vx", Device("vx"), Host)],
            },
            Row {
                what: "sent",
                send: "vx",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("vx", Host, Device("vx")), ("ux", Host, Device("ux"))],
            },
            Row {
                what: "forwarded into it",
                send: "vx",
                frame: outward,
                ends: [OTHER, ANOTHER],
                seen: &[("vx", Unknown, Device("vx")), ("ux", Host, Device("ux"))],
            },
        ],
    },
    Topology {
        what: "macvlan",
        make: "link add mv address 02:00:00:00:00:01 type veth peer name mvx address 02:00:00:00:00:02\n\
               link add link mv name mv0 address 02:00:00:00:00:03 type macvlan mode private",
        rows: &[
            Row {
                what: "received",
                send: "mvx",
                frame: to_macvlan,
                ends: [US, OTHER],
                seen: &[("mv", Device("mv"), Host), ("mv0", Device("mv0"), Host)],
            },
            Row {
                what: "sent",
                send: "mv0",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("mv", Host, Device("mv")), ("mv0", Host, Device("mv0"))],
            },
        ],
    },
    Topology {
        what: "tun",
        make: "tuntap add tun0 mode tun",
        rows: &[
            Row {
                what: "received",
                send: "FILE tun0",
                frame: bare,
                ends: [US, OTHER],
                seen: &[("tun0", Device("tun0"), Host)],
            },
            Row {
                what: "sent",
                send: "tun0",
                frame: bare,
                ends: [OTHER, US],
                seen: &[("tun0", Host, Device("tun0"))],
            },
        ],
    },
    Topology {
        what: "tap",
        make: "tuntap add tap0 mode tap\nlink set tap0 address 02:00:00:00:00:01",
        rows: &[
            Row {
                what: "received",
                send: "FILE tap0",
                frame: plain,
                ends: [US, OTHER],
                seen: &[("tap0", Device("tap0"), Host)],
            },
            Row {
                what: "sent",
                send: "tap0",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("tap0", Host, Device("tap0"))],
            },
        ],
    },
    Topology {
        what: "VLAN interface",
        make: "link add vl address 02:00:00:00:00:01 type veth peer name vlx address 02:00:00:00:00:02\n\
               link add link vl name vl100 type vlan id 100",
        rows: &[
            Row {
                what: "received",
                send: "vlx",
                frame: tagged,
                ends: [US, OTHER],
                seen: &[("vl", Device("vl"), Host), ("vl100", Device("vl100"), Host)],
            },
            Row {
                what: "sent",
                send: "vl100",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("vl100", Host, Device("vl100")), ("vl", Host, Device("vl"))],
            },
        ],
    },
    Topology {
        what: "VLANs on a bridge",
        make: "link add q0 type veth peer name q0x address 02:00:00:00:00:02\n\
               link add q1 type veth peer name q1x\n\
               link add brq address 02:00:00:00:00:01 type bridge vlan_filtering 1\n\
               link set q0 master brq\nlink set q1 master brq\nlink set q1x up\nlink set brq up\n\
               bridge vlan add vid 100 dev q0\n\
               bridge vlan add vid 100 dev q1\n\
               bridge vlan add vid 100 dev brq self\n\
               link add link brq name brq.100 type vlan id 100",
        rows: &[
            Row {
                what: "for the host",
                send: "q0x",
                frame: tagged,
                ends: [US, OTHER],
                seen: &[("q0", Device("q0"), Host), ("brq.100", Device("brq.100"), Host)],
            },
            Row {
                what: "from the host",
                send: "brq.100",
                frame: outward,
                ends: [OTHER, US],
                seen: &[("brq.100", Host, Device("brq.100")), ("q0", Host, Device("q0"))],
            },
        ],
    },
    Topology {
        what: "GRE",
        make: "link add gu address 02:00:00:00:00:01 type veth peer name gux address 02:00:00:00:00:02\n\
               link set gu up\nlink set gux up\n\
               link add gr type gre local 203.0.113.1 remote 203.0.113.2 dev gu\n\
               address add 203.0.113.1/32 dev gu\n\
               route add 203.0.113.2 dev gu table 100\nrule add oif gu table 100\n\
               neighbour add 203.0.113.2 lladdr 02:00:00:00:00:02 dev gu",
        rows: &[Row {
            what: "received",
            send: "gux",
            frame: gre,
            ends: [US, OTHER],
            seen: &[("gu", Device("gu"), Host), ("gr", Device("gr"), Host)],
        }],
    },
];

/// The places where rows put their packets.
struct Places {
    container: Elsewhere,
    senders: BTreeMap<&'static str, Sender>,
    files: BTreeMap<&'static str, FileSide>,
}

impl Places {
    /// Makes the devices of a topology; false where this kernel has no such kind.
    fn make(&mut self, topology: &Topology) -> bool {
        let container = self.container.pid().to_string();
        for line in topology.make.lines() {
            let line = line.trim().replace("CONTAINER", &container);
            let (program, words) = match line.strip_prefix("bridge ") {
                Some(words) => ("bridge", words),
                None => ("ip", line.as_str()),
            };
            let output = Command::new(program).args(words.split(' ')).output().unwrap();
            if !output.status.success() {
                println!(
                    "SKIP {}: {line}: {}",
                    topology.what,
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                return false;
            }
        }
        true
    }

    /// Sets the devices up and opens what packets are put into.
    fn open(&mut self, rows: &[&'static Row]) {
        for row in rows {
            for (device, ..) in row.seen {
                crate::rig::ip(&format!("link set {device} up"));
            }
            match row.send.split_once(' ') {
                Some(("FILE", device)) => {
                    self.files.entry(row.send).or_insert_with(|| FileSide::new(device));
                }
                Some((_, device)) if !self.senders.contains_key(row.send) => {
                    let sender = elsewhere(self.container.pid(), device);
                    self.senders.insert(row.send, sender);
                }
                None if !self.senders.contains_key(row.send) => {
                    crate::rig::ip(&format!("link set {} up", row.send));
                    self.senders.insert(row.send, Sender::new(if_index(row.send)));
                }
                _ => {}
            }
        }
    }

    fn send(&self, row: &Row, number: usize) -> Vec<u8> {
        let frame = (row.frame)(&packet(number, row.ends));
        match self.files.get(row.send) {
            Some(file) => file.send(&frame),
            None => assert!(self.senders[row.send].try_send(&frame), "{}", row.what),
        }
        frame
    }
}

/// A sender in another namespace.
fn elsewhere(pid: u32, device: &str) -> Sender {
    let device = device.to_owned();
    let enter = move || {
        setns(File::open(format!("/proc/{pid}/ns/net")).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        crate::rig::ip(&format!("link set {device} up"));
        Sender::socket(if_index(&device))
    };
    Sender::over(std::thread::spawn(enter).join().unwrap())
}

impl End {
    fn index(self, source: &str) -> u32 {
        match self {
            Device(name) => if_index(name),
            Told(name) if source == "epcap" => if_index(name),
            Host => HOST,
            Unknown | Told(_) => 0,
        }
    }
}

/// Samples of a row, by data source.
fn of_row(flows: &[Flow], number: usize) -> Vec<Flow> {
    let mark = mark(number);
    let has = |flow: &&Flow| header(flow).is_some_and(|h| h.header.windows(mark.len()).any(|w| w == mark));
    flows.iter().filter(has).cloned().collect()
}

/// Sends each row and compares.
fn check(source: &str) {
    quiet();
    let mut places = Places { container: Elsewhere::new(), senders: BTreeMap::new(), files: BTreeMap::new() };
    let made: Vec<_> = TABLE.iter().filter(|topology| places.make(topology)).collect();
    let rows: Vec<&Row> = made.iter().flat_map(|topology| topology.rows).collect();
    places.open(&rows);
    let mut devices: Vec<_> = rows.iter().flat_map(|row| row.seen).map(|(device, ..)| *device).collect();
    devices.sort_unstable();
    devices.dedup();
    let taps: Vec<_> =
        devices.iter().map(|device| format!("{source} {{ dev = {device} sampling = 1 }}")).collect();
    let site = Site::sampling(&taps.join("\n"));
    let indexes: BTreeMap<_, _> = devices.iter().map(|device| (*device, if_index(device))).collect();
    let missing = |tally: &Tally| {
        let sampled = |device: &&str| tally.last.contains_key(&indexes[device]);
        devices.iter().filter(|device| !sampled(device)).copied().collect::<Vec<_>>()
    };
    for _ in 0..TRIES {
        rows.iter().for_each(|row| _ = places.send(row, usize::MAX));
        let all = |tally: &Tally| missing(tally).is_empty().then_some(());
        if site.collector.try_wait(LIMIT / TRIES, all).is_some() {
            break;
        }
    }
    assert_eq!(site.collector.look(missing), [""; 0], "not sampled within {LIMIT:?}");
    let frames: Vec<_> = rows.iter().enumerate().map(|(number, row)| places.send(row, number)).collect();
    for (number, (row, frame)) in rows.iter().zip(frames).enumerate() {
        let expected: Vec<_> = row
            .seen
            .iter()
            .map(|(d, input, output)| (if_index(d), input.index(source), output.index(source)))
            .collect();
        let what = format!("row {number}: {} on {}", row.what, row.send);
        let found = site.wait_tally(&what, |tally| {
            let found = of_row(&tally.flows, number);
            let has = |source: &u32| found.iter().any(|flow| flow.header.source.index == *source);
            expected.iter().all(|(source, ..)| has(source)).then_some(found)
        });
        for (source, input, output) in &expected {
            let of: Vec<_> = found.iter().filter(|flow| flow.header.source.index == *source).collect();
            let ends: Vec<_> = of.iter().map(|f| (f.header.input.value, f.header.output.value)).collect();
            assert_eq!(ends, [(*input, *output)], "{what}, source {source}: {expected:?} {found:#?}");
        }
        // The first that is listed has the frame as it was sent.
        let first = found.iter().find(|flow| flow.header.source.index == expected[0].0).unwrap();
        let header = header(first).unwrap();
        assert_eq!(*header.header, frame[..header.header.len()], "{what}");
        assert_eq!((header.frame_length - header.stripped) as usize, frame.len(), "{what}");
    }
    site.assert_whole();
    println!("{source}: {} rows of {} topologies", rows.len(), made.len());
}

#[test]
fn taps_know_the_ports_of_every_kind_of_device() {
    isolated(|| check("pcap"));
}

#[test]
fn programs_know_the_ports_of_every_kind_of_device() {
    isolated(|| check("epcap"));
}
