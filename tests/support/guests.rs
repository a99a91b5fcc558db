//! Containers as far as the network is concerned: processes in namespaces of their own, on a bridge of the test's.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use crate::netns::{Elsewhere, ip_batch, run};
use std::fs::File;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

/// A command in the network of a process.
pub(crate) fn run_inside(pid: u32, line: &str) {
    run(&format!("nsenter -t {pid} -n {line}"));
}

/// Sends datagrams from inside; nobody listens, so that answers come back too.
pub(crate) fn send(pid: u32, to: &str, count: usize, size: usize) {
    let file = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    hsflow::host::netns::inside(&file, || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        // What comes back is told to the next that sends.
        (0..count).for_each(|_| _ = socket.send_to(&vec![0x55; size], (to, 9)));
    })
    .unwrap();
}

/// A process in the network of another, or in the test's own.
pub(crate) struct Beside(Child);

impl Beside {
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        Self(command.args(words).arg("cat").stdin(Stdio::piped()).spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A container on a bridge: `eth0` inside, `ve<n>` here.
pub(crate) fn container(n: u8) -> Elsewhere {
    let guest = Elsewhere::new();
    let pid = guest.pid();
    ip_batch(&format!(
        "link add ve{n} type veth peer name eth0 address 02:00:00:00:01:{n:02x} netns {pid}\n\
         link set ve{n} master br0 up\n"
    ));
    run_inside(pid, "ip link set lo up");
    run_inside(pid, "ip link set eth0 up");
    run_inside(pid, &format!("ip addr add 10.9.0.{n}/24 dev eth0"));
    run_inside(pid, &format!("ip addr add 2001:db8::{n:x}/64 dev eth0 nodad"));
    guest
}

pub(crate) fn bridge() {
    ip_batch("link add br0 type bridge\nlink set br0 up\naddr add 10.9.0.254/24 dev br0\n");
}
