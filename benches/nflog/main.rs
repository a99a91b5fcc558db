//! What NFLOG costs: CPU of the receiving process per million packets that meet the rule, and how many samples a second come
//! without loss; 64-byte datagrams over a veth pair, ours (group, encode, send) beside the floor (`floor.c`) in the
//! same run.
//!
//! `cargo bench --bench nflog` prints medians. Needs root, `ip`, `iptables`, `cc` and `taskset`. Sender and receiver
//! have a core each; a busy machine shows in the floor's distance from the table's. What the kernel does for a
//! sample before it is read happens on the sender's core, for the floor as for ours.
#![allow(clippy::unwrap_used)] // a benchmark that cannot run ends with the reason
#![allow(clippy::disallowed_methods)] // it measures outside processes, which need time to come to rest

#[path = "../../tests/support/visit.rs"]
mod visit;

use hsflow::sample::frame::Frame;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::flow::kernel::Timestamp;
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};
use hsflow::source::Source;
use hsflow::source::nflog::{Log, RECEIVE_BYTES, Settings};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use visit::visit;

/// Seldom enough to cost nothing where a run is long.
const PATIENCE: Duration = Duration::from_millis(500);
/// Floor of the project's table, in CPU ms per million packets; the goal is 1.2 times the floor of the same run.
const ROWS: [(u32, f64); 3] = [(1000, 3.5), (100, 24.0), (10, 67.0)];
/// Packets a second that are tried, all of them sampled; 0 is as many as go.
const FLOODS: [u32; 7] = [200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 0];
/// Floor and goal of the project's table.
const FLOOD: (u32, u32) = (700_000, 500_000);
const HEADER_BYTES: usize = 128;
/// Longer than the kernel gathers, and the receiver after it.
const REST: Duration = Duration::from_millis(250);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, role, port] = words.as_slice()
        && role == "ours"
    {
        return receive(port.parse().unwrap());
    }
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        return println!("SKIP nflog: no right to make a network namespace");
    }
    let measured = words.iter().any(|word| word == "--bench");
    let rig = Rig::new(if measured { 1_000_000 } else { 20_000 });
    rig.table(if measured { 3 } else { 1 });
    rig.floods(if measured { 3 } else { 1 });
}

/// One run.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// CPU ms of the receiver per million packets.
    cost: f64,
    /// Packets a second that the sender really sent.
    sent: f64,
    samples: f64,
    lost: f64,
}

struct Rig {
    floor: PathBuf,
    packets: u32,
    sink: UdpSocket,
}

impl Rig {
    fn new(packets: u32) -> Self {
        let floor = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nflog_floor");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/nflog/floor.c");
        let built = Command::new("cc").args(["-O2", "-o"]).arg(&floor).arg(source).status().unwrap();
        assert!(built.success(), "cc {source}");
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        for line in [
            "ip link set lo up",
            "ip link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02",
            "ip address add 10.1.0.1/24 dev far",
            "ip link set near up",
            "ip link set far up",
        ] {
            command(line);
        }
        Self { floor, packets, sink: UdpSocket::bind("127.0.0.1:0").unwrap() }
    }

    /// The rule samples, and what comes behind it is dropped: nobody answers.
    fn rule(one_in: u32) {
        command("iptables -F INPUT");
        let choice = match one_in {
            1 => String::new(),
            n => format!("-m statistic --mode random --probability {:.9} ", 1.0 / f64::from(n)),
        };
        command(&format!("iptables -A INPUT -i far {choice}-j NFLOG --nflog-group 5"));
        command("iptables -A INPUT -i far -j DROP");
    }

    fn table(&self, rounds: usize) {
        println!(
            "CPU ms per million packets | ours | floor | ratio | goal | table's floor | lost: ours, floor"
        );
        for (one_in, table) in ROWS {
            Self::rule(one_in);
            let (floor, ours): (Vec<Run>, Vec<Run>) =
                (0..rounds).map(|_| (self.floor(0, self.packets), self.ours(0, self.packets))).unzip();
            let [floor_cost, our_cost] = [&floor, &ours].map(|runs| median(runs, |run| run.cost));
            let [floor_lost, our_lost] = [&floor, &ours].map(|runs| median(runs, |run| run.lost));
            let ratio = our_cost / floor_cost;
            println!(
                "1:{one_in} | {our_cost:.2} | {floor_cost:.2} | {ratio:.2} | 1.20 | {table} | {our_lost}, {floor_lost}"
            );
        }
    }

    fn floods(&self, rounds: usize) {
        Self::rule(1);
        println!("packets a second, all sampled | samples lost, best of {rounds}: ours, floor");
        for rate in FLOODS {
            let packets = if rate == 0 { self.packets } else { rate.min(self.packets) };
            let best = |run: &dyn Fn() -> Run| {
                let runs: Vec<Run> = (0..rounds).map(|_| run()).collect();
                runs.into_iter().min_by(|a, b| a.lost.total_cmp(&b.lost)).unwrap()
            };
            let ours = best(&|| self.ours(rate, packets));
            let floor = best(&|| self.floor(rate, packets));
            println!(
                "{rate} ({:.0}, {:.0}) | {} of {}, {} of {}",
                ours.sent, floor.sent, ours.lost, ours.samples, floor.lost, floor.samples
            );
        }
        println!("  table: without loss floor {}, goal {}", FLOOD.0, FLOOD.1);
    }

    fn floor(&self, rate: u32, packets: u32) -> Run {
        let mut command = pinned(1, &self.floor);
        command.args(["receive", "5", &self.port(), "5"]);
        self.measure(command, rate, packets)
    }

    fn ours(&self, rate: u32, packets: u32) -> Run {
        let mut command = pinned(1, &std::env::current_exe().unwrap());
        command.args(["ours", &self.port()]);
        self.measure(command, rate, packets)
    }

    fn port(&self) -> String {
        self.sink.local_addr().unwrap().port().to_string()
    }

    fn measure(&self, mut command: Command, rate: u32, packets: u32) -> Run {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let before = cpu_ms(child.id());
        let mut sender = pinned(0, &self.floor);
        let sent = sender.args(["send", "near", &packets.to_string(), &rate.to_string()]).output().unwrap();
        let sent = numbers(&String::from_utf8(sent.stdout).unwrap());
        std::thread::sleep(REST);
        let cost = (cpu_ms(child.id()) - before) * 1e6 / f64::from(packets);
        drop(child.stdin.take());
        line.clear();
        output.read_to_string(&mut line).unwrap();
        child.wait().unwrap();
        let counts = numbers(&line);
        Run { cost, sent: 1e9 / sent[1], samples: counts[0], lost: counts[1] }
    }
}

/// The receiver: what the agent does with a sample, from the group to the collector's socket.
fn receive(port: u16) {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.connect(("127.0.0.1", port)).unwrap();
    let mut stream = Stream::new([192, 0, 2, 2].into(), 100_000);
    let mut send = |unsent: Unsent<'_>| drop(collector.send(stream.complete(unsent)));
    let mut queue = Datagrams::new(1400, [192, 0, 2, 2].into());
    let one = NonZeroU32::MIN;
    let mut source = Log::new(Settings {
        group: 5,
        rule_one_in: one,
        skip: one,
        copy: u32::try_from(HEADER_BYTES).unwrap(),
        own_rule: false,
        receive_bytes: RECEIVE_BYTES,
    })
    .unwrap();
    assert_eq!(source.obstacle(), None);
    println!("ready");
    let (mut samples, mut lost) = (0, 0);
    loop {
        let found = visit(&mut source, PATIENCE, |frame| {
            samples += 1;
            lost += frame.lost;
            sample(&mut queue, frame, samples, &mut send);
        });
        if found.unwrap().frames == 0 && ended() {
            break;
        }
    }
    println!("{samples} {lost}");
}

fn sample(queue: &mut Datagrams, frame: &Frame<'_>, sequence: u32, send: &mut impl FnMut(Unsent<'_>)) {
    let header = FlowHeader {
        sequence,
        source: DataSource::interface(frame.if_index),
        sampling_rate: frame.one_in,
        sample_pool: sequence.wrapping_mul(frame.one_in),
        drops: frame.lost,
        input: Port::interface(frame.if_index),
        output: Port::INTERNAL,
    };
    let mut bytes = [0; HEADER_BYTES];
    let parts = frame.link_header.iter().chain(frame.bytes);
    let length = bytes.iter_mut().zip(parts).map(|(to, from)| *to = *from).count();
    let added = queue.add_flow(
        1,
        &header,
        |out| {
            out.record(&Timestamp { nanoseconds: frame.time.unwrap_or(0) })?;
            let header = Cow::Borrowed(&bytes[..length]);
            out.record(&SampledHeader { protocol: 1, frame_length: frame.wire_len + 4, stripped: 4, header })
        },
        send,
    );
    assert!(added.is_ok());
}

fn ended() -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
}

fn command(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{line}");
}

fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    command.args(["-c", &core.min(cores - 1).to_string()]).arg(program);
    command
}

/// `taskset` becomes the program, so the process is the same.
fn cpu_ms(pid: u32) -> f64 {
    numbers(&std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap())[0] / 1e6
}

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
