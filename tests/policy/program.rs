//! The real `hsflowd-policy` with a folder, a state and a socket of its own, here or inside other namespaces.

use crate::support::TempDir;
use crate::support::process::Process;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Program {
    dir: TempDir,
    /// Another program brought it into its namespaces.
    is_brought: bool,
    pub(crate) process: Process,
}

impl Program {
    /// With a configuration that says nothing of `[rest]`, behind `nsenter` and where to, if anywhere; comes back when it
    /// says that it is ready.
    pub(crate) fn start(config: &str, before: &[&str]) -> Self {
        let dir = TempDir::new();
        dir.write("policy.toml", format!("{config}\n[rest]\nsocket = {:?}\n", dir.path().join("api.sock")));
        let words = [before, &[env!("CARGO_BIN_EXE_hsflowd-policy")]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("-d").arg("-c").arg(dir.path());
        let process = Process::start(command.arg("--state").arg(dir.path().join("state.toml")));
        process.wait_line("ready:", LIMIT);
        Self { dir, is_brought: !before.is_empty(), process }
    }

    /// Its own number, and not that of who brought it into its namespaces.
    fn pid(&self) -> Pid {
        let outer = self.process.pid();
        let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        let child = children.split_whitespace().next().filter(|_| self.is_brought);
        child.map_or(outer, |child| Pid::from_raw(child.parse().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Asks over the socket: the status, and what came back.
    pub(crate) fn ask(&self, line: &str, body: &Value) -> (u16, String) {
        let mut socket = UnixStream::connect(self.dir.path().join("api.sock")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head = "Host: h\r\nConnection: close\r\nContent-Type: application/json\r\n";
        let text = format!("{line} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}");
        socket.write_all(text.as_bytes()).unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
        (status, reply)
    }

    /// Asks for what has to be in force when the answer comes.
    #[track_caller]
    pub(crate) fn put(&self, line: &str, body: &Value) {
        let (status, reply) = self.ask(line, body);
        assert_eq!(status, 200, "{line}: {reply}\n{}", self.process.stderr());
    }

    /// Ends it; with `on_stop = "remove"` it takes everything of its away.
    pub(crate) fn end(mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.process.wait_exit(LIMIT).success(), "{}", self.process.stderr());
    }
}
