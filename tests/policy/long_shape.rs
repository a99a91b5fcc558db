//! Shaping over its whole range, judged on the bytes of layer 2 that the kernel's qdiscs count over 10 s after the burst
//! is spent, and cross-checked with the goodput that iperf3 receives, times the bytes on the wire of each segment.
//! Ignored by default: it takes six minutes and wants a quiet host. `cargo test --test policy long_shape --
//! --include-ignored --nocapture --test-threads=1`.
#![allow(clippy::disallowed_methods)] // rates are measured against real time

use crate::netns::{Elsewhere, isolated, run};
use crate::shape::{apply, counters, is_near};
use crate::wishes::block;
use hsflow::policy::apply::Runner;
use hsflow::policy::shape::Traffic;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// What iperf3 sends before it counts, and for how long it counts.
const FIRST_SECS: u32 = 2;
const SECS: u32 = 11;
/// Our window begins after the burst is spent, and ends before the senders do.
const WINDOW: Duration = Duration::from_secs(10);

/// A namespace of its own at the other end of `v0`, where a server listens on each port.
struct Peer {
    _namespace: Elsewhere,
    servers: Vec<Child>,
}

impl Peer {
    fn new(ports: &[u16]) -> Self {
        let namespace = Elsewhere::new();
        let pid = namespace.pid();
        run("ip link add name v0 type veth peer name v1");
        run(&format!("ip link set v1 netns {pid}"));
        let inside = |line: &str| run(&format!("nsenter --net=/proc/{pid}/ns/net {line}"));
        for (at, number) in [(&run as &dyn Fn(&str) -> String, 1), (&inside, 2)] {
            let device = format!("v{}", number - 1);
            at(&format!("ip link set {device} addrgenmode none"));
            at(&format!("ip addr add 10.9.0.{number}/24 dev {device}"));
            at(&format!("ip -6 addr add fd09::{number}/64 dev {device} nodad"));
            at(&format!("ip link set {device} up"));
        }
        let servers = ports.iter().map(|port| server(pid, *port)).collect();
        Self { _namespace: namespace, servers }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn server(pid: u32, port: u16) -> Child {
    let mut command = Command::new("nsenter");
    command.args([
        &format!("--net=/proc/{pid}/ns/net"),
        "iperf3",
        "-s",
        "--forceflush",
        "-p",
        &port.to_string(),
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("listening")));
    child
}

fn client(port: u16, is_v6: bool, is_in: bool) -> Child {
    let to = if is_v6 { "fd09::2" } else { "10.9.0.2" };
    let (secs, first) = (SECS.to_string(), FIRST_SECS.to_string());
    let mut command = Command::new("iperf3");
    command.args(["-J", "-c", to, "-p", &port.to_string(), "-t", &secs, "-O", &first]);
    command.args(is_in.then_some("-R"));
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Bits a second of layer 2 that the receiver's goodput stands for: segments of 1,500 bytes with time stamps, and
/// Ethernet's header.
fn on_the_wire(client: Child, is_v6: bool) -> f64 {
    let output = client.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let payload = if is_v6 { 1428.0 } else { 1448.0 };
    told["end"]["sum_received"]["bits_per_second"].as_f64().unwrap() * 1514.0 / payload
}

/// Counters, and when they were read: half way through the reading.
fn counted(traffic: &mut Traffic) -> (Instant, BTreeMap<String, u64>) {
    let ([start, end], all) = counters(traffic);
    (start + (end - start) / 2, all)
}

/// Bits a second by policy, and those that each client was told.
fn measured(
    traffic: &mut Traffic,
    ports: &[u16],
    is_v6: bool,
    is_in: bool,
) -> (BTreeMap<String, f64>, Vec<f64>) {
    let clients: Vec<_> = ports.iter().map(|port| client(*port, is_v6, is_in)).collect();
    std::thread::park_timeout(Duration::from_secs(FIRST_SECS.into()));
    let (start, before) = counted(traffic);
    let until = start + WINDOW;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
    let (end, after) = counted(traffic);
    let secs = (end - start).as_secs_f64();
    let told = clients.into_iter().map(|client| on_the_wire(client, is_v6)).collect();
    (
        after
            .iter()
            .map(|(name, bytes)| (name.clone(), (bytes - before[name]) as f64 * 8.0 / secs))
            .collect(),
        told,
    )
}

fn line(what: &str, wanted: f64, found: f64, told: f64) -> f64 {
    let percent = |rate: f64| (rate / wanted - 1.0) * 100.0;
    println!(
        "{what}: wanted {:.3} Mbit/s, qdisc {:.3} ({:+.2} %), iperf3 on the wire {:.3} ({:+.2} %)",
        wanted / 1e6,
        found / 1e6,
        percent(found),
        told / 1e6,
        percent(told)
    );
    percent(found).abs()
}

fn place(is_in: bool) -> &'static str {
    if is_in { "from = \"v0\"" } else { "to = \"v0\"" }
}

fn ways() -> impl Iterator<Item = (bool, bool)> {
    [(false, false), (true, false), (false, true), (true, true)].into_iter()
}

fn way(is_in: bool, is_v6: bool) -> String {
    format!("{} IPv{}", if is_in { "in" } else { "out" }, if is_v6 { 6 } else { 4 })
}

#[test]
#[ignore = "minutes of real time on a quiet host"]
fn limits_hold_from_1_to_1000_mbit() {
    isolated("long_shape::limits_hold_from_1_to_1000_mbit", || {
        let (_peer, mut traffic, mut wrong) = (Peer::new(&[5001]), Traffic::new(Runner::new()), Vec::new());
        for (is_in, is_v6) in ways() {
            for (mbits, most) in [(1, 5.0), (10, 2.0), (100, 2.0), (1000, 2.0)] {
                let (at, rate) = (place(is_in), format!("{mbits} Mbit/s"));
                let text = format!("[policy.a]\n{at}\naction = {{ shape = {{ rate = \"{rate}\" }} }}");
                let outcome = apply(&mut traffic, &text);
                assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
                let (found, told) = measured(&mut traffic, &[5001], is_v6, is_in);
                let what = format!("TBF {} {rate}", way(is_in, is_v6));
                let wanted = f64::from(mbits) * 1e6;
                if line(&what, wanted, found["a"], told[0]) > most || !is_near(told[0], found["a"], 3.0) {
                    wrong.push(what);
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    });
}

#[test]
#[ignore = "minutes of real time on a quiet host"]
fn shares_hold_and_are_borrowed() {
    isolated("long_shape::shares_hold_and_are_borrowed", || {
        let (_peer, mut traffic, mut wrong) =
            (Peer::new(&[80, 25, 7]), Traffic::new(Runner::new()), Vec::new());
        for (is_in, is_v6) in ways() {
            let side = if is_in { "source_port" } else { "destination_port" };
            let share = |name: &str, port: Option<u16>, share: u32| {
                let port =
                    port.map(|port| format!("protocol = \"tcp\"\n{side} = {port}\n")).unwrap_or_default();
                let at = place(is_in);
                format!(
                    "[policy.{name}]\n{at}\n{port}action = {{ shape = {{ share = {share}, of = \"100 Mbit/s\" }} }}\n"
                )
            };
            let text =
                [share("web", Some(80), 50), share("mail", Some(25), 30), share("rest", None, 20)].concat();
            let outcome = apply(&mut traffic, &text);
            assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
            let (found, told) = measured(&mut traffic, &[80, 25, 7], is_v6, is_in);
            for (name, wanted, told) in
                [("web", 50e6, told[0]), ("mail", 30e6, told[1]), ("rest", 20e6, told[2])]
            {
                let what = format!("HTB {} {name}", way(is_in, is_v6));
                if line(&what, wanted, found[name], told) > 3.0 {
                    wrong.push(what);
                }
            }
            let (found, told) = measured(&mut traffic, &[25], is_v6, is_in);
            let what = format!("HTB {} mail alone", way(is_in, is_v6));
            if line(&what, 100e6, found["mail"], told[0]) > 3.0 {
                wrong.push(what);
            }
        }
        assert_eq!(block(traffic.apply(&Default::default(), SystemTime::UNIX_EPOCH)).trouble, None);
        assert_eq!(wrong, Vec::<String>::new());
    });
}
