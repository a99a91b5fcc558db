//! `decode --listen`.

use crate::support::process::Process;
use crate::{closed_pipe, objects, port, repository, run};
use hsflow::wire::{pcap, udp};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn datagrams(count: usize) -> Vec<Vec<u8>> {
    let file = std::fs::read(repository("tests/data/c-agent.pcap")).unwrap();
    let packets = pcap::packets(&file).unwrap().take(count).map(Result::unwrap);
    packets.map(|packet| udp::parse(packet.link_type, packet.bytes).unwrap().payload.to_vec()).collect()
}

fn listen(more: &[&str]) -> (Process, u16) {
    let port = port::free();
    let address = format!("127.0.0.1:{port}");
    let tool = Process::hsflowctl(&[&["decode", "--listen", &address], more].concat());
    port::wait_bound(port);
    (tool, port)
}

fn send_last(port: u16, datagram: &[u8]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    socket.local_addr().unwrap()
}

#[test]
fn garbage_among_good_datagrams_is_named_and_not_counted() {
    let (mut tool, port) = listen(&["--json", "--count", "3"]);
    let good = datagrams(3);
    let cut = good[0][..good[0].len() - 4].to_vec();
    let before = [vec![], good[0].clone(), vec![0; 4], good[1].clone(), cut, vec![0xff; 9000]];
    port::send(port, &before);
    // The last one ends it, so nobody can wait until it has been read.
    send_last(port, &good[2]);
    assert_eq!(tool.wait_exit(LIMIT).code(), Some(0));
    let read: Vec<_> = objects(&tool.stdout()).iter().map(|datagram| datagram["sequence"].clone()).collect();
    assert_eq!(read, [1, 2, 3]);
    let said = tool.stderr();
    assert_eq!(said.matches("are not sFlow").count(), 4, "{said}");
    assert!(said.contains("9000 bytes from 127.0.0.1:"), "{said}");
}

#[test]
fn text_names_the_sender() {
    let (mut tool, port) = listen(&["--count", "1"]);
    let sender = format!("received from {}", send_last(port, &datagrams(1)[0]));
    assert_eq!(tool.wait_exit(LIMIT).code(), Some(0));
    assert!(tool.stdout().starts_with("datagram from agent ") && tool.stdout().contains(&sender));
}

#[test]
fn when_the_time_is_over_only_a_count_that_was_asked_for_makes_it_a_no() {
    let listen = format!("127.0.0.1:{}", port::free());
    assert_eq!(run(&["decode", "--listen", &listen, "--timeout", "0"]).status, Some(0));
    assert_eq!(run(&["decode", "--listen", &listen, "--timeout", "1", "--count", "1"]).status, Some(1));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["decode", "--listen", &address]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains(&address), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let port = port::free();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
    let address = format!("127.0.0.1:{port}");
    let mut tool = command.args(["decode", "--listen", &address]).stdout(closed_pipe()).spawn().unwrap();
    port::wait_bound(port);
    send_last(port, &datagrams(1)[0]);
    let status = crate::support::wait_until("its end", LIMIT, || tool.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}
