//! What sampled headers show: packets that our agent sampled, and packets of kinds that no recording has (VLAN tags, IPv6,
//! tunnels, ICMP errors), as Wireshark reads them from `--pcap`; with other addresses, too.

use crate::captured::fields;
use crate::netns::isolated;
use crate::support::TempDir;
use crate::{decode, flows, objects, tshark};
use hsflow::sflow::decode::{Datagram, Framed, Sample};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};
use hsflow::sflow::xdr::Writer;
use hsflow::wire::pcap;
use serde_json::Value;

#[test]
fn a_capture_of_our_agents_samples_holds_the_frames_that_were_sent() {
    isolated("packets::a_capture_of_our_agents_samples_holds_the_frames_that_were_sent", || {
        let sampled = flows::sample(1);
        let dir = TempDir::new();
        let stream = dir.write("stream.pcap", tshark::capture(sampled.stream.datagrams()));
        let file = dir.path().join("samples.pcap");
        let decoded = decode(&["--pcap", file.to_str().unwrap(), "-r", stream.to_str().unwrap()]);
        assert_eq!((decoded.status, decoded.stderr.as_str()), (Some(0), ""));
        let bytes = std::fs::read(&file).unwrap();
        let packets = pcap::packets(&bytes).unwrap().map(|packet| packet.unwrap().bytes.to_vec());
        let lengths = fields(&file, &["frame.len"]).into_iter().map(|row| row[0].parse::<usize>().unwrap());
        let mut read: Vec<_> = packets.zip(lengths).collect();
        let mut sent: Vec<_> =
            sampled.sent.iter().map(|frame| (frame[..frame.len().min(128)].to_vec(), frame.len())).collect();
        read.sort();
        sent.sort();
        assert_eq!(read.len(), sent.len());
        assert!(read == sent, "the frames are others");
    });
}

fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let header =
        [0x45, 0x10, length[0], length[1], 0, 9, 0x40, 0, 61, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
    [&header[..], body].concat()
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 62];
    for last in [1, 2] {
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(body);
    packet
}

fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &kind.to_be_bytes(), body].concat()
}

fn udp(from: u16, to: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + body.len()).unwrap();
    [from, to, length, 0].iter().flat_map(|half| half.to_be_bytes()).chain(body.iter().copied()).collect()
}

fn tcp(from: u16, to: u16) -> Vec<u8> {
    let ports = [from, to].map(u16::to_be_bytes).concat();
    [&ports[..], &[0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 1, 0, 0, 0, 0, 0]].concat()
}

/// One of each kind.
fn frames() -> Vec<Vec<u8>> {
    let inner = ethernet(0x86DD, &ipv6(6, &tcp(4000, 443)));
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat();
    let gre = [&[0, 0, 0x86, 0xDD][..], &ipv6(6, &tcp(4001, 80))].concat();
    let quoted = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &ipv4(17, &udp(4002, 53, b"x"))].concat();
    let tag = [&[0xA0, 7, 0x86, 0xDD][..], &ipv6(17, &udp(4003, 9, b"none"))].concat();
    vec![
        ethernet(0x8100, &tag),
        ethernet(0x0800, &ipv4(6, &tcp(4004, 22))),
        ethernet(0x0800, &ipv4(17, &udp(4005, 4789, &vxlan))),
        ethernet(0x0800, &ipv4(47, &gre)),
        ethernet(0x0800, &ipv4(1, &quoted)),
    ]
}

/// A capture of one datagram with a sample of each frame.
fn stream() -> Vec<u8> {
    let sample = |frame: Vec<u8>| {
        let header = FlowHeader {
            sequence: 1,
            source: DataSource::interface(3),
            sampling_rate: 10,
            sample_pool: 10,
            drops: 0,
            input: Port::interface(3),
            output: Port::UNKNOWN,
        };
        let frame_length = u32::try_from(frame.len() + 4).unwrap();
        let record = SampledHeader { protocol: 1, frame_length, stripped: 4, header: frame.into() };
        Sample::Flow(Framed { compact: false, header, records: vec![FlowRecord::SampledHeader(record)] })
    };
    let datagram = Datagram {
        agent: [192, 0, 2, 1].into(),
        sub_agent_id: 0,
        sequence: 1,
        uptime_ms: 0,
        samples: frames().into_iter().map(sample).collect(),
        dirty_padding: 0,
        trailing: Vec::new(),
    };
    let mut buffer = vec![0; 9000];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).unwrap();
    tshark::capture(&[out.written().to_vec()])
}

/// What we say of a packet and of what is inside it, in the columns below; nothing where there is nothing.
fn shown(packet: &Value) -> Vec<String> {
    let chain: Vec<_> = std::iter::successors(Some(packet), |packet| packet.get("inner")).collect();
    let column = |names: &[&str], if_v6: Option<bool>| {
        let values = chain.iter().flat_map(|packet| {
            let is_v6 = packet["src_ip"].as_str().is_some_and(|ip| ip.contains(':'));
            let wanted = if_v6.is_none_or(|wanted| wanted == is_v6);
            names.iter().filter_map(|name| packet.get(*name)).filter(|_| wanted).collect::<Vec<_>>()
        });
        values.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect::<Vec<_>>().join(",")
    };
    vec![
        column(&["src_mac"], None),
        column(&["dst_mac"], None),
        column(&["vlan"], None),
        column(&["priority"], None),
        column(&["src_ip"], Some(false)),
        column(&["src_ip"], Some(true)),
        column(&["dst_ip"], Some(true)),
        column(&["ttl"], Some(false)),
        column(&["ttl"], Some(true)),
        column(&["vni"], None),
        column(&["icmp_type"], None),
        column(&["icmp_code"], None),
    ]
}

const COLUMNS: [&str; 12] = [
    "eth.src",
    "eth.dst",
    "vlan.id",
    "vlan.priority",
    "ip.src",
    "ipv6.src",
    "ipv6.dst",
    "ip.ttl",
    "ipv6.hlim",
    "vxlan.vni",
    "icmp.type",
    "icmp.code",
];

fn packets(page: &str) -> Vec<Value> {
    let samples = objects(page)[0]["samples"].as_array().unwrap().clone();
    samples.iter().map(|sample| sample["flow"]["records"][0]["sampled_header"]["packet"].clone()).collect()
}

#[test]
fn packets_of_every_kind_read_as_wireshark_reads_them_also_with_other_addresses() {
    let dir = TempDir::new();
    let stream = dir.write("stream.pcap", stream());
    let file = dir.path().join("samples.pcap");
    let key = dir.write("key", "0123456789abcdefghijklmnopqrstuv");
    let common = ["--json", "--pcap", file.to_str().unwrap(), "-r", stream.to_str().unwrap()];
    let mut pages = Vec::new();
    for more in [&[][..], &["--anonymise-key", key.to_str().unwrap()]] {
        let decoded = decode(&[&common[..], more].concat());
        assert_eq!((decoded.status, decoded.stderr.as_str()), (Some(0), ""));
        let ours = packets(decoded.text());
        let theirs = fields(&file, &COLUMNS);
        let quoted = theirs.len() - 1;
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            // It also reads the packet that an error quotes.
            let first = |cell: &String| cell.split(',').next().unwrap_or_default().to_owned();
            let theirs = theirs.iter().map(|cell| if at == quoted { first(cell) } else { cell.clone() });
            assert_eq!(shown(ours), theirs.collect::<Vec<_>>(), "{ours}");
        }
        let ports = fields(&file, &["tcp.srcport", "tcp.dstport", "tcp.flags", "udp.srcport", "udp.dstport"]);
        assert_eq!(ports[2][..2], ["4000", "443"], "inside VXLAN");
        assert_eq!(
            (ours[2]["inner"]["src_port"].as_u64(), ours[2]["inner"]["tcp_flags"].as_u64()),
            (Some(4000), Some(0x12))
        );
        assert_eq!((ours[0]["src_port"].as_u64(), ours[1]["dst_port"].as_u64()), (Some(4003), Some(22)));
        assert_eq!((ports[0][3].as_str(), ports[1][1].as_str()), ("4003", "22"));
        assert_eq!(ports[4][3], "4002", "the quoted packet");
        let wrong = fields(&file, &["_ws.malformed"]);
        assert!(wrong.iter().all(|row| row.iter().all(String::is_empty)), "{wrong:?}");
        pages.push(decoded.text().to_owned());
    }
    for ours in ["192.0.2.1", "198.51.100.2", "2001:db8::", "02:00:00:00:00:0", "c0000201", "20010db8"] {
        assert!(pages[0].contains(ours) && !pages[1].contains(ours), "{ours}");
    }
}
