//! UDP ports of programs that cannot be given a socket, seen through the kernel's table of the network
//! namespace that the test's thread is in.

#![allow(dead_code)] // each test program uses its part

use crate::support::wait_until;
use std::net::UdpSocket;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// A port that was free a moment ago.
pub(crate) fn free() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens on it, on 127.0.0.1.
pub(crate) fn wait_bound(port: u16) {
    wait_until(&format!("a listener on UDP port {port}"), LIMIT, || queue(port));
}

/// Sends datagrams there, one after the other when the receiver has taken what came before, so that none is lost.
pub(crate) fn send(port: u16, datagrams: &[Vec<u8>]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
        wait_until("the receiver to read", LIMIT, || (queue(port)? == 0).then_some(()));
    }
}

/// Bytes that wait in the receiver's socket; none where nobody listens.
fn queue(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/thread-self/net/udp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|line| line.get(1) == Some(&local.as_str()))?;
    // "tx_queue:rx_queue", hexadecimal
    u64::from_str_radix(line[4].split_once(':')?.1, 16).ok()
}
