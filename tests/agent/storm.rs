//! Reload storms: hundreds of files one after the other, right and wrong ones, while packets are sampled. No number is
//! missing in any sequence, no datagram is of two settings, nothing grows, and every file is answered for.

use crate::packets::{connect, quiet, send, wait_source};
use crate::rig::{Rig, all_flows, assert_whole, ip, isolated};
use crate::support::catcher::UdpCatcher;
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::flow::FlowRecord;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// `headerBytes` and the `datagramBytes` and rate that always go with it.
const KINDS: [(u32, usize, u32); 3] = [(64, 500, 1), (96, 900, 2), (128, 1400, 3)];

/// Files that change nothing; `text` of one that is right stands before.
const WRONG: [&str; 6] =
    ["polling = often", "}", "headerBytes = 9999", "pcap { dev = ", "\u{1} = 7", "samplng = 5"];

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Orders a reload and returns the answer.
fn order(rig: &Rig) -> Value {
    let mut client = UnixStream::connect(rig.path("run/command.sock")).unwrap();
    client.write_all(b"reload\n").unwrap();
    let mut line = String::new();
    client.read_to_string(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn file(random: &mut Random, other: &UdpCatcher) -> String {
    let (header, datagram, rate) = KINDS[random.below(KINDS.len())];
    let more =
        ["", "polling = 2", "interfaceCounters = all", "agent.cidr = 127.0.0.0/8", "sampling.10G = 77"];
    let second = format!("collector {{ ip = 127.0.0.1 udpport = {} }}", other.port());
    format!(
        "headerBytes = {header}\ndatagramBytes = {datagram}\npcap {{ dev = a0 sampling = {rate} }}\nagentIP = 127.0.0.1\n{}\n{}",
        more[random.below(more.len())],
        [second.as_str(), ""][random.below(2)]
    )
}

/// Every flow sample of a datagram was made with the same header length and rate, and these with one another; and the
/// datagram is no longer than they permit.
fn assert_of_one_kind(bytes: usize, datagram: &Datagram) {
    let flows: Vec<_> = all_flows(std::slice::from_ref(datagram)).collect();
    let captured = |records: &[FlowRecord]| {
        records.iter().find_map(|record| match record {
            FlowRecord::SampledHeader(header) => Some(header.header.len()),
            _ => None,
        })
    };
    let kinds: BTreeSet<_> =
        flows.iter().map(|flow| (captured(&flow.records).unwrap(), flow.header.sampling_rate)).collect();
    assert!(kinds.len() <= 1, "{kinds:?}");
    for (header, rate) in kinds {
        let kind = KINDS.iter().find(|kind| kind.0 as usize == header && kind.2 == rate);
        let (_, longest, _) = kind.unwrap_or_else(|| panic!("{header} bytes at 1 in {rate}"));
        assert!(bytes <= *longest || datagram.samples.len() == 1, "{bytes} bytes, {longest} permitted");
    }
}

fn storm(reloads: usize) {
    quiet();
    ip("link add a0 type veth peer name a1");
    connect();
    let (other, mut random) = (UdpCatcher::new(), Random(20));
    let mut rig = Rig::new();
    rig.configure(&file(&mut random, &other));
    rig.start();
    wait_source(&rig, "a0", "pcap");
    let (mut outcomes, mut grown_from) = ([0; 3], None);
    for n in 0..reloads {
        send(20);
        let wrong = random.below(3) == 0;
        let mut text = file(&mut random, &other);
        if wrong {
            text += &format!("\n{}", WRONG[random.below(WRONG.len())]);
        }
        rig.configure(&text);
        let answer = order(&rig);
        let outcome = answer["outcome"].as_str().unwrap();
        outcomes[match outcome {
            "changed" => 0,
            "unchanged" => 1,
            _ => 2,
        }] += 1;
        assert_eq!(outcome == "refused", wrong, "{answer}\n{text}");
        if n == reloads / 4 {
            grown_from = Some((rig.descriptors().len(), rig.own_kib()));
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
    let (descriptors, resident) = grown_from.unwrap();
    rig.configure("headerBytes = 64\ndatagramBytes = 500\npcap { dev = a0 sampling = 1 }\nagentIP = 127.0.0.1\npolling = 1");
    assert_ne!(order(&rig)["outcome"], "refused");
    rig.two_cycles();
    rig.assert_same_size(descriptors + 1, resident);
    let sent = rig.datagrams();
    assert_whole(&sent);
    assert!(all_flows(&sent).count() > reloads, "packets were sampled all the while");
    for bytes in rig.catcher.datagrams().iter().chain(&other.datagrams()) {
        assert_of_one_kind(bytes.len(), &decode(bytes).unwrap());
    }
    let snapshot = rig.snapshot();
    assert_eq!(snapshot["settings"]["revision"].as_u64().unwrap(), outcomes[0] + 2, "{outcomes:?}");
}

#[test]
fn a_thousand_reloads_under_load_lose_and_mix_nothing() {
    isolated(|| storm(1000));
}
