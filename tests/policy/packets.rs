//! What a bridge does to packets: hosts on it send and are listened to, frame by frame. Needs root, openvswitch-switch,
//! /dev/net/tun, busybox, ethtool.

use crate::bridge::{apply, done, with_bridge};
use crate::netns::{Elsewhere, run};
use crate::support::wait_until;
use crate::switch::{LIMIT, Switch};
use crate::wishes::{block, now, wanted};
use hsflow::host::netns;
use hsflow::policy::apply::Runner;
use hsflow::policy::bridge::Bridges;
use hsflow::policy::wanted::Wanted;
use hsflow::sys::packet::{PacketSocket, Protocol};
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, recv};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::time::Duration;

const MARKED: u16 = 1001;
const REDIRECTED: u16 = 1002;
const DROPPED: u16 = 1003;
const OTHER: u16 = 1004;
/// Of each port and each version of IP.
const PACKETS: u64 = 5;
const RULES: &str = r#"
[policy.mark]
bridge = "br0"
from = "p1"
protocol = "udp"
destination_port = 1001
action = { mark = { dscp = "ef" } }
[policy.away]
bridge = "br0"
protocol = "udp"
destination_port = 1002
action = { redirect = { device = "p3" } }
[policy.gone]
bridge = "br0"
source = ["10.9.0.1", "2001:db8:9::1"]
protocol = "udp"
destination_port = 1003
action = "drop"
"#;

/// A host in a namespace of its own on the port `p<n>`.
struct Host(Elsewhere, PacketSocket);

/// How many frames of UDP had this version, port and octet of DSCP and ECN.
type Seen = BTreeMap<(u8, u16, u8), u64>;

impl Host {
    fn new(switch: &Switch, n: u8) -> Self {
        let host = Elsewhere::new();
        let pid = host.pid();
        run(&format!("ip link add p{n} type veth peer name eth0 address 02:00:00:00:00:0{n} netns {pid}"));
        run(&format!("ip link set p{n} up"));
        for line in [
            "ip link set lo up",
            &format!("ip addr add 10.9.0.{n}/24 dev eth0"),
            &format!("ip addr add 2001:db8:9::{n}/64 dev eth0 nodad"),
            "ip link set eth0 up",
            // A switch in user space passes sums on as they are, and a pair of devices leaves them out.
            "ethtool -K eth0 tx off",
        ] {
            run(&format!("nsenter -t {pid} -n {line}"));
        }
        switch.vsctl(&format!("add-port br0 p{n}"));
        let file = File::open(format!("/proc/{pid}/ns/net")).unwrap();
        let socket = netns::inside(&file, || {
            let socket = PacketSocket::open().unwrap();
            socket.bind(nix::net::if_::if_nametoindex("eth0").unwrap(), Protocol::Everything).unwrap();
            socket
        });
        Self(host, socket.unwrap())
    }

    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        netns::inside(&File::open(format!("/proc/{}/ns/net", self.0.pid())).unwrap(), work).unwrap()
    }

    /// Until it is answered, and with it all that was on the way before: what stands behind a burst is lost where the switch
    /// has no more room for it.
    fn ping(&self, to: &str) {
        let words = format!("-t {} -n busybox ping -c 1 -W 1 {to}", self.0.pid());
        wait_until(&format!("an answer of {to}"), LIMIT, || {
            let ping = Command::new("nsenter").args(words.split_whitespace()).output().unwrap();
            ping.status.success().then_some(())
        });
    }

    /// The last port's packets are the last ones on the way.
    fn send(&self) {
        self.inside(|| {
            for (own, to) in [("10.9.0.1", "10.9.0.2"), ("2001:db8:9::1", "2001:db8:9::2")] {
                let socket = UdpSocket::bind((own, 0)).unwrap();
                for port in [MARKED, REDIRECTED, DROPPED, OTHER] {
                    (0..PACKETS).for_each(|_| _ = socket.send_to(b"12345678", (to, port)).unwrap());
                }
            }
        });
    }

    /// Adds what came since the last time, with this host's own frames.
    fn see(&self, seen: &mut Seen) {
        let (fd, mut frame) = (self.1.as_fd().as_raw_fd(), [0; 2000]);
        while let Ok(length) = recv(fd, &mut frame, MsgFlags::MSG_DONTWAIT) {
            let udp = match &frame[12..length] {
                [8, 0, 0x45, tos, rest @ ..] if rest[7] == 17 => Some((4, *tos, &rest[18..])),
                [0x86, 0xDD, first, second, rest @ ..] if rest[4] == 17 => {
                    Some((6, first << 4 | second >> 4, &rest[38..]))
                }
                _ => None,
            };
            let Some((version, tos, [_, _, high, low, ..])) = udp else { continue };
            *seen.entry((version, u16::from_be_bytes([*high, *low]), tos)).or_default() += 1;
        }
    }

    /// What has come when so many packets have, of each version, to a port.
    fn see_all(&self, port: u16) -> Seen {
        let mut seen = Seen::new();
        wait_until(&format!("packets to port {port}"), LIMIT, || {
            self.see(&mut seen);
            let of = |version| {
                seen.iter().filter(|(key, _)| (key.0, key.1) == (version, port)).map(|(_, n)| n).sum::<u64>()
            };
            ([of(4), of(6)] == [PACKETS, PACKETS]).then_some(())
        });
        seen
    }
}

#[test]
fn packets_are_marked_redirected_and_dropped_and_counted() {
    with_bridge("packets::packets_are_marked_redirected_and_dropped_and_counted", |switch| {
        let [one, two, three] = [1, 2, 3].map(|n| Host::new(switch, n));
        // So that the bridge knows who is where, and floods nothing.
        one.ping("10.9.0.2");
        one.ping("2001:db8:9::2");
        three.see(&mut Seen::new());
        let (all, before) = (wanted(RULES), switch.flows().unwrap());
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());

        let planned = block(bridges.plan(&all, now())).unwrap();
        let [text] = planned.as_slice() else { panic!("{planned:?}") };
        for words in [
            "ovs-ofctl --bundle add-flows br0:\nadd cookie=",
            "in_port=p1",
            "mod_nw_tos:184,load:0x1->NXM_NX_REG15[0],resubmit(,0)",
            "output:p3",
            "actions=drop",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(switch.flows().unwrap(), before, "a plan changes nothing");
        assert_eq!(apply(&mut bridges, &all), done(1));
        assert_eq!(block(bridges.plan(&all, now())), Ok(Vec::new()));
        let added = text.lines().filter(|line| line.starts_with("add ")).count();
        assert_eq!(switch.flows().unwrap().len(), before.len() + added);

        let listener = two.inside(|| UdpSocket::bind(("10.9.0.2", MARKED)).unwrap());
        one.send();
        let of_both = |packets: &[(u16, u8)]| -> Seen {
            let each = |(port, tos): &(u16, u8)| [((4, *port, *tos), PACKETS), ((6, *port, *tos), PACKETS)];
            packets.iter().flat_map(each).collect()
        };
        assert_eq!(two.see_all(OTHER), of_both(&[(MARKED, 46 << 2), (OTHER, 0)]));
        assert_eq!(three.see_all(REDIRECTED), of_both(&[(REDIRECTED, 0)]));
        // The kernel takes only packets whose sums are right.
        listener.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(listener.recv(&mut [0; 100]).unwrap(), 8);

        // Of Ethernet, IPv4 and UDP 14 + 20 + 8 bytes, of IPv6 20 more, and 8 of ours.
        let whole = (2 * PACKETS, PACKETS * (50 + 70));
        wait_until("the bridge has counted", LIMIT, || {
            let hits = block(bridges.count());
            let counts: Vec<_> =
                hits.iter().map(|(name, hits)| (name.as_str(), (hits.packets, hits.bytes))).collect();
            (counts == [("away", whole), ("gone", whole), ("mark", whole)]).then_some(())
        });

        let planned = block(bridges.plan(&Wanted::default(), now())).unwrap();
        assert_eq!(planned.concat().matches("delete cookie=0x68736670").count(), added, "{planned:?}");
        assert_eq!(block(bridges.clear()), done(1));
        assert_eq!(switch.flows().unwrap(), before);
        one.send();
        let untouched = [MARKED, REDIRECTED, DROPPED, OTHER].map(|port| (port, 0));
        assert_eq!(two.see_all(OTHER), of_both(&untouched));
    });
}

#[test]
fn a_switch_that_stands_or_is_gone_is_a_trouble_and_says_so() {
    with_bridge("packets::a_switch_that_stands_or_is_gone_is_a_trouble_and_says_so", |switch| {
        let all = wanted("[policy.gone]\nbridge = \"br0\"\nsource = \"10.9.0.1\"\naction = \"drop\"\n");
        let folder = switch.dir.path().to_owned();
        let of = |runner: Runner| Bridges::new(runner, folder.clone());
        let trouble = |bridges: &mut Bridges| {
            let outcome = apply(bridges, &all);
            assert!(outcome.faults.is_empty() && outcome.steps == 0, "no policy is to blame: {outcome:?}");
            let why = outcome.trouble.unwrap();
            assert!(block(bridges.plan(&all, now())).is_err_and(|also| why.ends_with(&also)), "{why}");
            assert_eq!(block(bridges.count()), BTreeMap::new());
            why
        };

        switch.switch.as_ref().unwrap().signal(Signal::SIGSTOP);
        let mut bridges = of(Runner::new().with_deadline(Duration::from_secs(5)));
        let why = trouble(&mut bridges);
        assert_eq!(why, "br0: ovs-vswitchd is busy or stopped (ovs-ofctl took longer than 5 s)");
        switch.switch.as_ref().unwrap().signal(Signal::SIGCONT);
        let mut bridges = of(Runner::new());
        assert_eq!(apply(&mut bridges, &all), done(1), "it goes on");

        switch.switch = None;
        let why = trouble(&mut bridges);
        assert!(why.starts_with("br0: Open vSwitch does not run (ovs-ofctl (status 1): "), "{why}");
        switch.run_switch();
        wait_until("the switch is back", LIMIT, || switch.flows().ok());
        assert_eq!(apply(&mut bridges, &all), done(1), "it is back");

        let mut nowhere = Bridges::new(Runner::new(), folder.join("no-such"));
        let why = trouble(&mut nowhere);
        assert!(why.starts_with("Open vSwitch does not run (ovs-vsctl (status 1): "), "{why}");
        let mut missing = of(Runner::new().with_folders(Vec::new()));
        assert_eq!(trouble(&mut missing), "ovs-vsctl is not installed");
        // Who wants nothing of a bridge needs none.
        for bridges in [&mut nowhere, &mut missing] {
            assert_eq!(apply(bridges, &Wanted::default()), done(0));
            assert_eq!(block(bridges.plan(&Wanted::default(), now())), Ok(Vec::new()));
        }
    });
}

/// How many frames of UDP over IPv4 came to each port, until the marker's have.
fn came(two: &Host) -> BTreeMap<u16, u64> {
    let mut ports = BTreeMap::new();
    for ((version, port, _), count) in two.see_all(OTHER) {
        *ports.entry(port).or_default() += if version == 4 { count } else { 0 };
    }
    ports
}

#[test]
fn a_limit_is_a_meter_and_meters_of_others_stay() {
    const MANY: u64 = 2000;
    with_bridge("packets::a_limit_is_a_meter_and_meters_of_others_stay", |switch| {
        let [one, two] = [1, 2].map(|n| Host::new(switch, n));
        one.ping("10.9.0.2");
        one.ping("2001:db8:9::2");
        let mgmt = format!("unix:{}", switch.text("br0.mgmt"));
        run(&format!("ovs-ofctl -O OpenFlow15 add-meter {mgmt} meter=1,kbps,bands=type=drop,rate=5"));
        let meters = || -> Vec<String> {
            let text = run(&format!("ovs-ofctl -O OpenFlow15 dump-meters {mgmt}"));
            text.lines().filter(|line| line.contains("rate=")).map(str::to_owned).collect()
        };
        let (meters_before, flows_before) = (meters(), switch.flows().unwrap());
        let limit = |rate: &str| {
            let limit = format!(
                "[policy.few]\nbridge = \"br0\"\nprotocol = \"udp\"\ndestination_port = {MARKED}\naction = {{ limit = \"{rate}\" }}\n"
            );
            wanted(&(limit + &RULES[RULES.find("[policy.gone]").unwrap()..]))
        };
        let fresh = || Bridges::new(Runner::new(), switch.dir.path().to_owned());
        let (mut bridges, all) = (fresh(), limit("100 pps"));
        assert_eq!(apply(&mut bridges, &all), done(1));
        assert_eq!(apply(&mut bridges, &all), done(0), "twice is nothing");
        assert_eq!(apply(&mut fresh(), &all), done(0), "a new runtime finds it");
        assert!(meters().contains(&"type=drop rate=100 burst_size=10".to_owned()), "{:?}", meters());

        let (clock, begun) = (hsflow::host::Clock::system(), hsflow::host::Clock::system().now());
        one.inside(|| {
            let socket = UdpSocket::bind(("10.9.0.1", 0)).unwrap();
            (0..MANY).for_each(|_| drop(socket.send_to(b"12345678", ("10.9.0.2", MARKED))));
        });
        one.ping("10.9.0.2");
        one.send();
        let came = came(&two);
        let secs = (clock.now() - begun).as_secs_f64();
        println!("of {MANY} packets {} came in {secs:.2} s at 100 a second", came[&MARKED]);
        assert!(came[&MARKED] >= 10 && came[&MARKED] as f64 <= 11.0 + 100.0 * secs, "{came:?} in {secs} s");
        assert!(came[&MARKED] < MANY && !came.contains_key(&DROPPED), "{came:?}");
        assert_eq!(came[&OTHER], PACKETS);

        assert_eq!(apply(&mut bridges, &limit("8 Mbit/s")), done(1));
        assert_eq!(meters().len(), meters_before.len() + 1, "{:?}", meters());
        assert!(meters().contains(&"type=drop rate=8000 burst_size=800".to_owned()), "{:?}", meters());
        assert_eq!(apply(&mut fresh(), &limit("8 Mbit/s")), done(0));
        assert_eq!(block(fresh().clear()), done(1));
        assert_eq!((meters(), switch.flows().unwrap()), (meters_before, flows_before));
    });
}

#[test]
fn who_may_only_answer_answers_and_begins_nothing() {
    const STATES: &str = r#"
[policy.a-answers]
bridge = "br0"
priority = 1
destination = "10.9.0.2"
state = ["established", "related"]
action = "accept"
[policy.b-others]
bridge = "br0"
priority = 2
destination = "10.9.0.2"
protocol = "tcp"
action = "drop"
"#;
    with_bridge("packets::who_may_only_answer_answers_and_begins_nothing", |switch| {
        let [one, two] = [1, 2].map(|n| Host::new(switch, n));
        one.ping("10.9.0.2");
        let before = switch.flows().unwrap();
        let listen = |host: &Host, at: &str| host.inside(|| TcpListener::bind((at, 80)).unwrap());
        let _listeners = [listen(&one, "10.9.0.1"), listen(&two, "10.9.0.2")];
        let connects = |host: &Host, to: &str, wait| {
            let to = format!("{to}:80").parse().unwrap();
            host.inside(|| TcpStream::connect_timeout(&to, wait).is_ok())
        };
        assert!(connects(&one, "10.9.0.2", LIMIT) && connects(&two, "10.9.0.1", LIMIT));
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut bridges, &wanted(STATES)), done(1));
        assert_eq!(apply(&mut bridges, &wanted(STATES)), done(0));
        assert!(connects(&two, "10.9.0.1", LIMIT), "it is answered");
        assert!(!connects(&one, "10.9.0.2", Duration::from_millis(300)), "it is called");
        assert_eq!(block(bridges.clear()), done(1));
        assert_eq!(switch.flows().unwrap(), before);
        assert!(connects(&one, "10.9.0.2", LIMIT));
    });
}
