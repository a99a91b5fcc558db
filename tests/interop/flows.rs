//! Packet samples of known traffic: three sizes, both ways, over a veth pair that the agent samples 1:1 and 1:10. What
//! others read is compared with what was sent.

#![allow(dead_code)] // each test program uses its part

use crate::agent::Agent;
use crate::generator::{Sender, udp_frame};
use crate::netns::{json, run};
use crate::stream::Stream;
use crate::support::catcher::UdpCatcher;
use crate::support::wait_until;
use std::time::Duration;

pub(crate) const HOST: u64 = 0x3FFF_FFFF;
const LIMIT: Duration = Duration::from_secs(30);
/// Frames of each of these lengths, each way.
const SIZES: [usize; 3] = [64, 600, 1514];
const EACH: usize = 40;
/// Frames that end the time before the test.
const LAST: usize = 20;
const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// The agent's samples of the traffic.
pub(crate) struct Sampled {
    pub(crate) stream: Stream,
    /// ifIndex of the sampled interface.
    pub(crate) index: u64,
    /// Every frame that was sent, without checksum.
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Sampled {
    /// Frames each way.
    pub(crate) fn each_way() -> u64 {
        (SIZES.len() * EACH) as u64
    }

    /// Bytes each way, checksums included.
    pub(crate) fn bytes_each_way() -> u64 {
        SIZES.iter().map(|size| (size + 4) * EACH).sum::<usize>() as u64
    }
}

fn index(device: &str) -> u32 {
    json(&format!("ip -j link show {device}"))[0]["ifindex"].as_u64().unwrap().try_into().unwrap()
}

/// Returns when all that is sent is sampled, and nothing sent before will come.
fn until_sampled(catcher: &UdpCatcher, sender: &mut Sender, probe: &dyn Fn(u8) -> Vec<u8>, rate: usize) {
    let flows = |datagrams: &[Vec<u8>]| Stream::caught(datagrams.to_vec()).flows().len();
    wait_until("a sample", LIMIT, || {
        sender.send(&probe(1), rate);
        (flows(&catcher.datagrams()) > 0).then_some(())
    });
    let last = probe(2);
    sender.send(&last, LAST * rate);
    let seen = |datagram: &Vec<u8>| datagram.windows(last.len()).filter(|bytes| *bytes == last).count();
    let enough = if rate == 1 { LAST } else { 1 };
    catcher.wait_for("a sample of the last", LIMIT, |d| d.iter().map(seen).sum::<usize>() >= enough);
    catcher.clear();
}

/// Sends, and returns what the agent made of it at 1 in `rate`; at most rates other than 1 more is sent until there are
/// as many samples.
pub(crate) fn sample(rate: usize) -> Sampled {
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    run("ip address add 192.0.2.1/32 dev lo");
    run("ip link add s0 address 02:00:00:00:00:01 type veth peer name s1 address 02:00:00:00:00:02");
    run("ip link set s0 arp off up");
    run("ip link set s1 arp off up");
    let [near, far] = ["s0", "s1"].map(index);
    let agent = Agent::start(&format!("polling = 1 pcap {{ dev = s0 sampling = {rate} }}"));
    let (mut outward, mut inward) = (Sender::new(near), Sender::new(far));
    let addresses = [[192, 0, 2, 1].into(), [198, 51, 100, 2].into()];
    let [us, them] = addresses;
    until_sampled(
        &agent.catcher,
        &mut inward,
        &|number| udp_frame(99, [NEAR, FAR], [us, them], number),
        rate,
    );
    let mut sent = Vec::new();
    for number in 0..u8::try_from(EACH).unwrap() {
        for size in SIZES {
            let in_frame = udp_frame(size, [NEAR, FAR], [us, them], number);
            let out_frame = udp_frame(size, [FAR, NEAR], [them, us], number);
            inward.send(&in_frame, rate);
            outward.send(&out_frame, rate);
            sent.extend([in_frame, out_frame]);
        }
    }
    let wanted = if rate == 1 { sent.len() } else { sent.len() / 2 };
    let enough = |d: &[Vec<u8>]| Stream::caught(d.to_vec()).flows().len() >= wanted;
    agent.catcher.wait_for(&format!("{wanted} samples"), LIMIT, enough);
    Sampled { stream: agent.stop(), index: near.into(), sent }
}
