//! What is read as it comes: the stream of the agent of this host, whose numbers others read the same, and a pipe.

use crate::netns::{isolated, run};
use crate::stream::Stream;
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use crate::support::{TempDir, wait_listening};
use crate::{columns, decode, objects, tshark};
use std::io::Write;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn the_agents_stream_reads_as_its_collector_gets_it_and_as_wireshark_reads_it() {
    isolated("live::the_agents_stream_reads_as_its_collector_gets_it_and_as_wireshark_reads_it", || {
        run("ip link add v0 type veth peer name v1");
        run("ip link set v0 up");
        run("ip link set v1 up");
        let (dir, catcher) = (TempDir::new(), UdpCatcher::new());
        let port = catcher.port();
        let configuration = dir.write(
            "hsflowd.conf",
            format!("sflow {{ agentIP = 192.0.2.1 polling = 1 interfaceCounters = all collector {{ ip = 127.0.0.1 udpport = {port} }} }}"),
        );
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (auto, socket) = (path("hsflowd.auto"), path("control.sock"));
        let arguments = ["-d", "-f", configuration.to_str().unwrap(), "-o", &auto, "--socket", &socket];
        let mut agent = Process::hsflowd(&arguments);
        wait_listening(&dir.path().join("stream.sock"), LIMIT);
        let read = decode(&["--stream", "--socket", &socket, "--json", "--count", "4", "--timeout", "40"]);
        assert_eq!((read.status, read.stderr.as_str()), (Some(0), ""));
        let read = objects(read.text());
        let last = read[3]["sequence"].as_u64().unwrap();
        catcher.wait_for("the same", LIMIT, |datagrams| {
            let decoded = Stream::caught(datagrams.to_vec()).decoded();
            decoded.iter().any(|datagram| u64::from(datagram.sequence) == last)
        });
        let stopping = Process::hsflowctl(&["decode", "--stream", "--socket", &socket]);
        stopping.wait_line("datagram from agent 192.0.2.1", LIMIT);
        assert!(agent.stop(LIMIT).success());
        stopping.wait_line("the agent has hung up", LIMIT);
        let gone = decode(&["--stream", "--socket", &socket]);
        assert_eq!(gone.status, Some(3), "{}", gone.stderr);

        let caught = Stream::caught(catcher.datagrams());
        for object in &read {
            let same = caught.decoded().into_iter().find(|datagram| object["sequence"] == datagram.sequence);
            // By way of text, in which fractions may lose their last digit.
            let same = serde_json::to_string(&same.expect("the collector got it")).unwrap();
            let same: serde_json::Value = serde_json::from_str(&same).unwrap();
            assert_eq!(object["samples"], same["samples"]);
            assert!(object["time"].as_f64().unwrap() > 1.7e9 && object.get("from").is_none());
        }
        let file = dir.write("own.pcap", tshark::capture(caught.datagrams()));
        let csv = decode(&["--csv", "-r", file.to_str().unwrap()]);
        let interfaces = columns::interfaces(csv.text());
        assert!(!interfaces.is_empty());
        assert_eq!(interfaces, tshark::interfaces(&caught.standard()));
    });
}

#[test]
fn what_comes_through_a_pipe_is_printed_before_the_pipe_ends() {
    let dir = TempDir::new();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut tool = Process::hsflowctl(&["decode", "--grep", pipe.to_str().unwrap()]);
    let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let capture = std::fs::read(crate::RECORDING).unwrap();
    // The file's head, the first packet, and some of the second.
    let (first, rest) = capture.split_at(24 + 16 + 42 + 164 + 20);
    writer.write_all(first).unwrap();
    tool.wait_line("generic_interface promiscuous 0", LIMIT);
    assert_eq!(tool.stdout().lines().count(), 21);
    writer.write_all(rest).unwrap();
    drop(writer);
    assert_eq!(tool.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(tool.stdout() + "\n", crate::recorded(&["--grep"]));
}
