//! A host with two links, and who sends into them: the far ends are in the same namespace, without addresses, so
//! that what is sent into one is received from its link.

use super::netns::{json, run};
use super::visit::visit;
use crate::support::send_frame;
use etherparse::PacketBuilder;
use hsflow::sample::frame::Frame;
use hsflow::source::nflog::{Log, RECEIVE_BYTES, Settings};
use hsflow::sys::packet::{PacketSocket, Protocol};
use std::num::NonZeroU32;
use std::time::Duration;

/// Longer than the kernel gathers packets.
const PATIENCE: Duration = Duration::from_millis(300);
pub(crate) const NEAR: [u8; 4] = [10, 1, 0, 1];

/// An end of a link.
pub(crate) struct Side {
    pub(crate) index: u32,
    sender: PacketSocket,
}

impl Side {
    fn new(name: &str) -> Self {
        let index = json(&format!("ip -j link show {name}"))[0]["ifindex"].as_u64().unwrap();
        let index = u32::try_from(index).unwrap();
        let sender = PacketSocket::open().unwrap();
        sender.bind(index, Protocol::Nothing).unwrap();
        Self { index, sender }
    }

    pub(crate) fn send_many(&self, frame: &[u8], count: usize) {
        (0..count).for_each(|_| send_frame(&self.sender, frame));
    }
}

/// `near` has 10.1.0.1 and fd00::1, `other` 10.2.0.1; `far` and `farther` are their far ends.
pub(crate) struct Host {
    pub(crate) near: Side,
    pub(crate) other: Side,
    pub(crate) far: Side,
}

impl Host {
    pub(crate) fn new() -> Self {
        std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap();
        std::fs::write("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1").unwrap();
        run("ip link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02");
        run(
            "ip link add other address 02:00:00:00:00:03 type veth peer name farther address 02:00:00:00:00:04",
        );
        for name in ["far", "farther"] {
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1").unwrap();
        }
        for name in ["near", "far", "other", "farther"] {
            run(&format!("ip link set {name} up"));
        }
        run("ip address add 10.1.0.1/24 dev near");
        run("ip address add fd00::1/64 dev near nodad");
        run("ip address add 10.2.0.1/24 dev other");
        for (address, mac, name) in
            [("10.1.0.2", 2, "near"), ("fd00::2", 2, "near"), ("10.2.0.2", 4, "other")]
        {
            run(&format!("ip neighbour add {address} lladdr 02:00:00:00:00:0{mac} dev {name}"));
        }
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        // The far ends are deaf, or what they get would come back.
        run("nft add table netdev far");
        for name in ["far", "farther"] {
            run(&format!(
                "nft add chain netdev far {name} {{ type filter hook ingress device {name} priority 0 ; policy drop ; }}"
            ));
        }
        let [near, other, far] = ["near", "other", "far"].map(Side::new);
        Self { near, other, far }
    }

    /// Ends INPUT with a rule that counts our datagrams, and drops them: nobody answers.
    pub(crate) fn count(&self) {
        run("iptables -A INPUT -p udp --dport 9 -j DROP");
    }

    /// How many it counted.
    pub(crate) fn counted(&self) -> u32 {
        let table = run("iptables -nvxL INPUT");
        let line = table.lines().find(|line| line.contains("dpt:9")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// A datagram from 10.1.0.2 as it arrives at `near`.
pub(crate) fn datagram(to: [u8; 4], payload: usize) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
    let mut frame = Vec::new();
    link.ipv4([10, 1, 0, 2], to, 64).udp(40_000, 9).write(&mut frame, &vec![7; payload]).unwrap();
    frame
}

/// The same of IPv6, to `near`.
pub(crate) fn datagram_v6(payload: usize) -> Vec<u8> {
    let address = |last: u8| {
        let mut address = [0; 16];
        (address[0], address[15]) = (0xFD, last);
        address
    };
    let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
    let mut frame = Vec::new();
    link.ipv6(address(2), address(1), 64).udp(40_000, 9).write(&mut frame, &vec![7; payload]).unwrap();
    frame
}

/// A part of a datagram to `near`; `offset` and `length` are in bytes.
pub(crate) fn fragment(offset: u16, more: bool, length: u16) -> Vec<u8> {
    use etherparse::{IpFragOffset, IpNumber, Ipv4Header};
    let mut ip = Ipv4Header::new(length, 64, IpNumber::UDP, [10, 1, 0, 2], NEAR).unwrap();
    (ip.more_fragments, ip.dont_fragment, ip.identification) = (more, false, 7);
    ip.fragment_offset = IpFragOffset::try_new(offset / 8).unwrap();
    ip.header_checksum = ip.calc_header_checksum();
    let mut frame = datagram(NEAR, 0)[..14].to_vec();
    ip.write(&mut frame).unwrap();
    frame.resize(frame.len() + usize::from(length), 7);
    frame
}

pub(crate) fn settings(rule: u32, skip: u32) -> Settings {
    let [rule_one_in, skip] = [rule, skip].map(|n| NonZeroU32::new(n).unwrap());
    Settings { group: 5, rule_one_in, skip, copy: 128, own_rule: false, receive_bytes: RECEIVE_BYTES }
}

/// A source that has its group.
pub(crate) fn log(rule: u32, skip: u32) -> Log {
    use hsflow::source::Source;
    let source = Log::new(settings(rule, skip)).unwrap();
    assert_eq!(source.obstacle(), None);
    source
}

/// Reads until nothing has come for longer than the kernel gathers.
pub(crate) fn drain(source: &mut Log, mut each: impl FnMut(&Frame<'_>)) {
    while visit(source, PATIENCE, &mut each).unwrap().frames > 0 {}
}

/// Sends datagrams to `near` and reads what comes of them.
pub(crate) fn flood(host: &Host, rounds: usize, source: &mut Log, mut each: impl FnMut(&Frame<'_>)) {
    for _ in 0..rounds {
        host.far.send_many(&datagram(NEAR, 18), 4000);
        visit(source, Duration::from_millis(5), &mut each).unwrap();
    }
    drain(source, each);
}

/// True for UDP: the kernel has packets of its own to send.
pub(crate) fn is_udp(frame: &Frame<'_>) -> bool {
    let at = if frame.protocol == 0x86DD { 6 } else { 9 };
    frame.bytes.get(at) == Some(&17)
}

/// Standard deviations between the samples that came and one in `one_in` of `packets`.
pub(crate) fn z(came: u32, packets: u32, one_in: u32) -> f64 {
    assert!(packets >= 100_000, "{packets}");
    let (n, p) = (f64::from(packets), 1.0 / f64::from(one_in));
    (f64::from(came) - n * p) / (n * p * (1.0 - p)).sqrt()
}
