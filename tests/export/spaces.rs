//! Network namespaces for tests: each is a thread that lives in one, and vanishes with it.

use hsflow::config::model::CollectorSettings;
use hsflow::export::report::{CollectorStatus, State};
use nix::sched::{CloneFlags, unshare};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(crate) struct Space {
    jobs: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
    tid: i32,
}

impl Space {
    /// A namespace with its loopback device up; `None` (and a line saying so) where that is not permitted.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let (jobs, queue) = channel::<Job>();
        let (ready, made) = channel();
        let thread = thread::spawn(move || {
            let result = unshare(CloneFlags::CLONE_NEWNET).map(|()| nix::unistd::gettid().as_raw());
            ready.send(result).expect("the test waits");
            queue.into_iter().for_each(|job| job());
        });
        let tid = made.recv().expect("the thread answers");
        let Ok(tid) = tid else {
            println!("SKIP {test}: no network namespace (needs CAP_SYS_ADMIN)");
            return None;
        };
        let space = Self { jobs: Some(jobs), thread: Some(thread), tid };
        space.ip("link set lo up");
        Some(space)
    }

    /// Runs something inside.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (result, done) = channel();
        let job = move || _ = result.send(work());
        self.jobs.as_ref().expect("until dropped").send(Box::new(job)).expect("the thread lives");
        done.recv().expect("the job did not panic")
    }

    /// Runs one `ip` command inside.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let words: Vec<String> = arguments.split_whitespace().map(String::from).collect();
        let output =
            self.run(move || Command::new("ip").args(words).output()).expect("iproute2 is installed");
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Joins this namespace and another by a cable; both ends come up with an address.
    pub(crate) fn cable(&self, other: &Self, near: (&str, &str), far: (&str, &str)) {
        self.ip(&format!("link add {} type veth peer name {} netns {}", near.0, far.0, other.tid));
        for (space, (device, address)) in [(self, near), (other, far)] {
            space.ip(&format!("addr add {address} dev {device}"));
            space.ip(&format!("link set {device} up"));
        }
        // The kernel notices the carrier of the other end on a work queue, and until then drops what is sent.
        eventually("the cable is up", || [(self, near.0), (other, far.0)].iter().all(|(s, d)| s.is_up(d)));
    }

    fn is_up(&self, device: &str) -> bool {
        self.ip(&format!("-o link show {device}")).contains("state UP")
    }

    /// A file that stands for the namespace, in the way of `ip netns`.
    pub(crate) fn file(&self) -> String {
        format!("/proc/self/task/{}/ns/net", self.tid)
    }

    /// A receiver inside.
    pub(crate) fn listen(&self, address: &'static str) -> UdpSocket {
        self.run(move || listen(address))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A receiver that does not wait for ever.
pub(crate) fn listen(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("a free address");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a deadline");
    socket
}

/// The next datagram, and who sent it.
pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => return (buffer[..length].to_vec(), from),
            Err(error) => assert!(error.kind() == ErrorKind::Interrupted, "no datagram within 20 s: {error}"),
        }
    }
}

/// Tries until it holds, for at most 5 s.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let (_never, tick) = channel::<()>();
    assert!(
        (0..2000).any(|_| holds() || tick.recv_timeout(Duration::from_millis(10)).is_ok()),
        "not in 20 s: {what}"
    );
}

/// A collector with neither device nor namespace.
pub(crate) fn collector(host: &str, port: u16) -> CollectorSettings {
    CollectorSettings { host: host.into(), port, device: None, namespace: None, rank: 0 }
}

/// Why it is degraded; empty if it runs.
pub(crate) fn reason(status: &CollectorStatus) -> &str {
    match &status.state {
        State::Degraded { reason } => reason,
        State::Running => "",
        State::Resolving => "resolving",
        State::StandBy => "stand-by",
    }
}
