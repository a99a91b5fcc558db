//! The recipes of `docs/recipes.md` are run as they stand there, with the real programs, in a network namespace where port
//! 6343 is free; only directories are replaced. In: the recording of another agent. A block without "tested" says "not tested here".

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

#[path = "../support/netns.rs"]
mod netns;
#[path = "../interop/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
mod support;

use netns::isolated;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use stream::Stream;
use support::catcher::UdpCatcher;
use support::process::Process;
use support::{TempDir, wait_until};

const LIMIT: Duration = Duration::from_secs(60);
const SFLOW: u16 = 6343;
const SPOOL: &str = "/var/spool/sflow";

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes.md")).unwrap()
}

/// The code blocks behind a mark, up to the next text that is none of them.
fn blocks(mark: &str) -> Vec<String> {
    let text = document();
    let (_, behind) =
        text.split_once(&format!("<!-- tested: {mark} -->\n")).unwrap_or_else(|| panic!("no {mark}"));
    let mut blocks = Vec::new();
    let mut rest = behind;
    while let Some(block) = rest.strip_prefix("```") {
        let (_, body) = block.split_once('\n').unwrap();
        let (body, after) = body.split_once("```\n").unwrap();
        blocks.push(body.to_owned());
        rest = after;
    }
    assert!(!blocks.is_empty(), "no code behind {mark}");
    blocks
}

/// Lines of a shell block, continued ones joined.
fn commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ").replace("|\n", "| ");
    joined.lines().map(str::to_owned).collect()
}

/// A folder with the recording in it.
fn place() -> TempDir {
    let dir = TempDir::new();
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/c-agent.pcap");
    std::fs::copy(recording, dir.path().join("stream.pcap")).unwrap();
    dir
}

/// A shell in a folder, where `hsflowctl` is the one under test.
fn shell(dir: &Path, line: &str) -> Command {
    let tools = Path::new(env!("CARGO_BIN_EXE_hsflowctl")).parent().unwrap().display().to_string();
    let path = format!("{tools}:/usr/sbin:{}", std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-c", line]).current_dir(dir).env("PATH", path);
    command
}

/// Runs a line to its end; what it prints.
#[track_caller]
fn run(dir: &Path, line: &str) -> String {
    let output = shell(dir, &format!("set -o pipefail; {line}")).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A program that listens, and its children.
struct Server {
    process: Process,
    group: Pid,
}

impl Server {
    fn start(dir: &Path, line: &str) -> Self {
        let process = Process::start(shell(dir, &format!("exec {line}")).process_group(0));
        let group = process.pid();
        Self { process, group }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

/// Waits for a listener on sFlow's port, whatever its address.
fn wait_bound() {
    wait_until("a listener on port 6343", LIMIT, || {
        let tables =
            ["udp", "udp6"].map(|name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")));
        let wanted = format!(":{SFLOW:04X}");
        let bound = |line: &str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&wanted));
        tables.iter().flatten().any(|table| table.lines().any(bound)).then_some(())
    });
}

#[test]
fn each_block_is_tested_or_says_that_it_is_not() {
    let text = document();
    let marks: BTreeSet<_> =
        text.split("<!-- tested: ").skip(1).map(|mark| mark.split(' ').next().unwrap()).collect();
    let here =
        ["anonymise", "forward", "influx", "kafka", "look", "nfdump", "sfacctd", "talkers", "wireshark"];
    assert_eq!(marks, BTreeSet::from(here));
    let paragraphs: Vec<_> = text.split("```").collect();
    for (before, code) in paragraphs.iter().zip(&paragraphs[1..]).step_by(2) {
        let told = before.trim().is_empty()
            || before.ends_with("-->\n")
            || before.rsplit("\n\n").next().unwrap().contains("not tested here");
        assert!(told, "{code}");
    }
}

#[test]
fn looking_shows_what_was_sent() {
    let (dir, lines) = (place(), commands(&blocks("look")[0]));
    let [text, json, grep] = [0, 1, 2].map(|line| run(dir.path(), &lines[line]));
    assert_eq!(text.matches("datagram from agent").count(), 42);
    assert_eq!(json.lines().filter(|line| line.starts_with("10.99.0.")).count(), 103, "{json}");
    assert!(grep.lines().count() >= 2, "{grep}");
    assert_eq!(run(dir.path(), &commands(&blocks("influx")[0])[0]).lines().count(), 7);
    let talkers = run(dir.path(), &commands(&blocks("talkers")[0])[0]);
    let bytes: u64 =
        talkers.lines().map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    // What nfdump counts: tests/interop.
    assert_eq!(bytes, 13_313_980);
    let talk = run(dir.path(), &commands(&blocks("wireshark")[0])[0]);
    assert!(talk.contains("10.99.0.1") && talk.contains("<->"), "{talk}");
}

#[test]
fn sfacctd_writes_flows_and_counters() {
    isolated("sfacctd_writes_flows_and_counters", || {
        let (dir, blocks) = (place(), blocks("sfacctd"));
        let spool = dir.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let settings = blocks[0].replace(SPOOL, spool.to_str().unwrap());
        // Not a minute of a test's time.
        let settings = settings.replace("print_refresh_time: 60\n", "print_refresh_time: 1\n");
        assert!(settings.contains("print_refresh_time: 1\n") && !settings.contains("/var"), "{settings}");
        let file = dir.write("sfacctd.conf", settings);
        let line = commands(&blocks[1])[0].replace("/etc/pmacct/sfacctd.conf", file.to_str().unwrap());
        let _sfacctd = Server::start(dir.path(), &line);
        wait_bound();
        let objects = |name: &str| -> Vec<Value> {
            let text = std::fs::read_to_string(spool.join(name)).unwrap_or_default();
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
        };
        // Its plugin listens some time after it does, which nothing tells.
        let stream = Stream::recorded().standard();
        let flows = wait_until("flows in its file", LIMIT, || {
            send(&stream.datagrams()[..9]);
            Some(objects("flows.json")).filter(|flows| !flows.is_empty())
        });
        assert!(
            flows.iter().all(|flow| flow["ip_src"].as_str().unwrap().starts_with("10.99.0.")),
            "{flows:?}"
        );
        send(stream.datagrams());
        let counters = wait_until("counters in its file", LIMIT, || {
            Some(objects("counters.json")).filter(|c| !c.is_empty())
        });
        assert!(counters.iter().any(|line| line["ifIndex"] == 6), "{counters:?}");
    });
}

#[test]
fn sfacctd_hands_flows_to_kafka() {
    isolated("sfacctd_hands_flows_to_kafka", || {
        let (dir, print, kafka) = (place(), &blocks("sfacctd")[0], &blocks("kafka")[0]);
        let kept = print
            .lines()
            .filter(|line| !["plugins", "print", "sfacctd_counter"].iter().any(|p| line.starts_with(p)));
        let settings = kept.chain(kafka.lines()).collect::<Vec<_>>().join("\n");
        let settings = settings.replace("kafka_refresh_time: 60", "kafka_refresh_time: 1");
        assert!(settings.contains("kafka_refresh_time: 1\n"));
        let broker = dir.write("librdkafka.conf", "global, test.mock.num.brokers, 1\n");
        let file =
            dir.write("sfacctd.conf", format!("{settings}\nkafka_config_file: {}\n", broker.display()));
        let sfacctd = Server::start(dir.path(), &format!("sfacctd -f {}", file.display()));
        wait_bound();
        // Its plugin listens some time after it does, which nothing tells.
        let stream = Stream::recorded().standard();
        let said = wait_until("messages that the broker has taken", LIMIT, || {
            send(&stream.datagrams()[..9]);
            let said = sfacctd.process.stderr() + &sfacctd.process.stdout();
            let taken = |line: &str| line.contains("Purging cache - END") && !line.contains("QN: 0/0");
            said.lines().any(taken).then_some(said)
        });
        assert!(!said.contains("Connection failed"), "{said}");
    });
}

#[test]
fn sfcapd_writes_files_that_nfdump_reads() {
    isolated("sfcapd_writes_files_that_nfdump_reads", || {
        let dir = place();
        let spool = dir.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let lines = commands(&blocks("nfdump")[0].replace(SPOOL, spool.to_str().unwrap()));
        let mut sfcapd = Server::start(dir.path(), &lines[0]);
        wait_bound();
        send(Stream::recorded().datagrams());
        sfcapd.process.stop(LIMIT);
        sfcapd.process.wait_line("Flows: 103", LIMIT);
        let top = run(dir.path(), &lines[1]);
        assert!(top.contains("10.99.0.1") && top.contains("Summary: total flows: 103"), "{top}");
    });
}

/// Sends each when the one before has been read: what waits in a socket is lost when its program ends.
fn send(datagrams: &[Vec<u8>]) {
    let to = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in datagrams {
        to.send_to(datagram, ("127.0.0.1", SFLOW)).unwrap();
        wait_until("it to be read", LIMIT, || (unread() == 0).then_some(()));
    }
}

/// Bytes in the queues of whoever listens on sFlow's port.
fn unread() -> u64 {
    let table = std::fs::read_to_string("/proc/thread-self/net/udp").unwrap();
    let wanted = format!(":{SFLOW:04X}");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|words| words.get(1).is_some_and(|local| local.ends_with(&wanted)));
    ours.map(|words| u64::from_str_radix(words[4].split_once(':').unwrap().1, 16).unwrap()).sum()
}

#[test]
fn one_machine_sends_on_to_others() {
    isolated("one_machine_sends_on_to_others", || {
        let (dir, line) = (place(), commands(&blocks("forward")[0])[0].clone());
        let catchers = ["127.0.0.1:6344", "127.0.0.1:6345"].map(UdpCatcher::on);
        let _relay = Server::start(dir.path(), &line);
        wait_bound();
        let recorded = Stream::recorded();
        send(&recorded.datagrams()[..9]);
        for catcher in &catchers {
            assert_eq!(catcher.wait_count(9, LIMIT), recorded.datagrams()[..9]);
        }
    });
}

#[test]
fn a_recording_is_given_away_without_its_addresses() {
    let (dir, lines) = (place(), commands(&blocks("anonymise")[0]));
    lines.iter().for_each(|line| _ = run(dir.path(), line));
    let json = std::fs::read_to_string(dir.path().join("given-away.json")).unwrap();
    assert_eq!(json.lines().count(), 42);
    assert!(!json.contains("10.99.0.") && !json.contains("192.0.2.2\""));
    assert!(std::fs::metadata(dir.path().join("given-away.pcap")).unwrap().len() > 10_000);
}
