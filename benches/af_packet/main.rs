//! What an AF_PACKET tap costs: CPU of the receiving process per million packets on the wire, and what the tap adds to the
//! sender; 64-byte frames over a veth pair, ours (tap, encode, send) beside the floor (`floor.c`) in the same run.
//!
//! `cargo bench --bench af_packet` prints medians; `cargo bench --bench af_packet -- kinds` compares the kernel's
//! three ways to hand frames over, each in the least code. Needs root, `ip`, `cc` and `taskset`. Sender and
//! receiver have a core each; a busy machine shows in the floor's distance from the table's.
//!
//! Why the source has a TPACKET_V2 ring: CPU ms per million packets, medians on a busy 2-core machine (kernel 6.18):
//!
//! | | recvmmsg | TPACKET_V3 | TPACKET_V2 |
//! |---|---|---|---|
//! | 1:1000 | 13.5 | 8.4 | 8.6 |
//! | 1:100 | 24 | 10 | 15 |
//! | 1:10 | 168 | 66 | 51 |
//! | 1:1 | 1109 | 469 | 392 |
//!
//! recvmmsg clones, queues and frees a buffer for each frame. Version 3 is no cheaper, and its timer runs for every tap
//! every few milliseconds, also where nothing happens. At 1:1000 nearly all is waking up.
//!
//! The same for the eBPF source, whose program costs 4 ns over an empty one at 1:100 (`BPF_PROG_TEST_RUN`, kernel 6.18); what the
//! table shows beyond that is the hook itself.
#![allow(clippy::unwrap_used)] // a benchmark that cannot run ends with the reason
#![allow(clippy::disallowed_methods)] // it measures outside processes, which need time to come to rest

#[path = "../../tests/support/visit.rs"]
mod visit;

use hsflow::host::Clock;
use hsflow::sample::frame::Frame;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::flow::kernel::Timestamp;
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};
use hsflow::source::af_packet::{Tap, Taps};
use hsflow::source::{Finding, Source, ebpf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use visit::visit;

const PATIENCE: Duration = Duration::from_millis(50);
/// Goal, floor of the project's table, in CPU ms per million packets (at 1:1 ns per sample, which is the same unit).
const ROWS: [(u32, f64, f64); 4] = [(1000, 4.0, 1.7), (100, 15.0, 3.3), (10, 45.0, 17.0), (1, 280.0, 140.0)];
/// The same for the cost to the sender at 1:100, ns per packet.
const SENDER: (f64, f64) = (60.0, 48.0);
const FRAME_BYTES: &str = "64";
const REST: Duration = Duration::from_millis(150);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, role, if_index, one_in, port] = words.as_slice()
        && ["ours", "epcap"].contains(&role.as_str())
    {
        let source = tapped(role, if_index.parse().unwrap(), one_in.parse().unwrap());
        return receive(source, port.parse().unwrap());
    }
    if words.get(1).is_some_and(|role| role == "taps") {
        return tap_all();
    }
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        return println!("SKIP af_packet: no right to make a network namespace");
    }
    let measured = words.iter().any(|word| word == "--bench");
    let rig = Rig::new(if measured { 500_000 } else { 20_000 });
    let rounds = if measured { 3 } else { 1 };
    if words.iter().any(|word| word == "kinds") {
        return rig.kinds(rounds);
    }
    rig.table(rounds);
    rig.memory(if measured { &[200, 1000] } else { &[10] });
}

/// One run: what it cost, and what came.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// CPU ms of the receiver per million packets.
    receiver: f64,
    /// CPU ns of the sender per packet.
    sender: f64,
    frames: f64,
    drops: f64,
}

struct Rig {
    floor: PathBuf,
    packets: u32,
    sink: UdpSocket,
}

impl Rig {
    fn new(packets: u32) -> Self {
        let floor = Path::new(env!("CARGO_TARGET_TMPDIR")).join("af_packet_floor");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/af_packet/floor.c");
        let built = Command::new("cc").args(["-O2", "-o"]).arg(&floor).arg(source).status().unwrap();
        assert!(built.success(), "cc {source}");
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        for line in [
            "link set lo up",
            "link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02",
            "link set near up",
            "link set far up",
        ] {
            assert!(Command::new("ip").args(line.split(' ')).status().unwrap().success(), "ip {line}");
        }
        Self { floor, packets, sink: UdpSocket::bind("127.0.0.1:0").unwrap() }
    }

    fn table(&self, rounds: usize) {
        let mut idle = Vec::new();
        let mut costs: Vec<[Vec<Cost>; 3]> = vec![<[Vec<Cost>; 3]>::default(); ROWS.len()];
        for _ in 0..rounds {
            for ((one_in, ..), [floor, ours, epcap]) in ROWS.iter().zip(&mut costs) {
                idle.push(self.send());
                floor.push(self.floor("slots", *one_in));
                ours.push(self.ours("ours", *one_in));
                epcap.push(self.ours("epcap", *one_in));
            }
        }
        println!(
            "CPU ms per million packets | ours | floor | ratio | table: floor, goal | epcap | lost: ours, floor, epcap"
        );
        for ((one_in, goal, table), [floor, ours, epcap]) in ROWS.iter().zip(&costs) {
            // At 1:1 a lost frame must not make the run look cheap.
            let came = |run: &Cost| if *one_in == 1 { run.frames / f64::from(self.packets) } else { 1.0 };
            let cost = |runs| median(runs, |run| run.receiver / came(run));
            let lost = |runs| 100.0 * median(runs, |run| run.drops / (run.drops + run.frames).max(1.0));
            println!(
                "1:{one_in} | {:.2} | {:.2} | {:.2} | {table}, {goal} | {:.2} | {:.1} %, {:.1} %, {:.1} %",
                cost(ours),
                cost(floor),
                cost(ours) / cost(floor),
                cost(epcap),
                lost(ours),
                lost(floor),
                lost(epcap)
            );
        }
        idle.sort_by(f64::total_cmp);
        let idle = idle[idle.len() / 2];
        let [floor, ours, epcap] = [0, 1, 2].map(|kind| median(&costs[1][kind], |run| run.sender) - idle);
        println!(
            "added to the sender at 1:100, ns per packet (no tap: {idle:.0}) | {ours:+.0} | {floor:+.0} | epcap {epcap:+.0}"
        );
        println!("  table: floor {:+.0}, goal {:+.0}", SENDER.1, SENDER.0);
    }

    fn kinds(&self, rounds: usize) {
        println!("CPU ms per million packets, ns added to the sender, frames lost");
        for (one_in, ..) in ROWS {
            for kind in ["recv", "ring", "slots"] {
                let (idle, runs): (Vec<f64>, Vec<Cost>) =
                    (0..rounds).map(|_| (self.send(), self.floor(kind, one_in))).unzip();
                let idle = idle.iter().sum::<f64>() / f64::from(u32::try_from(idle.len()).unwrap());
                let [cost, sender, drops] = [|r: &Cost| r.receiver, |r: &Cost| r.sender, |r: &Cost| r.drops]
                    .map(|of| median(&runs, of));
                println!("1:{one_in} {kind}: {cost:.2} {:+.0} {drops}", sender - idle);
            }
        }
    }

    /// Resident memory of a process with taps and nothing else.
    fn memory(&self, sizes: &[usize]) {
        for size in sizes {
            let there = nix::net::if_::if_nameindex().unwrap().into_iter().count();
            let add = |n| format!("link add a{n} up type veth peer name b{n}\n");
            let batch: String = (there / 2..size.div_ceil(2)).map(add).collect();
            let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
            ip.stdin.take().unwrap().write_all(batch.as_bytes()).unwrap();
            assert!(ip.wait().unwrap().success(), "ip -batch");
            let mut command = Command::new(std::env::current_exe().unwrap());
            let mut child = command.arg("taps").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
            println!("{} taps at 1:400, resident | {resident} | table: 200 taps, goal 12 MB", line.trim());
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    /// CPU ns of the sender per packet.
    fn send(&self) -> f64 {
        let count = self.packets.to_string();
        let mut sender = pinned(0, &self.floor);
        let output = sender.args(["send", "near", &count, FRAME_BYTES]).output().unwrap();
        numbers(&String::from_utf8(output.stdout).unwrap())[0]
    }

    fn floor(&self, kind: &str, one_in: u32) -> Cost {
        let mut command = pinned(1, &self.floor);
        command.args([kind, "far", &one_in.to_string(), &self.port(), "10"]);
        self.measure(command)
    }

    fn ours(&self, source: &str, one_in: u32) -> Cost {
        let far = nix::net::if_::if_nametoindex("far").unwrap();
        let mut command = pinned(1, &std::env::current_exe().unwrap());
        command.args([source, &far.to_string(), &one_in.to_string(), &self.port()]);
        self.measure(command)
    }

    fn port(&self) -> String {
        self.sink.local_addr().unwrap().port().to_string()
    }

    fn measure(&self, mut command: Command) -> Cost {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let before = cpu_ms(child.id());
        let sender = self.send();
        std::thread::sleep(REST);
        let receiver = (cpu_ms(child.id()) - before) * 1e6 / f64::from(self.packets);
        drop(child.stdin.take());
        line.clear();
        output.read_to_string(&mut line).unwrap();
        child.wait().unwrap();
        let counts = numbers(&line);
        Cost { receiver, sender, frames: counts[0], drops: counts[1] }
    }
}

/// A source with one tap.
fn tapped(kind: &str, if_index: u32, one_in: u32) -> Box<dyn Source> {
    let tap = Tap { if_index, one_in: NonZeroU32::new(one_in).unwrap(), snap: 128, promiscuous: false };
    if kind == "epcap" {
        let mut source = ebpf::Taps::new().unwrap();
        source.add(tap).unwrap();
        return Box::new(source);
    }
    let mut source = Taps::new().unwrap();
    source.add(tap).unwrap();
    Box::new(source)
}

/// The receiver: what the agent does with a frame, from the ring to the collector's socket.
fn receive(mut source: Box<dyn Source>, port: u16) {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.connect(("127.0.0.1", port)).unwrap();
    let mut stream = Stream::new([192, 0, 2, 2].into(), 100_000);
    let mut send = |unsent: Unsent<'_>| drop(collector.send(stream.complete(unsent)));
    let mut queue = Datagrams::new(1400, [192, 0, 2, 2].into());
    println!("ready");
    let (mut frames, mut drops) = (0, 0);
    loop {
        let found = visit(&mut *source, PATIENCE, |frame| {
            frames += 1;
            sample(&mut queue, frame, frames, &mut send);
        });
        if found.unwrap().frames == 0 && ended() {
            break;
        }
    }
    source.check(Clock::system().now(), &mut |finding| {
        if let Finding::Lost { added, .. } = finding {
            drops += added;
        }
    });
    println!("{frames} {drops}");
}

/// Taps every interface, says how many, and waits.
fn tap_all() {
    let mut source = Taps::new().unwrap();
    for interface in nix::net::if_::if_nameindex().unwrap().into_iter() {
        let (if_index, one_in) = (interface.index(), NonZeroU32::new(400).unwrap());
        source.add(Tap { if_index, one_in, snap: 128, promiscuous: false }).unwrap();
    }
    println!("{}", source.taps().count());
    while !ended() {
        visit(&mut source, PATIENCE, |_| {}).unwrap();
    }
}

fn sample(queue: &mut Datagrams, frame: &Frame<'_>, sequence: u32, send: &mut impl FnMut(Unsent<'_>)) {
    let header = FlowHeader {
        sequence,
        source: DataSource::interface(frame.if_index),
        sampling_rate: frame.one_in,
        sample_pool: sequence.wrapping_mul(frame.one_in),
        drops: 0,
        input: Port::interface(frame.if_index),
        output: Port::INTERNAL,
    };
    let added = queue.add_flow(
        1,
        &header,
        |out| {
            out.record(&Timestamp { nanoseconds: frame.time.unwrap_or(0) })?;
            let header = Cow::Borrowed(frame.bytes);
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

fn median(runs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
