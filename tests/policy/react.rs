//! Detection from the attack's first packet to the first one that is dropped: the real agent samples a veth pair of the
//! test's own, and the real policy program cuts what is too much. Needs iptables, ip6tables, ipset.
//!
//! Every packet is counted by who sends, by who receives and by the rule: none of normal traffic may be missing.

use crate::agent::{Agent, LIMIT};
use crate::netns::{isolated, json, run};
use crate::program::Program;
use crate::real::can_run;
use crate::support::{make_room, wait_until};
use crate::traffic::{Sender, udp_frame};
use hsflow::host::Clock;
use hsflow::policy::react::flows;
use hsflow::policy::react::odds::{Case, row};
use nix::sys::signal::Signal;
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const REACTION: &str = "[[react]]\nname = \"udp\"\nkeys = [\"destination\", \"source_port\"]\n\
    filter = { protocol = \"udp\" }\nthreshold = \"50 Mbit/s\"\nhold = \"5s\"\naction = \"drop\"\n";
const CASE: Case = Case {
    threshold_bps: 50e6,
    one_in: 1000,
    window_secs: 1.0,
    slices: 10,
    attack_bps: 100e6,
    normal_bps: 5e6,
    packet_bytes: 1400.0,
};
const LENGTH: usize = 1400;
/// Source ports of normal traffic with their bits a second, and of the attack.
const NORMAL: [(u16, f64); 3] = [(53, 5e6), (123, 1e6), (443, 3e6)];
const ATTACK: (u16, f64) = (389, 100e6);
const HERE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const STEP: Duration = Duration::from_millis(2);

/// UDP to `to` on this host, from outside.
fn frame(source_port: u16, to: u16) -> Vec<u8> {
    let macs = [[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]];
    let mut frame = udp_frame(LENGTH, macs, [HERE, Ipv4Addr::new(203, 0, 113, 9)], 0);
    frame[34..36].copy_from_slice(&source_port.to_be_bytes());
    frame[36..38].copy_from_slice(&to.to_be_bytes());
    frame
}

/// A thread that ends when it is told to.
pub(crate) struct Worker<T> {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn new(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        Self { is_over, thread: std::thread::spawn(move || work(&told)) }
    }

    pub(crate) fn end(self) -> T {
        self.is_over.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

/// Sends streams at their bits a second; when it began, and how many packets of each it sent.
fn send(if_index: u32, streams: &[(u16, f64)], to: u16) -> Worker<(Instant, BTreeMap<u16, u64>)> {
    let socket = Sender::socket(if_index);
    let streams: Vec<_> = streams.iter().map(|&(port, bits)| (port, frame(port, to), bits)).collect();
    Worker::new(move |is_over| {
        let (mut sender, clock, mut sent) = (Sender::over(socket), Clock::system(), BTreeMap::new());
        let begun = clock.now();
        let (mut passed, mut before) = (0.0, begun);
        while !is_over.load(Relaxed) {
            // One that was held up does not make up for it: that would be a flood, and more than the kernel's queue holds.
            let now = clock.now();
            passed += now.duration_since(before).as_secs_f64().min(0.05);
            before = now;
            for (port, frame, bits) in &streams {
                let sent: &mut u64 = sent.entry(*port).or_default();
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few million
                let due = 1 + (passed * bits / 8.0 / LENGTH as f64) as u64;
                sender.send(frame, usize::try_from(due - *sent).unwrap());
                *sent = due;
            }
            std::thread::park_timeout(STEP);
        }
        (begun, sent)
    })
}

/// What came through to a port.
#[derive(Default)]
struct Came {
    count: AtomicU64,
    last: Mutex<Option<Instant>>,
}

/// Receives on a port until it is over and nothing is left; how many came from which port.
fn receive(came: &Arc<Came>) -> (u16, Worker<BTreeMap<u16, u64>>) {
    let socket = UdpSocket::bind((HERE, 0)).unwrap();
    make_room(&socket, 32 << 20);
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (port, came) = (socket.local_addr().unwrap().port(), Arc::clone(came));
    let work = move |is_over: &AtomicBool| {
        let (mut bytes, clock, mut from) = ([0; LENGTH], Clock::system(), BTreeMap::new());
        loop {
            if let Ok((_, sender)) = socket.recv_from(&mut bytes) {
                *from.entry(sender.port()).or_default() += 1;
                *came.last.lock().unwrap() = Some(clock.now());
                came.count.fetch_add(1, Relaxed);
            } else if is_over.load(Relaxed) {
                return from;
            }
        }
    };
    (port, Worker::new(work))
}

pub(crate) fn wire() -> u32 {
    for interface in ["all", "default"] {
        std::fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), "0").unwrap();
    }
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    run("ip link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02");
    run("ip addr add 10.9.0.2/24 dev far");
    run("ip link set near up");
    run("ip link set far up");
    run("ip route add 203.0.113.0/24 dev far");
    u32::try_from(json("ip -j link show near")[0]["ifindex"].as_u64().unwrap()).unwrap()
}

/// Packets that the rule for the attack dropped.
fn dropped() -> u64 {
    let (text, port) = (run("iptables-save -c"), format!("--sport {} ", ATTACK.0));
    let is_ours =
        |line: &&str| line.contains(":react-udp-") && line.contains(&port) && line.ends_with("DROP");
    let ours = text.lines().filter(is_ours);
    let count = |line: &str| line.strip_prefix('[')?.split(':').next()?.parse::<u64>().ok();
    ours.map(|line| count(line).unwrap()).sum()
}

/// The agent on `far` with the policy program that reads its samples, one in so many.
fn started(one_in: u32) -> (Agent, Program) {
    let body = format!("agentIP = 10.9.0.2 polling = 1 sampling.10G = {one_in} pcap {{ dev = far }}");
    let agent = Agent::start(&body, &[]);
    let config = format!("[service]\nagent = {:?}\n{REACTION}", agent.socket("stream").parent().unwrap());
    let program = Program::start(&config, &[]);
    (agent, program)
}

/// Waits until the agent gives away samples.
fn wait_for_samples(agent: &Agent) {
    let mut socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    socket.connect(&SockAddr::unix(agent.socket("stream")).unwrap()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut bytes, mut samples) = (vec![0; 65_536], 0);
    while samples == 0 {
        let length = socket.read(&mut bytes).unwrap();
        flows(&bytes[..length], &mut |_| samples += 1).unwrap();
    }
}

/// The source ports of what the program found to be too much, as often as it did.
fn raised(program: &Program) -> Vec<u16> {
    let said = program.process.stderr();
    let lines = said.lines().filter(|line| line.contains("too much: "));
    let port = |line: &str| line.split_once("source_port=")?.1.split(':').next()?.parse().ok();
    lines.filter_map(port).collect()
}

/// Attacks this often; seconds from the first packet to the first one dropped, of each, in order of size.
fn attacked(times: usize) -> Vec<f64> {
    let (near, mut took) = (wire(), Vec::new());
    let (agent, program) = started(1000);
    let (other, attack) = (Arc::default(), Arc::<Came>::default());
    let ((normal_port, users), (port, victim)) = (receive(&other), receive(&attack));
    let normal = send(near, &NORMAL, normal_port);
    wait_for_samples(&agent);
    let is_dropped = || run("iptables-save").contains(&format!("--sport {} ", ATTACK.0));
    let mut all = 0;
    for _ in 0..times {
        let attacker = send(near, &[ATTACK], port);
        wait_until("drops", LIMIT, || (dropped() > 200).then_some(()));
        let (begun, sent) = attacker.end();
        let last = attack.last.lock().unwrap().expect("the first ones come through");
        took.push(last.duration_since(begun).as_secs_f64());
        all += sent[&ATTACK.0];
        // Those that came through may still be on their way to their reader.
        let lost = || Some(all - attack.count.load(Relaxed)).filter(|lost| dropped() == *lost);
        all -= wait_until("every packet came or was dropped", LIMIT, lost);
        wait_until("the rule is gone", LIMIT, || (!is_dropped()).then_some(()));
    }
    let (_, sent) = normal.end();
    let (came, _) = (users.end(), victim.end());
    let falsely: BTreeSet<_> = raised(&program).into_iter().filter(|port| *port != ATTACK.0).collect();
    println!("took {took:.3?}; false alarms: {falsely:?}; normal traffic: {sent:?}");
    for (port, sent) in sent.iter().filter(|(port, _)| !falsely.contains(port)) {
        assert_eq!(came.get(port), Some(sent), "packets from port {port}");
    }
    // By the table one in 2,300 attacks of three seconds has one.
    assert!(falsely.len() < 3, "{falsely:?}");
    wait_until("nothing is dropped any more", LIMIT, || {
        (!run("iptables-save").contains(":react-")).then_some(())
    });
    took.sort_by(f64::total_cmp);
    took
}

/// What comes in four seconds is twice what is too much in one; 45 samples in a second are too much, 18 come.
#[test]
fn a_program_that_stood_takes_no_pile_of_samples_for_a_flood() {
    const NAME: &str = "react::a_program_that_stood_takes_no_pile_of_samples_for_a_flood";
    const PILE: (u16, f64) = (53, 20e6);
    const FIRST: u16 = 390;
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let near = wire();
        let (agent, program) = started(100);
        let (port, users) = receive(&Arc::default());
        let normal = send(near, &[PILE], port);
        wait_for_samples(&agent);
        let found =
            |port| wait_until("it is found", LIMIT, || raised(&program).contains(&port).then_some(()));
        // Before it has read anything in time, it cannot know that anything is late.
        let first = send(near, &[(FIRST, ATTACK.1)], port);
        found(FIRST);
        first.end();
        let clock = Clock::system();
        program.signal(Signal::SIGSTOP);
        let end = clock.now() + Duration::from_secs(4);
        wait_until("it stands", LIMIT, || (clock.now() >= end).then_some(()));
        program.signal(Signal::SIGCONT);
        // Samples keep their order: when this is found, all before it were read.
        let attacker = send(near, &[ATTACK], port);
        found(ATTACK.0);
        attacker.end();
        assert_eq!(raised(&program), [FIRST, ATTACK.0], "{}", program.process.stderr());
        normal.end();
        users.end();
    });
}

fn report(took: &[f64]) {
    let expected = row(&CASE);
    println!(
        "{} attacks: median {:.3} s, longest {:.3} s; by the table: median {:.2} s, 99 % within {:.2} s",
        took.len(),
        took[took.len() / 2],
        took.last().unwrap(),
        expected.median_secs,
        expected.slow_secs
    );
}

#[test]
fn an_attack_is_dropped_within_seconds_and_normal_traffic_is_not() {
    const NAME: &str = "react::an_attack_is_dropped_within_seconds_and_normal_traffic_is_not";
    isolated(NAME, || {
        if can_run(NAME) {
            let took = attacked(3);
            report(&took);
            // Beside other tests the quickest counts; twenty alone are all below that.
            assert!(took[0] < 3.0, "{took:?}");
        }
    });
}

#[test]
#[ignore = "20 attacks take a minute"]
fn half_of_twenty_attacks_are_dropped_within_a_second() {
    const NAME: &str = "react::half_of_twenty_attacks_are_dropped_within_a_second";
    isolated(NAME, || {
        if can_run(NAME) {
            let took = attacked(20);
            report(&took);
            assert!(took[10] < 1.0 && took[19] < 3.0, "{took:?}");
        }
    });
}
